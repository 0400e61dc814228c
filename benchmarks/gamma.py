"""Measure how γ of OnlineEWC decides what the network holds and what it can still learn.

    python benchmarks/gamma.py --write benchmarks/results/gamma.md

OnlineEWC learns 20 permutations of MNIST, with several values of γ, in the protocol of the suite
buzzega-2020-permuted (an MLP with two layers of 100 units, SGD at 0.1, one epoch, batches of 128).
Its strength is 1, and each task's Fisher information is divided by its largest entry.

"Saturated" is the share of parameters whose running F exceeds 0.01, which is a hundredth of what
the most important weight of one task has. "Learnt" is the learning accuracy, the score on a task
right after it was learnt. Read the two together: if most parameters are saturated, the network has
little freedom left for new tasks, and later tasks may be learnt less well.
"""

import argparse
from pathlib import Path

import joblib
import numpy as np

from holdfast.bench.suites import load_suite
from holdfast.metrics import seed_interval
from holdfast.runs.build import build_learner, build_stream
from holdfast.runs.config import RunConfig

GAMMAS = (1.0, 0.95, 0.8, 0.5)
THRESHOLD = 0.01


def one(gamma: float, seed: int, strength: float) -> dict:
    """One run: saturation and learning accuracy after each task, ACC and BWT at the end."""
    import torch

    torch.set_num_threads(1)
    suite = next(
        c for label, c in load_suite("buzzega-2020-permuted").runs() if label == "OnlineEWC"
    )
    values = suite.model_dump() | {
        "method": f"OnlineEWC({strength}, gamma={gamma}, normalize=True)",
        "seed": seed,
    }
    config = RunConfig(**values)
    stream = build_stream(config)
    learner = build_learner(config, stream)
    saturated, learnt = [], []
    for task in stream:
        learner.train(task)
        saturated.append(
            float((learner.method.get_buffer("fisher") > THRESHOLD).sum())
            / learner.view.space.numel
        )
        learnt.append(float(learner.evaluate(task).mean()))
    final = [float(learner.evaluate(t).mean()) for t in stream]
    return {"gamma": gamma, "saturated": saturated, "learnt": learnt, "final": final}


def figure(found: dict[float, list[dict]], path: Path) -> None:
    """Draw saturation and learning accuracy, with one line per γ."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    drawn, axes = plt.subplots(1, 2, figsize=(9, 3.4), layout="constrained")
    for gamma, runs in found.items():
        for ax, key in zip(axes, ("saturated", "learnt"), strict=True):
            curves = 100 * np.array([r[key] for r in runs])
            x = np.arange(1, curves.shape[1] + 1)
            ax.plot(x, curves.mean(0), label=f"γ = {gamma:g}", marker="o", markersize=3)
            ax.fill_between(x, curves.min(0), curves.max(0), alpha=0.15)
    axes[0].set(xlabel="tasks learnt", ylabel="saturated parameters, %")
    axes[1].set(xlabel="tasks learnt", ylabel="learning accuracy, %")
    for ax in axes:
        ax.grid(alpha=0.3)
        ax.set_xticks(range(2, len(runs[0]["learnt"]) + 1, 3))
    axes[0].legend()
    drawn.savefig(path, dpi=130)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--strength", type=float, default=1.0)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--write", type=Path)
    options = parser.parse_args()
    wanted = [(g, s) for g in GAMMAS for s in range(1, options.seeds + 1)]
    done = joblib.Parallel(options.jobs)(
        joblib.delayed(one)(g, s, options.strength) for g, s in wanted
    )
    found = {g: [r for r in done if r["gamma"] == g] for g in GAMMAS}
    at = (1, 5, 10, 15, 20)
    head = [f"saturated after {k}, %" for k in at] + [f"learnt {k}, %" for k in at]
    lines = ["| γ | " + " | ".join(head) + " | ACC | BWT |", "|---" * (len(head) + 3) + "|"]
    for g, runs in found.items():
        cells = [
            f"{seed_interval([100 * r[key][k - 1] for r in runs]):.1f}"
            for key in ("saturated", "learnt")
            for k in at
        ]
        acc = seed_interval([100 * float(np.mean(r["final"])) for r in runs])
        lost = seed_interval(
            [
                100 * float(np.mean(np.array(r["final"][:-1]) - np.array(r["learnt"][:-1])))
                for r in runs
            ]
        )
        lines.append(f"| {g:g} | " + " | ".join(cells) + f" | {acc:.1f} | {lost:.1f} |")
    print("\n".join(lines))
    if options.write:
        options.write.parent.mkdir(parents=True, exist_ok=True)
        figure(found, options.write.with_suffix(".png"))
        about = (__doc__ or "").split("\n\n", 2)[2]
        text = (
            f"# γ of OnlineEWC\n\n`python benchmarks/gamma.py`\n\n{about}\n"
            + "\n".join(lines)
            + f"\n\n![both]({options.write.stem}.png)\n"
        )
        options.write.write_text(text)


if __name__ == "__main__":
    main()
