"""The time of a training step before and after a change, measured in one process, in turns.

    python benchmarks/before_after.py --before REV [--methods "ER(1000)" …] [--threads 1]
    python benchmarks/before_after.py --before REV --write benchmarks/results/before-after.md

The script imports the package of the revision REV and that of this checkout side by side, and the
package of REV a second time as a control. Every round times a chunk of steps of each of the three.
The order changes from round to round, so that a change of the processor's clock meets all of them.
All learners are in their second task.

Compare "after / before" with "control", which is the ratio of REV to itself and shows how noisy the
machine is. Only a ratio that lies outside the noise is a change.
"""

import argparse
import importlib
import itertools
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import torch

ROOT = Path(__file__).parents[1]
PACKAGE = "holdfast"
METHODS = (
    "FineTune()",
    "ER(1000)",
    "DERpp(1000)",
    "EWC(0.1)",
    "SI(0.1)",
    "LwF(alpha=1.0)",
    "AGEM(1000)",
    "ER(1000) + LwF(alpha=1.0) + EWC(0.1)",
)
FIRST_TASK_STEPS = 100
WARM_UP_ROUNDS = 2


@contextmanager
def checked_out(revision: str) -> Iterator[Path]:
    """The source folder of a revision, in a work tree of its own."""
    git = ["git", "-C", str(ROOT), "worktree"]
    with tempfile.TemporaryDirectory() as name:
        tree = Path(name) / "tree"
        subprocess.run([*git, "add", "--quiet", "--detach", str(tree), revision], check=True)
        try:
            yield tree / "src"
        finally:
            subprocess.run([*git, "remove", "--force", str(tree)], check=True)


class Copy:
    """The package as it stands in one folder, beside other copies of it."""

    def __init__(self, source: Path) -> None:
        self._source = str(source)
        self._modules: dict[str, ModuleType] = {}

    @contextmanager
    def active(self) -> Iterator[None]:
        """Inside, imports find this copy, also those that a function makes when it is called."""
        others = taken_out()
        sys.modules.update(self._modules)
        sys.path.insert(0, self._source)
        try:
            yield
        finally:
            sys.path.remove(self._source)
            self._modules = taken_out()
            sys.modules.update(others)


def taken_out() -> dict[str, ModuleType]:
    """Remove the package's modules from those that Python knows, and return them."""
    return {name: sys.modules.pop(name) for name in list(sys.modules) if is_ours(name)}


def is_ours(module: str) -> bool:
    """Whether a module belongs to the package."""
    return module == PACKAGE or module.startswith(f"{PACKAGE}.")


class Side:
    """One copy of the package with a learner in the second of two tasks."""

    def __init__(self, source: Path, method: str, hidden: tuple[int, ...], batch: int) -> None:
        self._copy = Copy(source)
        with self._copy.active():
            self._learner = learner_in_second_task(method, hidden, batch)
            self._batches = batches_of(self._learner)

    def seconds_per_step(self, steps: int) -> float:
        """Carry out some steps, and return the time that each took."""
        with self._copy.active():
            start = time.perf_counter()
            for _ in range(steps):
                self._learner.step(next(self._batches))
            return (time.perf_counter() - start) / steps


def learner_in_second_task(method: str, hidden: tuple[int, ...], batch: int) -> Any:
    """A learner of the copy that is active, which has trained on one task and begun the next."""
    training, methods, models, streams = (
        importlib.import_module(f"{PACKAGE}.{name}")
        for name in ("training", "methods", "models", "streams")
    )
    stream = streams.split(streams.named("ylecun/mnist"), 2, "class")
    learner = training.Learner(
        models.mlp(stream.shape, "masked", stream.outputs, hidden=hidden, seed=0),
        methods.parse_method(method),
        training.optimizer("sgd", lr=0.01, momentum=0.9),
        scenario="class",
        batch_size=batch,
        epochs=[1, 1000],
    )
    learner.begin(stream[0])
    for rows in itertools.islice(batches_of(learner), FIRST_TASK_STEPS):
        learner.step(rows)
    learner.end()
    learner.begin(stream[1])
    return learner


def batches_of(learner: Any) -> Iterator[Any]:
    """The batches of a learner's task. They moved to its view at some revision."""
    owner = getattr(learner, "view", learner)
    batches: Iterator[Any] = owner.batches()
    return batches


def measured(sides: dict[str, Side], rounds: int, steps: int) -> dict[str, list[float]]:
    """The seconds per step of each side in each round."""
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    orders = itertools.cycle(itertools.permutations(sides))
    for _ in range(rounds + WARM_UP_ROUNDS):
        for name in next(orders):
            seconds[name].append(sides[name].seconds_per_step(steps))
    return {name: values[WARM_UP_ROUNDS:] for name, values in seconds.items()}


def row_of(method: str, seconds: dict[str, list[float]]) -> str:
    """One line of the table: times, and ratios as medians over the rounds."""
    before = statistics.median(seconds["before"]) * 1e6
    after = statistics.median(seconds["after"]) * 1e6
    return (
        f"| `{method}` | {before:.0f} | {after:.0f} | {ratio(seconds, 'after')} "
        f"| {ratio(seconds, 'control')} |"
    )


def ratio(seconds: dict[str, list[float]], side: str) -> str:
    """The median ratio of a side to "before", with the quartiles over the rounds."""
    pairs = zip(seconds[side], seconds["before"], strict=True)
    low, middle, high = statistics.quantiles([one / other for one, other in pairs], n=4)
    return f"{middle:.3f} [{low:.3f}, {high:.3f}]"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--before", required=True, help="the revision to compare with")
    parser.add_argument("--methods", nargs="*", default=list(METHODS))
    parser.add_argument("--hidden", type=int, nargs="*", default=[256, 256])
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--steps", type=int, default=25, help="steps of a side in a round")
    parser.add_argument("--write", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    sizes = "-".join(map(str, options.hidden))
    lines = [
        f"Time of a step in microseconds, MLP with {sizes} hidden units on MNIST images, batch "
        f"{options.batch}, {options.threads} thread(s), torch {torch.__version__}. Before: "
        f"{revision_of(options.before)}. Ratios are medians over {options.rounds} rounds, with "
        "quartiles. The control is the earlier package against itself.",
        "",
        "| method | before | after | after / before | control |",
        "|---|---|---|---|---|",
    ]
    print("\n".join(lines), flush=True)
    with checked_out(options.before) as source:
        for method in options.methods:
            sources = {"before": source, "after": ROOT / "src", "control": source}
            sides = {
                name: Side(folder, method, tuple(options.hidden), options.batch)
                for name, folder in sources.items()
            }
            line = row_of(method, measured(sides, options.rounds, options.steps))
            lines.append(line)
            print(line, flush=True)
    if options.write:
        options.write.write_text("\n".join(lines) + "\n", encoding="utf-8")


def revision_of(name: str) -> str:
    """The short hash and the subject of a revision."""
    line = ["git", "-C", str(ROOT), "log", "-1", "--format=%h (%s)", name]
    return subprocess.run(line, capture_output=True, text=True, check=True).stdout.strip()


if __name__ == "__main__":
    main()
