"""What a run gives back: its accuracy matrix, its cost, and what was not learnt."""

from dataclasses import dataclass, field

from holdfast.metrics import (
    AccuracyMatrix,
    Curves,
    TokenLosses,
    Unlearnt,
    summary,
    unlearnt_sentence,
)
from holdfast.text import html_table
from holdfast.training.causes import Learning, likely_causes
from holdfast.training.cost import CostOfRun


@dataclass(repr=False)
class Run:
    """The results of a run.

    Attributes:
        matrix: The score of every task after every task, on test examples.
        cost: Seconds, parameters and bytes.
        curves: Scores during training, if they were asked for.
        outputs_exist: Whether every task's outputs exist before it is trained. If not, forward
            transfer is NaN.
        validation: The matrix on validation examples, if the stream has them.
        zero_shot: With curves, the score of each task before its first step.
        unlearnt: The tasks whose score just after their training is near that of guessing.
            Backward transfer and forgetting say nothing about them.
        learning: What is known of the training of the first of them, or None if all were learnt.
        tracks: The token losses of the texts that were followed, by the name of the track.
    """

    matrix: AccuracyMatrix
    cost: CostOfRun
    curves: Curves | None = None
    outputs_exist: bool = True
    validation: AccuracyMatrix | None = None
    zero_shot: list[float] = field(default_factory=list)
    unlearnt: tuple[Unlearnt, ...] = ()
    learning: Learning | None = None
    tracks: dict[str, TokenLosses] = field(default_factory=dict)

    def __repr__(self) -> str:
        lines = [repr(self.matrix), *(f"{name}: {value}" for name, value in self._facts())]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        # The matrix, and below it what is known of the whole.
        facts = html_table([], [[name, value] for name, value in self._facts()])
        return self.matrix._repr_html_() + facts

    def _facts(self) -> list[tuple[str, str]]:
        """Write the main numbers of the run; first, whether there was anything to forget."""
        facts = []
        if self.warning:
            facts.append(("WARNING", self.warning))
        values = summary(self.matrix)
        unit = self.matrix.score_range
        facts += [(name, number(values[name], unit)) for name in ("ACC", "BWT")]
        for name, track in self.tracks.items():
            last = track.points[-1]
            if last is not None:
                facts.append((f"rise of the token loss on {name}", f"{track.rise(last):.3f} nats"))
        return [*facts, ("time", f"{sum(self.cost['seconds'].values()):.1f} s")]

    @property
    def causes(self) -> list[str]:
        """Why tasks were probably not learnt and what to change, the likeliest cause first."""
        if self.learning is None:
            return []
        return likely_causes(self.learning)

    @property
    def warning(self) -> str:
        """Which tasks were not learnt, and the likely causes; "" if all were learnt."""
        if not self.unlearnt:
            return ""
        sentences = [unlearnt_sentence(self.unlearnt, len(self.matrix.tasks))]
        sentences += [f"likely cause: {cause}" for cause in self.causes]
        return ". ".join([*sentences, "Backward transfer says nothing about such tasks"])


def number(value: float, score_range: tuple[float, float]) -> str:
    """Write a score or a change of one, in points if scores are accuracies."""
    if score_range == (0.0, 1.0):
        return f"{100 * value:.1f} points"
    return f"{value:.4g}"
