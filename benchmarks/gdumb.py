"""GDumb on Split MNIST with 4,400 stored examples: which part of the published recipe gives 97.8 %.

    python benchmarks/gdumb.py --passes 32 --write benchmarks/results/gdumb.md
    python benchmarks/gdumb.py --only authors --seeds 2

The published recipe is that of the authors' repository (drimpossible/GDumb, scripts/replicate.sh,
first line): an MLP of 400-400 with batch normalisation, inputs standardised, 128 passes over the
memory in batches of 16, SGD with momentum 0.9, weight decay 1e-6 and gradients clipped at norm 10,
a learning rate between 0.05 and 0.0005 that follows a cosine with warm restarts, and random crops
of images padded by 4 pixels. Its figure is the best test accuracy of all passes. Each row here adds
one of these parts to GDumb(4400), and each accuracy is given after the last pass and for the best.

Only the last task is trained: GDumb starts anew at each task, so the networks of the earlier tasks
have no influence on the last one. The memory is filled at every task.
"""

import argparse
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from holdfast.methods import GDumb
from holdfast.metrics import seed_interval
from holdfast.models import Classifier
from holdfast.models.heads import make_head
from holdfast.streams import Stream, crop_and_flip, named, split
from holdfast.training import Learner, optimizer

HIGHEST, LOWEST = 0.05, 0.0005  # learning rates of the authors' schedule
PASSES, STORED = 128, 4400


@dataclass(frozen=True)
class Recipe:
    """The parts of the published recipe that a row uses; the rest of it is in every row."""

    name: str
    restarts: bool = False
    normalised: bool = False
    crops: bool = False


RECIPES = (
    Recipe("constant learning rate 0.05"),
    Recipe("cosine with warm restarts", restarts=True),
    Recipe("+ standardised inputs and batch normalisation", restarts=True, normalised=True),
    Recipe("+ random crops, without normalisation", restarts=True, crops=True),
    Recipe("+ both (the authors' recipe)", restarts=True, normalised=True, crops=True),
)


class Standardised(nn.Module):
    """Pixels in [0, 1], standardised by the mean and deviation of MNIST that the authors use."""

    def forward(self, x: Tensor) -> Tensor:
        return (x - 0.1307) / 0.3081


def network(normalised: bool, seed: int) -> Classifier:
    """The MLP of 400-400; the authors also normalise the logits, which this one does not."""
    torch.manual_seed(seed)
    layers: list[nn.Module] = [Standardised(), nn.Flatten()] if normalised else [nn.Flatten()]
    for inputs in (784, 400):
        layers.append(nn.Linear(inputs, 400, bias=not normalised))
        layers += [nn.BatchNorm1d(400, eps=1e-6), nn.ReLU()] if normalised else [nn.ReLU()]
    return Classifier(nn.Sequential(*layers), make_head("masked", 400, 10))


def rate(done: int) -> float:
    """The learning rate of a pass: a tenth at first, then cosines of 1, 2, 4, ... passes.

    >>> [round(rate(done), 4) for done in range(6)]
    [0.005, 0.05, 0.05, 0.0253, 0.05, 0.0428]
    """
    if done == 0:
        return HIGHEST / 10
    start, length, at = 0, 1, done - 1
    while at >= start + length:
        start, length = start + length, 2 * length
    turn = math.cos(math.pi * (at - start) / length)
    return LOWEST + (HIGHEST - LOWEST) * (1 + turn) / 2


def one(recipe: Recipe, stream: Stream, seed: int, passes: int) -> list[float]:
    """Accuracy over all ten classes after each pass over the memory of the last task."""
    learner = Learner(
        network(recipe.normalised, seed),
        GDumb(STORED),
        optimizer("sgd", lr=HIGHEST, momentum=0.9, weight_decay=1e-6),
        scenario="class",
        epochs=passes,
        batch_size=16,
        clip=10.0,
        augment=crop_and_flip(4, flip=False) if recipe.crops else None,
        seed=seed,
    )
    *earlier, last = stream
    for task in earlier:
        learner.begin(task)
        learner.end()
    learner.begin(last)
    per_pass, found = learner.view.order(learner.view.need_task()).per_epoch, []
    with learner.state.random.active():
        for k, batch in enumerate(learner.view.batches()):
            if recipe.restarts and k % per_pass == 0:
                learner.state.optimizers.required.param_groups[0]["lr"] = rate(k // per_pass)
            learner.step(batch)
            if (k + 1) % per_pass == 0:
                found.append(float(torch.cat([learner.evaluate(t) for t in stream]).mean()))
    learner.end()
    return found


def row(recipe: Recipe, stream: Stream, seeds: int, passes: int) -> str:
    """A line of the table: mean and 95 % interval over seeds."""
    curves = 100 * np.array([one(recipe, stream, seed, passes) for seed in range(seeds)])
    shown = [seed_interval(values) for values in (curves[:, -1], curves.max(1))]
    return f"| {recipe.name} | " + " | ".join(f"{m:.2f}" for m in shown) + " |"


def main() -> None:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--passes", type=int, default=PASSES)
    parser.add_argument("--only", default="", help="recipes whose name holds this")
    parser.add_argument("--write", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(1)
    stream = split(named("ylecun/mnist"), 5, "class")
    lines = ["| recipe | after the last pass, % | best pass on test data, % |", "|---|---|---|"]
    print("\n".join(lines), flush=True)
    for recipe in (r for r in RECIPES if options.only in r.name):
        lines.append(row(recipe, stream, options.seeds, options.passes))
        print(lines[-1], flush=True)
    if options.write:
        flags = f"--passes {options.passes} --seeds {options.seeds}"
        head = (
            "# GDumb on Split MNIST: which part of the recipe gives the published figure\n\n"
            f"`python benchmarks/gdumb.py {flags}`\n\n"
            "The scenario is class-incremental, with 4,400 stored examples and "
            f"{options.passes} passes over the memory. Each cell is the mean and 95 % interval "
            f"over {options.seeds} seeds.\n\n"
        )
        options.write.write_text(head + "\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
