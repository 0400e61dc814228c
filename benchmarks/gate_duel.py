"""Judge the same simulated releases with the gate and with other tools of its kind.

    python benchmarks/gate_duel.py --tools FOLDER --install     # makes the tools' environments
    python benchmarks/gate_duel.py --tools FOLDER --write       # about 90 minutes on one core
    python benchmarks/gate_duel.py --tools FOLDER --only statgate,MLflow --write

The script makes the releases once, from fixed seeds. Every other tool judges them in an environment
of its own, whose packages `benchmarks/duel/requirements` pins. A slow tool judges fewer of them, as
many as it can in `--seconds` for each case and size of the loss. The decisions are kept in
`--work`, so that a tool can be asked again alone. `--write` writes benchmarks/results/gate-duel.md.
"""

import argparse
import json
import os
import subprocess
import sys
import venv
from itertools import islice
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from duel import features, judge_holdfast, page
from duel import releases as simulated
from duel.test_sets import LOSSES, read_cases, releases
from duel.tools import HOLDFAST, REQUIREMENTS, TOOLS, Tool

BENCHMARKS = Path(__file__).parent
RESULT = BENCHMARKS / "results" / "gate-duel.md"
CHECKED = 2  # releases of each case and loss that the whole gate judges as well


def install(folder: Path) -> None:
    """Make an environment for each tool that has none yet."""
    for package in sorted({tool.package for tool in TOOLS if tool.package}):
        home = folder / package
        if home.exists():
            continue
        venv.create(home, with_pip=True)
        requirements = REQUIREMENTS / f"{package}.txt"
        command = [home / "bin" / "python", "-m", "pip", "install", "-q", "-r", requirements]
        subprocess.run(command, check=True)


def judge(tool: Tool, tools: Path, work: Path, seconds: float) -> None:
    """Let a tool judge the releases."""
    # The fast ones judge all releases, whatever time that takes.
    limit = "inf" if tool.name == HOLDFAST or not tool.package else str(seconds)
    out = work / f"{tool.adapter}.json"
    command = [_python(tool, tools), "-m", "duel.run_adapter", tool.adapter, work, out, limit]
    subprocess.run(command, check=True, env=_environment(tool))


def check_against_gate(work: Path) -> int:
    """Compare decisions on Holdfast's side with those of the whole gate, and count them."""
    checked = 0
    kept = json.loads((work / "judge_holdfast.json").read_text(encoding="utf-8"))
    for case in read_cases(work):
        for scenario in LOSSES:
            if case["name"] not in kept:
                continue
            letters = kept[case["name"]][scenario]
            for k, release in enumerate(islice(releases(work, case, scenario), CHECKED)):
                whole = judge_holdfast.decide_by_gate(release, case["delta"], case["segments"])
                if whole[0] != letters[k]:
                    raise SystemExit(
                        f"{case['name']}, {scenario}, release {k}: the gate decides {whole}, and "
                        f"the adapter {letters[k]}"
                    )
                checked += 1
    return checked


def _python(tool: Tool, tools: Path) -> Path:
    if tool.package:
        return tool.python(tools)
    return Path(sys.executable)


def _environment(tool: Tool) -> dict[str, str]:
    """The variables of a tool's process: it finds the adapters, and nothing of Holdfast."""
    path = str(BENCHMARKS)
    if not tool.package and "PYTHONPATH" in os.environ:
        path += os.pathsep + os.environ["PYTHONPATH"]
    return os.environ | {"PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tools", type=Path, required=True, help="folder of the environments")
    parser.add_argument("--install", action="store_true", help="make them, and end")
    parser.add_argument("--work", type=Path, default=Path("build/duel"))
    parser.add_argument("--runs", type=int, default=2000, help="releases per case and loss")
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--only", help="names of tools, or 'features', or 'none'")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    if options.install:
        install(options.tools)
        return
    options.work.mkdir(parents=True, exist_ok=True)
    if options.only != "none":
        simulated.write(options.work, options.runs)
    only = options.only.split(",") if options.only else None
    for tool in TOOLS:
        if only is None or tool.name in only:
            judge(tool, options.tools, options.work, options.seconds)
    if only is None or HOLDFAST in only:
        print(check_against_gate(options.work), "releases were judged by the whole gate as well")
    if only is None or "features" in only:
        features.check(options.tools, options.work, _environment)
    if options.write:
        RESULT.write_text(page.text(options.work), encoding="utf-8")


if __name__ == "__main__":
    main()
