"""The file `results_<date>.json` of lighteval: scores of whole tasks, and settings.

The names of its fields are those of `lighteval/logging/evaluation_tracker.py` in version 0.13.0.
"""

import math
import re
from dataclasses import dataclass
from pathlib import Path

from holdfast.errors import HoldfastError
from holdfast.gate.formats.digests import digest_of
from holdfast.gate.formats.json_content import Record, as_list, as_object, json_object, part
from holdfast.gate.formats.log import Scale, Wanted
from holdfast.gate.formats.metric_choice import chosen
from holdfast.gate.formats.rows import Rows, note_others
from holdfast.gate.formats.several_runs import newest, one_model

NAME = re.compile(r"results_(?P<date>[^_]+)\.json")
AVERAGES = re.compile(r"all|.*:_average\|.*")  # rows that are means of others
ERROR = "_stderr"  # how the name of a standard error ends


def is_results(content: Record) -> bool:
    """Whether the content of a JSON file is the results of an evaluation."""
    keys = ("config_general", "results", "config_tasks")
    return all(isinstance(content.get(key), dict) for key in keys)


def results_of(path: Path) -> "Results | None":
    """Read a file of results.

    Args:
        path: Any file.

    Returns:
        The results, or None if the file holds something else.
    """
    name = NAME.fullmatch(path.name)
    # The name decides first, because parsing every JSON file of a folder may take long.
    if path.suffix != ".json" or (name is None and "results" not in path.name):
        return None
    content = json_object(path)
    if not is_results(content):
        return None
    date = ""
    if name is not None:
        date = name["date"]
    return Results(date, content)


def task_and_shots(label: str) -> tuple[str, str]:
    """Split the name of a task from the number of examples in its prompt.

    Args:
        label: The name as lighteval writes it. Old versions add a second number.

    Returns:
        The name and the number, which is "" if there is none.

    Example:
        >>> task_and_shots("mmlu:law|5"), task_and_shots("lighteval|gsm8k|5|0"), task_and_shots("a")
        (('mmlu:law', '5'), ('lighteval|gsm8k', '5'), ('a', ''))
    """
    match = re.fullmatch(r"(.+?)\|([0-9]+)(\|[0-9]+)?", label)
    # A task of a user may have any name.
    if match is None:
        return label, ""
    return match[1], match[2]


@dataclass(frozen=True)
class Results:
    """The results of one evaluation.

    Attributes:
        date: When the evaluation ended, as lighteval writes it.
        content: What the file holds.
    """

    date: str
    content: Record

    @property
    def model(self) -> str:
        """The name of the model."""
        return str(part(self.content, "config_general").get("model_name") or "")

    def config(self, label: str) -> Record:
        """Return the configuration of a task.

        Args:
            label: The name of the task with its number of examples in the prompt.
        """
        return part(part(self.content, "config_tasks"), label)

    def facts(self, label: str) -> dict[str, object]:
        """Return what must be equal on both sides, so that the scores of a task are comparable.

        Args:
            label: The name of the task with its number of examples in the prompt.
        """
        model = part(part(self.content, "config_general"), "model_config")
        # A run without a system prompt differs from one with it, but old versions do not say.
        system = None
        if "system_prompt" in model:
            system = "none"
            if model["system_prompt"]:
                system = digest_of(model["system_prompt"])
        return {"task version": self.config(label).get("version"), "system prompt": system}

    def higher_is_better(self, label: str, metric: str) -> bool:
        """Whether a larger value of a metric is a better one.

        Args:
            label: The name of the task with its number of examples in the prompt.
            metric: The metric.
        """
        for entry in as_list(self.config(label).get("metrics") or [], "metrics of config_tasks"):
            declared = as_object(entry, "metrics of config_tasks")
            higher = declared.get("higher_is_better")
            # Metrics that are computed together have a list of names, and an object of directions.
            if isinstance(higher, dict):
                higher = higher.get(metric)
            names = declared.get("metric_name")
            if names == metric or (isinstance(names, list) and metric in names):
                return higher is not False
        return True

    def note_limit(self, task: str, rows: Rows) -> None:
        """Note that only some of a task's documents were evaluated.

        Args:
            task: The task.
            rows: Where the note is kept.
        """
        limit = part(self.content, "config_general").get("max_samples")
        if limit is not None:
            rows.note(f"Only some documents were evaluated (--max-samples {limit}).", task)


def add_aggregates(results: list[Results], wanted: Wanted, where: str, rows: Rows) -> None:
    """Add one row per task, if there are no details.

    Args:
        results: The files of results.
        wanted: What the user asks for.
        where: What the source is called in messages.
        rows: Where the rows are added.

    Raises:
        HoldfastError: There are several models, or no such metric.
    """
    model = one_model((found.model for found in results), wanted.model, where)
    if wanted.segment or wanted.cluster:
        raise HoldfastError(
            f"{where} has scores of whole tasks only, so it has no segments or clusters; run "
            "lighteval with --save-details"
        )
    rows.note(
        f"{where} has scores of whole tasks only. With --save-details, lighteval writes those of "
        "single documents, with which smaller losses can be shown."
    )
    by_task: dict[str, list[tuple[str, tuple[Results, str]]]] = {}
    for found in results:
        for label in part(found.content, "results"):
            # An average over tasks would count each of them twice.
            if found.model == model and not AVERAGES.fullmatch(label):
                task, _ = task_and_shots(label)
                by_task.setdefault(task, []).append((found.date, (found, label)))
    for task, runs in by_task.items():
        found, label = newest(runs, task, rows)
        _add_aggregate(found, task, label, wanted, rows)


def _add_aggregate(found: Results, task: str, label: str, wanted: Wanted, rows: Rows) -> None:
    """Add the row of a task."""
    scores = part(part(found.content, "results"), label)
    values = {
        name: float(value)
        for name, value in scores.items()
        if isinstance(value, int | float) and math.isfinite(value) and not name.endswith(ERROR)
    }
    metric = chosen("metric", wanted.metric, list(values), task)
    note_others("metric", metric, list(values), wanted.metric, rows)
    score = values[metric]
    if not 0 <= score <= 1:
        rows.skip(task, f"{metric} of a whole task lies outside [0, 1]")
        rows.note(
            "Scores of whole tasks are judged in [0, 1] only, so tasks were left out whose "
            f"{metric} lies outside.",
            task,
        )
        return
    row: Record = {"task": task, "score": score, "examples": 0}
    # lighteval writes -1 if it has not counted the documents.
    count = found.config(label).get("effective_num_docs")
    if isinstance(count, int) and count > 0:
        row["examples"] = count
        # The gate needs the deviation of single scores, and lighteval writes that of their mean.
        error = scores.get(metric + ERROR)
        if isinstance(error, int | float) and math.isfinite(error):
            row["sd"] = error * math.sqrt(count)
    rows.add(row)
    higher_is_better = found.higher_is_better(label, metric)
    rows.measure(task, Scale(metric, higher_is_better=higher_is_better))
    rows.compare(task, "few-shot", task_and_shots(label)[1] or None)
    for fact, value in found.facts(label).items():
        rows.compare(task, fact, value)
    found.note_limit(task, rows)
