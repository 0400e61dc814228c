"""Measure how the gain of LwF depends on the outputs that it distils.

    python benchmarks/lwf_outputs.py --write benchmarks/results/lwf-outputs.md

LwF can distil the outputs of ended tasks alone, or all outputs that are open. The columns differ in
the outputs that take part in the loss, which are all ten from the start, or those of the classes
seen so far. Compare each row with FineTune: the accuracy is over all ten classes on the test data
after the last task.

The stream is Split MNIST in the class-incremental scenario, with five tasks of one epoch each in
batches of 64. The network is an MLP 784-256-256-10 and the optimizer SGD at 0.01 with momentum 0.9,
as in the comparison of speed (avalanche_speed.py).
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
        seeds = f"--seeds {options.seeds}"
        command = f"python benchmarks/lwf_outputs.py {seeds} --write {options.write}"
        head = (
            "# What LwF distils: the outputs of ended tasks, or every open one\n\n"
            f"`{command}`\n\n"
            "The stream is Split MNIST in the class-incremental scenario, with one epoch per task. "
            "Each cell is the accuracy over all ten classes at the end, as the mean and 95 % "
            f"interval over {options.seeds} seeds.\n\n"
        )
        notes = (
            "\nThe default, `outputs='old'`, is that of the paper. It compares the outputs of the "
            "classes of ended tasks alone, and then LwF gains nothing here over plain training, "
            "with or without T². With `outputs='all'`, LwF also holds the new classes down. If all "
            "outputs are open, it distils the teacher's low values for classes that have not come "
            "yet. If the outputs of seen classes are open, a teacher that lacks an output gives "
            "it probability 0. With the factor T² = 4 this is strong enough to keep old classes in "
            "the running.\n"
        )
        options.write.write_text(head + "\n".join(lines) + "\n" + notes)


if __name__ == "__main__":
    main()
