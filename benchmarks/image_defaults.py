"""How to train on folders of images of which nothing is known, by default.

    HOLDFAST_DATA=… python benchmarks/image_defaults.py --write

Images of three data sets stand for folders of a user: 60 or 600 of each class, in five tasks of two
classes. They are learnt with ER(200) and the convolutional network. What counts is the accuracy on
all tasks at the end, and on each right after its training, which says whether it was learnt at all.
"""

import argparse
import warnings
from pathlib import Path

import numpy as np
import torch

from holdfast.errors import UnlearntWarning
from holdfast.metrics import average_accuracy
from holdfast.models import convnet
from holdfast.streams import Stream, sources, split
from holdfast.training import Learner, optimizer

# The data set, and how many images of each class are taken.
CASES = (
    ("ylecun/mnist", 60),
    ("ylecun/mnist", 600),
    ("zalando-datasets/fashion_mnist", 60),
    ("uoft-cs/cifar10", 60),
)
TASKS = 5
SETTINGS = (("sgd", 0.01, 1), ("sgd", 0.01, 10), ("adam", 0.001, 5), ("adam", 0.001, 10))
SEEDS = (0, 1)
RESULT = Path(__file__).parent / "results" / "image-defaults.md"


def scores_of(stream: Stream, kind: str, rate: float, epochs: int) -> tuple[float, float]:
    """The mean accuracy right after each task, and that on all tasks at the end, in points."""
    learnt = []
    final = []
    for seed in SEEDS:
        model = convnet(stream.shape, "growing", seed=seed)
        momentum = {"momentum": 0.9} if kind == "sgd" else {}
        make = optimizer(kind, lr=rate, **momentum)
        learner = Learner(model, "ER(200)", make, scenario="class", epochs=epochs, seed=seed)
        matrix = learner.fit(stream, progress=False).matrix
        learnt.append(np.mean([matrix.score(task, after=task) for task in matrix.tasks]))
        final.append(average_accuracy(matrix))
    return 100 * float(np.mean(learnt)), 100 * float(np.mean(final))


def main() -> None:
    """Print the table, or write it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true", help="Write the table to results/.")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore", UnlearntWarning)
    names = [f"{kind} {rate:g}, {epochs} epochs" for kind, rate, epochs in SETTINGS]
    lines = [
        "# Defaults for folders of images",
        "",
        "`python benchmarks/image_defaults.py --write`",
        "",
        "Points right after each task, and on all tasks at the end; mean of two seeds, class",
        "scenario, ER(200), convnet.",
        "",
        f"| images of each class | {' | '.join(names)} |",
        "|---" * (len(names) + 1) + "|",
    ]
    for name, count in CASES:
        stream = split(sources.named(name).limited(10 * count, seed=0), TASKS, "class")
        cells = []
        for kind, rate, epochs in SETTINGS:
            learnt, final = scores_of(stream, kind, rate, epochs)
            cells.append(f"{learnt:.1f}, {final:.1f}")
        lines.append(f"| {name}, {count} | {' | '.join(cells)} |")
        print(lines[-1], flush=True)
    if arguments.write:
        RESULT.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
