"""How often the gate errs: false passes, false fails, power and indecision, simulated; and the same for a rule on point estimates.

    python benchmarks/gate_levels.py --write benchmarks/results/gate-levels.md

Scores are 0/1 and paired. `discordance` is the share of examples on which the two models differ; "losses" means that all of them are
losses. Every release is judged as the gate does: it passes when all tasks reject "drop ≥ δ" at 5 %, and fails when some task rejects
"drop ≤ δ" (Holm over tasks). The rule on point estimates passes a release whose mean accuracy is at most 2 points lower and whose worst
task lost at most 5 points.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from scipy.stats import norm

from holdfast.gate.statistics import tango_z

ALPHA = 0.05


def releases(rng: np.random.Generator, drops: np.ndarray, discordance: float, n: int, runs: int) -> tuple[np.ndarray, np.ndarray]:
    """Losses and gains (runs, tasks) of releases whose tasks drop by `drops`."""
    wide = np.maximum(discordance, np.abs(drops))
    lost, won = (wide + drops) / 2, (wide - drops) / 2
    shape = (runs, len(drops))
    losses = rng.binomial(n, np.broadcast_to(lost, shape))
    gains = rng.binomial(n - losses, np.broadcast_to(np.minimum(won / np.maximum(1 - lost, 1e-12), 1), shape))
    return losses, gains


def decisions(losses: np.ndarray, gains: np.ndarray, n: int, delta: float) -> tuple[np.ndarray, np.ndarray]:
    """Which releases pass, and which fail."""
    passes = (norm.cdf(tango_z(losses, gains, n, delta, 0.5)) <= ALPHA).all(1)
    worse = norm.sf(tango_z(losses, gains, n, delta, -0.5))
    return passes, worse.min(1) <= ALPHA / losses.shape[1]  # Holm rejects something exactly when the smallest p does


def rule(losses: np.ndarray, gains: np.ndarray, n: int) -> np.ndarray:
    """The releases that pass the rule on point estimates."""
    drop = (losses - gains) / n
    return (drop.mean(1) <= 0.02) & (drop.max(1) <= 0.05)


def settings() -> Iterator[tuple[float, float, int, int]]:
    """(δ, discordance, n, tasks); discordance = δ: losses alone."""
    for delta in (0.01, 0.02):
        for discordance in sorted({delta, 0.01, 0.02, 0.05, 0.1, 0.2}):
            if discordance >= delta:
                for n in (200, 1000, 10000):
                    for tasks in (1, 10, 50):
                        yield delta, discordance, n, tasks


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=20000)
    parser.add_argument("--write", type=Path)
    options = parser.parse_args()
    rng = np.random.default_rng(0)
    head = [
        "δ",
        "discordance",
        "n",
        "tasks",
        "false passes",
        "false fails",
        "passes at 0",
        "undecided at 0",
        "fails at 2δ",
        "undecided at 2δ",
    ]
    head += ["rule: passes at 2δ", "rule: fails at 0"]
    lines = ["| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    worst = {"pass": 0.0, "fail": 0.0}
    for delta, discordance, n, tasks in settings():
        better = np.full(tasks, -0.01)
        at, twice = better.copy(), better.copy()
        at[0], twice[0] = delta, 2 * delta
        a, z, t = (releases(rng, d, discordance, n, options.runs) for d in (at, np.zeros(tasks), twice))
        false_pass, _ = decisions(*a, n, delta)
        passes, fails = decisions(*z, n, delta)
        passes_twice, fails_twice = decisions(*t, n, delta)
        worst = {"pass": max(worst["pass"], false_pass.mean()), "fail": max(worst["fail"], fails.mean())}
        shares = [false_pass.mean(), fails.mean(), passes.mean(), (~passes & ~fails).mean(), fails_twice.mean()]
        shares += [(~passes_twice & ~fails_twice).mean(), rule(*t, n).mean(), 1 - rule(*z, n).mean()]
        shown = f"{100 * discordance:g} %" + (" losses" if discordance == delta else "")
        lines.append(f"| {100 * delta:g} points | {shown} | {n} | {tasks} | " + " | ".join(f"{100 * s:.1f}" for s in shares) + " |")
    error = 100 * 1.96 * (0.05 * 0.95 / options.runs) ** 0.5
    summary = [
        f"{options.runs} releases a row; shares in per cent, simulation error ± {error:.1f} at 5 %.",
        f"Largest share of false passes: {100 * worst['pass']:.2f} %; of false fails: {100 * worst['fail']:.2f} % (5 % are allowed).",
        "",
        "False passes: one task drops by exactly δ, the others gain a point. False fails: no task drops. At 2δ: one task drops by 2δ.",
        "",
    ]
    print("\n".join(summary + lines))
    if options.write:
        about = (__doc__ or "").split("\n\n", 2)[2]
        options.write.parent.mkdir(parents=True, exist_ok=True)
        text = ["# How often the gate errs", "", "`python benchmarks/gate_levels.py`", "", about, *summary, *lines, ""]
        options.write.write_text("\n".join(text))


if __name__ == "__main__":
    main()
