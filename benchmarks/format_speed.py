"""Measure how long a verdict takes if both sides are logs of an evaluation tool.

    python benchmarks/format_speed.py --write benchmarks/results/format-speed.md

The script runs the whole command `holdfast gate run` in a process of its own, so that the time
includes the start-up. The logs are those of the tests, which the tools wrote themselves. Their rows
are repeated under other ids until there are as many as a case asks for. The processor time must
not exceed the limit beside it. Unlike the time on the clock, it does not depend on what else runs.
"""

import argparse
import copy
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from itertools import cycle, islice
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from holdfast.gate.formats.zip_archives import member

DATA = Path(__file__).parents[1] / "tests" / "gate" / "data" / "formats"
TASKS = 5
ROW_SIZE = 1_500  # bytes of a row of lm-evaluation-harness
SHARE_RIGHT = 0.8


def lm_eval(folder: Path, rows: int, seed: int) -> None:
    """Write a folder of lm-evaluation-harness with some tasks."""
    (samples,) = (DATA / "lm-eval" / "champion").rglob("samples_colours_*.jsonl")
    records = [json.loads(line) for line in samples.read_text().splitlines()]
    scores = random_scores(seed)
    for task in range(TASKS):
        with (folder / f"samples_task{task}_2026-12-01T00-00-00.jsonl").open("w") as stream:
            for number, record in enumerate(islice(cycle(records), rows // TASKS)):
                changed = {"doc_id": number, "doc_hash": f"{number:064x}", "acc": next(scores)}
                row = {**record, **changed, "doc": {**record["doc"], "passage": ""}}
                missing = ROW_SIZE - len(json.dumps(row))
                row["doc"]["passage"] = "word " * (missing // 5)
                stream.write(json.dumps(row) + "\n")


def inspect_ai(folder: Path, rows: int, seed: int) -> None:
    """Write an archive of inspect-ai, of which the gate reads the header and the summaries."""
    with zipfile.ZipFile(DATA / "inspect-ai" / "champion.eval") as archive:
        header = member(archive, "header.json")
        summaries = json.loads(member(archive, "summaries.json"))
    scores = random_scores(seed)
    many = []
    for number, summary in enumerate(islice(cycle(summaries), rows)):
        summary = copy.deepcopy(summary)
        summary.update(id=number, epoch=1)
        summary["scores"]["match"]["value"] = next(scores)
        many.append(summary)
    with zipfile.ZipFile(folder / "log.eval", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("header.json", header)
        archive.writestr("summaries.json", json.dumps(many))


def lighteval(folder: Path, rows: int, seed: int) -> None:
    """Write details of lighteval."""
    (details,) = (DATA / "lighteval" / "champion").rglob("details_colours_hard_*.parquet")
    records = pq.read_table(details).to_pylist()
    scores = random_scores(seed)
    many = []
    for number, record in enumerate(islice(cycle(records), rows)):
        doc = {**record["doc"], "id": str(number)}
        many.append({**record, "doc": doc, "metric": {"acc": next(scores)}})
    pq.write_table(pa.Table.from_pylist(many), folder / details.name)


def helm(folder: Path, rows: int, seed: int) -> None:
    """Write a run of HELM."""
    (stats,) = (DATA / "helm" / "champion").rglob("per_instance_stats.json")
    elements = json.loads(stats.read_text())
    scores = random_scores(seed)
    many = []
    for number, element in enumerate(islice(cycle(elements), rows)):
        element = copy.deepcopy(element)
        element["instance_id"] = f"id{number}"
        for stat in element["stats"]:
            if stat["name"]["name"] == "exact_match":
                stat["mean"] = next(scores)
        many.append(element)
    (folder / stats.name).write_text(json.dumps(many))


Writer = Callable[[Path, int, int], None]
CASES: list[tuple[str, Writer, int, float]] = [  # tool, writer, rows a side, limit in seconds
    ("lm-evaluation-harness", lm_eval, 50_000, 5),
    ("lm-evaluation-harness", lm_eval, 100_000, 10),
    ("inspect-ai", inspect_ai, 50_000, 10),
    ("lighteval", lighteval, 50_000, 10),
    ("HELM", helm, 10_000, 10),
]


def random_scores(seed: int) -> Iterator[float]:
    """Yield scores of 0 and 1 without an end."""
    generator = random.Random(seed)
    while True:
        yield float(generator.random() < SHARE_RIGHT)


def timed(folder: Path) -> tuple[float, float, float]:
    """Seconds on the clock and of the processor, and peak memory in GB, of one command."""
    command = [sys.executable, "-m", "holdfast.cli.main", "gate", "run", "champion", "candidate"]
    start = time.perf_counter()
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in (0, 1):
        raise SystemExit(f"the gate ended with {process.returncode}")
    elapsed = time.perf_counter() - start
    return elapsed, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1e6


def size_of(folder: Path) -> float:
    """Size of all files below a folder in MB."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6


def main() -> None:
    """Measure all cases, and write the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--write", type=Path)
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    lines = [
        "# Time and memory of a verdict on logs of evaluation tools",
        "",
        "| tool | rows per side | MB per side | seconds | CPU seconds | limit | peak, GB |",
        "|---|---|---|---|---|---|---|",
    ]
    for tool, write, rows, limit in CASES:
        with tempfile.TemporaryDirectory() as temporary:
            for seed, side in enumerate(("champion", "candidate")):
                folder = Path(temporary, side)
                folder.mkdir()
                write(folder, rows, seed)
            size = size_of(Path(temporary)) / 2
            runs = [timed(Path(temporary)) for _ in range(options.runs)]
        elapsed, processor, memory = map(statistics.median, zip(*runs, strict=True))
        lines.append(
            f"| {tool} | {rows:,} | {size:.1f} | {elapsed:.1f} | {processor:.1f} | {limit:g} | "
            f"{memory:.2f} |"
        )
        print(lines[-1], flush=True)
        if processor > limit:
            raise SystemExit(f"{tool} took {processor:.2f} s; the limit is {limit} s")
    lines += [
        "",
        f"Each figure is the median over the runs ({options.runs}) of the whole command, start-up",
        f"included, on {os.cpu_count()} cores. The limit is for the CPU seconds, because other",
        "programs may run at the same time, as they did here. On an idle machine, both are",
        "nearly equal.",
        "",
    ]
    if options.write:
        options.write.write_text("\n".join(lines))


if __name__ == "__main__":
    main()
