"""The files of Every Eval Ever: samples and aggregates of one model, newest run of each task."""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from holdfast.errors import HoldfastError
from holdfast.gate.formats.json_content import (
    Record,
    as_list,
    as_object,
    json_lines,
    json_object,
    part,
)
from holdfast.gate.formats.json_tables import listed
from holdfast.gate.formats.log import Wanted
from holdfast.gate.formats.source import Source

SAMPLES = "_samples.jsonl"
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
OF_SAMPLES = {"evaluation_id", "evaluation_name", "sample_id", "evaluation"}  # keys of each line
OF_AGGREGATES = {"evaluation_id", "evaluation_results", "model_info"}


@dataclass(frozen=True)
class Sample:
    """A line of a file of samples.

    Attributes:
        name: What it is called in messages.
        record: Its fields.
        run: The id of the evaluation run.
        metric: The id of the metric's result, or "" if the line does not say.
    """

    name: str
    record: Record
    run: str
    metric: str


@dataclass(frozen=True)
class Run:
    """What is known of one model.

    Attributes:
        samples: By task, its samples.
        results: By task and name of the metric, an entry of `evaluation_results`.
        notes: Full sentences about what was chosen.
    """

    samples: dict[str, list[Sample]]
    results: dict[str, dict[str, Record]]
    notes: tuple[str, ...]


def recognises(source: Source) -> bool:
    """Whether a file or folder has the format of Every Eval Ever."""
    # A folder may have thousands of files of one tool, so the first of each kind decides.
    if source.path.is_dir():
        samples, aggregates = _files_in(source.files)
        return any(_is_ours(file) for file in (*samples[:1], *aggregates[:1]))
    return _is_of(source)


def _is_of(source: Source) -> bool:
    """Whether a file holds samples or aggregates."""
    return source.first_record.keys() >= OF_SAMPLES or source.object.keys() >= OF_AGGREGATES


def _is_ours(file: Path) -> bool:
    """Whether a file of a folder holds samples or aggregates."""
    return _is_of(Source(file))


def _files_in(files: Iterable[Path]) -> tuple[list[Path], list[Path]]:
    """Find the files of samples and the aggregate files among those of a folder."""
    samples = []
    aggregates = []
    for file in files:
        # Names that end like this are common, so the UUID must be there as well.
        if file.name.endswith(SAMPLES) and _UUID.match(file.name):
            samples.append(file)
        elif file.suffix == ".json" and _UUID.fullmatch(file.stem):
            aggregates.append(file)
    return samples, aggregates


def _files_of(source: Source) -> tuple[list[Path], list[Path]]:
    """Find the files of a source. To a file of samples belongs the aggregate beside it."""
    if source.path.is_dir():
        return _files_in(source.files)
    file = source.path
    # Whichever of the two files is named, the other one adds samples or what scores mean.
    if source.object.keys() >= OF_AGGREGATES:
        samples = file.with_name(f"{file.stem}{SAMPLES}")
        return [samples] if samples.exists() else [], [file]
    aggregate = file.with_name(f"{file.name.removesuffix(SAMPLES)}.json")
    return [file], [aggregate] if aggregate.exists() else []


def read_run(source: Source, wanted: Wanted, where: str) -> Run:
    """Read all files of a source, and choose one model and the newest run of each task.

    Args:
        source: A folder, a file of samples or an aggregate file.
        wanted: What the user asks for.
        where: What the source is called in messages.

    Raises:
        HoldfastError: There are several models and none is chosen, or no order of several runs.
        ValueError: A file is not as the schema says.
    """
    sample_files, aggregate_files = _files_of(source)
    if not sample_files and not aggregate_files:
        raise HoldfastError(
            f"{where} holds no files of Every Eval Ever; expected <uuid>{SAMPLES} or <uuid>.json"
        )
    aggregates = [_aggregate(file) for file in aggregate_files]
    lines = [line for file in sample_files for line in json_lines_of(file)]
    _refuse_missing_lines(lines, aggregates, sample_files)
    model = _one_model(lines, aggregates, wanted, where)
    # What is said of other models must not decide about this one.
    aggregates = [content for content in aggregates if _model_of(content) == model]
    samples = _samples(lines, model)
    times = {str(each.get("evaluation_id")): _time_of(each) for each in aggregates}
    metrics = _metric_names(aggregates)
    notes: list[str] = []
    kept: dict[str, list[Sample]] = {}
    for task, of_task in samples.items():
        newest = _newest(task, {sample.run for sample in of_task}, times, notes)
        kept[task] = [
            replace(each, metric=metrics.get((newest, each.metric), each.metric))
            for each in of_task
            if each.run == newest
        ]
    return Run(kept, _results(aggregates, times, kept, notes), tuple(notes))


def json_lines_of(file: Path) -> list[tuple[str, Record]]:
    """Read the lines of a file of samples, each with what it is called in messages."""
    return [(f"{file.name}, line {number}", record) for number, record in json_lines(file)]


def _refuse_missing_lines(
    lines: list[tuple[str, Record]], aggregates: list[Record], files: list[Path]
) -> None:
    """Refuse samples that were cut: an aggregate file says how many lines there are."""
    # A file that was cut between two lines is valid by itself.
    counts = Counter(str(record.get("evaluation_id")) for _, record in lines)
    there = {file.name for file in files}
    for aggregate in aggregates:
        details = part(aggregate, "detailed_evaluation_results")
        # The path is that of the place where it was written, so only its end is compared.
        name = str(details.get("file_path")).rpartition("/")[2]
        total = details.get("total_rows")
        count = counts[str(aggregate.get("evaluation_id"))]
        if name in there and isinstance(total, int) and count < total:
            raise HoldfastError(
                f"{name} has {count} of the {total} samples that its aggregate file speaks of; "
                "copy the whole file"
            )


def _aggregate(file: Path) -> Record:
    """Read an aggregate file."""
    content = json_object(file)
    for result in as_list(content.get("evaluation_results"), f"evaluation_results of {file.name}"):
        as_object(result, f"evaluation_results of {file.name}")
    return content


def _model_of(aggregate: Record) -> str:
    """Return the model of an aggregate file."""
    return str(part(aggregate, "model_info").get("id"))


def _one_model(
    lines: list[tuple[str, Record]], aggregates: list[Record], wanted: Wanted, where: str
) -> str:
    """Return the model that is judged."""
    found = [str(record.get("model_id")) for _, record in lines]
    found += [_model_of(content) for content in aggregates]
    # Models without samples are asked for too, since the user may want their means.
    models = list(dict.fromkeys(found))
    if wanted.model in models:
        return wanted.model
    if wanted.model:
        raise HoldfastError(f"{where} has no model {wanted.model!r}; it has: {listed(models)}")
    if len(models) != 1:
        raise HoldfastError(
            f"{where} has results of {len(models)} models; choose one with --model-name: "
            f"{listed(models)}"
        )
    return models[0]


def _samples(lines: list[tuple[str, Record]], model: str) -> dict[str, list[Sample]]:
    """Sort the samples of a model by task."""
    samples: dict[str, list[Sample]] = {}
    for name, record in lines:
        if str(record.get("model_id")) != model:
            continue
        task = record.get("evaluation_name")
        if not isinstance(task, str) or not task.strip():
            raise ValueError(f"{name}: expected an evaluation_name")
        as_object(record.get("evaluation"), f"{name}, evaluation")
        # The field is optional, and an evaluation with a single metric needs none.
        metric = record.get("evaluation_result_id") or ""
        sample = Sample(name, record, str(record.get("evaluation_id")), str(metric))
        samples.setdefault(task, []).append(sample)
    return samples


def _time_of(aggregate: Record) -> str:
    """Return when a run was made, in a form whose order as text is that in time."""
    # The first one is optional. The second tells when the log was converted, which may be later.
    for key in ("evaluation_timestamp", "retrieved_timestamp"):
        value = aggregate.get(key)
        if isinstance(value, str | int | float) and str(value):
            return _sortable(str(value))
    return ""


def _sortable(time: str) -> str:
    """Write a time so that text is sorted by time. Seconds since 1970 come with few digits."""
    whole, point, rest = time.partition(".")
    if whole.isdecimal():
        return f"{whole:0>20}{point}{rest}"
    return time


def _newest(task: str, runs: Iterable[str], times: dict[str, str], notes: list[str]) -> str:
    """Return the newest of several runs of a task."""
    known = sorted(runs, key=lambda run: times.get(run, ""))
    if len(known) == 1:
        return known[0]
    last = known[-1]
    before = known[-2]
    # Runs without a time, or with the same one, have no order.
    if times.get(last, "") == times.get(before, ""):
        raise HoldfastError(
            f"{task} was evaluated {len(known)} times, and no aggregate file says which run is the "
            f"newest: {listed(known)}; give the file of one of them"
        )
    notes.append(f"{task} was evaluated {len(known)} times. The newest run is judged, {last}.")
    return last


def _metric_names(aggregates: list[Record]) -> dict[tuple[str, str], str]:
    """Return the name of the metric of each result, by the run and the id of the result."""
    # Converters give results of different runs the same id, such as "acc:none".
    names = {}
    for aggregate in aggregates:
        run = str(aggregate.get("evaluation_id"))
        for result in _results_in(aggregate):
            identifier = result.get("evaluation_result_id")
            if identifier:
                names[run, str(identifier)] = _metric_name(result)
    return names


def _results_in(aggregate: Record) -> list[Record]:
    """List the results of an aggregate file."""
    results = as_list(aggregate.get("evaluation_results"), "evaluation_results")
    return [as_object(result, "evaluation_results") for result in results]


def _metric_name(result: Record) -> str:
    """Return the name of a result's metric."""
    config = part(result, "metric_config")
    # Names are for people, and the id is the fallback for those who gave none.
    for name in (config.get("metric_name"), config.get("metric_id")):
        if isinstance(name, str) and name:
            return name
    return str(result.get("evaluation_result_id") or result.get("evaluation_name"))


def _results(
    aggregates: list[Record],
    times: dict[str, str],
    samples: dict[str, list[Sample]],
    notes: list[str],
) -> dict[str, dict[str, Record]]:
    """Sort results by task and metric, from the run whose samples are judged or the newest one."""
    by_task: dict[str, dict[str, list[Record]]] = {}
    for aggregate in aggregates:
        run = str(aggregate.get("evaluation_id"))
        for result in _results_in(aggregate):
            runs = by_task.setdefault(str(result.get("evaluation_name")), {})
            runs.setdefault(run, []).append(result)
    chosen: dict[str, dict[str, Record]] = {}
    for task, runs in by_task.items():
        # Samples and what their scores mean must be of the same run.
        if task in samples:
            run = samples[task][0].run
        else:
            run = _newest(task, runs, times, notes)
        chosen[task] = {_metric_name(result): result for result in runs.get(run, [])}
    return chosen
