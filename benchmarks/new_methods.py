"""Compare methods for models that knew something before: what they keep, and what they learn.

    python benchmarks/new_methods.py --write benchmarks/results/new-methods.md

There are two problems, and three seeds of each.

- Pretrained: an MLP learns upright MNIST first, in three epochs. Then it is fine-tuned on MNIST
  turned by 25, 50, 75 and 100 degrees, one task after the other, in the domain scenario. "Kept" is
  the accuracy on upright digits at the end, which were no task. "Learnt" is the mean accuracy on
  the four tasks at the end. Mix gets upright training digits as its outside data set.
- From scratch: Split MNIST in the class scenario, five tasks of two classes. Nothing is known
  before the first task, so the methods have `first=False`, and Freeze waits for the second task.
  The column has the accuracy over all ten classes at the end.

There are 5,000 training and 2,000 test examples of MNIST. Each task has one epoch in batches of 32,
with SGD at 0.05 and momentum 0.9.
"""

import argparse
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch

from holdfast.methods import Method, Mix, parse_method
from holdfast.metrics import seed_interval
from holdfast.models import Classifier, mlp
from holdfast.streams import Source, Stream, mixture, named, split
from holdfast.training import Learner, optimizer

ANGLES = (25, 50, 75, 100)
EXAMPLES = 5_000
TESTED = 2_000
Make = Callable[[Stream], Method]  # takes the stream of what was known before


def spec(text: str) -> tuple[str, Make]:
    """A method that a spec says."""
    return text, lambda before: parse_method(text)


PRETRAINED: list[tuple[str, Make]] = [
    spec("FineTune()"),
    spec("LwF(alpha=1.0)"),
    spec("ER(500)"),
    spec("KLAnchor(1)"),
    spec("KLAnchor(1, direction='reverse')"),
    spec("KLAnchor(3)"),
    ("Mix(upright, 0.05)", lambda before: Mix(before[0], 0.05)),
    ("Mix(upright, 0.2)", lambda before: Mix(before[0], 0.2)),
    (
        "KLAnchor(1) + Mix(upright, 0.2, labels=False)",
        lambda before: parse_method("KLAnchor(1)") + Mix(before[0], 0.2, labels=False),
    ),
    spec("EMA(0.99)"),
    spec("Interpolate(0.5)"),
    spec("TaskArithmetic(0.3)"),
    spec("Freeze(1)"),
    spec("ER(500) + Interpolate(0.5)"),
    spec("EMA(0.99) + ER(500)"),
    ("EMA(0.99) + ER(500) + Mix(upright, 0.2)", lambda before: _all_three(before)),
]
FROM_SCRATCH = [
    "FineTune()",
    "LwF(alpha=1.0)",
    "ER(500)",
    "KLAnchor(1, first=False)",
    "Mix('first', 0.2)",
    "EMA(0.99)",
    "Interpolate(0.5, first=False)",
    "TaskArithmetic(0.3)",
    "Freeze(1, from_task=1)",
    "EMA(0.99) + ER(500)",
    "ER(500) + KLAnchor(1, first=False)",
    "ER(500) + Interpolate(0.5, first=False)",
    "ER(500) + Freeze(1, from_task=1)",
]


def _all_three(before: Stream) -> Method:
    return parse_method("EMA(0.99) + ER(500)") + Mix(before[0], 0.2)


def learner_of(
    model: Classifier, method: Method, scenario: str, seed: int, epochs: int = 1
) -> Learner:
    """A learner with the settings of all runs."""
    make = optimizer("sgd", lr=0.05, momentum=0.9)
    options = {"scenario": scenario, "batch_size": 32, "epochs": epochs, "seed": seed}
    return Learner(model, method, make, **options)


def network(stream: Stream, head: str, seed: int) -> Classifier:
    """An MLP with two hidden layers."""
    return mlp(stream.shape, head, stream.outputs, hidden=(256, 256), seed=seed)


def score(learner: Learner, stream: Stream) -> float:
    """The mean accuracy over the tasks of a stream, in per cent."""
    return 100 * float(torch.stack([learner.evaluate(t).mean() for t in stream]).mean())


def mnist(seed: int) -> Source:
    """A share of MNIST."""
    whole = named("ylecun/mnist").limited(EXAMPLES, seed)
    return replace(whole, test_x=whole.test_x[:TESTED], test_y=whole.test_y[:TESTED])


def pretrained(seed: int) -> dict[str, tuple[float, float]]:
    """What each method keeps and learns, by its name."""
    source = mnist(seed)
    before = mixture(["ylecun/mnist"], lambda name: source, "domain")
    turned = [f"ylecun/mnist:rotate={angle}" for angle in ANGLES]
    tasks = mixture(turned, lambda name: source, "domain")
    plain = parse_method("FineTune()")
    first = learner_of(network(before, "fixed", seed), plain, "domain", seed, epochs=3)
    known = first.train(*before).model.state_dict()
    found = {"before fine-tuning": (score(first, before), score(first, tasks))}
    for name, make in PRETRAINED:
        model = network(before, "fixed", seed)
        model.load_state_dict(known)
        learner = learner_of(model, make(before), "domain", seed).train(*tasks)
        found[name] = (score(learner, before), score(learner, tasks))
        print(seed, name, *found[name], flush=True)
    return found


def from_scratch(seed: int) -> dict[str, float]:
    """The accuracy of each method over all classes, by its name."""
    stream = split(mnist(seed), 5, "class")
    found = {}
    for name in FROM_SCRATCH:
        learner = learner_of(network(stream, "growing", seed), parse_method(name), "class", seed)
        found[name] = score(learner.train(*stream), stream)
        print(seed, name, found[name], flush=True)
    return found


def advice(kept: dict[str, float], learnt: dict[str, float]) -> str:
    """What a user should do, with the figures that say so."""

    def figures(name: str) -> str:
        return f"`{name}` keeps {kept[name]:.0f} % and learns {learnt[name]:.0f} %"

    return (
        "**What to do.** Plain training keeps "
        f"{kept['FineTune()']:.0f} % of what the model knew. If you still have labelled examples "
        "of that, mix them into every batch, and add replay and an average of the weights to "
        f"learn the tasks well: {figures('EMA(0.99) + ER(500) + Mix(upright, 0.2)')}. If you have "
        "its inputs without labels, let the earlier model answer them: "
        f"{figures('KLAnchor(1) + Mix(upright, 0.2, labels=False)')}. If you have nothing of it, "
        "replay the tasks and go half of the way in each: "
        f"{figures('ER(500) + Interpolate(0.5)')}. Without a memory either, hold the answers: "
        f"{figures('LwF(alpha=1.0)')}, "
        f"{figures('KLAnchor(1)')}.\n"
    )


def main() -> None:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--write", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(1)
    runs = [pretrained(seed) for seed in range(options.seeds)]
    lines = ["| method | kept, % | learnt, % |", "|---|---|---|"]
    means: tuple[dict[str, float], dict[str, float]] = ({}, {})
    for name in runs[0]:
        kept, learnt = (seed_interval([run[name][k] for run in runs]) for k in (0, 1))
        lines.append(f"| `{name}` | {kept:.1f} | {learnt:.1f} |")
        means[0][name] = kept.estimate
        means[1][name] = learnt.estimate
    scratch = [from_scratch(seed) for seed in range(options.seeds)]
    rows = ["| method | accuracy over all classes, % |", "|---|---|"]
    for name in FROM_SCRATCH:
        accuracy = seed_interval([run[name] for run in scratch])
        rows.append(f"| `{name}` | {accuracy:.1f} |")
    about = (__doc__ or "").split("\n\n", 2)[2]
    text = (
        "# Methods for models that knew something before\n\n"
        f"{advice(*means)}\n`python benchmarks/new_methods.py --seeds {options.seeds}`\n\n"
        f"{about}\nEach cell is the mean and 95 % interval over {options.seeds} seeds.\n\n"
        "## Pretrained\n\n" + "\n".join(lines) + "\n\n## From scratch\n\n" + "\n".join(rows)
    )
    print(text)
    if options.write:
        options.write.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
