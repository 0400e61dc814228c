"""Scores that were measured while a run was training."""

import math
from typing import Self

from pydantic import model_validator

from holdfast.results.parts import Count, Number, Part


class TrainingCurves(Part):
    """The score on every task at several steps of a run.

    Args:
        steps: The steps at which the tasks were evaluated, counted over the whole run.
        scores: A row per step with the score on each task. None for tasks that were not evaluated.
        ends: The last step of each task.
        zero_shot: The score on each task before its first step, once its outputs exist. None in
            files of early versions.
    """

    steps: list[Count]
    scores: list[list[Number | None]]
    ends: list[Count]
    zero_shot: list[Number | None] | None = None

    @model_validator(mode="after")
    def _check_lengths(self) -> Self:
        """Raise an error if lists that belong together differ in length, or steps do not rise."""
        # Figures and learning speed walk through these lists side by side.
        if len(self.scores) != len(self.steps):
            raise ValueError("there must be one row of scores for each step")
        # A step that comes twice would make a vertical line, and an area of no width.
        if self.steps != sorted(set(self.steps)) or self.ends != sorted(set(self.ends)):
            raise ValueError("steps and ends must rise")
        if any(len(row) != len(self.ends) for row in self.scores):
            raise ValueError("there must be one score for each task")
        # The list is empty if curves were measured without zero-shot scores.
        if self.zero_shot and len(self.zero_shot) != len(self.ends):
            raise ValueError("zero_shot must have one score for each task")
        return self

    @property
    def zero_shot_scores(self) -> list[float]:
        """The zero-shot score on each task, NaN if it was not measured."""
        scores = self.zero_shot or [None] * len(self.ends)
        return [_number(score) for score in scores]

    def of_task(self, place: int) -> tuple[list[float], list[float]]:
        """Return the learning curve of a task: its scores while it was trained.

        Args:
            place: Position of the task, from 0.

        Returns:
            The steps since the task began, and the score at each, NaN if it was not measured. The
            first one is the zero-shot score, at step 0.

        Example:
            >>> curves = TrainingCurves(steps=[5, 9], scores=[[0.8, None], [0.7, 0.9]], ends=[5, 9],
            ...                 zero_shot=[0.5, 0.4])
            >>> curves.of_task(1)
            ([0.0, 4.0], [0.4, 0.9])
        """
        first = 0
        if place:
            first = self.ends[place - 1]
        steps = [0.0]
        scores = [self.zero_shot_scores[place]]
        for step, row in zip(self.steps, self.scores, strict=True):
            # A task is also evaluated while later ones are trained; that is no learning of it.
            if first < step <= self.ends[place]:
                steps.append(float(step - first))
                scores.append(_number(row[place]))
        return steps, scores


def _number(score: float | None) -> float:
    """Turn a score that was not measured into NaN, which JSON does not have."""
    return math.nan if score is None else score


class BoundaryDetection(Part):
    """How task boundaries were found in a run in which none was announced.

    Args:
        declared: Steps at which the detector declared a boundary.
        true: Steps at which the boundaries really were.
        delays: For each true boundary, after how many steps it was declared. None if it was missed.
        false_alarms: How many declared boundaries belong to no true one.
        online_accuracy: Mean accuracy on each batch before it was trained on.
    """

    declared: list[Count]
    true: list[Count]
    delays: list[Count | None]
    false_alarms: Count
    online_accuracy: Number
