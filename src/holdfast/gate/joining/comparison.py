"""What the gate judges: the scores of both sides, by task, by segment and by class."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from holdfast.gate.measures import Measure, Score
from holdfast.metrics.releases import Standing

SCORE: Measure = Score()
Key = tuple[str, str]  # task and segment, or task and class; an empty segment is the whole task


@dataclass(frozen=True)
class Pair:
    """Scores of both sides on the same examples.

    Args:
        champion: Scores of the champion in [0, 1], shape (N,).
        candidate: Scores of the candidate on the same examples in the same order, shape (N,).
        cluster: What each example belongs to (equal entries belong together), shape (N,). None if
            the champion's results name no clusters.
        rows: Positions of the examples in `Comparison.ids`, shape (N,). None if they are unknown.
        measure: What the scores are.
        values: The values of the measure, champion's first. None: the means of the scores.
        span: The largest possible difference between two scores. None stands for scores in [0, 1].
        untestable: Why the measure has no value, or "" if it has one.
        candidate_at_fault: Whether only the candidate's answers are the reason.
    """

    champion: np.ndarray  # (N,)
    candidate: np.ndarray  # (N,)
    cluster: np.ndarray | None = None  # (N,)
    rows: np.ndarray | None = None  # (N,)
    measure: Measure = SCORE
    values: tuple[float, float] | None = None
    span: float | None = None
    untestable: str = ""
    candidate_at_fault: bool = False

    @property
    def means(self) -> tuple[float, float]:
        """Value of the measure for the champion and for the candidate."""
        if self.values is not None:
            return self.values
        return float(self.champion.mean()), float(self.candidate.mean())

    @property
    def examples(self) -> int:
        """Number of examples."""
        return len(self.champion)


@dataclass(frozen=True)
class Mean:
    """The mean score of one side.

    Args:
        score: The mean score, in [0, 1].
        sd: The standard deviation of the scores, or None if it is unknown.
        examples: The number of examples, or 0 if it is unknown.
    """

    score: float
    sd: float | None
    examples: int

    @property
    def share(self) -> bool:
        """Whether the score can be a share of right answers, at the digits that are shown.

        >>> Mean(0.9125, None, 1234).share, Mean(0.9123, None, 1234).share
        (True, False)
        """
        digits = len(repr(self.score).partition(".")[2])
        nearest = round(self.score * self.examples) / max(self.examples, 1)
        return abs(round(nearest, digits) - self.score) < 1e-12


@dataclass(frozen=True)
class Summary:
    """Aggregated scores of both sides."""

    champion: Mean
    candidate: Mean

    @property
    def means(self) -> tuple[float, float]:
        """Mean score of the champion and of the candidate."""
        return self.champion.score, self.candidate.score

    @property
    def examples(self) -> int:
        """Number of examples of the side that has fewer, or 0 if it is unknown."""
        return min(self.champion.examples, self.candidate.examples)


@dataclass(frozen=True)
class Comparison:
    """Results of two models, joined on the example.

    Args:
        tasks: Scores of the tasks that both sides were tested on.
        segments: Scores of the segments that the champion's results name.
        classes: By task and true label, the scores of the examples with this label, whatever the
            scores are. The mean score of a class is its recall if all scores are 0 or 1. Empty if
            the champion's results have no `label` column. A task with very many labels is left out.
        shares: The share of its task's examples that each of `segments` has, counted on the
            champion's side for aggregated results. It is 1 if the numbers are unknown, so that a
            rule for small segments never leaves out a segment of unknown size.
        class_shares: The same for each of `classes`.
        only_champion: Mean scores of tasks and segments that the candidate was not tested on.
        only_candidate: Mean score and number of examples of the candidate's new tasks.
        unmatched: By task, the number of examples that only one side was tested on.
        thinned: Tasks in which the candidate lacks examples that the champion was tested on.
        notes: Full sentences about what was ignored or looks wrong.
        areas: By task, the area under the ROC curve of champion and candidate.
        standings: ACC, BWT and forgetting of both models over their tasks, if they are known.
        names: Where the results of champion and candidate came from.
        strangers: By task of `unmatched`, an example id that only the champion has and one that
            only the candidate has, each empty if there is none. Aggregated results have no ids.
        only_champion_classes: By task of both sides and true label, the champion's mean score of
            the classes that have no example in common.
        widened: Tasks in which the candidate's standard deviation is so much larger than the
            champion's that an inconclusive test may be due to it alone.
        unknown_counts: By task of `unmatched`, how many examples each side has, in words, if
            aggregated results of one side do not say it.
        measures: By task, what its scores are. A task without an entry has the column `score`.
        ids: The ids of the common examples, to which `Pair.rows` points; None for aggregates.
        inputs: The texts of the same examples, if the results carry them.
        costs: By column of costs, its values for the common examples of all tasks.
        unscored: By task, which rows of both sides have no score and why, in words.
    """

    tasks: dict[str, Pair | Summary]
    segments: dict[Key, Pair | Summary]
    classes: dict[Key, Pair]
    shares: dict[Key, float]
    class_shares: dict[Key, float]
    only_champion: dict[Key, float]
    only_candidate: dict[str, tuple[float, int]]
    unmatched: dict[str, int]
    thinned: frozenset[str]
    notes: tuple[str, ...]
    areas: dict[str, tuple[float, float]]
    standings: tuple[Standing | None, Standing | None] = (None, None)
    names: tuple[str, str] = ("champion", "candidate")
    strangers: dict[str, tuple[str, str]] = field(default_factory=dict)
    only_champion_classes: dict[Key, float] = field(default_factory=dict)
    widened: frozenset[str] = frozenset()
    unknown_counts: dict[str, tuple[str, str]] = field(default_factory=dict)
    measures: Mapping[str, Measure] = field(default_factory=dict)
    ids: np.ndarray | None = None
    inputs: np.ndarray | None = None
    costs: Mapping[str, Pair] = field(default_factory=dict)
    unscored: Mapping[str, str] = field(default_factory=dict)

    @property
    def all(self) -> dict[Key, Pair | Summary]:
        """Tasks and segments, without classes."""
        whole_tasks = {(task, ""): scores for task, scores in self.tasks.items()}
        return whole_tasks | self.segments
