"""Results that `evaluate.save` of Hugging Face's `evaluate` wrote: means alone.

The file holds the values of metrics, whatever else the user passed to `save`, and facts about the
machine whose names start with `_`. It does not say how many examples there were. Pass it yourself:
`evaluate.save(path, examples=1000, **results)`.
"""

from holdfast.errors import HoldfastError
from holdfast.gate.formats.json_content import json_object
from holdfast.gate.formats.json_tables import listed
from holdfast.gate.formats.log import Log, Wanted
from holdfast.gate.formats.metric_choice import as_number, is_number
from holdfast.gate.formats.rows import Rows
from holdfast.gate.formats.source import Source
from holdfast.text import shown

MARKS = {"_timestamp", "_evaluate_version", "_interpreter_path"}
OWN = ("task", "examples", "sd")  # what a user may pass beside the metrics
ONE_TASK = "all"
TIMES = ("total_time_in_seconds", "samples_per_second", "latency_in_seconds")  # of an evaluator


def recognises(source: Source) -> bool:
    """Whether a file was written by `evaluate.save`."""
    return source.path.is_file() and source.object.keys() >= MARKS


def read(source: Source, wanted: Wanted, where: str) -> Log:
    """Read the mean of one metric.

    Args:
        source: The file.
        wanted: What the user asks for. `metric` is needed if there are several.
        where: What the source is called in messages.

    Returns:
        The log, with one row.

    Raises:
        HoldfastError: There is no such metric, or there are several, or no number of examples.
        ValueError: A value is no number.
    """
    content = json_object(source.path)
    names = [
        name
        for name, value in content.items()
        if not name.startswith("_") and name not in (*OWN, *TIMES) and is_number(value)
    ]
    metric = _metric(names, wanted, where)
    # Without it, no test can tell a difference from chance.
    examples = content.get("examples")
    if examples is None:
        raise HoldfastError(
            f"{where} holds a mean without the number of examples behind it, so nothing can be "
            "said about chance; save it with evaluate.save(path, examples=NUMBER, **results), or "
            "give the results of single examples"
        )
    # Whatever the user passes to `save` becomes a key, so a task may be named as well.
    task = str(content.get("task", ONE_TASK))
    rows = Rows()
    score = as_number(content[metric])
    if score is None:
        raise HoldfastError(f"{where}: {shown(metric)} is NaN, so there is nothing to judge")
    rows.add({"task": task, "score": score, "examples": examples, "sd": content.get("sd")})
    rows.note(
        f"{source.path.name} holds means alone, so changes of single examples cannot be seen."
    )
    return rows.log(where)


def _metric(names: list[str], wanted: Wanted, where: str) -> str:
    """Choose the metric."""
    if wanted.metric and wanted.metric not in names:
        raise HoldfastError(
            f"{where} has no metric {shown(wanted.metric)!r}; it has: {listed(names)}"
        )
    # Metrics that were computed together share a file, and nothing says which one is meant.
    if not wanted.metric and len(names) != 1:
        raise HoldfastError(
            f"{where} has {len(names)} metrics; choose one with --metric, they are: {listed(names)}"
        )
    return wanted.metric or names[0]
