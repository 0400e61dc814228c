"""From a table of a tool to a log: which column is the score, and which one names the example."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from holdfast.errors import HoldfastError
from holdfast.gate.formats.digests import digest_of
from holdfast.gate.formats.json_content import kind_of
from holdfast.gate.formats.json_tables import Column, JsonTable, listed
from holdfast.gate.formats.log import Log, Scale, Wanted
from holdfast.gate.formats.metric_choice import as_number, scale_of
from holdfast.gate.formats.record_fields import MISSING, field_of, groups_of, plain_text
from holdfast.gate.formats.rows import Rows
from holdfast.text import shown

ONE_TASK = "all"  # the task of a table without a column `task`
IDENTIFIERS = ("example_id", "id")  # columns that name the example if the user names none
NO_SCORE = "no score"
# Columns by which a table says itself what is right and what the model has answered.
LABELS = ("y_true", "label")
ANSWERS = ("y_pred", "prediction", "y_score", "probability")


def _never(row: int, column: str) -> str:
    """Say of every row that nothing failed."""
    return ""


@dataclass(frozen=True)
class Layout:
    """What the columns of a tool's tables mean.

    Attributes:
        metrics: The columns that hold scores, by the name of the metric. Several names may stand
            for one column, of which the first is shown.
        identifiers: The columns that name the example. The first without gaps counts.
        costs: Columns of costs, by the name that the gate uses, such as "latency_ms".
        failed: Says why the score in a row and column does not count, or "" if it does.
        words: Texts that stand for a score, such as "yes". None stands for a missing score.
    """

    metrics: Mapping[str, str] = field(default_factory=dict)
    identifiers: Sequence[str] = IDENTIFIERS
    costs: Mapping[str, Column] = field(default_factory=dict)
    failed: Callable[[int, str], str] = _never
    words: Mapping[str, float | None] = field(default_factory=dict)


def log_of(table: JsonTable, layout: Layout, wanted: Wanted, where: str) -> Log:
    """Turn a table into a log.

    Columns with the names of an ordinary table (`task`, `label`, `prediction`, `proba_...`,
    `weight` and others) keep their meaning.

    Args:
        table: The table.
        layout: What its columns mean.
        wanted: What the user asks for.
        where: What the source is called in messages.

    Returns:
        The log.

    Raises:
        HoldfastError: The metric, the example, the segment or the cluster is not clear, or no row
            has a score.
        ValueError: A score is no number.
    """
    metric, column = _score_column(table, layout, wanted, where)
    identifier = _identifier(table, layout, wanted, where)
    rows = Rows()
    scores: dict[str, list[object]] = {}
    for row in range(table.count):
        values = _row_of(table, layout, row, identifier, wanted)
        # Without a column of scores, the rows are scored later, from the answers in them.
        if column:
            score = _score(table, layout, row, column)
            reason = layout.failed(row, column)
            # What failed says more than that there is no score, so it is not replaced.
            if score is None:
                reason = reason or NO_SCORE
            if reason:
                rows.skip(str(values["task"]), reason)
                continue
            values["score"] = score
            scores.setdefault(str(values["task"]), []).append(table.columns[column][row])
        rows.add(values)
    for task, originals in scores.items():
        rows.measure(task, _scale(metric, originals))
    return rows.log(where)


def _row_of(
    table: JsonTable, layout: Layout, row: int, identifier: str, wanted: Wanted
) -> dict[str, object]:
    """Return the values of a row by the names of the gate, without its score."""
    record = table.record(row)
    name = f"row {row + 1} of {table.name}"
    example = field_of(record, identifier)
    if example is MISSING:
        raise HoldfastError(
            f"{name} has no field {identifier!r} for the example; the columns are: "
            f"{listed(list(table.columns))}"
        )
    task = record.get("task", ONE_TASK)
    if task is None or isinstance(task, dict | list):
        raise ValueError(f"the task in {name} is {kind_of(task)}, but it must be text")
    # Objects and lists, such as the whole answer of a model, are neither labels nor numbers.
    plain = {key: value for key, value in record.items() if not isinstance(value, dict | list)}
    values = {**plain, "task": task, "example_id": as_identifier(example)}
    values["input"] = plain_text(record.get("input")) or _text_of(example)
    for cost, column in layout.costs.items():
        values[cost] = column[row]
    return {**values, **groups_of(record, wanted, name)}


def _text_of(example: object) -> str:
    """Return the text of an example that names itself, such as the request to a model."""
    # The only field of a request, such as a question, is the text that people look for.
    if isinstance(example, dict) and len(example) == 1:
        return plain_text(next(iter(example.values())))
    if isinstance(example, dict | list):
        return plain_text(example)
    return ""


def _identifier(table: JsonTable, layout: Layout, wanted: Wanted, where: str) -> str:
    """Return the column that names the examples."""
    if wanted.identifier:
        return wanted.identifier
    # A name that some rows lack could not match them with those of the other side.
    for name in layout.identifiers:
        if name in table.columns and all(value is not None for value in table.columns[name]):
            return name
    raise HoldfastError(
        f"{where} has no column that names the examples ({', '.join(layout.identifiers)}); "
        f"name one with --id, the columns are: {listed(list(table.columns))}"
    )


def as_identifier(value: object) -> object:
    """Return what names an example: a text or number itself, or the digest of anything else.

    Args:
        value: The value, such as the inputs of a model as an object.

    Example:
        >>> as_identifier(7), as_identifier({"b": 1, "a": 2}) == as_identifier({"a": 2, "b": 1})
        (7, True)
    """
    if isinstance(value, dict | list):
        return digest_of(value)
    return value


# ---- the score


def _score_column(table: JsonTable, layout: Layout, wanted: Wanted, where: str) -> tuple[str, str]:
    """Return the name of the metric and its column, both empty if answers replace a score."""
    metrics = dict(layout.metrics)
    if "score" in table.columns:
        metrics.setdefault("score", "score")
    if wanted.metric in metrics:
        return wanted.metric, metrics[wanted.metric]
    if wanted.metric in table.columns:
        return wanted.metric, wanted.metric
    columns = list(dict.fromkeys(metrics.values()))
    # A metric such as F1 is computed from the answers, so it need not be a column.
    if _has_answers(table) and (wanted.metric or not columns):
        return "", ""
    if wanted.metric:
        raise HoldfastError(
            f"{where} has no metric and no column {shown(wanted.metric)!r}; "
            f"{_choices(table, metrics)}"
        )
    if len(columns) == 1:
        return next(iter(metrics)), columns[0]
    raise HoldfastError(
        f"{where} does not say which column is the score; choose one with --metric, "
        f"{_choices(table, metrics)}"
    )


def _has_answers(table: JsonTable) -> bool:
    """Whether a table has the right answers and those of the model under their usual names."""
    answers = [name for name in table.columns if name in ANSWERS or name.startswith("proba_")]
    return bool(answers) and any(name in table.columns for name in LABELS)


def _choices(table: JsonTable, metrics: Mapping[str, str]) -> str:
    """List the metrics of a table, or the columns that hold numbers if no metric is known."""
    if not metrics:
        return f"the columns of numbers are: {listed(table.numeric())}"
    # A column with several names is listed under the first one.
    names: dict[str, str] = {}
    for name, column in metrics.items():
        names.setdefault(column, name)
    return f"the metrics are: {listed(list(names.values()))}"


def _score(table: JsonTable, layout: Layout, row: int, column: str) -> float | None:
    """Return the score of a row, or None if it has none."""
    value = table.columns[column][row]
    name = f"{column} in row {row + 1} of {table.name}"
    if not isinstance(value, str):
        try:
            return as_number(value)
        except (ValueError, OverflowError) as error:
            raise ValueError(f"{name}: {error}") from None
    word = value.strip().lower()
    if word not in layout.words:
        raise ValueError(f"{name} is the text {shown(value[:60])!r}, which is no score")
    return layout.words[word]


def _scale(metric: str, originals: Sequence[object]) -> Scale:
    """Say what the scores of a task mean.

    Args:
        metric: Name of the metric.
        originals: The scores as the table has them.
    """
    # True, false and the words for them can be nothing but right and wrong.
    if all(isinstance(value, bool | str) for value in originals):
        return Scale(metric)
    numbers = [float(value) for value in originals if isinstance(value, bool | int | float)]
    # A column called `score` follows the rule of ordinary tables, whose scores lie in [0, 1].
    if metric == "score" and all(0 <= number <= 1 for number in numbers):
        return Scale(metric)
    return scale_of(metric, numbers)
