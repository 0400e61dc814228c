"""The score of each test example after the last task, as the folder of a run keeps it."""

import json
from pathlib import Path

from pydantic import BaseModel

from holdfast.errors import HoldfastError, reading
from holdfast.results.file_names import EXAMPLES


class TestScores(BaseModel):
    """The test examples of one task, in the order of the test set.

    Args:
        scores: The score of each example. Empty if only the whole set has a score.
        labels: The right answer to each example, for classification.
    """

    # pytest would take a class of this name for one with tests.
    __test__ = False

    scores: list[float]
    labels: list[str] = []


def read_examples(folder: Path) -> dict[str, TestScores]:
    """Read the scores of all test examples.

    Args:
        folder: The folder of a run.

    Returns:
        The scores by task, in the order of the tasks.

    Raises:
        HoldfastError: The run did not keep them, or the file is damaged.
    """
    path = folder / EXAMPLES
    # Only runs that were asked to export keep this file.
    if not path.exists():
        raise HoldfastError(
            f"{folder} has no scores of single examples; run it again with --export every-eval-ever"
        )
    with reading(str(path), "the scores of test examples"):
        tasks = json.loads(path.read_text(encoding="utf-8"))["tasks"]
        return {str(task): TestScores.model_validate(values) for task, values in tasks.items()}
