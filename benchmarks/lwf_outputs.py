"""What LwF distils decides what it gains: the outputs of ended tasks, or all that are open.

    python benchmarks/lwf_outputs.py --write benchmarks/results/lwf-outputs.md

Split MNIST, class-incremental, five tasks, one epoch, batch 64, MLP 784-256-256-10, SGD 0.01 with
momentum 0.9: the network and the run of the speed comparison (avalanche_speed.py). The outputs in
the loss are all ten from the start, or those of the classes seen so far. Accuracy is over all ten
classes on the test data after the last task.
"""

import argparse
from pathlib import Path

import torch
from torch import nn

from holdfast.methods import parse_method
from holdfast.metrics import seed_interval
from holdfast.models import Classifier
from holdfast.models.heads import make_head
from holdfast.streams import Stream, named, split
from holdfast.training import Learner, optimizer

SPECS = (
    "FineTune()",
    "LwF(alpha=1.0, t_squared=False)",
    "LwF(alpha=1.0)",
    "LwF(alpha=1.0, outputs='all', t_squared=False)",
    "LwF(alpha=1.0, outputs='all')",
)


def accuracy(spec: str, stream: Stream, outputs: str, seed: int) -> float:
    """Accuracy over all classes after one run, in per cent."""
    torch.manual_seed(seed)
    hidden = [nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 256), nn.ReLU()]
    body = nn.Sequential(nn.Flatten(), *hidden)
    learner = Learner(
        Classifier(body, make_head("masked", 256, stream.outputs)),
        parse_method(spec),
        optimizer("sgd", lr=0.01, momentum=0.9),
        scenario="class",
        outputs=outputs,
        batch_size=64,
        seed=seed,
    )
    learner.train(*stream)
    return 100 * float(torch.cat([learner.evaluate(t) for t in stream]).mean())


def main() -> None:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--write", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(1)
    stream = split(named("ylecun/mnist"), 5, "class")
    lines = ["| method | all outputs open, % | outputs of seen classes open, % |", "|---|---|---|"]
    print("\n".join(lines), flush=True)
    for spec in SPECS:
        found = []
        for outputs in ("all", "seen"):
            runs = [accuracy(spec, stream, outputs, seed) for seed in range(options.seeds)]
            found.append(seed_interval(runs))
        lines.append(f"| `{spec}` | " + " | ".join(f"{v:.2f}" for v in found) + " |")
        print(lines[-1], flush=True)
    if options.write:
        head = (
            "# What LwF distils: the outputs of ended tasks, or every open one\n\n"
            f"`python benchmarks/lwf_outputs.py --seeds {options.seeds} --write {options.write}`\n\n"
            "Split MNIST, class-incremental, one epoch; accuracy over all ten classes at the end, "
            f"mean and 95 % interval over {options.seeds} seeds.\n\n"
        )
        notes = (
            "\nThe default, `outputs='old'`, is the paper's: it compares the outputs of the classes of "
            "ended tasks alone, and then LwF gains nothing here over plain training, with or without T². "
            "`outputs='all'` also holds the new classes down: with all outputs open the teacher's low "
            "values for classes that had not come are distilled, and with those of seen classes open a "
            "teacher that lacks an output gives it probability 0. With the factor T² = 4 this is strong "
            "enough to keep old classes in the running.\n"
        )
        options.write.write_text(head + "\n".join(lines) + "\n" + notes)


if __name__ == "__main__":
    main()
