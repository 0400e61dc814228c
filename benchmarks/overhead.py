"""Compare the time of a training step with the passes that the method's equation needs.

    python benchmarks/overhead.py --threads 2 --write benchmarks/results/overhead-cpu.md
    python benchmarks/overhead.py --device cuda

The other side, "bare", is a plain PyTorch loop with the same network, fused optimizer, batch order,
indexing and conversion from uint8, and with tensors in memory. It makes the passes that the column
"measured against" names. Both sides run in one process, and every round times a chunk of bare steps
and a chunk of the method's steps. The ratio is the median over rounds, and the columns after it say
whether it holds its limit.

Every method is in the first epoch of its second task. Memories are therefore filled and still take
in examples, and teachers and the Fisher information exist. Consolidation is timed by itself.
"""

import argparse
import copy
import itertools
import platform
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from holdfast.errors import HoldfastError
from holdfast.methods import METHODS, parse_method
from holdfast.methods.declaration import Passes
from holdfast.models import convnet, mlp
from holdfast.streams import Stream, named, split
from holdfast.training import Learner, optimizer


def kfac_products(learner: Learner) -> Callable[[Tensor], object]:
    """G Δ A for every layer."""
    k = len(learner.method.host["layers"])
    pairs = [
        (learner.method.get_buffer(f"outputs_{i}"), learner.method.get_buffer(f"inputs_{i}"))
        for i in range(k)
    ]
    moved = [torch.randn(len(g), len(a), device=g.device) for g, a in pairs]
    return lambda x: [g @ d @ a for (g, a), d in zip(pairs, moved, strict=True)]


def vector_products(name: str) -> Callable[[Learner], Callable[[Tensor], object]]:
    """V (Vᵀ g) with the rows of a buffer."""

    def make(learner: Learner) -> Callable[[Tensor], object]:
        v = learner.method.get_buffer(name)
        g = torch.randn(v.shape[1], device=v.device)
        return lambda x: v.T @ (v @ g)

    return make


def basis_products(learner: Learner) -> Callable[[Tensor], object]:
    """g M Mᵀ for every layer."""
    bases = [
        learner.method.get_buffer(f"basis_{i}") for i in range(len(learner.method.host["layers"]))
    ]
    layers = [m for m in learner.model.modules() if isinstance(m, nn.Linear | nn.Conv2d)]
    grads = [
        torch.randn(len(m.weight), len(b), device=b.device)
        for m, b in zip(layers, bases, strict=True)
    ]
    return lambda x: [(g @ m) @ m.T for g, m in zip(grads, bases, strict=True)]


def generator_pass(learner: Learner) -> Callable[[Tensor], object]:
    """A step of the VAE at the doubled batch, and drawing from it."""
    vae, noise = copy.deepcopy(learner.method.now), torch.Generator()
    opt = torch.optim.Adam(vae.parameters(), 1e-3)

    def step(x: Tensor) -> None:
        vae.sample(len(x), noise)
        opt.zero_grad()
        vae.loss(torch.cat([x, x]), noise).mean().backward()
        opt.step()

    return step


def projection(learner: Learner) -> Callable[[Tensor], object]:
    """The random projection of the features and its Gram matrix, as RanPAC's."""
    w = learner.method.get_buffer("random")
    gram = torch.zeros(w.shape[1], w.shape[1], dtype=w.dtype, device=w.device)

    def step(x: Tensor) -> None:
        h = (torch.rand(len(x), len(w), dtype=w.dtype, device=w.device) @ w).relu_()
        gram.addmm_(h.T, h)

    return step


def gram(learner: Learner) -> Callable[[Tensor], object]:
    """Σ f fᵀ of the features in float64, as SLDA's."""
    width = learner.view.head.features
    return lambda x: (h := torch.rand(len(x), width, dtype=torch.float64, device=x.device)).T @ h


def selection(learner: Learner) -> Callable[[Tensor], object]:
    """The k-th score of every layer, as SupSup's."""
    scores = [
        torch.randn(bank.layer.weight.numel(), device=bank.layer.weight.device)
        for bank in learner.model.banks
    ]
    return lambda x: [s.kthvalue(len(s) // 2) for s in scores]


# What a method computes besides passes through the network, as a function of its learner.
MORE = {
    "GPM": basis_products,
    "GenerativeReplay": generator_pass,
    "KFACEWC": kfac_products,
    "LowRankEWC": vector_products("roots"),
    "OGD": vector_products("basis"),
    "RanPAC": projection,
    "SLDA": gram,
    "SupSup": selection,
}
USUAL_LIMIT = 1.20  # times the passes that the equation needs
LIMITS = {  # of methods for which another one was set
    "AGEM": 1.15,
    "DERpp": 1.10,
    "ER": 1.10,
    "EWC": 1.25,
    "FineTune": 1.10,
    "GEM": 1.15,
    "LwF": 1.10,
    "MAS": 1.25,
    "SI": 1.25,
}
# Their steps are those of FineTune, on other data.
LIKE_FINETUNE = ("Cumulative", "FromScratch", "Joint")


@dataclass(frozen=True)
class Timed:
    """A method whose step is timed, and what it is measured against."""

    name: str
    spec: str
    scenario: str
    limit: float
    passes: Passes
    trains: bool
    more: Callable[[Learner], Callable[[Tensor], object]] | None


def timed_methods() -> dict[str, Timed]:
    """Every method by its typical spec, from its declaration."""
    chosen = {}
    for name, method in METHODS.items():
        if name in LIKE_FINETUNE:
            continue
        declared = method.declaration
        scenario = "class" if "class" in declared.scenarios else "task"
        spec = method.typical_spec()
        chosen[spec] = Timed(
            name=name,
            spec=spec,
            scenario=scenario,
            limit=LIMITS.get(name, USUAL_LIMIT),
            passes=declared.passes,
            trains=declared.trains,
            more=MORE.get(name),
        )
    return chosen


METHODS_TIMED = timed_methods()
NETWORKS = {"MLP 784-256-256-10": mlp, "convnet 16-32-128": convnet}
SGD = optimizer("sgd", lr=0.01, momentum=0.9)


class Bare:
    """The loop that a user would write, with what a kind of passes adds."""

    def __init__(
        self,
        model: nn.Module,
        stream: Stream,
        method: Timed,
        batch: int,
        device: str,
        learner: Learner,
    ) -> None:
        part = stream[1].to(device).train
        self.x, self.y, self.rows = part.x, part.y, part.rows
        self.model, self.method, self.batch = model.to(device), method, batch
        self.opt = SGD(self.model.parameters())
        self.parameters = list(self.model.parameters())
        generator = torch.Generator().manual_seed(0)
        self.order = torch.randperm(len(self.y), generator=generator)
        self.teacher = nn.Sequential(self.model.backbone, self.model.head.linear)
        self.more = method.more(learner) if method.more else None
        self.at = 0

    def rows_at(self, share: float) -> tuple[Tensor, Tensor]:
        index = self.order[
            torch.arange(self.at, self.at + round(self.batch * share)) % len(self.order)
        ].to(self.y.device)
        return self.x.index_select(0, self.rows.index_select(0, index)).float().div_(
            255
        ), self.y.index_select(0, index)

    def gradient(self, x: Tensor, y: Tensor) -> tuple[Tensor, ...]:
        return torch.autograd.grad(F.cross_entropy(self.model(x, None), y), self.parameters)

    def step(self) -> None:
        p = self.method.passes
        for share in p.forwards:
            with torch.no_grad():
                self.teacher(self.rows_at(share)[0])
        for share in p.gradients:
            self.gradient(*self.rows_at(share))
        for _ in range(p.singles):  # each a step of plain descent (of size 0)
            grads = self.gradient(*self.rows_at(1 / self.batch))
            torch._foreach_add_([q.data for q in self.parameters], list(grads), alpha=0.0)
        if self.more:
            self.more(self.rows_at(1)[0])
        if self.method.trains:
            x, y = self.rows_at(p.rows)
            self.opt.zero_grad()
            F.cross_entropy(self.model(x, None), y).backward()
            self.opt.step()
        self.at += self.batch


def make(network: str, stream: Stream) -> nn.Module:
    """The network with all outputs active, so that both sides do the same."""
    model = NETWORKS[network](stream.shape, "masked", stream.outputs, seed=0)
    model.head.opened = stream.outputs
    return model


def in_second_task(
    method: str, network: str, stream: Stream, batch: int, device: str, trains: bool
) -> tuple[Learner, float]:
    """A learner that has finished 200 steps of the first task, and the seconds it consolidated."""
    options = {"scenario": stream.scenario, "batch_size": batch, "device": device}
    if stream.scenario == "class":
        model, options = make(network, stream), options | {"outputs": "all"}
    else:
        model = NETWORKS[network](stream.shape, "separate", seed=0)
    if not trains:
        model.freeze()
    learner = Learner(model, parse_method(method), SGD, **options)
    learner.begin(stream[0])
    for rows in itertools.islice(learner.view.batches(), 200):
        learner.step(rows)
    learner.end()
    seconds = learner.state.progress.seconds["consolidation"]
    longer = {"steps": None, "epochs": 50}  # so that the second task lasts
    learner.setup.settings = learner.setup.settings.model_copy(update=longer)
    learner.begin(stream[1])
    return learner, seconds


def synchronise(device: str) -> None:
    if device.startswith("cuda"):
        torch.cuda.synchronize()


def timed(chunk: int, step: Callable[[], object], device: str) -> float:
    synchronise(device)
    start = time.perf_counter()
    for _ in range(chunk):
        step()
    synchronise(device)
    return (time.perf_counter() - start) / chunk


def endless(learner: Learner) -> Iterator:
    """The task's batches, over and over, each as of its first epoch."""
    while True:
        # A method that reads every row once is at its end after one pass.
        learner.state.progress.task_steps = 0
        for batch in learner.view.batches():
            yield replace(batch, first_epoch=True)


def measure(
    network: str,
    streams: dict[str, Stream],
    methods: list[str],
    batch: int,
    rounds: int,
    seconds: float,
    device: str,
) -> Iterator[dict]:
    for method in methods:
        chosen = METHODS_TIMED[method]
        try:
            learner, consolidation = in_second_task(
                method, network, streams[chosen.scenario], batch, device, chosen.trains
            )
        except HoldfastError:
            # PNN is made for MLPs. Any other method must fail here.
            if not METHODS[method.partition("(")[0]].declaration.needs:
                raise
            continue
        batches = endless(learner)
        bare = Bare(
            make(network, streams["class"]), streams["class"], chosen, batch, device, learner
        )

        def ours(learner: Learner = learner, batches: Iterator = batches) -> None:
            learner.step(next(batches))

        pairs = []
        scope = learner.state.random.active()  # as in fit
        scope.__enter__()
        chunk = max(2, min(25, round(seconds / timed(3, bare.step, device))))
        for k in range(rounds + 2):
            first, second = (bare.step, ours) if k % 2 else (ours, bare.step)
            a, b = timed(chunk, first, device), timed(chunk, second, device)
            pairs.append((a, b) if k % 2 else (b, a))
        scope.__exit__(None, None, None)
        pairs = pairs[2:]  # warm-up
        yield {
            "network": network,
            "method": method,
            "passes": chosen.passes.words,
            "bare": statistics.median(p[0] for p in pairs) * 1e3,
            "ours": statistics.median(p[1] for p in pairs) * 1e3,
            "ratio": statistics.median(p[1] / p[0] for p in pairs),
            "limit": chosen.limit,
            "consolidation": consolidation,
        }


def processor() -> str:
    """The processor's name where the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(
            line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")
        )
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def fisher_line(stream: Stream, device: str) -> str:
    """Seconds for the exact Fisher diagonal of 1,000 examples on 784-400-400-10, median of 5."""
    learner = Learner(
        mlp(stream.shape, "masked", stream.outputs, hidden=(400, 400), seed=0),
        scenario="class",
        outputs="all",
        device=device,
    )
    learner.begin(stream[0])
    seconds = []
    for _ in range(5):
        synchronise(device)
        start = time.perf_counter()
        learner.view.fisher(
            learner.view.tasks[0],
            samples=1000,
            labels="exact",
            generator=torch.Generator().manual_seed(0),
        )
        synchronise(device)
        seconds.append(time.perf_counter() - start)
    return (
        "The exact Fisher diagonal of 1,000 single examples, with an MLP 784-400-400-10, takes "
        f"{statistics.median(seconds):.3f} s (limit 1 s)."
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument(
        "--seconds", type=float, default=0.15, help="length of a chunk of steps, at most 25 steps"
    )
    parser.add_argument(
        "--methods", nargs="*", default=list(METHODS_TIMED), choices=list(METHODS_TIMED)
    )
    parser.add_argument("--write", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    streams = {s: split(named("ylecun/mnist"), 2, s) for s in ("class", "task")}
    where = (
        torch.cuda.get_device_name()
        if options.device.startswith("cuda")
        else f"{processor()}, {options.threads} threads"
    )
    lines = [
        f"MNIST images, batch {options.batch}, SGD with momentum (fused); "
        f"torch {torch.__version__}; {where}.",
        f"Medians over {options.rounds} interleaved rounds of chunks of up to 25 steps.",
        "",
        "| network | method | measured against | bare, ms | ours, ms | ratio | limit | "
        "| consolidation, s |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    print("\n".join(lines), flush=True)
    for network in NETWORKS:
        for row in measure(
            network,
            streams,
            options.methods,
            options.batch,
            options.rounds,
            options.seconds,
            options.device,
        ):
            verdict = "holds" if row["ratio"] <= row["limit"] else "exceeds"
            lines.append(
                f"| {network} | {row['method']} | {row['passes']} "
                f"| {row['bare']:.3f} | {row['ours']:.3f} | {row['ratio']:.3f} "
                f"| {row['limit']:.2f} | {verdict} | {row['consolidation']:.3f} |"
            )
            print(lines[-1], flush=True)
    lines += ["", fisher_line(streams["class"], options.device)]
    print(lines[-1], flush=True)
    if options.write:
        options.write.parent.mkdir(parents=True, exist_ok=True)
        options.write.write_text(
            "# Time of a step\n\n`python benchmarks/overhead.py`\n\n" + "\n".join(lines) + "\n"
        )


if __name__ == "__main__":
    main()
