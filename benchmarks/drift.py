"""Measure how well methods learn without announced task boundaries.

    python benchmarks/drift.py --write benchmarks/results/drift.md

Each method is trained with known boundaries ("known"), with none ("never"), and with the boundaries
that a drift detector declares. Compare ACC and BWT of a detector with the rows "known" and "never".
"Accuracy before learning" is measured on each batch before the learner trains on it. "Declared" and
"false alarms" are means per run. "Found" counts the true boundaries that were detected in all runs,
and "delay" is the median, with the range, of the steps until they were detected.

Permuted MNIST has ten tasks of one epoch each. The batch size is 128, and the MLP has two layers of
100 units. Electricity has 45,312 half-hours of prices in New South Wales in time order
(`streams/electricity.parquet` in the data folder). They are cut into eight periods of equal length,
which only "known" announces, and are read once with a batch size of 32. Nobody knows when prices
really drifted, so the table gives no delay for this stream.
"""

import argparse
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from holdfast.methods import parse_method
from holdfast.metrics import average_accuracy, backward_transfer, seed_interval
from holdfast.models import mlp
from holdfast.streams import Stream, from_arrays, named, permuted
from holdfast.streams.drift import Detector
from holdfast.training import Learner, optimizer
from holdfast.training.boundary_free import fit_boundary_free

BOUNDARIES = ("known", "never", "adwin", "page-hinkley")


def mnist(seed: int) -> Stream:
    """A stream of ten permutations of MNIST."""
    return permuted(named("ylecun/mnist"), 10, seed=seed)


def electricity(seed: int) -> Stream:
    """Eight periods, in time order."""
    frame = pd.read_parquet(Path(os.environ["HOLDFAST_DATA"]) / "streams" / "electricity.parquet")
    x = frame.drop(columns="class").to_numpy(np.float32)
    x = (x - x.mean(0)) / x.std(0)
    period = np.arange(len(x)) * 8 // len(x)
    return from_arrays(x, frame["class"].to_numpy(), period, "domain", test=0.2, seed=seed)


STREAMS: dict[
    str, tuple[Callable[[int], Stream], int, float, tuple[str, ...]]
] = {  # name → stream, batch, learning rate, methods
    "permuted MNIST": (mnist, 128, 0.1, ("OnlineEWC(0.7, normalize=True)", "SI(1, xi=1.0)")),
    "electricity": (electricity, 32, 0.05, ("OnlineEWC(0.7, normalize=True)", "LwF(alpha=1.0)")),
}


def one(name: str, method: str, boundaries: str, seed: int) -> dict:
    """Scores of one run, and what its detector declared."""
    make, batch, lr, _ = STREAMS[name]
    stream = make(seed)
    net = mlp(stream.shape, "fixed", stream.outputs, hidden=(100, 100), seed=seed)
    options = {
        "scenario": "domain",
        "batch_size": batch,
        "shuffle": name != "electricity",
        "seed": seed,
    }
    learner = Learner(net, parse_method(method), optimizer("sgd", lr=lr), **options)
    if boundaries == "known":
        run, declared = learner.fit(stream), None
    else:
        declared = fit_boundary_free(
            learner, stream, None if boundaries == "never" else Detector(boundaries)
        )
        run = declared
    row = {"acc": 100 * average_accuracy(run.matrix), "bwt": 100 * backward_transfer(run.matrix)}
    if declared is not None:
        row |= {
            "online": 100 * declared.online,
            "declared": len(declared.declared),
            "found": declared.detection,
        }
    return row


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--streams", nargs="*", default=list(STREAMS), choices=list(STREAMS))
    parser.add_argument("--write", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(1)
    lines = []
    for name in options.streams:
        lines += ["", f"## {name}", ""]
        lines.append(
            "| method | boundaries | ACC | BWT | accuracy before learning | declared | found "
            "| delay, steps | false alarms |"
        )
        lines.append("|---|---|---|---|---|---|---|---|---|")
        print(*lines[-4:], sep="\n", flush=True)
        for method in STREAMS[name][3]:
            for boundaries in BOUNDARIES:
                rows = [one(name, method, boundaries, seed) for seed in range(1, options.seeds + 1)]
                cells = [f"{seed_interval([r[k] for r in rows]):.1f}" for k in ("acc", "bwt")]
                if boundaries == "known":
                    cells += ["–"] * 5
                else:
                    cells += [
                        f"{seed_interval([r['online'] for r in rows]):.1f}",
                        f"{np.mean([r['declared'] for r in rows]):.1f}",
                    ]
                    delays = [d for r in rows for d in r["found"].delays]
                    found = [d for d in delays if d is not None]
                    if name == "electricity" or boundaries == "never":
                        cells += ["–"] * 3
                    else:
                        middle = (
                            f"{np.median(found):.0f} ({min(found)}–{max(found)})" if found else "–"
                        )
                        alarms = f"{np.mean([r['found'].false_alarms for r in rows]):.1f}"
                        cells += [f"{len(found)} of {len(delays)}", middle, alarms]
                lines.append(f"| {method} | {boundaries} | " + " | ".join(cells) + " |")
                print(lines[-1], flush=True)
    if options.write:
        options.write.parent.mkdir(parents=True, exist_ok=True)
        about = (__doc__ or "").split("\n\n", 2)
        options.write.write_text(
            f"# Unannounced task boundaries\n\n`python benchmarks/drift.py`\n\n{about[2]}"
            + "\n".join(lines)
            + "\n"
        )


if __name__ == "__main__":
    main()
