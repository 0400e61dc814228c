"""The scores in the samples of inspect-ai, whose values are letters, numbers, words or objects."""

from holdfast.gate.formats.json_content import Record, as_object, needed, part
from holdfast.gate.formats.log import Wanted
from holdfast.gate.formats.metric_choice import as_number, is_number, scale_of
from holdfast.gate.formats.record_fields import groups_of, plain_text
from holdfast.gate.formats.rows import Rows, single_metric

# Values of `inspect_ai.scorer.value_to_float`. It takes any other text for 0 with a warning, which
# would hide a broken scorer from the gate.
LETTERS = {"C": 1.0, "P": 0.5, "I": 0.0, "N": 0.0}
WORDS = {"yes": 1.0, "true": 1.0, "no": 0.0, "false": 0.0}


def add_scores(
    samples: list[Record], headline: str, task: str, wanted: Wanted, file: str, rows: Rows
) -> None:
    """Add the samples of a task.

    Args:
        samples: The samples, or their summaries.
        headline: The scorer that is taken if the user chooses none; "" for the first.
        task: The task.
        wanted: What the user asks for.
        file: The name of the log, for messages.
        rows: Where they are added.

    Raises:
        HoldfastError: There is no such scorer or field.
        ValueError: A sample is not as inspect-ai writes it.
    """
    values = [_values(sample, file) for sample in samples]
    metric = _scorer(values, headline, task, wanted, rows)
    if not metric:
        return
    scores: list[float] = []
    plain: set[bool] = set()
    for sample, found in zip(samples, values, strict=True):
        name = f"sample {sample.get('id')} of {file}"
        # A sample with an error may still have a score, of an answer that was cut off.
        if sample.get("error"):
            rows.skip(task, "the sample ended in an error")
            continue
        value = found.get(metric)
        score = _as_score(value, f"{metric} of {name}")
        if score is None:
            rows.skip(task, f"{metric} is missing or NaN")
            continue
        scores.append(score)
        plain.add(isinstance(value, str | bool))
        rows.add(_row(sample, score, task, wanted, name))
    scale = scale_of(metric, scores)
    # Letters and words stand for values in [0, 1], whatever the scorer is called.
    if plain == {True}:
        scale = scale_of("accuracy", scores)
    rows.measure(task, type(scale)(metric, scale.low, scale.high))


def _values(sample: Record, file: str) -> dict[str, object]:
    """Return the values of a sample by scorer. A value that is an object has one key per metric."""
    values: dict[str, object] = {}
    for scorer, score in part(sample, "scores").items():
        value = as_object(score, f"a score of {file}").get("value")
        # One scorer may measure several things, each of which can be a metric.
        if isinstance(value, dict):
            for key, inner in value.items():
                values[f"{scorer}.{key}"] = inner
        else:
            values[scorer] = value
    return values


def _scorer(
    values: list[dict[str, object]], headline: str, task: str, wanted: Wanted, rows: Rows
) -> str:
    """Choose the scorer of a task, by default the one that inspect-ai shows first."""
    # inspect-ai shows one scorer first, which is then the default.
    ordered = [{key: found[key] for key in (headline, *found) if key in found} for found in values]
    return single_metric(ordered, task, wanted.metric, rows)


def _as_score(value: object, name: str) -> float | None:
    """Return a value as a number, or None if there is none."""
    if isinstance(value, str):
        if value in LETTERS:
            return LETTERS[value]
        if value.lower() in WORDS:
            return WORDS[value.lower()]
        try:
            # As in inspect-ai itself, the text of a number stands for the number.
            value = float(value)
        except ValueError:
            raise ValueError(
                f"{name} is {value!r}; expected a number, or one of {', '.join(LETTERS)}, "
                f"{', '.join(WORDS)}"
            ) from None
    if value is not None and not is_number(value):
        raise ValueError(f"{name} is no single number")
    return as_number(value)


def _row(sample: Record, score: float, task: str, wanted: Wanted, name: str) -> Record:
    """Make the row of a sample."""
    row: Record = {
        "task": task,
        "example_id": needed(sample, "id", name),
        "repeat": sample.get("epoch", 1),
        "score": score,
        "input": plain_text(sample.get("input")),
        "tokens": _tokens(sample),
        **groups_of(sample, wanted, name),
    }
    # This time leaves out waiting for limits of the provider, unlike total_time.
    seconds = sample.get("working_time")
    if is_number(seconds) and isinstance(seconds, int | float):
        row["latency_ms"] = 1000 * seconds
    return row


def _tokens(sample: Record) -> float | None:
    """Add up the tokens of all models that a sample used."""
    # A sample may use several models, such as one that grades the answer of another.
    total = 0.0
    found = False
    for usage in part(sample, "model_usage").values():
        count = as_object(usage, "model_usage").get("total_tokens")
        if isinstance(count, int | float):
            total += count
            found = True
    if not found:
        return None
    return total
