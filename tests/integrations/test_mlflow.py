"""The gate on runs of a real MLflow server that keeps its data in SQLite."""

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from holdfast.cli.main import run_cli
from holdfast.errors import HoldfastError
from holdfast.gate import Gate, Policy

mlflow = pytest.importorskip("mlflow", reason="MLflow is not installed (extra mlflow)")
pytest.importorskip("flask", reason="MLflow's server needs flask")


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mlflow")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    quiet = {
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "DO_NOT_TRACK": "true",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    }
    command = [sys.executable, "-m", "mlflow", "server", "--workers", "1"]
    command += ["--host", "127.0.0.1", "--port", str(port)]
    command += ["--backend-store-uri", f"sqlite:///{folder}/m.db"]
    command += ["--artifacts-destination", str(folder / "artifacts")]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            command, stdout=log, stderr=log, env=os.environ | quiet, start_new_session=True
        )
    url = f"http://127.0.0.1:{port}"
    until = time.monotonic() + 120
    while True:
        try:
            urllib.request.urlopen(f"{url}/health", timeout=2).close()
            break
        except OSError:
            if process.poll() is not None or time.monotonic() > until:
                raise AssertionError((folder / "log").read_text()) from None
            time.sleep(0.5)
    yield url
    os.killpg(process.pid, 15)
    process.wait(30)


@pytest.fixture
def client(server, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server)
    mlflow.set_tracking_uri(server)
    return mlflow.tracking.MlflowClient()


def run_with(client, tmp_path, wrong: int) -> str:
    """A run whose artifact has 1,000 results on each of two tasks.

    `wrong` of the right answers on south are turned into wrong ones.
    """
    score = np.r_[np.ones(900), np.zeros(100)]
    south = np.where(np.arange(1000) < wrong, 0, score)
    frame = pd.concat(
        [
            pd.DataFrame({"task": t, "example_id": range(1000), "score": s})
            for t, s in (("north", score), ("south", south))
        ]
    )
    frame.to_parquet(tmp_path / "results.parquet")
    experiment = client.get_experiment_by_name("gate")
    if experiment is None:
        experiment = client.get_experiment(client.create_experiment("gate"))
    run = client.create_run(experiment.experiment_id)
    client.log_artifact(run.info.run_id, tmp_path / "results.parquet")
    return str(run.info.run_id)


def test_two_runs_are_judged_and_the_verdict_is_written_back(client, tmp_path):
    from holdfast.integrations.mlflow import judge_runs

    champion, candidate = run_with(client, tmp_path, 0), run_with(client, tmp_path, 80)
    verdict = judge_runs(Gate(Policy()), champion, candidate)
    assert verdict.reasons == ("south: loses 8.00 points, more than the 2 allowed",)
    tags = client.get_run(candidate).data.tags
    assert {k: tags[f"holdfast.{k}"] for k in ("decision", "passed", "worst_task")} == {
        "decision": "fail",
        "passed": "false",
        "worst_task": "south",
    }
    names = {a.path for a in client.list_artifacts(candidate, "holdfast")}
    assert names == {
        f"holdfast/{n}"
        for n in ("verdict.json", "verdict.html", "verdict.md", "junit.xml", "model-card.md")
    }
    kept = json.loads(
        Path(
            client.download_artifacts(candidate, "holdfast/verdict.json", str(tmp_path))
        ).read_text()
    )
    assert kept["champion"] == f"runs:/{champion}/results.parquet"
    assert "holdfast.decision" not in client.get_run(champion).data.tags


def test_the_command_takes_runs_and_a_dry_run_writes_nothing(client, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    champion, candidate = (f"runs:/{run_with(client, tmp_path, w)}/results.parquet" for w in (0, 1))
    sides = ["gate", "--champion", champion, "--candidate", candidate, "--policy", "standard"]
    run = candidate.split("/")[1]
    for more, tag in ((["--dry-run"], None), ([], "pass")):
        with pytest.raises(SystemExit) as done:
            run_cli([*sides, *more])
        assert not done.value.code
        assert client.get_run(run).data.tags.get("holdfast.decision") == tag
    assert "The verdict is written to MLflow" in capsys.readouterr().out


def registered(client, name, run, alias):
    """A version of a model that a run has registered, under an alias."""
    # An earlier version has made it.
    with contextlib.suppress(mlflow.exceptions.MlflowException):
        client.create_registered_model(name)
    version = client.create_model_version(name, source=f"runs:/{run}/model", run_id=run)
    client.set_registered_model_alias(name, alias, version.version)
    return version.version


def test_versions_in_the_registry_are_judged_by_the_artifact_of_their_run(
    client, tmp_path, capsys, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    for alias, wrong in (("champion", 0), ("candidate", 80)):
        registered(client, "fraud", run_with(client, tmp_path, wrong), alias)
    sides = ["--champion", "models:/fraud@champion", "--candidate", "models:/fraud/2"]
    with pytest.raises(SystemExit) as done:
        run_cli(["gate", *sides, "--policy", "standard"])
    assert done.value.code == 1
    run = client.get_model_version("fraud", "2").run_id
    assert client.get_run(run).data.tags["holdfast.decision"] == "fail"
    printed = " ".join(capsys.readouterr().out.split())
    assert f"version 2, runs:/{run}/results.parquet" in printed


def test_the_table_of_an_evaluation_is_found_and_several_files_are_listed(client, tmp_path):
    from holdfast.gate.formats import Wanted
    from holdfast.integrations.mlflow import read_run

    run = run_with(client, tmp_path, 0)
    registered(client, "places", run, "champion")
    table = {"columns": ["question", "right/v1/score"], "data": [["a", 1.0], ["b", 0.0]]}
    client.log_text(run, json.dumps(table), "evaluation/eval_results_table.json")
    with pytest.raises(HoldfastError, match="2 files of results") as caught:
        read_run("models:/places@champion", "champion")
    assert f"runs:/{run}/<path>: evaluation/eval_results_table.json, results" in str(caught.value)
    uri = f"runs:/{run}/evaluation/eval_results_table.json"
    side = read_run(uri, "champion", Wanted(metric="right", identifier="question"))
    assert list(side.rows["score"]) == [1.0, 0.0]


@pytest.mark.parametrize(
    ("uri", "message"),
    [
        ("models:/fraud", "expected models:/<name>@<alias>"),
        ("models:/nothing@champion", "not found in MLflow's registry"),
        ("models:/nothing/1", "not found in MLflow's registry"),
        ("runs:/", "expected runs:/<run id>/<path"),
        (
            "runs:/0123456789abcdef0123456789abcdef/results.parquet",
            "could not be fetched from MLflow",
        ),
    ],
)
def test_mistakes_are_one_sentence(client, uri, message):
    from holdfast.integrations.mlflow import read_run

    with pytest.raises(HoldfastError, match=message) as caught:
        read_run(uri, "champion")
    assert "\n" not in str(caught.value)


def test_a_server_that_is_not_there_is_one_sentence(monkeypatch):
    from holdfast.integrations.mlflow import read_run

    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    mlflow.set_tracking_uri("http://127.0.0.1:9")
    with pytest.raises(HoldfastError, match="could not be fetched from MLflow"):
        read_run("runs:/0123456789abcdef0123456789abcdef/results.parquet", "champion")


@pytest.fixture
def fraud(client, tmp_path, monkeypatch):
    """A model whose version 1 is the champion; 2 loses one answer, which may be, and 3 loses 80."""
    monkeypatch.chdir(tmp_path)
    name = f"fraud-{tmp_path.name}"
    for wrong, alias in ((0, "champion"), (1, "candidate"), (80, "careless")):
        registered(client, name, run_with(client, tmp_path, wrong), alias)
    return name


def promoting(name, candidate, *more):
    """Run the gate on the champion and a candidate, and return its exit code."""
    line = ["gate", "run", f"models:/{name}@champion", candidate, "--out", "gate"]
    with pytest.raises(SystemExit) as done:
        run_cli([*line, "--promote", f"models:/{name}@champion", *more])
    return done.value.code or 0


def champion_of(client, name):
    return int(client.get_model_version_by_alias(name, "champion").version)


def test_only_a_pass_moves_the_alias(client, fraud, tmp_path, capsys):
    uri = f"models:/{fraud}@champion"
    assert promoting(fraud, f"models:/{fraud}@careless") == 1
    assert champion_of(client, fraud) == 1
    assert f"{uri} was not moved, because only a pass moves it." in capsys.readouterr().out
    (tmp_path / "gate.toml").write_text('inconclusive = "pass"\n[default]\ndelta = 0.0001\n')
    assert promoting(fraud, f"models:/{fraud}/2") == 0
    assert champion_of(client, fraud) == 1
    assert "was not moved" in capsys.readouterr().out
    (tmp_path / "gate.toml").unlink()
    assert promoting(fraud, f"models:/{fraud}/2", "--dry-run") == 0
    assert champion_of(client, fraud) == 1
    capsys.readouterr()
    assert promoting(fraud, f"models:/{fraud}@candidate") == 0
    assert champion_of(client, fraud) == 2
    assert f"{uri} is now version 2; it was version 1." in capsys.readouterr().out
    tags = client.get_model_version(fraud, "2").tags
    assert tags["holdfast.decision"] == "pass"
    assert tags["holdfast.champion"] == uri
    assert tags["holdfast.promoted.champion"] == "replaces version 1"
    assert client.get_model_version(fraud, "3").tags == {}
    kept = json.loads((tmp_path / "gate" / "verdict.json").read_text())
    assert kept["provenance"]["options"]["promote"] == uri


def test_a_run_or_a_number_says_which_version_is_promoted(client, fraud, tmp_path, capsys):
    run = client.get_model_version(fraud, "2").run_id
    assert promoting(fraud, f"runs:/{run}/results.parquet") == 0
    assert champion_of(client, fraud) == 2
    client.set_registered_model_alias(fraud, "champion", "1")
    # The file is that of the run that was made last, so it is made anew.
    run_with(client, tmp_path, 1)
    assert promoting(fraud, "results.parquet") == 2
    assert "give --promote-version" in capsys.readouterr().err
    assert promoting(fraud, "results.parquet", "--promote-version", "2") == 0
    assert champion_of(client, fraud) == 2


def test_a_promotion_that_is_not_clear_is_refused_before_anything_is_judged(client, fraud, capsys):
    for candidate, more, message in [
        ("models:/{}/2", ["--promote-version", "3"], "--promote-version is 3, but the candidate"),
        ("results.parquet", ["--promote-version", "9"], "--promote-version 9 of"),
        ("models:/{}/2", ["--promote", "models:/{}/1"], "expected models:/<name>@<alias>"),
        ("models:/{}/2", ["--promote", "champion"], "expected models:/<name>@<alias>"),
        ("models:/{}/2", ["--promote", "models:/other@champion"], "is a version of"),
        ("models:/{}/7", [], "not found in MLflow's registry"),
    ]:
        options = [argument.format(fraud) for argument in more]
        assert promoting(fraud, candidate.format(fraud), *options) == 2
        said = capsys.readouterr()
        assert message in said.err
        assert said.err.count("\n") == 1
        assert said.out == ""
        assert os.listdir("gate") == ["junit.xml"]
    assert champion_of(client, fraud) == 1


def test_a_run_with_no_version_or_two_is_asked_for_a_number(client, fraud, tmp_path, capsys):
    run = run_with(client, tmp_path, 1)
    assert promoting(fraud, f"runs:/{run}/results.parquet") == 2
    assert "has registered no version of" in capsys.readouterr().err
    for _ in range(2):
        registered(client, fraud, run, "new")
    assert promoting(fraud, f"runs:/{run}/results.parquet") == 2
    assert "has registered versions 4, 5 of" in capsys.readouterr().err
    assert promoting(fraud, f"runs:/{run}/results.parquet", "--promote-version", "5") == 0
    assert champion_of(client, fraud) == 5


def test_a_move_that_fails_leaves_nothing_that_looks_like_a_pass(
    client, fraud, tmp_path, capsys, monkeypatch
):
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary.md"))
    # MLflow keeps this name for itself, and says so only when the alias is moved.
    reserved = f"models:/{fraud}@latest"
    assert promoting(fraud, f"models:/{fraud}/2", "--promote", reserved) == 2
    said = capsys.readouterr()
    assert f"{reserved} was not moved to version 2" in said.err
    assert said.err.count("\n") == 1
    assert said.out == ""
    assert os.listdir("gate") == ["junit.xml"]
    assert "failure" in Path("gate/junit.xml").read_text()
    assert "**Not promoted:**" in (tmp_path / "summary.md").read_text()
    assert "holdfast.promoted.latest" not in client.get_model_version(fraud, "2").tags


def test_a_champion_that_changed_while_the_gate_judged_stays(client, fraud):
    from holdfast.integrations.mlflow import read_run
    from holdfast.integrations.mlflow_promotion import promotion

    old, new = f"models:/{fraud}@champion", f"models:/{fraud}@candidate"
    move = promotion(old, new)
    verdict = Gate(Policy()).judge(read_run(old, "champion"), read_run(new, "candidate"))
    assert verdict.decision == "pass"
    for alias in ("champion", "candidate"):
        before = client.get_model_version_by_alias(fraud, alias).version
        client.set_registered_model_alias(fraud, alias, "3")
        with pytest.raises(HoldfastError, match="another version while the gate judged"):
            move.move(verdict)
        assert champion_of(client, fraud) in (1, 3)
        client.set_registered_model_alias(fraud, alias, before)
    assert "version 2" in move.move(verdict)
