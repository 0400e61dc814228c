"""Reads logs of inspect-ai: `.eval` (an archive), `.json`, and folders of them.

The names of the fields are those of `inspect_ai/log/_log.py` in version 0.3.285. An archive has
summaries of all samples in one member, which have everything that the gate needs.
"""

import json
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from holdfast.errors import HoldfastError
from holdfast.gate.formats.digests import digest_of
from holdfast.gate.formats.inspect_scores import add_scores
from holdfast.gate.formats.json_content import (
    Record,
    as_list,
    as_object,
    json_object,
    json_value,
    needed,
    part,
)
from holdfast.gate.formats.log import Log, Wanted
from holdfast.gate.formats.rows import Rows
from holdfast.gate.formats.several_runs import newest, one_model
from holdfast.gate.formats.source import Source
from holdfast.gate.formats.zip_archives import member
from holdfast.gate.names import apart

ENDINGS = (".eval", ".json")
KEYS = {"version", "status", "eval"}  # that every log has
LONGEST = 60  # characters of arguments that a message shows
SUMMARIES = "summaries.json"
START = "_journal/start.json"  # the member of an archive that is written first


def recognises(source: Source) -> bool:
    """Whether a file or folder was written by inspect-ai."""
    if source.path.is_dir():
        return any(_is_log(Source(path)) for path in source.files if path.suffix in ENDINGS)
    return _is_log(source)


def _is_log(source: Source) -> bool:
    """Whether a file is a log."""
    if source.head.startswith(b"PK"):
        # A log that was renamed is known by the member that inspect-ai writes first.
        return source.path.suffix == ".eval" or _has_start(source.path)
    # A large file of another tool is not parsed as a whole.
    return b'"eval"' in source.head and set(source.object) >= KEYS


def _has_start(path: Path) -> bool:
    """Whether an archive has the member that is written first."""
    try:
        with zipfile.ZipFile(path) as archive:
            return START in archive.namelist()
    except (OSError, zipfile.BadZipFile):
        return False


def read(source: Source, wanted: Wanted, where: str) -> Log:
    """Read one log or a folder of logs.

    Args:
        source: A log, or a folder of logs.
        wanted: What the user asks for.
        where: What the source is called in messages.

    Returns:
        One row per sample and epoch.

    Raises:
        HoldfastError: A log did not end well, or there are several models or no such scorer.
        ValueError: A file is not as inspect-ai writes it.
    """
    # A file that is named is read even if it is not recognised, so that the error says why.
    files = [source.path]
    if source.path.is_dir():
        files = [path for path in source.files if _is_log(Source(path))]
    logs = [_headed(path) for path in files]
    if not logs:
        raise HoldfastError(
            f"{where} has no logs of inspect-ai; expected files ending in {' or '.join(ENDINGS)}"
        )
    model = one_model((log.model for log in logs), wanted.model, where)
    by_task: dict[str, list[tuple[str, _Run]]] = {}
    chosen_logs = [log for log in logs if log.model == model]
    for log in chosen_logs:
        by_task.setdefault(log.title(chosen_logs), []).append((log.created, log))
    rows = Rows()
    for task, runs in by_task.items():
        _add_run(newest(runs, task, rows), task, wanted, rows)
    return rows.log(where)


# ---- logs


@dataclass(frozen=True)
class _Run:
    """A log without its samples.

    Attributes:
        path: The file.
        header: All of the log but its samples.
    """

    path: Path
    header: Record

    @property
    def spec(self) -> Record:
        """What was evaluated, and how."""
        return as_object(self.header["eval"], f"eval of {self.path.name}")

    @property
    def task(self) -> str:
        """The name of the task."""
        return str(needed(self.spec, "task", f"eval of {self.path.name}"))

    @property
    def model(self) -> str:
        """The name of the model, with its provider before it."""
        return str(self.spec.get("model") or "")

    @property
    def created(self) -> str:
        """When the evaluation began."""
        return str(self.spec.get("created") or "")

    @property
    def arguments(self) -> str:
        """The arguments of the task, as text."""
        arguments = part(self.spec, "task_args")
        return ", ".join(f"{name}={json.dumps(value)}" for name, value in arguments.items())

    def title(self, logs: list["_Run"]) -> str:
        """Name the task, with its arguments if other logs have the task with other arguments."""
        task = self.task
        variants = {log.arguments for log in logs if log.task == task}
        # Names stay short in the usual case, and equal on both sides.
        if len(variants) == 1:
            return task
        return f"{task} ({self.arguments})"


def _headed(path: Path) -> _Run:
    """Read a log without its samples."""
    if path.suffix == ".json":
        content = json_object(path)
    # A copy that broke off lacks the directory, which is at the end of an archive.
    elif not zipfile.is_zipfile(path):
        raise ValueError(f"{path.name} is no archive, or its end is missing")
    else:
        with zipfile.ZipFile(path) as archive:
            # An evaluation that was killed has no header.
            name = "header.json" if "header.json" in archive.namelist() else START
            content = as_object(json_value(member(archive, name), f"{name} of {path.name}"), name)
            # What is written first cannot know how the evaluation ended.
            content.setdefault("status", "started")
    missing = sorted(KEYS - set(content))
    if missing:
        raise ValueError(f"{path.name} has no {missing[0]}, which every log of inspect-ai has")
    return _Run(path, content)


def _samples(run: _Run) -> Iterator[Record]:
    """Yield the samples of a log."""
    name = f"samples of {run.path.name}"
    if run.path.suffix == ".json":
        samples = run.header.get("samples")
    else:
        with zipfile.ZipFile(run.path) as archive:
            if SUMMARIES not in archive.namelist():
                raise ValueError(
                    f"{run.path.name} has no {SUMMARIES}; write it with inspect-ai 0.3"
                )
            samples = json_value(member(archive, SUMMARIES), name)
    if not samples:
        raise HoldfastError(f"{run.path.name} has no samples; run inspect with --log-samples")
    for sample in as_list(samples, name):
        yield as_object(sample, name)


def _add_run(run: _Run, task: str, wanted: Wanted, rows: Rows) -> None:
    """Add the samples of a log, and what must be equal on both sides."""
    # A run that was stopped early holds the fast samples, which are not a fair choice.
    status = run.header["status"]
    if status != "success":
        raise HoldfastError(
            f"the evaluation {run.path.name} of the task {apart(task)} ended with the status "
            f"{str(status)!r}, so samples are missing; run inspect eval-retry on it"
        )
    if run.header.get("invalidated"):
        raise HoldfastError(
            f"samples of {run.path.name} were marked as invalid; run inspect eval-retry on it"
        )
    add_scores(list(_samples(run)), _headline(run.header), task, wanted, run.path.name, rows)
    for fact, value in _facts(run).items():
        rows.compare(task, fact, value)
    _note_settings(part(run.spec, "config"), task, rows)


def _headline(header: Mapping[str, object]) -> str:
    """Return the scorer whose metric inspect-ai shows first, or "" in logs of old versions."""
    # A task may score the same answers in several ways, of which its author puts one first.
    results = part(dict(header), "results")
    return str(part(results, "headline").get("score") or "")


def _facts(run: _Run) -> dict[str, object]:
    """Return what must be equal on both sides, so that the scores are comparable."""
    # The place of a data set is left out, because it differs from machine to machine.
    dataset = part(run.spec, "dataset")
    return {
        "task version": run.spec.get("task_version"),
        "task arguments": _shortened(run.arguments) or "none",
        "data set": dataset.get("name"),
        "solver": _solvers(run.header),
    }


def _shortened(text: str) -> str:
    """Replace the end of a long text by a digest of all of it, which differs if the text does."""
    if len(text) <= LONGEST:
        return text
    return f"{text[:LONGEST]}… ({digest_of(text)})"


def _solvers(header: Record) -> str:
    """Name the solvers of a log, with a digest of their arguments: prompts are among these."""
    steps = as_list(part(header, "plan").get("steps") or [], "plan.steps")
    records = [as_object(step, "a step of plan.steps") for step in steps]
    names = ", ".join(str(record.get("solver")) for record in records)
    return f"{names} ({digest_of([record.get('params') for record in records])})"


def _note_settings(config: Record, task: str, rows: Rows) -> None:
    """Note settings by which the scores differ from those that inspect-ai shows."""
    # Both are legitimate, but a reader of the verdict should know of them.
    limit = config.get("limit")
    if limit is not None:
        rows.note(f"Only some samples were evaluated (--limit {limit}).", task)
    reducers = [str(name) for name in as_list(config.get("epochs_reducer") or [], "epochs_reducer")]
    if reducers and reducers != ["mean"]:
        rows.note(
            f"The gate judges the mean of all epochs, not {', '.join(reducers)} of them.",
            task,
        )
