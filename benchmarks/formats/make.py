"""Makes the test files of each evaluation tool again, by running the tool itself, or checks them.

    python benchmarks/formats/make.py lm-eval            # writes tests/gate/data/formats/lm-eval
    python benchmarks/formats/make.py lm-eval --check    # compares with what is there

Each tool runs in an environment of its own, because their requirements contradict each other. It is
made from `requirements/TOOL.txt` below `--envs` when it is needed first. A tool runs offline, in an
empty folder. Afterwards, fields that name this machine and long ones that no reader looks at are
taken out of its JSON files, and characters that Windows allows in no name out of those of files.

The check compares two things: which fields the files have, and what the gate reads from them. Dates
and running times differ from run to run.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import venv
from collections.abc import Iterator
from pathlib import Path

from holdfast.errors import HoldfastError
from holdfast.gate import read_side

HERE = Path(__file__).parent
DATA = HERE.parents[1] / "tests" / "gate" / "data" / "formats"
ENVS = Path.home() / ".cache" / "holdfast-formats"  # where the environments of the tools are
TOOLS = sorted(path.stem for path in (HERE / "requirements").glob("*.txt"))
# Fields that describe the machine and its packages, and long ones that no reader looks at.
MACHINE = {"pretty_env_info", "upper_git_hash", "git_hash", "cache_dir"}
LONG = {"traceback", "traceback_ansi", "events", "events_data", "attachments"}
DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9.+\-]+")
# Names of logs of inspect-ai end in a random word, those of Every Eval Ever start with one.
WORD = re.compile(r"(?<=_)[0-9A-Za-z]{22}(?=\.)|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
# The order of sets must not differ from run to run.
OFFLINE = {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "PYTHONHASHSEED": "0"}


def python_of(tool: str, envs: Path) -> Path:
    """Return the Python of a tool's environment, which is made if it is missing."""
    folder = envs / tool
    python = folder / "bin" / "python"
    if not python.exists():
        venv.create(folder, with_pip=True)
        requirements = HERE / "requirements" / f"{tool}.txt"
        install = [python, "-m", "pip", "install", "--quiet", "--requirement", requirements]
        subprocess.run(install, check=True)
    return python


def make(tool: str, envs: Path, folder: Path) -> None:
    """Run a tool in an empty folder, and take what names this machine out of its files."""
    name = f"make_{tool.replace('-', '_')}.py"
    with tempfile.TemporaryDirectory() as work:
        # Some tools record the place of the script, and the state of its repository.
        shutil.copy(HERE / name, work)
        # A converter reads the test files of another tool.
        environment = {**os.environ, "HF_HOME": f"{work}/hf", "FORMATS": str(DATA), **OFFLINE}
        # The tool must not see the packages of this project.
        environment.pop("PYTHONPATH", None)
        command = [python_of(tool, envs), name, folder.resolve()]
        subprocess.run(command, check=True, cwd=work, env=environment)
        for path in sorted(folder.rglob("*"), reverse=True):
            if path.suffix in (".json", ".jsonl"):
                scrub(path, work)
            path.rename(path.with_name(re.sub(r"[:|]", "_", path.name)))


def scrub(path: Path, work: str) -> None:
    """Take fields and folders that name this machine out of a JSON file, and very long fields."""
    text = path.read_text()
    if path.suffix == ".json":
        text = json.dumps(without(json.loads(text)), ensure_ascii=False) + "\n"
    for place in (os.path.realpath(work), work, str(Path.home())):
        text = text.replace(place, ".")
    path.write_text(text)


def without(value: object) -> object:
    """Copy a JSON value without the fields that are taken out."""
    if isinstance(value, dict):
        kept = (key for key in value if key not in MACHINE | LONG)
        return {key: without(value[key]) for key in kept}
    if isinstance(value, list):
        return [without(inner) for inner in value]
    return value


# ---- the check


def differences(made: Path, there: Path) -> Iterator[str]:
    """Name what differs between files that were just made and those that are there."""
    names_made = {undated(path, made): path for path in files_of(made)}
    names_there = {undated(path, there): path for path in files_of(there)}
    for name in sorted(names_made.keys() ^ names_there.keys()):
        yield f"{name} is only on one side"
    for name in sorted(names_made.keys() & names_there.keys()):
        new = fields_of(names_made[name])
        for field in sorted(new ^ fields_of(names_there[name])):
            yield f"{name}: {field} is only on one side"
    for side in sorted(path.name for path in there.iterdir()):
        if outcome(made / side) != outcome(there / side):
            yield f"{side}: the gate reads something else"


def files_of(folder: Path) -> list[Path]:
    """All files below a folder."""
    return [path for path in folder.rglob("*") if path.is_file()]


def undated(path: Path, folder: Path) -> str:
    """The name of a file without its date and random words."""
    return WORD.sub("WORD", DATE.sub("DATE", str(path.relative_to(folder))))


def fields_of(path: Path) -> set[str]:
    """The fields of a JSON file or of JSON lines, with dots. Other files have none."""
    if path.suffix == ".jsonl":
        return {field for line in path.open() for field in paths(json.loads(line))}
    if path.suffix == ".json":
        return set(paths(json.loads(path.read_text())))
    return set()


def paths(value: object, start: str = "") -> Iterator[str]:
    """The places of values in JSON. The elements of a list have one place."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from paths(inner, f"{start}.{key}")
    elif isinstance(value, list):
        for inner in value:
            yield from paths(inner, f"{start}[]")
    else:
        yield start


def outcome(path: Path) -> object:
    """What the gate reads from a side, or why it refuses it."""
    try:
        side = read_side(path, "side")
    except HoldfastError as error:
        return str(error).replace(str(path), "")
    rows = side.rows.drop(columns=["latency_ms"], errors="ignore")
    # Tools that work on several examples at a time write them in any order.
    rows = rows.sort_values(list(rows.columns), ignore_index=True)
    return rows.to_csv(index=False), side.facts, side.unscored, side.scales


def main() -> None:
    """Make or check the files of the tools that are named."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tools", nargs="+", choices=TOOLS)
    parser.add_argument("--check", action="store_true", help="compare only, and write nothing")
    parser.add_argument("--envs", type=Path, default=ENVS)
    arguments = parser.parse_args()
    found = 0
    for tool in arguments.tools:
        with tempfile.TemporaryDirectory() as temporary:
            made = Path(temporary) / tool
            made.mkdir()
            make(tool, arguments.envs, made)
            if arguments.check:
                lines = list(differences(made, DATA / tool))
                print(tool, "same" if not lines else "differs", *lines, sep="\n  ")
                found += len(lines)
                continue
            shutil.rmtree(DATA / tool, ignore_errors=True)
            shutil.copytree(made, DATA / tool)
            print(f"wrote {DATA / tool}")
    sys.exit(min(found, 1))


if __name__ == "__main__":
    main()
