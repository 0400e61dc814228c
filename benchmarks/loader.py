"""Compare our way of reading a map-style data set with a plain DataLoader loop.

    python benchmarks/loader.py --write benchmarks/results/loader-cpu.md

Both sides read one epoch of MNIST in batches of 64, with one worker, in turns. Look at the ratio of
our time to that of the plain loop, which must stay below the limit beside it.
"""

import argparse
import statistics
import time
from pathlib import Path

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from holdfast.streams import BatchOrder, named
from holdfast.streams.dataset_part import DatasetPart


class Images(Dataset):
    """MNIST as (image, label) pairs."""

    def __init__(self) -> None:
        self.source = named("ylecun/mnist")

    def __len__(self) -> int:
        return len(self.source.train_y)

    def __getitem__(self, i: int) -> tuple[Tensor, int]:
        return self.source.train_x[i], int(self.source.train_y[i])


def timed(batches: object) -> float:
    start = time.perf_counter()
    for _ in batches:  # type: ignore[attr-defined]
        pass
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--write", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(1)
    data = Images()
    part = DatasetPart(data, 0, {k: k for k in range(10)}, workers=1)
    pairs = []
    for _ in range(options.rounds):
        plain = timed(DataLoader(data, batch_size=64, shuffle=True, num_workers=1))
        ours = timed(part.batches(index for index, _ in BatchOrder(len(data), 64, 0, 0)))
        pairs.append((plain, ours))
    lines = [
        f"One epoch of MNIST (60,000 images), one worker, batch 64; torch {torch.__version__}.",
        f"Medians over {options.rounds} interleaved rounds.",
        "",
        "| plain DataLoader loop, s | ours, s | ratio | limit |",
        "|---|---|---|---|",
        f"| {statistics.median(p[0] for p in pairs):.2f} "
        f"| {statistics.median(p[1] for p in pairs):.2f} "
        f"| {statistics.median(p[1] / p[0] for p in pairs):.2f} | 1.50 |",
    ]
    print("\n".join(lines))
    if options.write:
        options.write.parent.mkdir(parents=True, exist_ok=True)
        options.write.write_text(
            "# The DataLoader path\n\n`python benchmarks/loader.py`\n\n" + "\n".join(lines) + "\n"
        )


if __name__ == "__main__":
    main()
