"""Runs of MLflow: metrics while a learner trains, sides of the gate, and verdicts. Needs the extra `mlflow`.

A side is an artifact, `runs:/<run id>/<path>`, of the tracking server that MLflow is set to (MLFLOW_TRACKING_URI).
"""

import logging
import os
import re
import tempfile
import time
import warnings
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from holdfast.errors import HoldfastError, MissingExtra, first_line
from holdfast.gate import Gate, Side, Verdict, read_side
from holdfast.gate.outputs import files_of
from holdfast.reports.gate import gate_html
from holdfast.text import shown, without_secrets

SCHEME = "runs:/"
FOLDER = "holdfast"  # of the artifacts that a verdict becomes


def log_to(run: str) -> Callable[[Mapping[str, Any]], None]:
    """Make a `log` for a learner that writes its records to a run as metrics.

    `step` becomes the step of MLflow; the loss becomes the metric `loss`, and the score of each task `score/<task>`.
    Characters of a task's name that MLflow refuses become `_`. Where the server does not answer, training goes on
    with a warning.

    Args:
        run: The id of a run, such as `mlflow.start_run().info.run_id`.

    Returns:
        A function to pass as `Learner(..., log=...)`.

    Raises:
        HoldfastError: MLflow knows no such run.
    """
    try:
        _client().get_run(run)
    except Exception as error:
        raise _failed(f"the run {run!r} could not be opened in MLflow", error) from None
    names: dict[str, str] = {}  # metric → its name in MLflow

    def log(record: Mapping[str, Any]) -> None:
        from mlflow.entities import Metric

        now, step = int(time.time() * 1000), int(record["step"])
        metrics = [
            Metric(_metric(key, names), value, now, step) for key, value in flat(record).items()
        ]
        try:
            _client().log_batch(run, metrics=metrics)
        except Exception as error:
            warnings.warn(
                str(_failed(f"step {step} was not logged to MLflow's run {run}", error)),
                stacklevel=2,
            )

    return log


def flat(record: Mapping[str, Any]) -> dict[str, float]:
    """The numbers of a learner's record, under one level of names.

    Example:
        >>> flat({"task": "b", "step": 8, "task_step": 4, "score": {"a": 0.9, "b": 0.7}})
        {'task_step': 4.0, 'score/a': 0.9, 'score/b': 0.7}
    """
    found: dict[str, float] = {}
    for key, value in record.items():
        if isinstance(value, Mapping):
            found |= {f"{key}/{name}": float(number) for name, number in value.items()}
        elif key not in ("task", "step"):
            found[key] = float(value)
    return found


def _metric(key: str, names: dict[str, str]) -> str:
    """A name that MLflow takes, another one for each key."""
    if key not in names:
        kind, _, task = key.partition("/")
        name = re.sub(r"[^\w.\- ]", "_", task)[:200]
        name = f"{kind}/{name if name.strip('.') else '_' * len(name)}" if task else kind
        taken = set(names.values())
        names[key] = next(
            n for n in [name, *(f"{name}_{k}" for k in range(2, len(taken) + 3))] if n not in taken
        )
    return names[key]


def judge_runs(
    gate: Gate, champion: str, candidate: str, artifact: str = "results.parquet", write: bool = True
) -> Verdict:
    """The verdict on the same artifact of two runs, given by their ids. `write`: also as tags and artifacts of the candidate's run."""
    uri = f"{SCHEME}{candidate}/{artifact}"
    verdict = gate.judge(
        read_run(f"{SCHEME}{champion}/{artifact}", "champion"), read_run(uri, "candidate")
    )
    if write:
        write_back(verdict, uri, {"verdict.html": gate_html(verdict.to_json())})
    return verdict


def read_run(uri: str, side: str) -> Side:
    """The results that an artifact `runs:/<run id>/<path>` holds."""
    run, path = _parsed(uri, side)
    with tempfile.TemporaryDirectory() as folder:
        try:
            found = _client().download_artifacts(run, path, folder)
        except Exception as error:
            raise _failed(f"{side} {uri} could not be fetched from MLflow", error) from None
        return replace(read_side(Path(found), side), name=uri)


def write_back(verdict: Verdict, uri: str, more: Mapping[str, str]) -> None:
    """Tags `holdfast.*` and the gate's files (and `more`) as artifacts under `holdfast/`, on the run that `uri` names."""
    run, _ = _parsed(uri, "candidate")
    tags = {
        "decision": verdict.decision,
        "passed": str(verdict.passed).lower(),
        "champion": verdict.champion,
        "judged": verdict.judged,
    }
    if (worst := verdict.worst) is not None:
        tags |= {"worst_task": shown(worst.label), "worst_change": f"{worst.change:.6f}"}
    try:
        client = _client()
        for name, text in {**more, **files_of(verdict)}.items():
            client.log_text(run, text, f"{FOLDER}/{name}")
        for name, value in tags.items():  # last: who reads the tag finds the files
            client.set_tag(run, f"holdfast.{name}", value[:5000])
    except Exception as error:
        raise _failed(f"the verdict could not be written to MLflow's run {run}", error) from None


def _parsed(uri: str, side: str) -> tuple[str, str]:
    run, _, path = uri.removeprefix(SCHEME).partition("/")
    if not uri.startswith(SCHEME) or not run or not path:
        raise HoldfastError(
            f"{side}: expected {SCHEME}<run id>/<path of the artifact>, got {uri!r}"
        )
    return run, path


def _client() -> Any:
    os.environ.setdefault(
        "MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2"
    )  # seven, with growing pauses, keep a CI job waiting for minutes
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    try:
        from mlflow.tracking import MlflowClient
    except ImportError:
        raise MissingExtra("mlflow", "mlflow") from None
    # After the import, which sets up its own logging: a failure is one line, which is raised.
    for chatty in ("mlflow", "mlflow.store.db.utils", "alembic", "sqlalchemy"):
        logging.getLogger(chatty).setLevel(logging.CRITICAL)
    return MlflowClient()


def _failed(what: str, error: Exception) -> HoldfastError:
    if isinstance(error, HoldfastError):
        return error
    return HoldfastError(without_secrets(f"{what}: {shown(first_line(error))}"))
