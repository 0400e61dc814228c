"""Feed altered files and texts to everything that Holdfast reads.

    python benchmarks/fuzz.py                     # 100,000 inputs, under 15 minutes on one core
    python benchmarks/fuzz.py --inputs 2000       # a slice, as the tests run it
    python benchmarks/fuzz.py --write             # also write benchmarks/results/fuzz.md

The script alters valid samples of every format at random, by their bytes and by their structure.
Each altered input must be read, or be refused in one line. These are faults:

- an exception that is no HoldfastError, or a message of several lines,
- a refused checkpoint that has changed the learner,
- a ledger to which reading has written,
- a candidate that passes the gate although it lacks what the valid one has.

Every target runs in a process of its own, so that a crash of native code is noticed as well. If
there is a fault, the script keeps the input, prints its seed, and ends with exit code 1.
"""

import argparse
import concurrent.futures
import multiprocessing
import platform
import random
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from fuzzing import gates, logs, targets

TARGETS: dict[str, Callable[[Path], targets.Case]] = {
    "specs": targets.specs,
    "policies": targets.policies,
    "suites": targets.suites,
    "matrices": targets.matrices,
    "results through the gate": gates.results,
    "result.json": targets.result_files,
    "probes": targets.probes,
    "checkpoints": targets.checkpoints,
    "ledgers": gates.ledgers,
    "audit tables": targets.audit_tables,
    "logs of evaluation tools": logs.logs,
}
RESULTS = Path(__file__).parent / "results" / "fuzz.md"
MOST_FAULTS = 20  # of a target, that are kept
SLOW = 5.0  # seconds that no input may take


def fuzz(
    name: str, inputs: int, seed: int = 0, kept: str | None = None
) -> tuple[Counter[str], list[str], float]:
    """Run one target.

    Args:
        name: Its name in TARGETS.
        inputs: How many altered inputs it gets.
        seed: Input k is made from this seed, the name and k alone.
        kept: A file that says which input is being read, for crashes.

    Returns:
        How often each outcome came, what went wrong, and the seconds that it took.
    """
    counts: Counter[str] = Counter()
    faults: list[str] = []
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        case = TARGETS[name](Path(folder))
        for k in range(inputs):
            if kept and k % 50 == 0:
                Path(kept).write_text(f"{name}, inputs {k} to {k + 49}, seed {seed}")
            began = time.monotonic()
            try:
                counts[case(random.Random(f"{seed} {name} {k}"))] += 1
            except Exception as error:
                counts["wrong pass" if isinstance(error, targets.WrongPass) else "fault"] += 1
                faults.append(f"{name}, input {k}: {_where(error)}")
            if time.monotonic() - began > SLOW:
                counts["slow"] += 1
                faults.append(f"{name}, input {k}: took {time.monotonic() - began:.1f} s")
    return counts, faults[:MOST_FAULTS], time.monotonic() - start


def _where(error: Exception) -> str:
    own = [f for f in traceback.extract_tb(error.__traceback__) if "/holdfast/" in f.filename]
    place = f"{Path(own[-1].filename).name}:{own[-1].lineno}" if own else "benchmarks"
    return f"{place}: {type(error).__name__}: {str(error)[:150]!r}"


def apart(name: str, inputs: int, seed: int) -> tuple[Counter[str], list[str], float]:
    """As `fuzz`, in a process of its own: one that dies is a fault of that target."""
    context = multiprocessing.get_context("spawn")
    with (
        tempfile.NamedTemporaryFile() as kept,
        concurrent.futures.ProcessPoolExecutor(1, context) as pool,
    ):
        try:
            return pool.submit(fuzz, name, inputs, seed, kept.name).result()
        except concurrent.futures.process.BrokenProcessPool:
            return (
                Counter({"crash": 1}),
                [f"the process died at {Path(kept.name).read_text()}"],
                0.0,
            )
        except Exception as error:  # it could not make its samples
            return Counter({"fault": 1}), [f"{name} did not begin: {_where(error)}"], 0.0


def shares(inputs: int) -> dict[str, int]:
    """How many inputs each target gets."""
    whole = sum(targets.SHARES.values())
    return {name: max(1, inputs * share // whole) for name, share in targets.SHARES.items()}


def report(rows: dict[str, tuple[Counter[str], list[str], float]], seed: int) -> str:
    """The results as Markdown."""
    total: Counter[str] = Counter()
    lines = []
    for name, (counts, _, seconds) in rows.items():
        total += counts
        lines.append(_row(name, counts, f"{seconds:.0f}"))
    return f"""# Fuzzing every parser

`python benchmarks/fuzz.py --write` made this table from seed {seed}, with Python
{platform.python_version()} on {platform.machine()}. *Refused* inputs gave one line that says what
is wrong. *Accepted* inputs were read with other content than the valid sample, and *same* inputs
with the same content. *Other errors* counts every exception but HoldfastError, every crash, and
every input that took more than {SLOW:.0f} seconds. *Wrong passes* counts candidates that passed the
gate without the examples and scores of the valid candidate.

| parser | inputs | refused | accepted | same | other errors | wrong passes | seconds |
|---|---|---|---|---|---|---|---|
{chr(10).join(lines)}
{_row("all", total, "")}
"""


def _row(name: str, counts: Counter[str], seconds: str) -> str:
    read = [counts["refused"], counts["accepted"], counts["same"]]
    numbers = [sum(counts.values()) - counts["slow"], *read, _faults(counts), counts["wrong pass"]]
    return f"| {name} | " + " | ".join(f"{n:,}" for n in numbers) + f" | {seconds} |"


def _faults(counts: Counter[str]) -> int:
    return counts["fault"] + counts["crash"] + counts["slow"]


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--inputs", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--only", choices=list(TARGETS), action="append", help="these parsers alone"
    )
    parser.add_argument("--write", action="store_true", help=f"write {RESULTS.name}")
    options = parser.parse_args()
    rows = {}
    for name, inputs in shares(options.inputs).items():
        if options.only and name not in options.only:
            continue
        rows[name] = apart(name, inputs, options.seed)
        counts, faults, seconds = rows[name]
        print(f"{name}: {dict(counts)} in {seconds:.0f} s", flush=True)
        for fault in faults:
            print(f"  {fault}", flush=True)
    text = report(rows, options.seed)
    print(text)
    if options.write:
        RESULTS.write_text(text, encoding="utf-8")
    return int(any(faults for _, faults, _ in rows.values()))


if __name__ == "__main__":
    sys.exit(main())
