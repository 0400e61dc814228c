"""What a reader of an evaluation tool's files returns, and what the user may ask of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Wanted:
    """What the user asks of a reader. Empty fields leave the choice to the reader.

    Attributes:
        format: Name of the format, such as "lm-eval" (`--format`). Empty: recognised by content.
        metric: The metric of the log, or the column of a table, that is the score (`--metric`).
        filter: The filter of lm-evaluation-harness whose rows count (`--filter`).
        model: The model, if the log holds several (`--model-name`).
        prompt: The prompt, if the log holds several (`--prompt`).
        segment: A field of each record that names its segment, such as "doc.subject" (`--segment`).
        cluster: The same for its cluster (`--cluster`).
        identifier: The column of a table that names the example (`--id`).
        columns: Further columns that the policy needs, such as "latency_ms" for a rule on costs.
        any_score: Whether scores may be outside [0, 1], because the policy declares their range or
            direction.
        weighted: Whether a column of weights is used.
        repeats: Whether an example may occur several times, so that its scores are averaged.
    """

    format: str = ""
    metric: str = ""
    filter: str = ""
    model: str = ""
    prompt: str = ""
    segment: str = ""
    cluster: str = ""
    identifier: str = ""
    columns: frozenset[str] = frozenset()
    any_score: bool = False
    weighted: bool = False
    repeats: bool = False


NOTHING_WANTED = Wanted()  # every choice is left to the reader


@dataclass(frozen=True)
class Scale:
    """What the scores of a task mean.

    Attributes:
        metric: Name of the metric.
        low: Smallest possible score, or None if there is none.
        high: Largest possible score, or None if there is none.
        higher_is_better: Whether a larger score is a better one.
    """

    metric: str
    low: float | None = 0.0
    high: float | None = 1.0
    higher_is_better: bool = True


@dataclass(frozen=True)
class Log:
    """What a reader found in the files of an evaluation tool.

    Attributes:
        columns: The columns of a table by name, each with one value per row. Results with one row
            per example have `task`, `example_id` and `score`, aggregated ones `task`, `score` and
            `examples`. Further columns: `sd`, `segment`, `cluster`, `label`, `prediction`; `repeat`
            (the number of an epoch or rerun, if examples occur several times); `input` (the text
            of the example, which is only shown if the user asks for it); `latency_ms`, `tokens`
            and `price` (costs per example).
        facts: By task, what must be equal on both sides, so that the scores are comparable: the
            name of the fact ("prompt", "task version", "few-shot", "chat template") and its value.
        unscored: By task and reason, the number of rows that have no score, such as those of a
            provider that failed. They are left out of `columns` and never count as 0.
        notes: Full sentences about what was ignored or chosen.
        scales: By task, what its scores mean. A task without an entry has scores in [0, 1], of
            which larger ones are better.
    """

    columns: Mapping[str, Sequence[object]]
    facts: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    unscored: Mapping[tuple[str, str], int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    scales: Mapping[str, Scale] = field(default_factory=dict)
