"""Reads what lighteval writes with `--save-details`: Parquet files of details, and results as JSON.

A folder has `results/<model>/results_<date>.json` and
`details/<model>/<date>/details_<task>|<shots>_<date>.parquet`. The names of the columns and fields
are those of `lighteval/logging/info_loggers.py` in version 0.13.0.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from holdfast.errors import HoldfastError, reading, require
from holdfast.gate.formats.digests import digest_of
from holdfast.gate.formats.json_content import Record, as_object, part
from holdfast.gate.formats.lighteval_results import (
    Results,
    add_aggregates,
    is_results,
    results_of,
    task_and_shots,
)
from holdfast.gate.formats.log import Log, Wanted
from holdfast.gate.formats.metric_choice import as_number, scale_of
from holdfast.gate.formats.record_fields import groups_of, plain_text
from holdfast.gate.formats.rows import Rows, single_metric
from holdfast.gate.formats.several_runs import newest, one_model
from holdfast.gate.formats.source import Source

DETAILS = re.compile(r"details_.+_(?P<date>[0-9]{4}-[0-9]{2}-[0-9]{2}T[^_]+)\.parquet")
COLUMNS = {"doc", "metric"}  # that every file of details has
PROMPT = "model_response.input"  # what the model was asked, after its chat template


def recognises(source: Source) -> bool:
    """Whether a file or folder was written by lighteval."""
    if source.path.is_dir():
        return any(recognises(Source(path)) for path in source.files if _is_candidate(path))
    if source.head.startswith(b"PAR1"):
        # Any Parquet file may have columns of these names, so the file's own name counts as well.
        return DETAILS.fullmatch(source.path.name) is not None
    return b'"config_general"' in source.head and is_results(source.object)


def _is_candidate(path: Path) -> bool:
    """Whether a file of a folder has a name that lighteval gives."""
    return DETAILS.fullmatch(path.name) is not None or (
        path.suffix == ".json" and path.name.startswith("results_")
    )


def read(source: Source, wanted: Wanted, where: str) -> Log:
    """Read a file or folder of lighteval.

    Args:
        source: A file of details or of results, or a folder of both.
        wanted: What the user asks for.
        where: What the source is called in messages.

    Returns:
        One row per document, or one row per task if there are no details.

    Raises:
        HoldfastError: There are several models, or no such metric or field.
        MissingExtra: PyArrow is not installed.
        ValueError: A file is not as lighteval writes it.
    """
    rows = Rows()
    files, results = _found(source)
    if not files and not results:
        raise HoldfastError(
            f"{where} has neither details_<task>_<date>.parquet nor results_<date>.json of "
            "lighteval; run it with --save-details"
        )
    if not files:
        add_aggregates(results, wanted, where, rows)
        return rows.log(where)
    # The results and details of one evaluation share its date, in different folders.
    by_date = {found.date: found for found in results}
    details = [_details(path, by_date) for path in files]
    model = one_model((found.model for found in details), wanted.model, where)
    by_task: dict[str, list[tuple[str, _Details]]] = {}
    for found in details:
        if found.model == model:
            by_task.setdefault(found.task, []).append((found.date, found))
    for task, runs in by_task.items():
        _add_task(newest(runs, task, rows), wanted, rows)
    return rows.log(where)


# ---- files


@dataclass(frozen=True)
class _Details:
    """A file of details.

    Attributes:
        path: The file.
        date: When the evaluation ended, as lighteval writes it.
        model: The name of the model.
        label: The name of the task with the number of examples in its prompt.
        task: The name of the task alone.
        shots: That number, or "" if the name of the task does not tell it.
        records: The rows.
        results: The results of the same evaluation, or None if their file is missing.
    """

    path: Path
    date: str
    model: str
    label: str
    task: str
    shots: str
    records: list[Record]
    results: Results | None


def _found(source: Source) -> tuple[list[Path], list[Results]]:
    """Find the files of details and of results."""
    if source.path.is_dir():
        files = [path for path in source.files if DETAILS.fullmatch(path.name)]
        return files, list(_results(source.files))
    if not source.head.startswith(b"PAR1"):
        return [], list(_results((source.path,)))
    # The results of a single file of details lie in the folder beside that of all details.
    for folder in source.path.absolute().parents:
        if folder.name == "details":
            beside = tuple((folder.parent / "results").rglob("results_*.json"))
            return [source.path], list(_results(beside))
    return [source.path], []


def _results(files: tuple[Path, ...]) -> Iterator[Results]:
    """Yield the files of results."""
    for path in files:
        found = results_of(path)
        if found is not None:
            yield found


def _details(path: Path, by_date: dict[str, Results]) -> _Details:
    """Read a file of details."""
    records = _records(path)
    if not records:
        raise ValueError(f"{path.name} is empty; run the evaluation again")
    name = DETAILS.fullmatch(path.name)
    date = ""
    if name is not None:
        date = name["date"]
    results = by_date.get(date)
    # A folder may have only a part of the model's name, so the results are preferred.
    model = path.parent.parent.name
    if results is not None:
        model = results.model
    label = str(part(records[0], "doc").get("task_name") or "all")
    task, shots = task_and_shots(label)
    return _Details(path, date, model, label, task, shots, records, results)


def _records(path: Path) -> list[Record]:
    """Read the rows of a file of details. What the model computed may be very large, and stays."""
    require("parquet", "pyarrow")
    from pyarrow.parquet import ParquetFile

    with reading(path.name, "Parquet"), ParquetFile(path) as file:
        # Some versions write two underscores before and after each name.
        names = {name.strip("_"): name for name in file.schema_arrow.names}
        missing = sorted(COLUMNS - set(names))
        if missing:
            raise HoldfastError(
                f"{path.name} has no column {missing[0]}; expected details of lighteval 0.10 or "
                "later"
            )
        # Logits and tokens can have gigabytes, and no part of a verdict depends on them.
        wanted = [names["doc"], names["metric"]]
        # Without this column, prompts are compared by what the documents hold.
        if "model_response" in names:
            wanted.append(PROMPT.replace("model_response", names["model_response"]))
        table = file.read(columns=wanted)
    return [
        {name.strip("_"): value for name, value in record.items()} for record in table.to_pylist()
    ]


# ---- rows


@dataclass
class _Document:
    """A document, whose metrics may be in several rows: one per way in which it was scored.

    Attributes:
        record: Its first row.
        prompts: What the model was asked, in each row.
        metrics: The values of its metrics.
    """

    record: Record
    prompts: list[object] = field(default_factory=list)
    metrics: dict[str, object] = field(default_factory=dict)


def _documents(details: _Details) -> dict[str, _Document]:
    """Gather the rows of each document."""
    documents: dict[str, _Document] = {}
    for number, record in enumerate(details.records, 1):
        place = f"{details.path.name}, row {number}"
        doc = as_object(record["doc"], place)
        # The id is the number of the document in its data set. Old tasks of users have none.
        name = str(doc.get("id") or digest_of(doc.get("query")))
        document = documents.setdefault(name, _Document(record))
        document.prompts.append(part(record, "model_response").get("input"))
        for metric, value in as_object(record["metric"], place).items():
            # Parquet has the metrics of all rows in each row. Those of other rows have no value.
            if value is None:
                document.metrics.setdefault(metric, None)
                continue
            if document.metrics.get(metric) is not None:
                raise ValueError(f"{place}: the document {name} has {metric} twice")
            document.metrics[metric] = value
    return documents


def _add_task(details: _Details, wanted: Wanted, rows: Rows) -> None:
    """Add the documents of a task, and what must be equal on both sides."""
    task = details.task
    documents = _documents(details)
    metrics = [document.metrics for document in documents.values()]
    metric = single_metric(metrics, task, wanted.metric, rows)
    if not metric:
        return
    scores: list[float] = []
    for name, document in documents.items():
        try:
            score = as_number(document.metrics.get(metric))
        except ValueError as error:
            raise ValueError(
                f"{metric} of document {name} of {details.path.name}: {error}"
            ) from None
        if score is None:
            rows.skip(task, f"{metric} is missing or NaN")
            continue
        scores.append(score)
        doc = part(document.record, "doc")
        groups = groups_of(document.record, wanted, f"document {name} of {details.path.name}")
        row = {"task": task, "example_id": name, "score": score}
        rows.add({**row, "input": plain_text(doc.get("query")), **groups})
    higher_is_better = True
    if details.results is not None:
        higher_is_better = details.results.higher_is_better(details.label, metric)
    rows.measure(task, scale_of(metric, scores, higher_is_better))
    _add_facts(details, documents, rows)


def _add_facts(details: _Details, documents: dict[str, _Document], rows: Rows) -> None:
    """Add what must be equal on both sides."""
    task = details.task
    rows.compare(task, "few-shot", details.shots or None)
    if details.results is None:
        rows.note(
            "There is no file results_<date>.json for these details, so task version and system "
            "prompt are not compared.",
            task,
        )
    else:
        for fact, value in details.results.facts(details.label).items():
            rows.compare(task, fact, value)
        details.results.note_limit(task, rows)
    # Of several differences, the first is named. Any other one changes the prompt as well.
    prompts = {name: _prompt(document) for name, document in documents.items()}
    rows.compare(task, "prompt", f"{digest_of(prompts)} of {len(prompts)} documents")


def _prompt(document: _Document) -> list[object]:
    """Return what the model was asked about a document, as far as lighteval records it."""
    # The hashes that lighteval keeps of prompts are empty in this version.
    doc = part(document.record, "doc")
    parts = [doc.get(key) for key in ("instruction", "query", "choices", "fewshot_samples")]
    return [*parts, *document.prompts]
