"""Results of promptfoo: the JSON and JSON lines that `promptfoo eval --output FILE` writes.

Files of version 3 (as of promptfoo 0.121) and those of version 2 (as of 0.25) hold their rows at
`results.results`. In JSON lines, each line is one row. Three fields do not mean what their names
suggest:

- `testIdx` shifts if a test is added or repeated, so the variables of a test name its example.
- `error` is also the reason of a failed assertion. Only `failureReason` 2 is an error, and a row
  without it (version 2) has an error if it was not graded.
- `promptIdx` counts pairs of a provider and a prompt.
"""

from collections import Counter
from collections.abc import Collection, Sequence

from holdfast.errors import HoldfastError
from holdfast.gate.formats.json_content import part
from holdfast.gate.formats.json_tables import listed
from holdfast.gate.formats.log import Log, Scale, Wanted
from holdfast.gate.formats.metric_choice import as_number, scale_of
from holdfast.gate.formats.promptfoo_rows import OF_A_LINE, Row, chosen_rows, rows_of
from holdfast.gate.formats.record_fields import groups_of, plain_text
from holdfast.gate.formats.rows import Rows
from holdfast.gate.formats.source import Source
from holdfast.text import shown

USUAL = "score"  # the metric if the user chooses none: the weighted mean of a test's assertions
SUCCESS = "success"
FAILED = 2  # the value of failureReason if the provider or an assertion had an error


def recognises(source: Source) -> bool:
    """Whether a file was written by promptfoo."""
    if not source.path.is_file():
        return False
    results = part(source.object, "results")
    # Other tools nest results too, so a field that promptfoo adds must be there as well.
    if isinstance(results.get("results"), list):
        return "evalId" in source.object or "version" in results or "stats" in results
    return source.first_record.keys() >= OF_A_LINE


def read(source: Source, wanted: Wanted, where: str) -> Log:
    """Read the results of one provider and one prompt.

    Args:
        source: The file.
        wanted: What the user asks for. `model` is the id or the label of a provider, `prompt` the
            label of a prompt or its number, counted from 1, and `metric` the name of a metric of
            assertions, "score" (the default) or "success".
        where: What the source is called in messages.

    Returns:
        The log. Rows of tests that were repeated have a column `repeat`.

    Raises:
        HoldfastError: The file has several providers or prompts and none is chosen, or there is no
            such metric.
        ValueError: A row is not as promptfoo writes it.
    """
    found = chosen_rows(rows_of(source), wanted, where)
    metric = wanted.metric or USUAL
    _refuse_unknown_metric(found, metric, where)
    rows = Rows()
    scored: dict[str, list[Row]] = {}
    scores: dict[str, list[float]] = {}
    for row in found:
        reason = _failure(row)
        score = _score(row, metric)
        if reason or score is None:
            rows.skip(row.task, reason or _no_score(metric))
            continue
        scored.setdefault(row.task, []).append(row)
        scores.setdefault(row.task, []).append(score)
    for task, its_rows in scored.items():
        _add(rows, its_rows, scores[task], wanted)
        rows.measure(task, _scale(metric, scores[task]))
        rows.compare(task, "assertions", _asserted(its_rows))
    return rows.log(where)


def _add(rows: Rows, found: Sequence[Row], scores: Sequence[float], wanted: Wanted) -> None:
    """Add the rows of a task."""
    names = _example_names(found)
    is_repeated = len(set(names)) < len(names)
    seen: Counter[str] = Counter()
    # Repeats have no number in the file, so the order of their rows gives them one.
    for row, name, score in zip(found, names, scores, strict=True):
        values: dict[str, object] = {"task": row.task, "example_id": name, "score": score}
        seen[name] += 1
        # Whoever repeats no test needs no column for it.
        if is_repeated:
            values["repeat"] = seen[name]
        record = row.record
        values["input"] = plain_text(part(record, "prompt").get("raw"))
        values["latency_ms"] = record.get("latencyMs")
        values["tokens"] = part(record, "tokenUsage").get("total")
        values["price"] = record.get("cost")
        # The fields that people name come first, because a message lists only the first few.
        fields = {name: part(record, name) for name in ("vars", "testCase", "metadata")}
        rows.add({**values, **groups_of({**fields, **record}, wanted, row.name)})


def _example_names(found: Sequence[Row]) -> list[str]:
    """Name the example of each row: by its variables, and by its assertions if these are needed."""
    asserted: dict[str, set[str]] = {}
    for row in found:
        asserted.setdefault(row.variables, set()).add(row.asserted)
    names = []
    for row in found:
        name = row.variables
        # Two tests may have equal variables and check different things.
        if len(asserted[name]) > 1:
            name = f"{name}-{row.asserted}"
        names.append(name)
    return names


# ---- the score


def _failure(row: Row) -> str:
    """Say why a row has no score, or return "" if it has one."""
    record = row.record
    # The field `error` alone does not tell, because failed assertions have it too.
    failed = record.get("failureReason") == FAILED
    if "failureReason" not in record and record.get("error"):
        failed = not part(record, "gradingResult")
    if failed:
        return "the provider or an assertion had an error"
    return ""


def _score(row: Row, metric: str) -> float | None:
    """Return the score of a row, or None if it has none."""
    value = part(row.record, "namedScores").get(metric)
    # Every row has these two, even if the metric of an assertion has the same name.
    if metric in (USUAL, SUCCESS):
        value = row.record.get(metric)
    try:
        return as_number(value)
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{row.name}: {metric}: {error}") from None


def _no_score(metric: str) -> str:
    """Say that a row has no score of a metric."""
    if metric == USUAL:
        return "no score"
    return f"no score of {shown(metric)}"


def _refuse_unknown_metric(found: Sequence[Row], metric: str, where: str) -> None:
    """Stop if no row has a score of the metric."""
    # A metric of assertions is known if any test has it, because not all need to.
    known = dict.fromkeys([USUAL, SUCCESS])
    for row in found:
        known.update(dict.fromkeys(part(row.record, "namedScores")))
    if metric not in known:
        raise HoldfastError(
            f"{where} has no metric {shown(metric)!r}; it has: {listed(list(known))}"
        )


def _scale(metric: str, scores: Collection[float]) -> Scale:
    """Say what the scores of a task mean. Those of promptfoo's own assertions lie in [0, 1]."""
    if all(0 <= score <= 1 for score in scores):
        return Scale(metric)
    return scale_of(metric, scores)


def _asserted(found: Sequence[Row]) -> str:
    """Say what the tests of a task check, as far as it is the same for all of them."""
    # Assertions of single tests differ from test to test, and so they say nothing here.
    common = set.intersection(*(set(row.assertions) for row in found))
    kinds = sorted({kind for row in found for kind in row.kinds})
    if not common:
        return ", ".join(kinds)
    return f"{', '.join(kinds)}; in every test {', '.join(sorted(common))}"
