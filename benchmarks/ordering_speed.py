"""Measure how long the planner takes to order tasks, and its peak memory.

    python benchmarks/ordering_speed.py --write benchmarks/results/ordering-speed.md

Each case is a random matrix, which is planned in a process of its own. Compare the seconds with the
limit beside them. The last column says which share of the plan's value local search reaches from
another seed.
"""

import argparse
import multiprocessing
import resource
import time
from pathlib import Path

import numpy as np

from holdfast.planning import Constraints, best_order, order_value
from holdfast.planning.insertion import local_search

CASES = [
    (12, "exact", 1.0),
    (20, "exact", 5.0),
    (22, "exact", 60.0),
    (200, "local search", 60.0),
]  # tasks, how, limit in seconds


def one(tasks: int) -> tuple[float, float, float]:
    """Order random tasks, and measure it.

    Returns:
        The seconds, the peak memory in GB, and the share of the value that local search reaches.
    """
    c = np.random.default_rng(0).normal(size=(tasks, tasks))
    start = time.perf_counter()
    order = best_order(c)
    seconds, peak = (
        time.perf_counter() - start,
        resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6,
    )
    other = local_search(c, Constraints.none(tasks), seed=1)
    return seconds, peak, order_value(c, other) / order_value(c, order)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--write", type=Path)
    options = parser.parse_args()
    lines = ["# Time of a plan", "", "Random matrices.", ""]
    lines += [
        "| tasks | how | seconds | limit | peak, GB | local search (another seed) reaches |",
        "|---|---|---|---|---|---|",
    ]
    for tasks, how, limit in CASES:
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            seconds, peak, reached = pool.apply(one, (tasks,))
        lines.append(
            f"| {tasks} | {how} | {seconds:.2f} | {limit:g} | {peak:.2f} | {100 * reached:.2f} % |"
        )
        print(lines[-1], flush=True)
    if options.write:
        options.write.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
