"""Runs of MLflow as sides of the gate, and the verdict written back to the candidate's run. Needs the extra `mlflow`.

A side is an artifact, `runs:/<run id>/<path>`, of the tracking server that MLflow is set to (MLFLOW_TRACKING_URI).
"""

import logging
import os
import tempfile
from collections.abc import Mapping
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


def judge_runs(gate: Gate, champion: str, candidate: str, artifact: str = "results.parquet", write: bool = True) -> Verdict:
    """The verdict on the same artifact of two runs, given by their ids. `write`: also as tags and artifacts of the candidate's run."""
    uri = f"{SCHEME}{candidate}/{artifact}"
    verdict = gate.judge(read_run(f"{SCHEME}{champion}/{artifact}", "champion"), read_run(uri, "candidate"))
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
        raise HoldfastError(f"{side}: expected {SCHEME}<run id>/<path of the artifact>, got {uri!r}")
    return run, path


def _client() -> Any:
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")  # seven, with growing pauses, keep a CI job waiting for minutes
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
