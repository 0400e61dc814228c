"""Which optimizer, learning rate and epochs suit tables of numbers of which nothing is known.

    HOLDFAST_DATA=… python benchmarks/table_defaults.py --write

Two tables with rows in the order of time are read as a user's own (numbers get mean 0 and deviation
1), cut into tasks of a quarter of the rows each, and learnt with FineTune and the network of
`holdfast run`. What counts is the accuracy on each task right after its training: forgetting is the
business of methods. A small table has few steps per epoch and a large one many, so both are tried.
The regret of a setting is how far it is below the best setting of the same column, at worst.
"""

import argparse
import itertools
import os
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from holdfast.errors import UnlearntWarning
from holdfast.models import mlp
from holdfast.runs.defaults import DEFAULTS
from holdfast.streams import Stream, from_table
from holdfast.training import Learner, optimizer
from holdfast.training.watch import DivergedTraining

TABLES = {"electricity": "class", "weather": "target"}  # the file → the column of its label
SIZES = (600, 4_000)
TASKS = 4
RATES = {"sgd": (0.01, 0.03, 0.1), "adam": (0.0003, 0.001, 0.003, 0.01)}
EPOCHS = (1, 5, 10)
SEEDS = (0, 1)
RESULT = Path(__file__).parent / "results" / "table-defaults.md"


def stream_of(name: str, rows: int) -> Stream:
    """The first rows of a table, in the order of time."""
    frame = pd.read_parquet(Path(os.environ["HOLDFAST_DATA"]) / "streams" / f"{name}.parquet")
    frame = frame[:rows].assign(quarter=np.arange(rows) * TASKS // rows)
    return from_table(frame, "domain", label=TABLES[name], task="quarter")


def learnt(stream: Stream, kind: str, rate: float, epochs: int) -> float:
    """The mean accuracy right after the training of each task, in points; 0 if it diverged."""
    scores = []
    for seed in SEEDS:
        model = mlp(stream.shape, "fixed", stream.outputs, hidden=(256, 256), seed=seed)
        momentum = {"momentum": 0.9} if kind == "sgd" else {}
        make = optimizer(kind, lr=rate, **momentum)
        learner = Learner(model, None, make, scenario="domain", epochs=epochs, seed=seed)
        try:
            matrix = learner.fit(stream, progress=False).matrix
        except DivergedTraining:
            return 0.0
        scores += [matrix.score(task, after=task) for task in matrix.tasks]
    return 100 * float(np.mean(scores))


def settings() -> Iterator[tuple[str, float, int]]:
    """Every optimizer, rate and number of epochs."""
    for kind, rates in RATES.items():
        yield from itertools.product([kind], rates, EPOCHS)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--write", action="store_true", help=f"write results/{RESULT.name}")
    options = parser.parse_args()
    torch.set_num_threads(1)
    # Bad settings learn nothing, which is what is measured.
    warnings.simplefilter("ignore", UnlearntWarning)
    scores: dict[tuple[str, float, int], list[float]] = {one: [] for one in settings()}
    columns = []
    for name, rows in itertools.product(TABLES, SIZES):
        stream = stream_of(name, rows)
        columns.append(f"{name}, {rows:,} rows")
        for one in settings():
            scores[one].append(learnt(stream, *one))
        print(columns[-1], flush=True)
    table = np.array(list(scores.values()))
    regrets = (table.max(0) - table).max(1)
    default = DEFAULTS["tables"]
    chosen = (default["optimizer"], default["lr"], default["epochs"])
    lines = [
        "# Defaults for tables of numbers",
        "",
        "`python benchmarks/table_defaults.py --write`",
        "",
        f"Accuracy in points right after the training of each of {TASKS} tasks, mean of "
        f"{len(SEEDS)} seeds; 0 if training diverged. The default of `holdfast run` is bold.",
        "",
        f"| optimizer | rate | epochs | {' | '.join(columns)} | regret |",
        f"|---|---|---|{'---|' * len(columns)}---|",
    ]
    for place in np.argsort(regrets, kind="stable"):
        one = list(scores)[place]
        cells = [*map(str, one), *(f"{score:.1f}" for score in table[place])]
        cells.append(f"{regrets[place]:.1f}")
        if one == chosen:
            cells = [f"**{cell}**" for cell in cells]
        lines.append(f"| {' | '.join(cells)} |")
    print("\n".join(lines))
    if options.write:
        RESULT.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
