"""Ask one tool about all releases, inside the tool's own environment.

python -m duel.run_adapter ADAPTER FOLDER OUT SECONDS

FOLDER holds the releases. OUT gets one decision per release, as JSON. A tool gets SECONDS for each
case and size of the loss. A slow one therefore judges fewer releases, the first ones.
"""

import importlib
import json
import sys
import time
from pathlib import Path

from duel.test_sets import LOSSES, read_cases, releases


def decisions(adapter: object, folder: Path, case: dict, scenario: str, seconds: float) -> str:
    """The first letters of the decisions on the releases of a case: p, f or i."""
    start = time.monotonic()
    letters = []
    for release in releases(folder, case, scenario):
        letters.append(adapter.decide(release, case["delta"])[0])
        if time.monotonic() - start > seconds:
            break
    return "".join(letters)


def main() -> None:
    name, folder, out, seconds = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]), sys.argv[4]
    adapter = importlib.import_module(f"duel.{name}")
    found: dict[str, dict[str, str]] = {}
    for case in read_cases(folder):
        if case["kind"] not in adapter.TAKES:
            continue
        found[case["name"]] = {
            scenario: decisions(adapter, folder, case, scenario, float(seconds))
            for scenario in LOSSES
        }
        # Written after each case, so that an interrupted run keeps what it has.
        out.write_text(json.dumps(found), encoding="utf-8")
        print(name, case["name"], {k: len(v) for k, v in found[case["name"]].items()}, flush=True)


if __name__ == "__main__":
    main()
