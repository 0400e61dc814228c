"""Tables of MLflow's evaluations, which it logged itself."""

import json

import pytest
from tests.gate.formats.reading import DATA, change_json, copy_of, log_of, refusal

from holdfast.gate.formats import Scale

FILES = DATA / "mlflow" / "champion"


@pytest.fixture
def classic(tmp_path):
    return copy_of(FILES / "eval_results_table.json", tmp_path)


@pytest.fixture
def genai(tmp_path):
    return copy_of(FILES / "genai.json", tmp_path)


def column(content, name):
    return content["columns"].index(name)


@pytest.mark.parametrize("metric", ["right", "right/v1", "right/v1/score"])
def test_a_metric_is_chosen_with_its_version_or_without(classic, metric):
    log = log_of(classic, metric=metric, identifier="question")
    assert log.columns["score"] == [1.0, 1.0, 0.0, 1.0]
    assert log.columns["example_id"][0] == "the capital of France"


def test_several_metrics_and_a_missing_name_of_examples_are_asked_for(classic):
    assert "right, length" in refusal(classic)
    assert "--id" in refusal(classic, metric="right")
    assert "right, length" in refusal(classic, metric="rigth", identifier="question")


def test_both_runs_of_a_request_have_the_same_name_although_their_traces_differ(genai):
    champion = log_of(genai, metric="exact")
    candidate = log_of(DATA / "mlflow" / "candidate" / "genai.json", metric="exact")
    assert champion.columns["example_id"] == candidate.columns["example_id"]
    assert champion.columns["trace_id"] != candidate.columns["trace_id"]
    assert champion.columns["score"] == [1.0, 1.0, 0.0, 1.0]
    assert champion.columns["input"][0] == "the capital of France"
    assert len(champion.columns["latency_ms"]) == 4
    assert champion.scales == {"all": Scale("exact")}


def test_an_expected_answer_is_no_metric(genai):
    content = json.loads(genai.read_text())
    assert "expected_response/value" in content["columns"]
    metrics = refusal(genai).rpartition("the metrics are: ")[2]
    assert set(metrics.split(", ")) == {"exact", "tone"}


def test_a_scorer_that_failed_is_counted_and_yes_is_a_score(genai):
    log = log_of(genai, metric="tone")
    assert log.unscored == {("all", "the scorer failed"): 1}
    assert set(log.columns["score"]) <= {0.0, 1.0}


def test_a_failed_call_is_no_wrong_answer(genai):
    def fail(content):
        content["data"][2][column(content, "state")] = "ERROR"

    change_json(genai, fail)
    log = log_of(genai, metric="exact")
    assert log.unscored == {("all", "the call of the model failed"): 1}
    assert 0.0 not in log.columns["score"]


def test_an_unknown_rating_is_no_score_and_other_words_are_refused(genai):
    def rate(content, rating):
        content["data"][0][column(content, "tone/value")] = rating

    change_json(genai, lambda content: rate(content, "unknown"))
    assert log_of(genai, metric="tone").unscored["all", "no score"] == 1
    change_json(genai, lambda content: rate(content, "great"))
    assert "'great', which is no score" in refusal(genai, metric="tone")


def test_the_users_own_names_of_requests_come_first(genai):
    def name(content):
        for number, row in enumerate(content["data"]):
            row[column(content, "client_request_id")] = f"q{number}"

    change_json(genai, name)
    assert log_of(genai, metric="exact").columns["example_id"] == ["q0", "q1", "q2", "q3"]


def test_a_segment_is_taken_from_inside_the_request(genai):
    log = log_of(genai, metric="exact", segment="request.question")
    assert log.columns["segment"][1] == "the capital of Peru"
    assert "request.question" in refusal(genai, metric="exact", segment="request.topic")


def test_tokens_of_a_trace_are_read(genai):
    usage = {"mlflow.trace.tokenUsage": json.dumps({"total_tokens": 7})}

    def count(content):
        for row in content["data"]:
            row[column(content, "trace_metadata")] = usage

    change_json(genai, count)
    assert log_of(genai, metric="exact").columns["tokens"] == [7] * 4
