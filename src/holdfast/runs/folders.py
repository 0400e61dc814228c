"""Where the results of runs lie, and whether they are finished."""

import json
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

from holdfast.errors import HoldfastError, reading
from holdfast.files import write_text
from holdfast.runs.config import RunConfig

FORMAT = 1


def run_folder(out: Path, config: RunConfig) -> Path:
    """Where a run's result lies."""
    return out / config.hash


def finished(out: Path, config: RunConfig, keep: bool = False) -> bool:
    """Whether the run's result is there and readable, and with `keep` the learner after its last task."""
    folder = run_folder(out, config)
    try:
        with reading("the result", "JSON of a result"):
            result = read_result(folder / "result.json")
            there = (
                not keep
                or (folder / f"after-{len(result['matrix']['tasks'])}.safetensors").exists()
            )
            return bool(result["hash"] == config.hash) and there
    except HoldfastError:
        return False


def outdated(out: Path, config: RunConfig, data_dir: str | None) -> bool:
    """Whether a finished run was trained on other data than its data sets have now in the data folder."""
    then = read_result(run_folder(out, config) / "result.json").get("data")
    return then is not None and then != contents(config, data_dir)


def contents(config: RunConfig, data_dir: str | None) -> dict[str, str]:
    """Data set → digest of its files, for the data sets of a run that lie in the data folder."""
    found = {name: _content(name, data_dir) for name in sorted(config.data.sets)}
    return {name: digest for name, digest in found.items() if digest is not None}


@cache
def _content(name: str, data_dir: str | None) -> str | None:
    from holdfast.streams.sources import content_of

    return content_of(name, data_dir)


def read_json(path: Path) -> Any:
    """A JSON file of a run."""
    try:
        with reading("it", "JSON"):
            return json.loads(path.read_text(encoding="utf-8"))
    except HoldfastError as error:
        raise HoldfastError(
            f"{path} is not a whole file of a run: {error}; delete it and run again"
        ) from None


def read_result(path: Path) -> dict[str, Any]:
    """A result file; refuses formats it does not know."""
    result = read_json(path)
    if not isinstance(result, dict) or result.get("format") != FORMAT:
        raise HoldfastError(f"{path} is not a result file of format {FORMAT}")
    return result


def write_json(path: Path, value: Any) -> None:
    """Write a JSON file as one step, so that a crash leaves no half file."""
    try:
        write_text(path, json.dumps(value, indent=1))
    except HoldfastError as error:
        raise HoldfastError(f"{error}; choose another folder with --out") from None


def check_writable(out: Path) -> None:
    """Fails before the first run where results could not be kept."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=out):
            pass
    except OSError as error:
        raise HoldfastError(
            f"the output folder {out} cannot be written: {error.strerror}; choose another with --out"
        ) from None
