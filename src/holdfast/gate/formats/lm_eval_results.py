"""The file `results_<date>.json` of lm-evaluation-harness: scores of whole tasks, and settings.

The names of its fields are those of `lm_eval/result_schema.py` in version 0.4.13.
"""

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from holdfast.errors import HoldfastError
from holdfast.gate.formats.json_content import Record, json_object, part
from holdfast.gate.formats.log import Scale, Wanted
from holdfast.gate.formats.metric_choice import chosen, is_number
from holdfast.gate.formats.rows import Rows
from holdfast.gate.formats.several_runs import newest, one_model

# The file is called results_<date>.json in a folder, and <name>_<date>.json if the output path
# ends in .json.
NAME = re.compile(r".+_(?P<date>[0-9]{4}-[0-9]{2}-[0-9]{2}T[^_]+)\.json")


def is_results(content: Record) -> bool:
    """Whether the content of a JSON file is the results of an evaluation."""
    # lighteval writes results as well, but with other settings beside them.
    has_tasks = all(isinstance(content.get(key), dict) for key in ("results", "configs"))
    return has_tasks and "n-shot" in content


def may_be_results(path: Path) -> bool:
    """Whether a file has a name that the harness gives to results."""
    is_named = NAME.fullmatch(path.name) is not None or "results" in path.name
    return path.suffix == ".json" and is_named


def results_of(path: Path) -> "Results | None":
    """Read a file of results.

    Args:
        path: Any file.

    Returns:
        The results, or None if the file holds something else.
    """
    # A folder may hold large JSON files of other tools, so the name is looked at first.
    if not may_be_results(path):
        return None
    name = NAME.fullmatch(path.name)
    content = json_object(path)
    if not is_results(content):
        return None
    date = ""
    if name is not None:
        date = name["date"]
    return Results(path, date, content)


@dataclass(frozen=True)
class Results:
    """The results of one evaluation.

    Attributes:
        path: The file.
        date: When the evaluation ended, as the harness writes it.
        content: What the file holds.
    """

    path: Path
    date: str
    content: Record

    @cached_property
    def model(self) -> str:
        """The name of the model."""
        config = part(self.content, "config")
        # The second is the kind of the model, such as "hf", but old versions have no other.
        return str(self.content.get("model_name") or config.get("model") or "")

    def facts(self, task: str) -> dict[str, object]:
        """Return what must be equal on both sides, so that the scores of a task are comparable.

        Args:
            task: The task.
        """
        return {
            "task version": part(self.content, "versions").get(task),
            "few-shot": part(self.content, "n-shot").get(task),
            "chat template": self._setting("chat_template_sha"),
            "system instruction": self._setting("system_instruction_sha"),
        }

    def _setting(self, key: str) -> object:
        """Return a setting that a run may do without. Old versions do not know it at all."""
        if key not in self.content:
            return None
        # None is not compared, but a run without the setting differs from one with it.
        return self.content[key] or "none"

    def note_limit(self, task: str, rows: Rows) -> None:
        """Note that only some of a task's documents were evaluated.

        Args:
            task: The task.
            rows: Where the note is kept.
        """
        counts = part(part(self.content, "n-samples"), task)
        original = counts.get("original")
        effective = counts.get("effective")
        # A limit may also be a share, so the counts say more than the setting does.
        if isinstance(original, int) and isinstance(effective, int) and effective < original:
            rows.note("Only the first documents were evaluated (--limit).", task)

    def higher_is_better(self, task: str, metric: str) -> bool:
        """Whether a larger value of a metric is a better one.

        Args:
            task: The task.
            metric: The metric.
        """
        # Only an explicit no turns a metric round. Groups of mixed metrics have null here.
        return part(part(self.content, "higher_is_better"), task).get(metric) is not False

    def tasks(self) -> Iterator[tuple[str, Record]]:
        """Yield each task with its scores. Groups are left out, whose tasks are there anyway."""
        subtasks = part(self.content, "group_subtasks")
        for task, scores in part(self.content, "results").items():
            if isinstance(scores, dict) and not subtasks.get(task):
                yield task, scores


def add_aggregates(results: list[Results], wanted: Wanted, where: str, rows: Rows) -> None:
    """Add one row per task, if there are no samples.

    Args:
        results: The files of results.
        wanted: What the user asks for.
        where: What the source is called in messages.
        rows: Where the rows are added.

    Raises:
        HoldfastError: There are several models, or no such metric or filter.
    """
    model = one_model((found.model for found in results), wanted.model, where)
    # Silence would let a user believe that segments were judged.
    if wanted.segment or wanted.cluster:
        raise HoldfastError(
            f"{where} has scores of whole tasks only, so it has no segments or clusters; run "
            "lm-evaluation-harness with --log_samples"
        )
    rows.note(
        f"{where} has scores of whole tasks only. With --log_samples, the harness writes those of "
        "single documents, with which smaller losses can be shown."
    )
    by_task: dict[str, list[tuple[str, tuple[Results, Record]]]] = {}
    for found in results:
        for task, scores in found.tasks():
            if found.model == model:
                by_task.setdefault(task, []).append((found.date, (found, scores)))
    for task, runs in by_task.items():
        found, scores = newest(runs, task, rows)
        _add_aggregate(found, task, scores, wanted, rows)


def _add_aggregate(
    found: Results, task: str, scores: Mapping[str, object], wanted: Wanted, rows: Rows
) -> None:
    """Add the row of a task."""
    values = _values(scores)
    filters = list(dict.fromkeys(filter_ for _, filter_ in values))
    filter_ = chosen("filter", wanted.filter, filters, task)
    metrics = [metric for metric, name in values if name == filter_]
    metric = chosen("metric", wanted.metric, metrics, task)
    score = values[metric, filter_]
    # The test for two independent means of unknown spread needs bounded scores.
    if not 0 <= score <= 1:
        rows.skip(task, f"{metric} of a whole task lies outside [0, 1]")
        rows.note(
            "Scores of whole tasks are judged in [0, 1] only, so tasks were left out whose "
            f"{metric} lies outside.",
            task,
        )
        return
    row: dict[str, object] = {"task": task, "score": score}
    row["examples"] = _examples(found, task, scores)
    row["sd"] = _deviation(scores.get(f"{metric}_stderr,{filter_}"), row["examples"])
    rows.add(row)
    rows.measure(task, Scale(metric, higher_is_better=found.higher_is_better(task, metric)))
    for fact, value in found.facts(task).items():
        rows.compare(task, fact, value)
    found.note_limit(task, rows)


def _values(scores: Mapping[str, object]) -> dict[tuple[str, str], float]:
    """Return the value of each metric and filter, whose key is "metric,filter"."""
    values: dict[tuple[str, str], float] = {}
    for key, value in scores.items():
        metric, comma, filter_ = key.partition(",")
        is_value = comma and not metric.endswith("_stderr")
        if is_value and isinstance(value, int | float) and math.isfinite(value):
            values[metric, filter_] = float(value)
    return values


def _examples(found: Results, task: str, scores: Mapping[str, object]) -> object:
    """Return the number of documents of a task, or 0 if it is not known."""
    counts = part(part(found.content, "n-samples"), task)
    # Old versions have the second alone, and versions before 0.4.3 have neither.
    for count in (counts.get("effective"), scores.get("sample_len")):
        if isinstance(count, int) and count > 0:
            return count
    return 0


def _deviation(error: object, examples: object) -> float | None:
    """Return the standard deviation of single scores, from the standard error of their mean.

    The harness divides the deviation by the root of the number of documents. It writes "N/A" if it
    has estimated no error.
    """
    if not is_number(error) or not isinstance(error, int | float) or not isinstance(examples, int):
        return None
    if not math.isfinite(error) or not examples:
        return None
    return float(error) * math.sqrt(examples)
