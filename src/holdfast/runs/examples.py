"""The score of each test example after the last task, which `--export` needs."""

from pathlib import Path
from typing import TYPE_CHECKING

from holdfast.results.examples import TestScores
from holdfast.results.file_names import EXAMPLES
from holdfast.results.storage import write_json

if TYPE_CHECKING:
    from holdfast.streams.task import Stream
    from holdfast.training import Learner


def write_examples(folder: Path, learner: "Learner", stream: "Stream") -> None:
    """Write the scores of all test examples into the folder of a run.

    Args:
        folder: The folder of the run.
        learner: The learner after its last task.
        stream: What it was trained on.

    Raises:
        HoldfastError: The file could not be written.
    """
    tasks = {}
    for task in stream.tasks:
        found = _scores(learner, task.index, stream)
        tasks[task.name] = found.model_dump(mode="json")
    write_json(folder / EXAMPLES, {"tasks": tasks})


def _scores(learner: "Learner", index: int, stream: "Stream") -> TestScores:
    """Score the test examples of one task."""
    from holdfast.training.evaluation import scores
    from holdfast.training.scoring import scores_whole_set

    task = stream.tasks[index]
    # A score of the whole set, such as mean average precision, is none of single examples.
    if scores_whole_set(learner.setup.scorer):
        return TestScores(scores=[])
    values, targets = scores(learner.view, task)
    labels: list[str] = []
    # Targets of other objectives are numbers, or several labels at once.
    if stream.objective == "classification":
        names = _names_of_outputs(task.outputs[0], task.labels)
        labels = [names.get(int(output), str(int(output))) for output in targets.tolist()]
    return TestScores(scores=[float(value) for value in values.tolist()], labels=labels)


def _names_of_outputs(first: int, labels: tuple[object, ...]) -> dict[int, str]:
    """Name the outputs of a task by its labels."""
    return {first + place: str(label) for place, label in enumerate(labels)}
