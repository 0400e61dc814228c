"""The records of a learner as metrics of an MLflow run that lies in a folder."""

import pytest

from helpers import learner, stream
from holdfast.errors import HoldfastError
from holdfast.integrations.mlflow import log_to

mlflow = pytest.importorskip("mlflow", reason="MLflow is not installed (extra mlflow)")


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    from mlflow.tracking import MlflowClient

    where = (tmp_path_factory.mktemp("mlflow") / "store").as_uri()
    before = mlflow.get_tracking_uri()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")  # a database takes 20 s to set up
        mlflow.set_tracking_uri(where)
        yield MlflowClient(where)
        mlflow.set_tracking_uri(before)


def test_losses_and_scores_become_metrics_under_a_rising_step(client):
    s = stream("class")
    run = client.create_run("0").info.run_id
    ours = learner(s, log=log_to(run))
    matrix = ours.fit(s).matrix
    losses = [m.step for m in client.get_metric_history(run, "loss")]
    assert losses == sorted(set(losses))
    assert losses[-1] == ours.state.progress.steps
    for task in s:
        found = [
            m.value for m in client.get_metric_history(run, f"score/{task.name.replace('+', '_')}")
        ]
        assert found == pytest.approx(
            [matrix.score(task.name, after=t.name) for t in s][task.index :]
        )


def test_tasks_whose_names_differ_in_refused_characters_keep_metrics_of_their_own(client):
    run = client.create_run("0").info.run_id
    log_to(run)({"task": "b", "step": 3, "score": {"a+b": 0.1, "a?b": 0.2, "..": 0.3}})
    assert client.get_run(run).data.metrics == {
        "score/a_b": 0.1,
        "score/a_b_2": 0.2,
        "score/__": 0.3,
    }


def test_a_run_that_does_not_exist_is_refused_before_training(client):
    with pytest.raises(HoldfastError, match="could not be opened in MLflow"):
        log_to("0" * 32)


def test_training_goes_on_with_a_warning_while_the_server_is_away(client, monkeypatch):
    run = client.create_run("0").info.run_id
    log = log_to(run)
    client.delete_run(run)
    with pytest.warns(UserWarning, match="step 7 was not logged"):
        log({"task": "a", "step": 7, "loss": 0.5})
