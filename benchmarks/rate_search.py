"""Compare the learning rate that lr="auto" finds with a grid of rates, on several kinds of data.

    HOLDFAST_DATA=… python benchmarks/rate_search.py --write benchmarks/results/rate-search.md

Each case is trained with ER(200) once for each rate of the grid, and its final accuracy is written
beside the rate that the search finds on the first task's training examples. The search knows
nothing of the accuracies. It takes a few minutes on one core.
"""

import argparse
import os
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from holdfast.errors import HoldfastError
from holdfast.methods import ER
from holdfast.metrics import average_accuracy
from holdfast.models import convnet, mlp
from holdfast.streams import Stream, digits, from_arrays, sources, split
from holdfast.training import Learner, optimizer

GRID = (1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 0.1, 0.3, 1.0, 3.0)
BLOCKS = 4  # of time, which are the tasks of the electricity stream
SEEDS = (0, 1)


def images(name: str, examples: int) -> Stream:
    """Five tasks of two classes each."""
    return split(sources.named(name).limited(examples, 0), 5, "class")


def texts(name: str, tasks: int) -> Stream:
    """Intents as hashed features of length 1, a third of the examples."""
    source = sources.named(name)
    return split(source.limited(len(source.train_y) // 3, 0), tasks, "class")


def electricity(name: str) -> Stream:
    """Blocks of time as tasks of the domain scenario: six numbers per row, two labels."""
    frame = pd.read_parquet(Path(os.environ["HOLDFAST_DATA"]) / name)[:12000]
    inputs = frame.drop(columns="class").to_numpy(np.float32)
    block = np.arange(len(frame)) * BLOCKS // len(frame)
    return from_arrays(inputs, frame["class"].to_numpy(), block, "domain")


@dataclass(frozen=True)
class Case:
    """A stream, a network, an optimizer and the length of training.

    Args:
        name: The name in the table.
        make: Makes the stream.
        optimizer: Its name.
        epochs: Per task.
        network: Makes the network.
    """

    name: str
    make: Callable[[], Stream]
    optimizer: str
    epochs: int
    network: Callable[..., Any] = mlp


def cases() -> list[Case]:
    """Make the cases of the table: kinds of data, each with an optimizer."""
    mnist = partial(images, "ylecun/mnist", 6000)
    clinc = partial(texts, "clinc/clinc_oos", 10)
    return [
        Case("digits, MLP, SGD", lambda: split(digits(), 5, "class"), "sgd", 2),
        Case("MNIST, MLP, SGD", mnist, "sgd", 1),
        Case("MNIST, MLP, Adam", mnist, "adam", 1),
        Case(
            "Fashion-MNIST (700 images), MLP, SGD",
            partial(images, "zalando-datasets/fashion_mnist", 700),
            "sgd",
            5,
        ),
        Case(
            "CIFAR-10, convnet, Adam", partial(images, "uoft-cs/cifar10", 2000), "adam", 2, convnet
        ),
        Case("CLINC150, MLP, SGD", clinc, "sgd", 3),
        Case("CLINC150, MLP, Adam", clinc, "adam", 3),
        Case("Banking77, MLP, Adam", partial(texts, "PolyAI/banking77", 7), "adam", 3),
        Case(
            "electricity, MLP, SGD", partial(electricity, "streams/electricity.parquet"), "sgd", 1
        ),
    ]


def learner(case: Case, stream: Stream, lr: float | str, seed: int) -> Learner:
    """A learner of a case with a learning rate."""
    head = "fixed" if stream.scenario == "domain" else "growing"
    options: dict[str, object] = {"lr": lr}
    if case.optimizer == "sgd":
        options["momentum"] = 0.9
    return Learner(
        case.network(stream.shape, head, stream.outputs, seed=seed),
        ER(200),
        optimizer(case.optimizer, **options),
        scenario=stream.scenario,
        seed=seed,
        epochs=case.epochs,
    )


def accuracy(case: Case, stream: Stream, lr: float) -> float:
    """The final accuracy with a rate, a mean over seeds; 0 if training diverged."""
    scores = []
    for seed in SEEDS:
        try:
            scores.append(average_accuracy(learner(case, stream, lr, seed).fit(stream).matrix))
        except HoldfastError:
            scores.append(0.0)
    return 100 * float(np.mean(scores))


def row(case: Case) -> str:
    """The row of a case."""
    stream = case.make()
    began = time.perf_counter()
    found = learner(case, stream, "auto", SEEDS[0]).rate.find(stream[0])
    seconds = time.perf_counter() - began
    steps = found.steps * len(found.losses)
    scores = {lr: accuracy(case, stream, lr) for lr in GRID}
    best = max(scores, key=scores.__getitem__)
    reached = scores[found.lr] if found.lr in scores else accuracy(case, stream, found.lr)
    cells = [
        case.name,
        f"{found.lr:g}",
        f"{reached:.1f}",
        f"{best:g}",
        f"{scores[best]:.1f}",
        f"{scores[0.01 if case.optimizer == 'sgd' else 0.001]:.1f}",
        " ".join(f"{score:.0f}" for score in scores.values()),
        f"{steps}",
        f"{seconds:.1f}",
    ]
    return f"| {' | '.join(cells)} |"


HEAD = f"""# The learning rate that lr="auto" finds

`python benchmarks/rate_search.py --write benchmarks/results/rate-search.md` made this table. It
trains ER(200) on each kind of data with the rates
{", ".join(f"{lr:g}" for lr in GRID)},
and gives the final accuracy in percent (mean of {len(SEEDS)} seeds). The search reads training
examples of the first task only, and knows none of these accuracies.
"""
COLUMNS = (
    "data, network, optimizer",
    "found",
    "ACC with it",
    "best of the grid",
    "ACC with that",
    "ACC with the default rate",
    "ACC for each rate of the grid",
    "steps of the search",
    "seconds",
)


def main() -> None:
    """Print the table, and write it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--write", type=Path, help="the file that gets the table")
    parser.add_argument(
        "--new", action="store_true", help="keep the rows of that file, and make the others"
    )
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    # Many rates of the grid learn nothing, as they should.
    warnings.simplefilter("ignore")
    kept = []
    if arguments.new:
        kept = arguments.write.read_text(encoding="utf-8").splitlines()
    rows = []
    for case in cases():
        known = [line for line in kept if line.startswith(f"| {case.name} |")]
        rows.append(known[0] if known else row(case))
        print(rows[-1], flush=True)
        if arguments.write:
            table = [f"| {' | '.join(COLUMNS)} |", "|---" * len(COLUMNS) + "|", *rows]
            arguments.write.write_text(f"{HEAD}\n{chr(10).join(table)}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
