"""Where the results of runs lie, and whether they are finished."""

import tempfile
from functools import cache
from pathlib import Path

from holdfast.errors import HoldfastError
from holdfast.results.file_names import RESULT, learner_file
from holdfast.results.storage import read_json, read_result, write_json
from holdfast.runs.config import RunConfig

__all__ = [
    "check_writable",
    "contents",
    "finished",
    "outdated",
    "read_json",
    "read_result",
    "run_folder",
    "write_json",
]


def run_folder(out: Path, config: RunConfig) -> Path:
    """Where a run's result lies."""
    return out / config.hash


def finished(out: Path, config: RunConfig, keep: bool = False) -> bool:
    """Tell whether a run is finished.

    Args:
        out: The folder of all runs.
        config: The settings of the run.
        keep: Whether the learner after the last task must have been kept, too.

    Returns:
        Whether the result is there and whole. A damaged one counts as not finished, so that the run
        is trained again.
    """
    folder = run_folder(out, config)
    try:
        result = read_result(folder / RESULT)
    except HoldfastError:
        return False
    if result.hash != config.hash:
        return False
    return not keep or learner_file(folder, len(result.matrix.tasks)).exists()


def outdated(out: Path, config: RunConfig, data_dir: str | None) -> bool:
    """Tell whether a finished run was trained on other files than its data sets have now.

    Args:
        out: The folder of all runs.
        config: The settings of the run.
        data_dir: The folder of data sets.

    Raises:
        HoldfastError: The result is not there or damaged.
    """
    digests = read_result(run_folder(out, config) / RESULT).data_digests
    # Results of early versions have no digests, so nothing is known about their data.
    return digests is not None and digests != contents(config, data_dir)


def contents(config: RunConfig, data_dir: str | None) -> dict[str, str]:
    """Data set → digest of its files, for the data sets of a run that lie in the data folder."""
    found = {name: _content(name, data_dir) for name in sorted(config.data.sets)}
    return {name: digest for name, digest in found.items() if digest is not None}


@cache
def _content(name: str, data_dir: str | None) -> str | None:
    from holdfast.streams.sources import content_of

    return content_of(name, data_dir)


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
