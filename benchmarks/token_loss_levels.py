"""How often the interval of a rise in token loss holds the truth.

    python benchmarks/token_loss_levels.py --write benchmarks/results/token-loss-levels.md

Each case draws texts of several lengths and the change of their losses, asks Holdfast for the
interval of 95 %, and counts how often the true rise lies inside. Where Holdfast has too few texts
and gives no interval, it is asked with the limit set aside, so that the limit has a reason.
"""

import argparse
import sys
from pathlib import Path

import numpy as np

from holdfast.metrics import token_losses
from holdfast.metrics.token_losses import TokenLosses

TEXTS = (20, 50, 100, 200, 500, 1000)
TRUTH_FROM = 4_000_000  # texts from which the true rise is computed
LIMIT = token_losses.FEWEST_TEXTS
CASES = {
    "normal": "it is normal",
    "skewed": "it is exponential",
    "lognormal": "it is log-normal with σ = 1",
    "rare": "one text in twenty becomes much worse",
    "long": "it grows with the length of the text",
}


def draw(case: str, texts: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """The tokens of texts, and the change of the sum of their losses."""
    tokens = np.maximum(1, np.round(rng.lognormal(3, 0.7, texts)))
    noise = rng.normal(size=texts)
    if case == "normal":
        per_token = 0.1 + 0.3 * noise
    elif case == "skewed":
        per_token = rng.exponential(0.2, texts)
    elif case == "lognormal":
        per_token = rng.lognormal(-2.5, 1.0, texts)
    elif case == "rare":
        per_token = np.where(rng.random(texts) < 0.05, 2.0, 0.0) + 0.05 * noise
    else:
        per_token = 0.002 * tokens + 0.1 * noise
    return tokens, per_token * tokens


def shares(case: str, texts: int, runs: int) -> tuple[float, float]:
    """The shares of intervals that lie above the truth, and below it."""
    tokens, changes = draw(case, TRUTH_FROM, np.random.default_rng(99))
    truth = changes.sum() / tokens.sum()
    rng = np.random.default_rng(texts)
    above = 0
    below = 0
    for _ in range(runs):
        tokens, changes = draw(case, texts, rng)
        zeros = np.zeros(texts)
        track = TokenLosses("general", tokens, [None, "task"], [zeros, changes])
        found = track.rise("task")
        above += truth < found.low
        below += truth > found.high
    return above / runs, below / runs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=4000)
    parser.add_argument("--write", type=Path)
    options = parser.parse_args()
    token_losses.FEWEST_TEXTS = 2
    lines = [
        "# Intervals of the rise in token loss",
        "",
        f"Holdfast gives an interval of 95 % from {LIMIT} texts on. {options.runs:,} draws per "
        "row.",
        "",
        "| change per token | texts | holds the truth, % | lies above, % | lies below, % |",
        "|---|---|---|---|---|",
    ]
    for case, words in CASES.items():
        for texts in TEXTS:
            above, below = shares(case, texts, options.runs)
            inside = 1 - above - below
            figures = " | ".join(f"{100 * share:.1f}" for share in (inside, above, below))
            lines.append(f"| {words} | {texts:,} | {figures} |")
            print(lines[-1], file=sys.stderr, flush=True)
    if options.write is not None:
        options.write.write_text("\n".join([*lines, ""]), encoding="utf-8")


if __name__ == "__main__":
    main()
