"""Names of the files that a run leaves in its folder, and the version of their format."""

from pathlib import Path
from typing import Final

FORMAT: Final = 1  # version of result.json
# The first file of a run is its settings, the last its result, so each stage can be told by a name.
RESULT = "result.json"
SETTINGS = "config.json"  # of a run that is not finished; a finished one has them in its result
EXAMPLES = "examples.json"  # scores of single test examples, if they were asked for
FINDINGS = "diagnostics.json"
FINDINGS_PAGE = "diagnostics.html"
FINDINGS_FIGURES = "diagnostics"  # a folder
# Two checkpoints are kept, so that one may be damaged. Both are removed when the run has a result.
CHECKPOINT = "checkpoint.safetensors"
CHECKPOINT_BEFORE = "checkpoint.before.safetensors"


def learner_file(folder: Path, tasks: int) -> Path:
    """Name the file that keeps the learner as it was after some tasks.

    Args:
        folder: The folder of the run.
        tasks: How many tasks the learner had learnt.

    Returns:
        The path, whether the file exists or not.

    Example:
        >>> learner_file(Path("run"), 2).name
        'after-2.safetensors'
    """
    # Tasks are counted from 1 here, so that 0 is left for the untrained learner, which has no file.
    return folder / f"after-{tasks}.safetensors"
