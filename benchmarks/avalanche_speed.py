"""Compare the training time of Holdfast with that of avalanche-lib 0.6.0.

    pip install --constraint constraints.txt torch==2.13.0
    pip install --constraint constraints.txt avalanche-lib==0.6.0 quadprog --editable '.[train]'
    python benchmarks/avalanche_speed.py --write benchmarks/results/avalanche-cpu.md

Both sides train in one process, in turns, on the same float tensors in memory. The stream is Split
MNIST in the class-incremental scenario: five tasks of one epoch each, in batches of 64. The network
is an MLP 784-256-256-10 with all outputs from the start, and the optimizer is SGD at 0.01 with
momentum 0.9, with the fused kernel on both sides.

The time is that of everything that training a task does, without evaluation. In the rows that say
so, it includes the work at the boundary (the Fisher information or the importances). Look at the
column "ratio": it is the median over rounds of their time divided by ours, and "floor" is the least
ratio that we accept. Both sides end with their accuracy on all test data, which shows what they
have learnt.

Both sides of a row have the same objective, with two exceptions that the script allows for:

- SI. As released, avalanche-lib's penalty does nothing on the CPU. It keeps views of the weights
  and gradients instead of copies, so that its path and its distance from the anchor are always 0.
  The script makes the copies (`copying`), which costs that side a little time. Its importances have
  a factor 0.0015 and its penalty a factor 1/2, so our strength c is its si_lambda · 0.00075. It
  also clamps its importances at 0.001, which ours does not.
- LwF. avalanche-lib distils the outputs of the classes of ended tasks and does not multiply by T².
  The spec on our side says the same: `LwF(alpha=1.0, t_squared=False)`.
"""

import argparse
import statistics
import time
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

try:
    import torchvision  # noqa: F401
except RuntimeError:  # a build for another PyTorch: its import needs these operators declared
    form = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
    for operator in ("nms", "qnms"):
        torch.library.define(f"torchvision::{operator}", form)
warnings.filterwarnings("ignore")

from avalanche.benchmarks import tensors_benchmark  # noqa: E402
from avalanche.training import (  # noqa: E402
    AGEM,
    DER,
    EWC,
    GEM,
    MAS,
    LwF,
    Naive,
    Replay,
    SynapticIntelligence,
)
from avalanche.training.plugins import EvaluationPlugin, SynapticIntelligencePlugin  # noqa: E402

from holdfast.methods import parse_method  # noqa: E402
from holdfast.models import Classifier  # noqa: E402
from holdfast.models.heads import make_head  # noqa: E402
from holdfast.streams import Stream, named, split  # noqa: E402
from holdfast.streams.inputs import to_float  # noqa: E402
from holdfast.training import Learner, optimizer  # noqa: E402

PAIRS: dict[
    str, tuple[str, Callable, dict[str, Any], bool, float]
] = {  # ours, theirs, its arguments, with the boundary, least ratio
    "FineTune": ("FineTune()", Naive, {}, False, 1.2),
    "ER(500)": ("ER(500)", Replay, {"mem_size": 500}, False, 1.5),
    "SI, their copies repaired": (
        "SI(0.1, gradient='total')",
        SynapticIntelligence,
        {"si_lambda": 0.1 / 0.00075, "eps": 0.1},
        False,
        1.5,
    ),
    "LwF, old outputs, without T²": (
        "LwF(alpha=1.0, t_squared=False)",
        LwF,
        {"alpha": 1.0, "temperature": 2.0},
        False,
        1.1,
    ),
    "AGEM, 64 reference rows": (
        "AGEM(500, reference=64)",
        AGEM,
        {"patterns_per_exp": 100, "sample_size": 64},
        False,
        1.15,
    ),
    "DER++, one draw": (
        "DERpp(500, draws=1)",
        DER,
        {"mem_size": 500, "batch_size_mem": 64, "alpha": 0.1, "beta": 0.5},
        False,
        1.5,
    ),
    "GEM, 200 a task": (
        "GEM(200, batch=200)",
        GEM,
        {"patterns_per_exp": 200, "memory_strength": 0.5},
        False,
        3.5,
    ),
    "EWC, all examples, data's labels": (
        "EWC(0.1, samples=0, labels='empirical')",
        EWC,
        {"ewc_lambda": 0.1},
        True,
        1.3,
    ),
    "MAS, all examples": ("MAS(0.01, samples=0)", MAS, {"lambda_reg": 0.01}, True, 1.4),
}
SGD = optimizer("sgd", lr=0.01, momentum=0.9)


def copying(extract: Callable[..., None]) -> Callable[..., None]:
    """avalanche-lib's function that notes weights or gradients, made to note copies of them."""

    def wrapped(model: nn.Module, target: dict[str, Any], excluded: set[str]) -> None:
        extract(model, target, excluded)
        for noted in target.values():
            noted.data = noted.data.clone()

    return wrapped


for noting in ("extract_weights", "extract_grad"):
    repaired = copying(getattr(SynapticIntelligencePlugin, noting))
    setattr(SynapticIntelligencePlugin, noting, staticmethod(repaired))


def body() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Flatten(), nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 256), nn.ReLU()
    )


def ours(spec: str, stream: Stream, boundary: bool) -> tuple[float, float]:
    """Seconds and accuracy of Holdfast."""
    model = Classifier(body(), make_head("masked", 256, stream.outputs))
    learner = Learner(
        model, parse_method(spec), SGD, scenario="class", outputs="all", batch_size=64
    )
    seconds = 0.0
    for task in stream:
        start = time.perf_counter()
        learner.begin(task)
        with learner.state.random.active():
            for batch in learner.view.batches():
                learner.step(batch)
        if not boundary:
            seconds += time.perf_counter() - start
        learner.end()
        if boundary:
            seconds += time.perf_counter() - start
    return seconds, float(torch.cat([learner.evaluate(t) for t in stream]).mean())


def theirs(
    kind: Callable, arguments: dict[str, Any], train: list, test: list, boundary: bool
) -> tuple[float, float]:
    """Seconds and accuracy of Avalanche."""
    data = tensors_benchmark(train_tensors=train, test_tensors=test, task_labels=[0] * len(train))
    model = nn.Sequential(body(), nn.Linear(256, 10))
    made = kind(
        model=model,
        optimizer=SGD(model.parameters()),
        criterion=nn.CrossEntropyLoss(),
        train_mb_size=64,
        train_epochs=1,
        eval_mb_size=2048,
        evaluator=EvaluationPlugin(),
        **arguments,
    )
    at_boundary, inner = [0.0], made._after_training_exp

    def timed(**rest: Any) -> None:
        start = time.perf_counter()
        inner(**rest)
        at_boundary[0] += time.perf_counter() - start

    made._after_training_exp = timed
    seconds = 0.0
    for experience in data.train_stream:
        start = time.perf_counter()
        made.train(experience)
        seconds += time.perf_counter() - start
    with torch.no_grad():
        right = [(model.eval()(x).argmax(1) == y).float() for x, y in test]
    return seconds - (0.0 if boundary else at_boundary[0]), float(torch.cat(right).mean())


def tensors(stream: Stream, part: str) -> list[tuple[Tensor, Tensor]]:
    """The same examples, as floats, for each task."""
    rows = [getattr(t, part).fetch(torch.arange(len(getattr(t, part)))) for t in stream]
    return [(to_float(x), y) for x, y, _ in rows]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", help="methods whose name holds this")
    parser.add_argument("--write", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    from dataclasses import replace

    from holdfast.streams.task import ArrayPart

    base = split(named("ylecun/mnist"), 5, "class")
    train, test = tensors(base, "train"), tensors(base, "test")
    stream = replace(
        base,
        tasks=tuple(
            replace(t, train=ArrayPart(*a, t.index), test=ArrayPart(*b, t.index))
            for t, a, b in zip(base.tasks, train, test, strict=True)
        ),
    )
    columns = ["method", "holdfast's spec", "with the boundary", "avalanche-lib, s", "holdfast, s"]
    columns += ["ratio", "floor", "", "accuracy, theirs", "ours"]
    lines = ["| " + " | ".join(columns) + " |", "|---" * len(columns) + "|"]
    print("\n".join(lines), flush=True)
    ratios = []
    for name, (spec, kind, arguments, boundary, floor) in PAIRS.items():
        if options.only and options.only not in name:
            continue
        pairs = []
        for k in range(options.rounds + 1):
            turns = [
                partial(ours, spec, stream, boundary),
                partial(theirs, kind, arguments, train, test, boundary),
            ]
            first, second = turns if k % 2 else turns[::-1]
            a, b = first(), second()
            pairs.append((a, b) if k % 2 else (b, a))
        pairs = pairs[1:]  # warm-up
        ratios.append(statistics.median(b[0] / a[0] for a, b in pairs))
        mine, other = (statistics.median(p[side][0] for p in pairs) for side in (0, 1))
        accuracy = [statistics.mean(p[side][1] for p in pairs) for side in (1, 0)]
        lines.append(
            f"| {name} | `{spec}` | {'yes' if boundary else 'no'} "
            f"| {other:.2f} | {mine:.2f} | {ratios[-1]:.2f}× | {floor:.2f}× "
            f"| {'holds' if ratios[-1] >= floor else 'FALLS SHORT'} "
            f"| {100 * accuracy[0]:.1f} | {100 * accuracy[1]:.1f} |"
        )
        print(lines[-1], flush=True)
    lines += ["", f"Geometric mean of the ratios: {statistics.geometric_mean(ratios):.2f}×."]
    print(lines[-1])
    if options.write:
        head = (
            "# Training time against avalanche-lib 0.6.0\n\n"
            f"`python benchmarks/avalanche_speed.py --rounds {options.rounds}`\n\n"
            f"Both sides use torch {torch.__version__} and {options.threads} threads. Times are "
            f"medians over {options.rounds} rounds in turns.\n\n"
        )
        options.write.write_text(head + "\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
