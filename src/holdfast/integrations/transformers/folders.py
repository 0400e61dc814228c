"""The folders of a Trainer that trains several tasks, and which checkpoint a run resumes from."""

import json
from collections.abc import Sequence
from pathlib import Path

from transformers.trainer import SCHEDULER_NAME, TRAINER_STATE_NAME
from transformers.trainer_utils import PREFIX_CHECKPOINT_DIR

from holdfast.errors import HoldfastError
from holdfast.integrations.transformers.stages import STATE
from holdfast.streams.task import Task


def of_task(base: Path, task: Task) -> Path:
    """Return the folder for the checkpoints of a task.

    Args:
        base: The `output_dir` of the Trainer.
        task: The task.

    Example:
        >>> from holdfast.streams import digits, split
        >>> of_task(Path("out"), split(digits(), 5, "class")[1]).as_posix()
        'out/task-02'
    """
    # By its number, because the name of a task may hold any characters.
    return base / f"task-{task.index + 1:02d}"


def checkpoint_of(
    wanted: str | Path | bool | None, base: Path, tasks: Sequence[Task]
) -> Path | None:
    """Return the checkpoint folder that a run resumes from.

    Args:
        wanted: A folder, or True for the newest below `base`. None and False: from the start.
        base: The `output_dir` of the Trainer.
        tasks: The tasks, in order.

    Returns:
        The folder, or None if nothing is to be resumed.

    Raises:
        HoldfastError: There is no whole checkpoint.
    """
    if wanted is None or wanted is False:
        return None
    if wanted is True:
        for task in reversed(tasks):
            # A kill can leave a folder without its last files, and then the one before is taken.
            whole = [folder for folder in _numbered(of_task(base, task)) if _is_whole(folder)]
            if whole:
                return whole[-1]
        raise HoldfastError(
            f"there is no checkpoint to resume from below {base}; train from the start, or name "
            "the output_dir of the run"
        )
    folder = Path(wanted)
    if not _is_whole(folder):
        raise HoldfastError(
            f"{folder} is no whole checkpoint of a ContinualTrainer, which has {STATE}, "
            f"{SCHEDULER_NAME} (unless save_only_model=True) and {TRAINER_STATE_NAME}; pass a "
            f"folder such as {of_task(base, tasks[0])}/checkpoint-500"
        )
    return folder


def _numbered(folder: Path) -> list[Path]:
    """Return the checkpoint folders of a task by their steps."""
    found = {}
    for path in folder.glob(f"{PREFIX_CHECKPOINT_DIR}-*"):
        step = path.name.removeprefix(f"{PREFIX_CHECKPOINT_DIR}-")
        if step.isdigit():
            found[int(step)] = path
    return [found[step] for step in sorted(found)]


def _is_whole(folder: Path) -> bool:
    """Whether a folder has the first and the last file of a checkpoint, and can be resumed."""
    try:
        json.loads((folder / TRAINER_STATE_NAME).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    # Without the schedule the learning rate would begin anew in the middle of a task.
    return (folder / STATE).is_file() and (folder / SCHEDULER_NAME).is_file()
