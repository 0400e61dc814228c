"""Give the gate logs of evaluation tools that are malformed for certain.

    python benchmarks/format_fuzz.py             # 1,000 inputs, about two minutes on one core
    python benchmarks/format_fuzz.py --write     # also write benchmarks/results/format-fuzz.md

Each input is a log that a tool wrote itself, in which one file was damaged. The command `holdfast
gate run` must end with exit code 2 and one line that says what is wrong. Anything else is a fault:
another exit code, a traceback, several lines, or a pass. `benchmarks/fuzz.py` alters the same logs
at random as well.
"""

import argparse
import contextlib
import io
import platform
import random
import sys
import tempfile
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from fuzzing.logs import SIDES, files_of, malformed, prepare

from holdfast.cli.main import run_cli

RESULTS = Path(__file__).parent / "results" / "format-fuzz.md"
# With it, identical sides pass, although they are tiny.
POLICY = """\
decide_by = "figures"
inconclusive = "pass"
default = { delta = 0.02 }
whole = { largest_accuracy_drop = 0.001 }
"""


def judged(champion: Path, candidate: Path, policy: Path) -> tuple[int, str, str]:
    """Run the gate as from a shell, and return its exit code and what it printed."""
    printed = io.StringIO()
    errors = io.StringIO()
    code = 0
    command = ["gate", "run", str(champion), str(candidate), "--policy", str(policy)]
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(errors):
        try:
            run_cli(command)
        except SystemExit as end:
            code = int(end.code or 0)
    return code, printed.getvalue(), errors.getvalue()


def fault_of(code: int, printed: str, errors: str) -> str:
    """Say what is wrong with an outcome, or return "" if it is as it should be."""
    lines = errors.strip().splitlines()
    if code != 2:
        return f"exit code {code}"
    if len(lines) != 1 or not lines[0].startswith("holdfast: error: "):
        return f"{len(lines)} lines: {errors[:200]!r}"
    if printed.strip():
        return f"printed {printed[:100]!r}"
    return ""


def fuzz(inputs: int, seed: int) -> tuple[dict[str, Counter[str]], list[str]]:
    """Give the gate malformed inputs of every format in turn.

    Returns:
        By format, how many inputs of each kind there were, and the faults.
    """
    counts: dict[str, Counter[str]] = {name: Counter() for name in SIDES}
    faults: list[str] = []
    with tempfile.TemporaryDirectory() as temporary:
        policy = Path(temporary) / "gate.toml"
        policy.write_text(POLICY)
        sides = {}
        for name in SIDES:
            for side in ("champion", "candidate"):
                folder = Path(temporary) / name / side
                folder.mkdir(parents=True)
                sides[name, side] = prepare(name, folder)
            both = (sides[name, "champion"], sides[name, "candidate"])
            code, _, errors = judged(*both, policy)
            if code:
                raise SystemExit(f"{name}: the original does not pass: {errors}")
        for number in range(inputs):
            name = list(SIDES)[number % len(SIDES)]
            rng = random.Random(f"{seed} {number}")
            path = rng.choice(files_of(sides[name, "candidate"]))
            wrong = malformed(path, rng)
            original = path.read_bytes()
            path.write_bytes(wrong.content)
            outcome = judged(sides[name, "champion"], sides[name, "candidate"], policy)
            path.write_bytes(original)
            counts[name][wrong.kind] += 1
            problem = fault_of(*outcome)
            if problem:
                counts[name]["fault"] += 1
                faults.append(f"{name}, input {number}, {path.name}, {wrong.kind}: {problem}")
    return counts, faults


def report(counts: dict[str, Counter[str]], seed: int) -> str:
    """The results as Markdown."""
    kinds = sorted({kind for found in counts.values() for kind in found} - {"fault"})
    lines = []
    for name, found in counts.items():
        numbers = [found[kind] for kind in kinds]
        cells = [f"{sum(numbers):,}", *map(str, numbers), str(found["fault"])]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    everything = sum(counts.values(), Counter())
    numbers = [everything[kind] for kind in kinds]
    cells = [f"{sum(numbers):,}", *map(str, numbers), str(everything["fault"])]
    lines.append("| all | " + " | ".join(cells) + " |")
    return f"""# Malformed logs of evaluation tools

`python benchmarks/format_fuzz.py --write` made this table from seed {seed}, with Python
{platform.python_version()} on {platform.machine()}. Each input is a log that the tool wrote itself,
in which one file was damaged in the way that the column says. A *fault* is any outcome of
`holdfast gate run` but exit code 2 with one line.

| format | inputs | {" | ".join(kinds)} | faults |
|---|{"---|" * (len(kinds) + 2)}
{chr(10).join(lines)}
"""


def main() -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--inputs", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--write", action="store_true", help=f"write {RESULTS.name}")
    options = parser.parse_args()
    counts, faults = fuzz(options.inputs, options.seed)
    for fault in faults:
        print(fault)
    text = report(counts, options.seed)
    print(text)
    if options.write:
        RESULTS.write_text(text, encoding="utf-8")
    return int(bool(faults))


if __name__ == "__main__":
    sys.exit(main())
