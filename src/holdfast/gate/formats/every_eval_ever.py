"""Logs in the format of Every Eval Ever, to which Inspect, HELM, lm-eval and others are converted.

A run has an aggregate file `<uuid>.json` and, if it keeps single samples, `<uuid>_samples.jsonl`
beside it. The field names are those of the schemas of `every_eval_ever` 0.3. Each evaluation is a
task. The aggregate file says of its score whether lower is better, and between which values it
lies.
"""

import math
from collections import Counter
from collections.abc import Sequence

from holdfast.errors import HoldfastError
from holdfast.gate.formats.every_eval_ever_files import Run, Sample, read_run
from holdfast.gate.formats.json_content import Record, part
from holdfast.gate.formats.json_tables import listed
from holdfast.gate.formats.log import Log, Scale, Wanted
from holdfast.gate.formats.metric_choice import as_number, chosen, scale_of
from holdfast.gate.formats.record_fields import groups_of, plain_text
from holdfast.gate.formats.rows import Rows
from holdfast.gate.formats.source import Source
from holdfast.gate.names import apart

UNKNOWN = -1.0  # the score of a sample whose level is unknown, if the evaluation has such a level
INFINITE = {"Infinity", "-Infinity"}  # how JSON writes that a score has no bound
ROUNDING = 1e-9  # by which a score may lie outside the range of its metric
HASH = 12  # characters of a sample's hash that become part of its name


def read(source: Source, wanted: Wanted, where: str) -> Log:
    """Read the results of one model.

    Args:
        source: A folder with any number of runs, a file of samples, or an aggregate file.
        wanted: What the user asks for: the model (`model_id`) if there are several, and the metric.
        where: What the source is called in messages.

    Returns:
        The log: single examples if there are samples, otherwise means.

    Raises:
        HoldfastError: There are several models and none is chosen, or a task has no such metric.
        ValueError: A file is not as the schema says.
    """
    run = read_run(source, wanted, where)
    if not run.samples:
        return _means(run, wanted, where)
    rows = Rows()
    for note in run.notes:
        rows.note(note)
    for task, samples in run.samples.items():
        _add_task(rows, task, samples, run, wanted)
    # Means and single examples cannot be judged together.
    alone = [task for task in run.results if task not in run.samples]
    if alone:
        rows.note(
            f"{len(alone)} evaluations were ignored, because their single samples are missing: "
            f"{listed(alone)}."
        )
    return rows.log(where)


def _add_task(rows: Rows, task: str, samples: Sequence[Sample], run: Run, wanted: Wanted) -> None:
    """Add the samples of a task, as scored by one metric."""
    results = run.results.get(task, {})
    metric, of_metric = _of_one_metric(task, samples, results, wanted, rows)
    config = part(results.get(metric, {}), "metric_config")
    scores: list[float] = []
    seen: Counter[str] = Counter()
    names = [_example_name(sample.record) for sample in of_metric]
    # If one example occurs again, every row of the task needs the number of its repeat.
    is_repeated = len(set(names)) < len(names)
    for sample, name in zip(of_metric, names, strict=True):
        reason, score = _score(sample, config)
        seen[name] += 1
        if score is None:
            rows.skip(task, reason)
            continue
        values: dict[str, object] = {"task": task, "example_id": name, "score": score}
        if is_repeated:
            values["repeat"] = seen[name]
        rows.add(
            {**values, **_about(sample.record), **groups_of(sample.record, wanted, sample.name)}
        )
        scores.append(score)
    # If no sample has a score, the task is not judged, and its samples are counted.
    if scores:
        rows.measure(task, _scale(metric or task, config, scores))
    _compare(rows, task, part(results.get(metric, {}), "generation_config"), config)


def _compare(rows: Rows, task: str, generation: Record, config: Record) -> None:
    """Remember what must be equal on both sides."""
    arguments = part(generation, "generation_args")
    rows.compare(task, "prompt", arguments.get("prompt_template"))
    rows.compare(task, "few-shot", part(generation, "additional_details").get("num_fewshot"))
    # A judge that is asked in another way gives other scores to the same answers.
    rows.compare(task, "prompt of the judge", part(config, "llm_scoring").get("input_prompt"))


def _about(record: Record) -> dict[str, object]:
    """Return the text and the costs of a sample."""
    return {
        "input": plain_text(part(record, "input").get("raw")),
        "latency_ms": part(record, "performance").get("latency_ms"),
        "tokens": part(record, "token_usage").get("total_tokens"),
    }


def _example_name(record: Record) -> str:
    """Name the example of a sample: by its id, and by the hash of its content if there is one."""
    identifier = record.get("sample_id")
    if not isinstance(identifier, str | int) or isinstance(identifier, bool):
        raise ValueError(f"expected a sample_id, got {identifier!r}"[:100])
    # A sample whose text was changed is another example, although it keeps its id.
    content = record.get("sample_hash")
    if isinstance(content, str) and content:
        return f"{identifier}:{content[:HASH]}"
    return str(identifier)


# ---- the metric and its scores


def _of_one_metric(
    task: str,
    samples: Sequence[Sample],
    results: dict[str, Record],
    wanted: Wanted,
    rows: Rows,
) -> tuple[str, list[Sample]]:
    """Choose the metric of a task, and the samples that have scores of it."""
    by_metric: dict[str, list[Sample]] = {}
    for sample in samples:
        by_metric.setdefault(sample.metric, []).append(sample)
    # Without the id of a result, samples belong to the only result of the evaluation.
    if list(by_metric) == [""]:
        metrics = list(results)
        if len(metrics) > 1:
            raise HoldfastError(
                f"the samples of {task} do not say by evaluation_result_id which of its metrics "
                f"they are scored by: {listed(metrics)}; convert the log again"
            )
        by_metric = {(metrics or [task])[0]: list(samples)}
    metric = chosen("metric", wanted.metric, list(by_metric), task)
    if len(by_metric) > 1 and not wanted.metric:
        rows.note(
            f"{task} has the metrics {listed(list(by_metric))}. {metric} is judged; choose another "
            "with --metric."
        )
    return metric, by_metric[metric]


def _score(sample: Sample, config: Record) -> tuple[str, float | None]:
    """Return the score of a sample, or the reason why it has none."""
    # The error comes first, because a score beside it may have been filled in.
    if sample.record.get("error"):
        return "the sample had an error", None
    try:
        score = as_number(part(sample.record, "evaluation").get("score"))
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{sample.name}: evaluation.score: {error}") from None
    # Without this flag, -1 is a score like any other.
    if config.get("has_unknown_level") is True and score == UNKNOWN:
        return "its level is unknown", None
    if score is not None and math.isinf(score):
        raise ValueError(f"{sample.name}: evaluation.score is infinite")
    # The converter of lm-eval writes 0 for a perplexity, which has several values per document.
    if score is not None and not _is_possible(score, config):
        return "its score lies outside the range of the metric", None
    return "no score", score


def _is_possible(score: float, config: Record) -> bool:
    """Whether a score lies in the range that the aggregate file gives."""
    low, high = _range(config)
    return (low is None or score >= low - ROUNDING) and (high is None or score <= high + ROUNDING)


def _scale(metric: str, config: Record, scores: Sequence[float]) -> Scale:
    """Say what the scores of a task mean."""
    higher_is_better = config.get("lower_is_better") is not True
    # A binary score needs no bounds in the file.
    if config.get("score_type") == "binary":
        return Scale(metric, 0.0, 1.0, higher_is_better)
    low, high = _range(config)
    if low is None and high is None:
        return scale_of(metric, scores, higher_is_better)
    return Scale(metric, low, high, higher_is_better)


def _range(config: Record) -> tuple[float | None, float | None]:
    """Return the smallest and the largest possible score, as far as they are known."""
    levels = config.get("level_names")
    # A level is counted from 0.
    if config.get("score_type") == "levels" and isinstance(levels, list) and len(levels) > 1:
        return 0.0, len(levels) - 1.0
    low = _bound(config.get("min_score"), "min_score")
    high = _bound(config.get("max_score"), "max_score")
    # Means are divided by the width of the range, so it must not be zero or negative.
    if low is not None and high is not None and low >= high:
        raise ValueError(f"min_score {low:g} is not below max_score {high:g}")
    return low, high


def _bound(value: object, name: str) -> float | None:
    """Read a bound of the scores, which may be infinite or missing."""
    if isinstance(value, str) and value in INFINITE:
        return None
    try:
        bound = as_number(value)
    except (ValueError, OverflowError) as error:
        raise ValueError(f"metric_config.{name}: {error}") from None
    # Python writes an infinite bound without quotes, and reads it back as a float.
    if bound is None or abs(bound) == float("inf"):
        return None
    return bound


# ---- means


def _means(run: Run, wanted: Wanted, where: str) -> Log:
    """Read the means of aggregate files, each brought to [0, 1] with larger values better."""
    rows = Rows()
    for note in run.notes:
        rows.note(note)
    rows.note(
        f"{where} holds means alone, because there are no files of samples (*_samples.jsonl)."
    )
    for task, results in run.results.items():
        metric = chosen("metric", wanted.metric, list(results), task)
        mean = _mean(task, results[metric])
        # Without its ends, a scale of which lower values are better cannot be turned around.
        if mean is None:
            rows.note(
                f"Task {apart(task)} was left out, because the range of its metric is unknown, so "
                "its mean cannot be brought to a score from 0 to 1; give its samples."
            )
            continue
        rows.add({"task": task, **mean})
    return rows.log(where)


def _mean(task: str, result: Record) -> dict[str, object] | None:
    """Return the mean of an evaluation, its number of samples and their deviation.

    It is None if the range of the metric is unknown and the mean is not a score from 0 to 1.
    """
    details = part(result, "score_details")
    config = part(result, "metric_config")
    uncertainty = part(details, "uncertainty")
    # Fewer samples may have been evaluated than the data set has, so their number comes first.
    count = uncertainty.get("num_samples", part(result, "source_data").get("samples_number"))
    low, high = _range(config)
    try:
        score = as_number(details.get("score"))
        deviation = as_number(uncertainty.get("standard_deviation"))
        error = as_number(part(uncertainty, "standard_error").get("value"))
    except (ValueError, OverflowError) as problem:
        raise ValueError(f"{task}: score_details: {problem}") from None
    if score is None:
        raise ValueError(f"{task} has no score")
    # Some converters give the error of the mean in place of the deviation of samples.
    if deviation is None and error is not None and isinstance(count, int):
        deviation = error * max(count, 0) ** 0.5
    is_turned = config.get("lower_is_better") is True
    is_known = low is not None and high is not None
    if not is_known and (is_turned or not 0 <= score <= 1):
        return None
    # Tests of means are for scores from 0 to 1.
    if low is not None and high is not None:
        score = (score - low) / (high - low)
        if deviation is not None:
            deviation /= high - low
    if is_turned:
        score = 1 - score
    return {"score": score, "examples": count, "sd": deviation}
