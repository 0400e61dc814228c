"""Time of a training step against the passes that the method's equation needs, in one process, interleaved, medians.

    python benchmarks/overhead.py [--threads 2] [--device cpu] [--write benchmarks/results/overhead-cpu.md]

`bare` is a plain PyTorch loop: the same network, fused optimizer, batch order, indexing and uint8 conversion, tensors in memory. Every
round times a chunk of bare steps and a chunk of the method's; the ratio is the median over rounds. Methods are in their second task and its
first epoch, so that memories are filled and inserted into, teachers and Fisher exist. Consolidation is timed by itself.
"""

import argparse
import platform
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from holdfast.methods import parse_method
from holdfast.models import convnet, mlp
from holdfast.streams import Stream, named, split
from holdfast.training import Learner, optimizer

LIMITS = {  # method → (limit, the passes it is measured against)
    "FineTune()": (1.10, "bare"),
    "EWC(0.1)": (1.25, "bare"),
    "ER(1000)": (1.10, "bare at the doubled batch"),
    "LwF(alpha=1.0)": (1.10, "bare + one forward"),
    "AGEM(1000)": (1.15, "bare + one pass at the reference batch"),
    "SI(0.1)": (1.25, "bare"),
    "MAS(0.01)": (1.25, "bare"),
    "DERpp(1000)": (1.10, "bare at the tripled batch"),
    "GEM(256, batch=64)": (1.15, "bare + one pass at the reference batch"),
}
NETWORKS = {"MLP 784-256-256-10": mlp, "convnet 16-32-128": convnet}
SGD = optimizer("sgd", lr=0.01, momentum=0.9)


class Bare:
    """The loop that a user would write, with what a kind of passes adds."""

    def __init__(self, model: nn.Module, stream: Stream, passes: str, batch: int, device: str) -> None:
        part = stream[1].to(device).train
        self.x, self.y, self.rows = part.x, part.y, part.rows
        self.model, self.passes, self.batch = model.to(device), passes, batch
        self.opt = SGD(self.model.parameters())
        self.parameters = list(self.model.parameters())
        generator = torch.Generator().manual_seed(0)
        self.order = torch.randperm(len(self.y), generator=generator)
        self.teacher = nn.Sequential(self.model.backbone, self.model.head.linear)
        self.at = 0

    def rows_at(self, size: int) -> tuple[Tensor, Tensor]:
        index = self.order[torch.arange(self.at, self.at + size) % len(self.order)].to(self.y.device)
        return self.x.index_select(0, self.rows.index_select(0, index)).float().div_(255), self.y.index_select(0, index)

    def step(self) -> None:
        x, y = self.rows_at(self.batch * (3 if "tripled" in self.passes else 2 if "doubled" in self.passes else 1))
        if "forward" in self.passes:
            with torch.no_grad():
                self.teacher(x)
        if "reference" in self.passes:
            rx, ry = self.rows_at(self.batch)
            torch.autograd.grad(F.cross_entropy(self.model(rx, None), ry), self.parameters)
        self.opt.zero_grad()
        F.cross_entropy(self.model(x, None), y).backward()
        self.opt.step()
        self.at += self.batch


def make(network: str, stream: Stream) -> nn.Module:
    """The network with all outputs active, so that both sides do the same."""
    model = NETWORKS[network](stream.shape, "masked", stream.outputs, seed=0)
    model.head.opened = stream.outputs
    return model


def in_second_task(method: str, network: str, stream: Stream, batch: int, device: str) -> tuple[Learner, float, int]:
    """A learner that has finished the first task, with its consolidation's seconds and examples."""
    options = {"scenario": "class", "outputs": "all", "batch_size": batch, "device": device}
    learner = Learner(make(network, stream), parse_method(method), SGD, **options)
    learner.begin(stream[0])
    for rows in learner.batches():
        learner.step(rows)
    learner.end()
    seconds = learner.seconds["consolidation"]
    learner.steps, learner.epochs = None, 50
    learner.begin(stream[1])
    return learner, seconds, 1000


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


def measure(network: str, stream: Stream, batch: int, rounds: int, chunk: int, device: str) -> Iterator[dict]:
    for method, (limit, passes) in LIMITS.items():
        learner, consolidation, _ = in_second_task(method, network, stream, batch, device)
        batches = learner.batches()
        bare = Bare(make(network, stream), stream, passes, batch, device)

        def ours(learner: Learner = learner, batches: Iterator = batches) -> None:
            learner.step(next(batches))

        pairs = []
        scope = learner.randomness()  # as in fit
        scope.__enter__()
        for k in range(rounds + 2):
            first, second = (bare.step, ours) if k % 2 else (ours, bare.step)
            a, b = timed(chunk, first, device), timed(chunk, second, device)
            pairs.append((a, b) if k % 2 else (b, a))
        scope.__exit__(None, None, None)
        pairs = pairs[2:]  # warm-up
        yield {
            "network": network,
            "method": method,
            "passes": passes,
            "bare": statistics.median(p[0] for p in pairs) * 1e3,
            "ours": statistics.median(p[1] for p in pairs) * 1e3,
            "ratio": statistics.median(p[1] / p[0] for p in pairs),
            "limit": limit,
            "consolidation": consolidation,
        }


def processor() -> str:
    """The processor's name where the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def fisher_line(stream: Stream, device: str) -> str:
    """Seconds for the exact Fisher diagonal of 1,000 examples on 784-400-400-10, median of 5."""
    learner = Learner(
        mlp(stream.shape, "masked", stream.outputs, hidden=(400, 400), seed=0), scenario="class", outputs="all", device=device
    )
    learner.begin(stream[0])
    seconds = []
    for _ in range(5):
        synchronise(device)
        start = time.perf_counter()
        learner.fisher(learner.tasks[0], samples=1000, labels="exact", generator=torch.Generator().manual_seed(0))
        synchronise(device)
        seconds.append(time.perf_counter() - start)
    return f"Exact per-example Fisher diagonal, 1,000 examples, 784-400-400-10: {statistics.median(seconds):.3f} s (limit 1 s)."


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--chunk", type=int, default=25)
    parser.add_argument("--write", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    stream = split(named("ylecun/mnist"), 2, "class")
    where = torch.cuda.get_device_name() if options.device.startswith("cuda") else f"{processor()}, {options.threads} threads"
    lines = [
        f"MNIST images, batch {options.batch}, SGD with momentum (fused); torch {torch.__version__}; {where}.",
        f"Medians over {options.rounds} interleaved rounds of {options.chunk} steps.",
        "",
        "| network | method | measured against | bare, ms | ours, ms | ratio | limit | | consolidation, s |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    print("\n".join(lines), flush=True)
    for network in NETWORKS:
        for row in measure(network, stream, options.batch, options.rounds, options.chunk, options.device):
            verdict = "holds" if row["ratio"] <= row["limit"] else "exceeds"
            lines.append(
                f"| {network} | {row['method']} | {row['passes']} | {row['bare']:.3f} | {row['ours']:.3f} | {row['ratio']:.3f} "
                f"| {row['limit']:.2f} | {verdict} | {row['consolidation']:.3f} |"
            )
            print(lines[-1], flush=True)
    lines += ["", fisher_line(stream, options.device)]
    print(lines[-1], flush=True)
    if options.write:
        options.write.parent.mkdir(parents=True, exist_ok=True)
        options.write.write_text("# Time of a step\n\n`python benchmarks/overhead.py`\n\n" + "\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
