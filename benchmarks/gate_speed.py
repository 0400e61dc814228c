"""Measure how long a verdict of the gate takes, and how much memory it needs.

    python benchmarks/gate_speed.py --write benchmarks/results/gate-speed.md

The script runs the whole command `holdfast gate` in a process of its own, so that the time includes
the start-up. It compares results of 50 tasks, with 1,000,000 and with 100,000 rows per side. The
median time must not exceed the limit beside it. The table gives the peak memory as well.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

AREA = ["--metric", "auc"]  # arguments of a verdict on areas under the ROC curve
CASES = [  # rows a side, tasks, format, arguments, limit in seconds
    (1_000_000, 50, "parquet", ["--out", "gate"], 20),
    (1_000_000, 50, "csv", ["--out", "gate"], 20),
    (1_000_000, 50, "parquet", ["--out", "gate", *AREA], 30),
    (100_000, 50, "parquet", ["--out", "gate", "--no-html"], 2),
    (100_000, 50, "csv", ["--out", "gate", "--no-html"], 2),
]


def sides(folder: Path, rows: int, tasks: int, kind: str) -> None:
    """Results of two models that differ on 3 % of the examples, in another order on each side."""
    rng = np.random.default_rng(0)
    task = np.repeat([f"task {k}" for k in range(tasks)], rows // tasks)
    score = (rng.random(rows) < 0.9).astype(int)
    champion = pd.DataFrame(
        {"task": task, "example_id": [f"e{k}" for k in range(rows)], "score": score}
    )
    candidate = champion.assign(score=np.where(rng.random(rows) < 0.03, 1 - score, score)).sample(
        frac=1, random_state=1
    )
    for name, frame in (("champion", champion), ("candidate", candidate)):
        path = folder / f"{name}.{kind}"
        frame.to_parquet(path) if kind == "parquet" else frame.to_csv(path, index=False)


def predictions(folder: Path, rows: int, tasks: int, kind: str) -> None:
    """Scores that rank the examples of two classes, of two models."""
    rng = np.random.default_rng(0)
    task = np.repeat([f"task {k}" for k in range(tasks)], rows // tasks)
    truth = (rng.random(rows) < 0.1).astype(int)
    score = truth + rng.normal(0, 0.8, rows)
    for name, noise in (("champion", 0.0), ("candidate", 0.1)):
        frame = pd.DataFrame({"task": task, "id": np.arange(rows), "y_true": truth})
        frame["y_score"] = score + noise * rng.normal(size=rows)
        path = folder / f"{name}.{kind}"
        frame.to_parquet(path) if kind == "parquet" else frame.to_csv(path, index=False)


def timed(folder: Path, kind: str, arguments: list[str]) -> tuple[float, float]:
    """Seconds and peak memory in GB of one command."""
    command = [
        sys.executable,
        "-m",
        "holdfast.cli.main",
        "gate",
        "--policy",
        "standard",
        *arguments,
    ]
    command += ["--champion", f"champion.{kind}", "--candidate", f"candidate.{kind}"]
    start = time.perf_counter()
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in (0, 1):
        raise SystemExit(f"the gate ended with {process.returncode}")
    return time.perf_counter() - start, usage.ru_maxrss / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--write", type=Path)
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    lines = [
        "# Time and memory of a verdict",
        "",
        "| rows a side | tasks | format | seconds | limit | peak, GB |",
        "|---|---|---|---|---|---|",
    ]
    for rows, tasks, kind, arguments, limit in CASES:
        with tempfile.TemporaryDirectory() as folder:
            make = predictions if arguments[-2:] == AREA else sides
            make(Path(folder), rows, tasks, kind)
            found = [timed(Path(folder), kind, arguments) for _ in range(options.runs)]
        seconds, memory = statistics.median(s for s, _ in found), max(m for _, m in found)
        what = f"{kind}{', without HTML' if '--no-html' in arguments else ''}"
        what += ", AUC" if arguments[-2:] == AREA else ""
        lines.append(f"| {rows:,} | {tasks} | {what} | {seconds:.2f} | {limit} | {memory:.2f} |")
        print(lines[-1], flush=True)
    lines += [
        "",
        f"The time is the median of {options.runs} runs of the whole command on {os.cpu_count()} "
        "cores, start-up included.",
    ]
    if options.write:
        options.write.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
