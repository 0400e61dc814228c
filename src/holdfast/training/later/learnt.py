"""What `learner.learn` gives back: the new row of the matrix, and what was not learnt."""

import math
from dataclasses import dataclass, field

from holdfast.metrics import AccuracyMatrix, summary
from holdfast.streams.types import Label
from holdfast.text import html_table, shown
from holdfast.training.run import Run, number

MOST_NAMED = 10  # labels in a line


@dataclass(repr=False)
class Learnt:
    """New tasks that a learner has learnt.

    Attributes:
        tasks: Their names.
        new_labels: Labels with new outputs: those that no task had before, and in the task scenario
            all.
        returned: Labels that earlier tasks had. They keep their outputs.
        run: The matrix of all tasks so far, the cost, and what was not learnt.
        notes: What the user should know, in whole sentences.
        score: What the scores are, such as "accuracy".

    Example:
        >>> from holdfast.models import mlp
        >>> from holdfast.streams import digits, split
        >>> from holdfast.training import Learner
        >>> stream = split(digits(), 5, "class")
        >>> learner = Learner(mlp(stream.shape, "growing", seed=0), "ER(200)", scenario="class")
        >>> learner.learn(stream[0]).new_labels, learner.learn(stream[1]).tasks
        ([0, 1], ('2+3',))
    """

    tasks: tuple[str, ...]
    new_labels: list[Label]
    returned: list[Label]
    run: Run
    notes: list[str] = field(default_factory=list)
    score: str = "accuracy"

    @property
    def matrix(self) -> AccuracyMatrix:
        """The accuracy matrix of all tasks so far."""
        return self.run.matrix

    @property
    def warning(self) -> str:
        """Which of the new tasks were not learnt, and the likely causes; "" if all were."""
        return self.run.warning

    def __repr__(self) -> str:
        lines = [f"Learnt {', '.join(shown(name) for name in self.tasks)}: {self._labels()}"]
        lines.append(repr(self.matrix))
        return "\n".join([*lines, *(f"{name}: {value}" for name, value in self.facts())])

    def _repr_html_(self) -> str:
        facts = html_table([], [[name, value] for name, value in self.facts()])
        return self.matrix._repr_html_() + facts

    def _labels(self) -> str:
        """Say which labels are new, and which came back."""
        parts = []
        if self.new_labels:
            parts.append(f"new labels {_listed(self.new_labels)}")
        if self.returned:
            parts.append(f"known labels {_listed(self.returned)}")
        return ", ".join(parts) or "labels of its own"

    def facts(self) -> list[tuple[str, str]]:
        """The main numbers by name; first what was not learnt, and last the notes."""
        facts = []
        if self.warning:
            facts.append(("WARNING", self.warning))
        values = summary(self.matrix)
        for name in ("ACC", "BWT"):
            value = number(values[name], self.matrix.score_range)
            if math.isnan(values[name]):
                value = self._why_unknown(name)
            facts.append((name, value))
        return [*facts, *(("note", note) for note in self.notes)]

    def _why_unknown(self, name: str) -> str:
        """Say why a number of the matrix is not known."""
        matrix = self.matrix
        # Backward transfer compares with an earlier time, which a first task does not have.
        if len(matrix.tasks) == 1:
            return "not known before the second task"
        last = matrix.tasks[-1]
        lost = [str(t) for t in matrix.tasks if math.isnan(matrix.score(t, after=last))]
        if lost:
            return f"unknown, because the test examples of {', '.join(lost)} are not at hand"
        return "unknown, because a task was not scored just after its training"


def _listed(labels: list[Label]) -> str:
    """Write labels, cut if there are many."""
    listed = ", ".join(shown(str(label)) for label in labels[:MOST_NAMED])
    if len(labels) > MOST_NAMED:
        return f"{listed} and {len(labels) - MOST_NAMED} more"
    return listed
