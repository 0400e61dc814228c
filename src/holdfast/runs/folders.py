"""Where the results of runs lie, and whether they are finished."""

from functools import cache
from pathlib import Path

from holdfast.errors import HoldfastError
from holdfast.files import make_folder
from holdfast.results.file_names import EXAMPLES, RESULT, learner_file
from holdfast.results.storage import read_result
from holdfast.runs.config import RunConfig


def run_folder(out: Path, config: RunConfig) -> Path:
    """Give the folder of a run.

    Args:
        out: The folder of all runs.
        config: The settings of the run, whose hash names its folder.

    Example:
        >>> run_folder(Path("runs"), RunConfig()).name
        'ca444e2c4b7c5d13'
    """
    return out / config.hash


def finished(out: Path, config: RunConfig, keep: bool = False, examples: bool = False) -> bool:
    """Tell whether a run is finished.

    Args:
        out: The folder of all runs.
        config: The settings of the run.
        keep: Whether the learner after the last task must have been kept, too.
        examples: Whether the scores of single test examples must have been kept, too.

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
    if examples and not (folder / EXAMPLES).exists():
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
    """Compute a digest of the files of each data set of a run.

    Args:
        config: The settings of the run.
        data_dir: The folder of data sets. None: that of the environment.

    Returns:
        The digests by name, without data sets that have no files there.
    """
    digests: dict[str, str] = {}
    for name in sorted(config.data.sets):
        # Only the data sets of the hub are in the data folder.
        if name in config.data.content:
            digest = _own_content(name)
        else:
            digest = _content(name, data_dir)
        if digest is not None:
            digests[name] = digest
    return digests


def _own_content(name: str) -> str | None:
    """The digest of the user's own data, or None if they are not there."""
    from holdfast.streams.own_data.digests import digest_of

    path = Path(name).expanduser()
    if not path.exists():
        return None
    return digest_of(path)


# The runs of a suite share data sets, whose files take seconds to read.
@cache
def _content(name: str, data_dir: str | None) -> str | None:
    """The digest of the files of one data set, read once per process."""
    # PyTorch is loaded here, and not by commands that only ask whether a run is finished.
    from holdfast.streams.sources import content_of

    return content_of(name, data_dir)


def check_writable(out: Path) -> None:
    """Raise an error before the first run if results could not be kept.

    Args:
        out: The folder for results. It is made if it does not exist.

    Raises:
        HoldfastError: The folder cannot be made, or no file can be written into it.
    """
    try:
        make_folder(out)
    except HoldfastError as error:
        raise HoldfastError(f"{error}; choose another output folder with --out") from None
