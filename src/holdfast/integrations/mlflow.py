"""Runs of MLflow: metrics while a learner trains, results for the gate, and verdicts.

Results are an artifact, `runs:/<run id>/<path>`, on the tracking server that MLflow is set to
(`MLFLOW_TRACKING_URI`), or that of a registered version, `models:/<name>@<alias>`. This module
needs the extra `mlflow`.
"""

import logging
import os
import re
import tempfile
import time
import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from holdfast.errors import HoldfastError, MissingExtra, first_line
from holdfast.gate import Gate, Side, Verdict, read_side
from holdfast.gate.formats import NOTHING_WANTED, Wanted
from holdfast.gate.outputs import files_of
from holdfast.integrations import mlflow_models
from holdfast.reports.gate import gate_html
from holdfast.text import shown, without_secrets

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

SCHEME = "runs:/"
FOLDER = "holdfast"  # of the artifacts that a verdict becomes
LONGEST_NAME = 200  # characters of a task's name in a metric; MLflow takes 250 with what is added
LONGEST_TAG = 5000  # characters of the value of a tag that MLflow stores
RETRIES = "2"  # MLflow's default of seven, with growing pauses, delays a CI job by minutes
NOISY = ("mlflow", "mlflow.store.db.utils", "alembic", "sqlalchemy")  # loggers

# What a learner logs at a step: its task, and numbers or mappings of numbers by name.
Record = Mapping[str, Any]


def log_to(run: str) -> Callable[[Record], None]:
    """Make a `log` for a learner that writes its records to a run as metrics.

    The learner's step becomes the step of MLflow. The loss becomes the metric `loss`, and the score
    of each task becomes `score/<task>`. Characters of a task's name that MLflow refuses become `_`.
    If the server does not answer, training continues with a warning.

    Args:
        run: The id of a run, such as `mlflow.start_run().info.run_id`.

    Returns:
        A function to pass as `Learner(..., log=...)`.

    Raises:
        MissingExtra: MLflow is not installed.
        HoldfastError: MLflow has no such run, or it cannot be reached.
    """
    try:
        connected().get_run(run)
    except Exception as error:
        raise failed(f"the run {run!r} could not be opened in MLflow", error) from None
    names: dict[str, str] = {}  # the name in MLflow of each metric so far

    def log(record: Record) -> None:
        from mlflow.entities import Metric

        milliseconds = int(time.time() * 1000)
        step = int(record["step"])
        metrics = [
            Metric(_metric_name(key, names), value, milliseconds, step)
            for key, value in flat(record).items()
        ]
        try:
            connected().log_batch(run, metrics=metrics)
        except Exception as error:
            # A gap in a chart is better than the loss of a training run.
            message = f"step {step} was not logged to MLflow's run {run}"
            warnings.warn(str(failed(message, error)), stacklevel=2)

    return log


def flat(record: Record) -> dict[str, float]:
    """Collect the numbers of a learner's record under one level of names.

    Args:
        record: What the learner logs at a step. Its task and step are left out.

    Returns:
        The numbers. Those of a nested mapping are named `<name>/<name in the mapping>`.

    Example:
        >>> flat({"task": "b", "step": 8, "task_step": 4, "score": {"a": 0.9, "b": 0.7}})
        {'task_step': 4.0, 'score/a': 0.9, 'score/b': 0.7}
    """
    numbers: dict[str, float] = {}
    for key, value in record.items():
        if key in ("task", "step"):
            continue
        if isinstance(value, Mapping):
            numbers |= {f"{key}/{name}": float(number) for name, number in value.items()}
        else:
            numbers[key] = float(value)
    return numbers


def judge_runs(
    gate: Gate,
    champion: str,
    candidate: str,
    artifact: str = "results.parquet",
    write: bool = True,
) -> Verdict:
    """Judge a candidate by the same artifact of two runs.

    Args:
        gate: The gate that judges.
        champion: The id of the champion's run.
        candidate: The id of the candidate's run.
        artifact: The path of the results among the artifacts of each run.
        write: Whether the verdict is written to the candidate's run, as tags `holdfast.*` and as
            artifacts under `holdfast/`.

    Returns:
        The verdict.

    Raises:
        MissingExtra: MLflow is not installed.
        HoldfastError: An artifact cannot be fetched or judged, or the verdict cannot be written.
    """
    candidate_uri = f"{SCHEME}{candidate}/{artifact}"
    champion_side = read_run(f"{SCHEME}{champion}/{artifact}", "champion")
    verdict = gate.judge(champion_side, read_run(candidate_uri, "candidate"))
    if write:
        write_back(verdict, candidate_uri, {"verdict.html": gate_html(verdict)})
    return verdict


def read_run(uri: str, side: str, wanted: Wanted = NOTHING_WANTED) -> Side:
    """Read the results that an artifact of a run holds.

    Args:
        uri: The artifact, `runs:/<run id>/<path>`, which may be a folder. Or a version in the
            registry, `models:/<name>@<alias>` or `models:/<name>/<number>`, whose results are the
            evaluation artifact of its run. A note then says which file it is.
        side: What the results are called in messages, such as "champion".
        wanted: Which format, metric and columns are asked for.

    Returns:
        The results, named by `uri`.

    Raises:
        MissingExtra: MLflow is not installed.
        HoldfastError: There is no such version, or it is not clear which artifact holds its
            results. Or the artifact cannot be fetched, or holds no results.
    """
    notes: tuple[str, ...] = ()
    artifact = uri
    if uri.startswith(mlflow_models.SCHEME):
        client = connected()
        version = mlflow_models.version_of(client, uri, side)
        path = mlflow_models.results_of(client, version, side)
        artifact = f"{SCHEME}{version.run}/{path}"
        notes = (f"The results of {uri} are those of version {version.number}, {artifact}.",)
    run, path = _parsed(artifact, side)
    with tempfile.TemporaryDirectory() as folder:
        try:
            file = connected().download_artifacts(run, path, folder)
        except Exception as error:
            raise failed(f"{side} {artifact} could not be fetched from MLflow", error) from None
        found = read_side(Path(file), side, wanted)
        origin = found.origin
        if origin is not None:
            origin = replace(origin, name=uri)
        # The path of the copy says nothing to the reader of a report.
        return replace(found, name=uri, notes=(*notes, *found.notes), origin=origin)


def write_back(verdict: Verdict, uri: str, more: Mapping[str, str]) -> None:
    """Write a verdict to the run of its candidate.

    Args:
        verdict: The verdict. Its files become artifacts under `holdfast/`, and its decision, sides
            and worst change become tags `holdfast.*`.
        uri: Any artifact of the run, `runs:/<run id>/<path>`, or a version in the registry.
        more: Other files to write, by name.

    Raises:
        MissingExtra: MLflow is not installed.
        HoldfastError: The verdict could not be written.
    """
    if uri.startswith(mlflow_models.SCHEME):
        run = mlflow_models.version_of(connected(), uri, "candidate").run
    else:
        run, _ = _parsed(uri, "candidate")
    try:
        client = connected()
        for name, text in {**more, **files_of(verdict)}.items():
            client.log_text(run, text, f"{FOLDER}/{name}")
        # The tags come last: whoever sees a tag finds the files.
        for name, value in _tags(verdict).items():
            client.set_tag(run, f"holdfast.{name}", value[:LONGEST_TAG])
    except Exception as error:
        raise failed(f"the verdict could not be written to MLflow's run {run}", error) from None


def _tags(verdict: Verdict) -> dict[str, str]:
    """List what a run's tags say about its verdict."""
    tags = {
        "decision": verdict.decision,
        "passed": str(verdict.passed).lower(),
        "champion": verdict.champion,
        "judged": verdict.judged,
    }
    worst = verdict.worst
    if worst is not None:
        tags["worst_task"] = shown(worst.label)
        tags["worst_change"] = f"{worst.change:.6f}"
    return tags


def _metric_name(key: str, names: dict[str, str]) -> str:
    """Name a metric as MLflow allows, so that different keys have different names.

    Args:
        key: The name of the metric, such as "loss" or "score/<task>".
        names: The names so far, by key. A new one is added.
    """
    if key not in names:
        kind, _, task = key.partition("/")
        name = kind
        if task:
            name = f"{kind}/{_allowed(task)}"
        names[key] = _unused(name, names.values())
    return names[key]


def _allowed(task: str) -> str:
    """Replace the characters of a task's name that MLflow refuses in the name of a metric."""
    name = re.sub(r"[^\w.\- ]", "_", task)[:LONGEST_NAME]
    # MLflow takes a name of dots for a path that leads elsewhere.
    if not name.strip("."):
        return "_" * len(name)
    return name


def _unused(name: str, used: Iterable[str]) -> str:
    """Add a number to a name if it is used already: a, a_2, a_3."""
    taken = set(used)
    unused = name
    number = 2
    while unused in taken:
        unused = f"{name}_{number}"
        number += 1
    return unused


def _parsed(uri: str, side: str) -> tuple[str, str]:
    """Split the URI of an artifact into the run's id and the artifact's path."""
    run, _, path = uri.removeprefix(SCHEME).partition("/")
    if not uri.startswith(SCHEME) or not run or not path:
        raise HoldfastError(
            f"{side}: expected {SCHEME}<run id>/<path of the artifact>, got {uri!r}"
        )
    return run, path


def connected() -> "MlflowClient":
    """Connect to the tracking server that MLflow is set to, with few retries and no log output.

    Returns:
        The connection.

    Raises:
        MissingExtra: MLflow is not installed.
    """
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", RETRIES)
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    try:
        from mlflow.tracking import MlflowClient
    except ImportError:
        raise MissingExtra("mlflow", "mlflow") from None
    # The import sets up MLflow's logging, so it is silenced after that. Errors are raised anyway.
    for logger in NOISY:
        logging.getLogger(logger).setLevel(logging.CRITICAL)
    return MlflowClient()


def failed(problem: str, error: Exception) -> HoldfastError:
    """Build the error for a failed call of MLflow; its message has one line and no secrets.

    Args:
        problem: What could not be done.
        error: What MLflow raised.

    Returns:
        The error to raise. One that is clear already is returned as it is.
    """
    if isinstance(error, HoldfastError):  # a clear error already, such as a missing extra
        return error
    return HoldfastError(without_secrets(f"{problem}: {shown(first_line(error))}"))
