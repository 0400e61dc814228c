"""Reads what lm-evaluation-harness writes with `--log_samples --output_path FOLDER`.

The folder has `results_<date>.json` and one `samples_<task>_<date>.jsonl` per task. A row of the
latter has the fields `doc`, `doc_hash`, `prompt_hash`, `filter` and one field per metric. The names
of the files and fields are those of `lm_eval/loggers/evaluation_tracker.py` in version 0.4.13.
"""

import re
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from holdfast.errors import HoldfastError
from holdfast.gate.formats.json_content import Record, json_lines, part
from holdfast.gate.formats.lm_eval_results import (
    Results,
    add_aggregates,
    is_results,
    may_be_results,
    results_of,
)
from holdfast.gate.formats.log import Log, Wanted
from holdfast.gate.formats.metric_choice import as_number, chosen, scale_of
from holdfast.gate.formats.record_fields import groups_of, plain_text
from holdfast.gate.formats.rows import Rows, note_others, single_metric
from holdfast.gate.formats.several_runs import newest, one_model
from holdfast.gate.formats.source import Source
from holdfast.gate.names import apart

SAMPLES = re.compile(r"samples_(?P<task>.+)_(?P<date>[^_]+)\.jsonl")
ROW = {"doc_id", "doc", "arguments", "filtered_resps"}  # fields that every row has
FIXED = {  # all fields that are no metrics
    *ROW,
    "target",
    "resps",
    "filter",
    "metrics",
    "doc_hash",
    "prompt_hash",
    "target_hash",
}
HASH_LENGTH = 16  # digits of a document's hash that name it
ONE_TASK = "all"  # the task of a file whose name does not tell it


def recognises(source: Source) -> bool:
    """Whether a file or folder was written by lm-evaluation-harness."""
    if source.path.is_file():
        return set(source.first_record) >= ROW or is_results(source.object)
    return any(recognises(Source(path)) for path in source.files if _is_candidate(path))


def _is_candidate(path: Path) -> bool:
    """Whether a file of a folder has a name that the harness gives."""
    return SAMPLES.fullmatch(path.name) is not None or may_be_results(path)


def read(source: Source, wanted: Wanted, where: str) -> Log:
    """Read one file or a folder of lm-evaluation-harness.

    Args:
        source: A file of samples, a file of results, or a folder of both.
        wanted: What the user asks for.
        where: What the source is called in messages.

    Returns:
        One row per document, or one row per task if there are no samples.

    Raises:
        HoldfastError: There are several models, or no such metric, filter or field.
        ValueError: A file is not as the harness writes it.
    """
    rows = Rows()
    # Nothing is parsed as a whole yet but the small files of results.
    samples, results = _found(source)
    if not samples and not results:
        raise HoldfastError(
            f"{where} has neither samples_<task>_<date>.jsonl nor results_<date>.json of "
            "lm-evaluation-harness; run it with --log_samples and --output_path"
        )
    if not samples:
        add_aggregates(results, wanted, where, rows)
        return rows.log(where)
    model = one_model((found.model for found in samples), wanted.model, where)
    by_task: dict[str, list[tuple[str, _Samples]]] = {}
    for found in samples:
        if found.model == model:
            by_task.setdefault(found.task, []).append((found.date, found))
    for task, runs in by_task.items():
        _add_task(newest(runs, task, rows), wanted, rows)
    return rows.log(where)


# ---- files


@dataclass(frozen=True)
class _Samples:
    """A file of samples.

    Attributes:
        path: The file.
        task: The task.
        date: When the evaluation ended, as the harness writes it.
        model: The model, or "" if nothing tells it.
        results: The results of the same evaluation, or None if their file is missing.
    """

    path: Path
    task: str
    date: str
    model: str
    results: Results | None


def _found(source: Source) -> tuple[list[_Samples], list[Results]]:
    """Find the files of samples, and those of results."""
    files = source.files
    if source.path.is_file() and set(source.first_record) >= ROW:
        # The results of the same evaluation lie next to a single file of samples.
        files = (source.path, *sorted(source.path.parent.glob("*.json")))
    results = [found for path in files if (found := results_of(path)) is not None]
    # Two evaluations in different folders may have ended in the same second.
    by_place = {(found.path.parent, found.date): found for found in results}
    samples = []
    for path in files:
        name = SAMPLES.fullmatch(path.name)
        if name is not None:
            same = by_place.get((path.parent, name["date"]))
            samples.append(_samples(path, name["task"], name["date"], same, source))
        # A file of samples that was renamed is still read if the user names it.
        elif path == source.path and path.suffix != ".json":
            samples.append(_Samples(path, ONE_TASK, "", "", None))
    return samples, results


def _samples(path: Path, task: str, date: str, results: Results | None, source: Source) -> _Samples:
    """Describe a file of samples. Without results, its folder tells the model."""
    # The harness names the folder after the model, with other characters than the model has.
    model = ""
    if results is not None:
        model = results.model
    # The folder that the user names may be called anything, such as "champion".
    elif path.parent != source.path:
        model = path.parent.name
    return _Samples(path, task, date, model, results)


# ---- rows


@dataclass(slots=True)  # not frozen, which would make it slow to fill
class _Document:
    """What is read of a row.

    Attributes:
        number: Its document's number in the data set.
        hash: The hash of its document, or "" in logs of old versions.
        prompt: The hash of its prompt, or "" in logs of old versions.
        filter: The filter that was applied to the model's answer.
        metrics: The values of its metrics, which may be lists.
        columns: Further columns: its text, segment and cluster.
    """

    number: str
    hash: str
    prompt: str
    filter: str
    metrics: dict[str, object]
    columns: dict[str, object]


def _document(record: Record, wanted: Wanted, name: str) -> _Document:
    """Take from a row what is needed."""
    if not record.keys() >= ROW:
        missing = sorted(ROW - set(record))
        raise ValueError(f"{name} has no {missing[0]}, which every row of the harness has")
    # Old versions do not list the names of the metrics.
    names = record.get("metrics")
    if not isinstance(names, list):
        names = [key for key in record if key not in FIXED]
    return _Document(
        number=str(record["doc_id"]),
        hash=str(record.get("doc_hash") or ""),
        prompt=str(record.get("prompt_hash") or ""),
        filter=str(record.get("filter") or "none"),
        metrics={str(key): record.get(str(key)) for key in names},
        columns={"input": _question(record), **groups_of(record, wanted, name)},
    )


def _question(record: Record) -> str:
    """Return the text of a document's prompt, without the examples that come before it."""
    prompt = part(part(record, "arguments"), "gen_args_0").get("arg_0")
    if isinstance(prompt, str):
        # The harness puts an empty line after each of the examples.
        prompt = prompt.rstrip().rpartition("\n\n")[2]
    return plain_text(prompt)


def _add_task(samples: _Samples, wanted: Wanted, rows: Rows) -> None:
    """Add the rows of a task, and what must be equal on both sides."""
    task = samples.task
    file = samples.path.name
    documents = [
        _document(record, wanted, f"{file}, line {number}")
        for number, record in json_lines(samples.path)
    ]
    if not documents:
        raise ValueError(f"{file} is empty; run the evaluation again")
    # A metric may exist for one filter only, so the filter is chosen first.
    documents = _of_one_filter(documents, task, wanted, rows)
    _refuse_documents_twice(documents, file)
    metrics = [document.metrics for document in documents]
    metric = single_metric(metrics, task, wanted.metric, rows)
    if not metric:
        return

    scores: list[float] = []
    for name, document in zip(_names(documents), documents, strict=True):
        try:
            score = as_number(document.metrics.get(metric))
        except ValueError as error:
            raise ValueError(f"{metric} of doc_id {document.number} of {file}: {error}") from None
        if score is None:
            rows.skip(task, f"{metric} is missing or NaN")
            continue
        scores.append(score)
        rows.add({"task": task, "example_id": name, "score": score, **document.columns})
    _add_facts(samples, documents, rows)
    # Samples alone do not tell the direction. Nearly all metrics of the harness are shares.
    higher_is_better = True
    if samples.results is not None:
        higher_is_better = samples.results.higher_is_better(task, metric)
    rows.measure(task, scale_of(metric, scores, higher_is_better))


def _of_one_filter(
    documents: list[_Document], task: str, wanted: Wanted, rows: Rows
) -> list[_Document]:
    """Take the rows of one filter. Without a choice, it is the first in the file."""
    filters = list(dict.fromkeys(document.filter for document in documents))
    filter_ = chosen("filter", wanted.filter, filters, task)
    note_others("filter", filter_, filters, wanted.filter, rows)
    return [document for document in documents if document.filter == filter_]


def _refuse_documents_twice(documents: list[_Document], name: str) -> None:
    """Stop at a document that occurs twice, as in a file to which two evaluations were appended."""
    seen: set[str] = set()
    for document in documents:
        if document.number in seen:
            raise HoldfastError(
                f"{name} has doc_id {apart(document.number)} twice for the filter "
                f"{document.filter}, so it holds more than one evaluation; keep one of them"
            )
        seen.add(document.number)


def _names(documents: list[_Document]) -> list[str]:
    """Name each document by its hash, which stays the same if documents are added before it.

    Data sets may have a document twice. Copies are told apart by their order.
    """
    # The whole hash has 64 digits, which would make tables of examples hard to read.
    names = []
    copies: dict[str, int] = {}
    for document in documents:
        name = document.hash[:HASH_LENGTH] or document.number
        copies[name] = copies.get(name, 0) + 1
        if copies[name] > 1:
            name = f"{name}, copy {copies[name]}"
        names.append(name)
    return names


def _add_facts(samples: _Samples, documents: list[_Document], rows: Rows) -> None:
    """Add what must be equal on both sides."""
    task = samples.task
    if samples.results is None:
        rows.note(
            "There is no file results_<date>.json next to the samples, so task version, few-shot "
            "examples and chat template are not compared.",
            task,
        )
    else:
        for fact, value in samples.results.facts(task).items():
            rows.compare(task, fact, value)
        samples.results.note_limit(task, rows)
    # Of several differences, the first is named. Any other one changes the prompt as well.
    prompts = sorted(f"{document.hash}:{document.prompt}" for document in documents)
    # Old versions have no hashes of prompts.
    if all(document.prompt for document in documents):
        digest = sha256("\n".join(prompts).encode()).hexdigest()[:HASH_LENGTH]
        rows.compare(task, "prompt", f"{digest} of {len(documents)} documents")
