"""Features of Holdfast's gate, by its commands."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd

from duel.shown.common import (
    CHAMPION,
    CLUSTERS,
    UNCLEAR,
    WORSE,
    N,
    inspect_log,
    lm_eval,
    promptfoo,
    run,
    table,
)
from holdfast.gate import Gate
from holdfast.gate.looks import Looks
from holdfast.gate.policy import policy_from

LONGEST_START = 120.0  # seconds that the server of MLflow may take


def _side(folder: Path, name: str, scores: list[float], **columns: object) -> Path:
    given = {"task": ["t"] * N, "example_id": list(range(N)), "score": scores}
    return table(folder / f"{name}.csv", given | columns)


def _judged(folder: Path, candidate: list[float], policy: str = "", **columns: object) -> dict:
    """The verdict on a candidate, as the command writes it."""
    arguments = [
        *("--champion", _side(folder, "champion", CHAMPION, **columns)),
        *("--candidate", _side(folder, "candidate", candidate, **columns)),
        *("--out", folder / "gate"),
    ]
    if policy:
        (folder / "gate.toml").write_text(policy, encoding="utf-8")
        arguments += ["--policy", folder / "gate.toml"]
    found = run("holdfast", "gate", *arguments)
    assert (folder / "gate" / "verdict.json").exists(), found
    return json.loads((folder / "gate" / "verdict.json").read_text(encoding="utf-8"))


def tasks(folder: Path) -> None:
    verdict = _judged(folder, UNCLEAR, task=["a", "b"] * (N // 2))
    assert {row["task"] for row in verdict["tasks"]} == {"a", "b"}


def forgetting(folder: Path) -> None:
    matrix = {"task": ["a", "a", "b"], "after": ["a", "b", "b"]}
    champion = table(folder / "champion.csv", matrix | {"score": [0.9, 0.88, 0.9]})
    candidate = table(folder / "candidate.csv", matrix | {"score": [0.9, 0.6, 0.9]})
    sides = ("--champion", champion, "--candidate", candidate)
    found = run("holdfast", "gate", *sides, "--policy", "simple", "--out", folder / "gate")
    verdict = json.loads((folder / "gate" / "verdict.json").read_text(encoding="utf-8"))
    assert any("forg" in reason or "learnt" in reason for reason in verdict["reasons"]), found


def drift(folder: Path) -> None:
    ledger = ("--ledger", f"sqlite:///{folder}/ledger.db", "--model", "m")
    first = _side(folder, "first", CHAMPION)
    run("holdfast", "record", *ledger, "--release", "1", "--results", first)
    policy = folder / "gate.toml"
    policy.write_text("[default]\ndelta = 0.4\nmax_cumulative_drop = 0.1\n", encoding="utf-8")
    candidate = _side(folder, "second", WORSE)
    found = run("holdfast", "gate", *ledger, "--candidate", candidate, "--policy", policy)
    assert found.returncode == 1, found
    assert "since it was learnt" in " ".join(found.stdout.split()), found


def segments(folder: Path) -> None:
    verdict = _judged(folder, WORSE, segment=["x", "y"] * (N // 2))
    assert {row["segment"] for row in verdict["tasks"]} == {"", "x", "y"}


def correction(folder: Path) -> None:
    verdict = _judged(folder, WORSE, task=["a", "b"] * (N // 2))
    assert any("Holm" in row["correction"] for row in verdict["tasks"])


def waivers(folder: Path) -> None:
    expires = pd.Timestamp.now().date() + pd.Timedelta(days=30)
    policy = f'[[waivers]]\ntask = "t"\nreason = "the labels are wrong"\nexpires = {expires}\n'
    verdict = _judged(folder, WORSE, policy)
    assert verdict["tasks"][0]["waived"]


def clusters(folder: Path) -> None:
    assert _judged(folder, UNCLEAR, cluster=CLUSTERS)["tasks"][0]["clusters"] == N // 20


def inconclusive(folder: Path) -> None:
    assert _judged(folder, UNCLEAR)["decision"] == "inconclusive"


def planning(folder: Path) -> None:
    sides = (_side(folder, "champion", CHAMPION), _side(folder, "candidate", UNCLEAR))
    found = run("holdfast", "gate", "--champion", sides[0], "--candidate", sides[1], "--plan")
    assert "examples can show a loss below" in found.stdout, found


def looks(folder: Path) -> None:
    order = np.random.default_rng(0).permutation(N)
    champion, candidate = (
        pd.read_csv(_side(folder, "side", scores)).iloc[order] for scores in (CHAMPION, WORSE)
    )
    half = candidate[: N // 2]
    verdict = Gate(policy_from({})).judge(champion, half, looks=Looks.parse("0.5,1"))
    assert verdict.decision == "fail"


def lm_eval_logs(folder: Path) -> None:
    sides = [lm_eval(folder, s, m).parent for s, m in ((CHAMPION, "old"), (WORSE, "new"))]
    found = run("holdfast", "gate", "run", *sides)
    assert found.returncode == 1, found


def inspect_logs(folder: Path) -> None:
    sides = [inspect_log(folder, s, m) for s, m in ((CHAMPION, "old"), (WORSE, "new"))]
    found = run("holdfast", "gate", "run", *sides)
    assert found.returncode == 1, found


def promptfoo_logs(folder: Path) -> None:
    sides = [promptfoo(folder, s, m) for s, m in ((CHAMPION, "old"), (WORSE, "new"))]
    found = run("holdfast", "gate", "run", *sides)
    assert found.returncode == 1, found


def metrics(folder: Path) -> None:
    labels = [0, 1] * (N // 2)
    sides = []
    for name, scores in (("old", CHAMPION), ("new", WORSE)):
        guesses = [y if s else 1 - y for y, s in zip(labels, scores, strict=True)]
        sides.append(_side(folder, name, scores, label=labels, probability=guesses))
    for metric in ("auc", "f1", "rmse"):
        rule = {"metric": metric, "classes": "ignore", "delta": 0.02}
        if metric == "rmse":
            # Labels and predictions are numbers then, and the error may rise by a share.
            rule |= {"delta": "10%"}
        (row,) = Gate(policy_from({"default": rule})).judge(*map(_predictions, sides)).tasks
        assert (row.decision, row.metric) == ("fail", metric), row


def _predictions(path: Path) -> pd.DataFrame:
    """The probabilities, rounded, are the predictions."""
    return pd.read_csv(path).assign(prediction=lambda t: t["probability"].round())


def costs(folder: Path) -> None:
    noise = np.random.default_rng(0).normal(0, 5, N)
    sides = [
        pd.read_csv(_side(folder, "side", CHAMPION)).assign(latency_ms=mean + noise * sign)
        for mean, sign in ((100, 1), (150, -1))
    ]
    gate = Gate(policy_from({"cost": {"latency_ms": {"max_increase": "10%"}}}))
    assert gate.judge(*sides).decision == "fail"


def exit_code(folder: Path) -> None:
    for candidate, expected in ((CHAMPION, 0), (WORSE, 1)):
        sides = (_side(folder, "champion", CHAMPION), _side(folder, "candidate", candidate))
        # The first candidate is the champion, which the gate judges only if it is told to.
        words = ("--champion", sides[0], "--candidate", sides[1], "--allow-same")
        found = run("holdfast", "gate", *words)
        assert found.returncode == expected, found


def junit(folder: Path) -> None:
    _judged(folder, WORSE)
    assert "<testsuite" in (folder / "gate" / "junit.xml").read_text(encoding="utf-8")


def html(folder: Path) -> None:
    _judged(folder, WORSE)
    assert "<html" in (folder / "gate" / "verdict.html").read_text(encoding="utf-8")


def registry(folder: Path) -> None:
    """A pass moves the alias, on a real server of MLflow."""
    with _server(folder) as url:
        os.environ["MLFLOW_TRACKING_URI"] = url
        client = mlflow.tracking.MlflowClient(url)
        client.create_registered_model("fraud")
        experiment = client.create_experiment("gate")
        for scores in (CHAMPION, [*CHAMPION[1:], CHAMPION[0]]):
            run_id = client.create_run(experiment).info.run_id
            client.log_artifact(run_id, _side(folder, "results", scores))
            client.create_model_version("fraud", f"runs:/{run_id}/results", run_id)
        client.set_registered_model_alias("fraud", "champion", "1")
        words = ("models:/fraud/1", "models:/fraud/2", "--promote", "models:/fraud@champion")
        policy = folder / "gate.toml"
        policy.write_text("[default]\ndelta = 0.4\n", encoding="utf-8")
        found = run("holdfast", "gate", "run", *words, "--policy", policy)
        assert found.returncode == 0, found
        assert client.get_model_version_by_alias("fraud", "champion").version in ("2", 2)


@contextmanager
def _server(folder: Path) -> Iterator[str]:
    """Run a server of MLflow until the block ends."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "mlflow", "server", "--workers", "1", "--port", str(port)]
    command += ["--backend-store-uri", f"sqlite:///{folder}/m.db"]
    command += ["--artifacts-destination", str(folder / "artifacts")]
    server = subprocess.Popen(
        command,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=os.environ | {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"},
        start_new_session=True,
    )
    url = f"http://127.0.0.1:{port}"
    until = time.monotonic() + LONGEST_START
    try:
        while not _answers(url):
            assert time.monotonic() < until, "the server of MLflow does not start"
            time.sleep(0.5)
        yield url
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(30)


def _answers(url: str) -> bool:
    """Whether a server answers."""
    try:
        urllib.request.urlopen(f"{url}/health", timeout=2).close()
    except OSError:
        return False
    return True


def levels(folder: Path) -> None:
    """They are in `benchmarks/results/gate-levels.md`."""
    page = Path(__file__).parents[2] / "results" / "gate-levels.md"
    assert "shares of false decisions" in page.read_text(encoding="utf-8")
