"""Results of promptfoo, which wrote these files itself, mostly with its provider `echo`."""

import json

import pytest
from tests.gate.formats.reading import DATA, change_json, change_lines, copy_of, log_of, refusal

from holdfast.gate import read_side
from holdfast.gate.formats import Scale

FILES = DATA / "promptfoo"


@pytest.fixture
def champion(tmp_path):
    return copy_of(FILES / "champion.json", tmp_path)


@pytest.fixture
def lines(tmp_path):
    return copy_of(FILES / "providers.jsonl", tmp_path)


def results(content):
    return content["results"]["results"]


def test_the_mean_score_is_that_of_promptfoos_own_summary():
    log = log_of(FILES / "champion.json")
    summary = json.loads((FILES / "champion.json").read_text())["results"]["prompts"][0]["metrics"]
    assert sum(log.columns["score"]) == summary["score"]
    assert log.scales == {"all": Scale("score")}
    assert (
        log_of(FILES / "champion.json", metric="success").columns["score"].count(1.0)
        == (summary["testPassCount"])
    )
    right = log_of(FILES / "champion.json", metric="right").columns["score"]
    assert sum(right) == summary["namedScores"]["right"]


def test_two_runs_and_an_early_version_name_the_same_examples():
    champion = log_of(FILES / "champion.json").columns["example_id"]
    assert len(set(champion)) == 4
    assert log_of(FILES / "candidate.json").columns["example_id"] == champion
    early = log_of(FILES / "version-2.json")
    assert set(early.columns["example_id"]) < set(champion)
    assert early.facts == log_of(FILES / "candidate.json").facts


def test_another_test_in_front_changes_no_name(champion):
    before = log_of(champion).columns["example_id"]

    def shift(content):
        first = json.loads(json.dumps(results(content)[0]))
        first["vars"]["country"] = "Malta"
        content["results"]["results"] = [first, *results(content)]
        for number, result in enumerate(results(content)):
            result["testIdx"] = number

    change_json(champion, shift)
    assert log_of(champion).columns["example_id"][1:] == before


@pytest.mark.parametrize("name", ["_conversation", "sessionId"])
def test_variables_of_the_run_name_no_example(champion, name):
    before = log_of(champion).columns["example_id"]
    change_json(champion, lambda c: [r["vars"].update({name: r["id"]}) for r in results(c)])
    assert log_of(champion).columns["example_id"] == before


def test_an_error_of_the_provider_is_counted_and_is_no_zero():
    log = log_of(FILES / "providers.jsonl", model="careful")
    assert len(log.columns["score"]) == 3
    assert log.unscored == {("all", "the provider or an assertion had an error"): 1}
    assert log_of(FILES / "version-2.json").unscored == log.unscored


def test_a_failed_assertion_is_a_score_although_promptfoo_calls_it_an_error():
    content = json.loads((FILES / "champion.json").read_text())
    failed = [result for result in results(content) if result["failureReason"] == 1]
    assert failed
    assert all(result["error"] for result in failed)
    assert not log_of(FILES / "champion.json").unscored


def test_one_of_several_providers_is_chosen_by_name_or_number():
    message = refusal(FILES / "providers.jsonl")
    assert "2 providers" in message
    assert "--model-name" in message
    assert "1: careful; 2: echo" in message
    echo = log_of(FILES / "providers.jsonl", model="echo")
    assert log_of(FILES / "providers.jsonl", model="2").columns == echo.columns
    assert "has no provider 'gpt'" in refusal(FILES / "providers.jsonl", model="gpt")


def test_one_of_several_prompts_is_chosen(champion):
    def second_prompt(content):
        others = json.loads(json.dumps(results(content)))
        for result in others:
            result["promptId"] = "f" * 64
            result["prompt"]["label"] = "Answer with care.\nBe brief."
        content["results"]["results"] = [*results(content), *others]

    before = log_of(champion)
    change_json(champion, second_prompt)
    message = refusal(champion)
    assert "2 prompts" in message
    assert "--prompt" in message
    assert log_of(champion, prompt="prompt.txt: {{champion}}").columns == before.columns
    assert len(log_of(champion, prompt="Answer with care.\nBe brief.").columns["score"]) == 4


def test_repeated_tests_are_numbered():
    log = log_of(FILES / "repeated.json")
    pairs = list(zip(log.columns["example_id"], log.columns["repeat"], strict=True))
    assert len(set(pairs)) == 8
    assert set(log.columns["repeat"]) == {1, 2}
    assert "repeat" not in log_of(FILES / "champion.json").columns


def test_tests_with_equal_variables_and_other_assertions_are_two_examples(champion):
    def same_variables(content):
        first, second = results(content)[:2]
        second["vars"] = first["vars"]

    change_json(champion, same_variables)
    log = log_of(champion)
    assert len(set(log.columns["example_id"])) == 4
    assert "repeat" not in log.columns


def test_other_assertions_are_another_fact(champion):
    def stricter(content):
        for result in results(content):
            result["testCase"]["assert"][1]["value"] = "[.!]$"

    before = log_of(champion).facts
    change_json(champion, stricter)
    assert log_of(champion).facts != before


def test_rows_without_the_metric_are_counted_and_an_unknown_one_lists_those_there(champion):
    change_json(champion, lambda c: results(c)[0]["namedScores"].pop("calm"))
    assert log_of(champion, metric="calm").unscored == {("all", "no score of calm"): 1}
    assert "score, success, right, calm" in refusal(champion, metric="rigth")


def test_segments_come_from_the_metadata_of_tests_and_a_missing_field_names_those_there():
    log = log_of(FILES / "champion.json", segment="metadata.continent", cluster="vars.country")
    assert log.columns["segment"] == ["Europe", "America", "Africa", "Asia"]
    assert log.columns["cluster"][0] == "France"
    message = refusal(FILES / "champion.json", segment="metadata.area")
    assert "metadata.continent" in message


def test_the_metadata_of_tests_may_name_their_task(champion):
    change_json(
        champion,
        lambda c: [
            r["testCase"]["metadata"].update(task=r["metadata"]["continent"]) for r in results(c)
        ],
    )
    assert list(read_side(champion).rows["task"]) == ["Europe", "America", "Africa", "Asia"]


def test_costs_are_read(lines):
    log = log_of(lines, model="careful")
    assert log.columns["tokens"] == [12, 12, 12]
    assert log.columns["price"] == [0.0005] * 3
    assert all(value >= 0 for value in log.columns["latency_ms"])
    assert log.columns["input"][0] == "Paris."


def test_a_line_that_was_cut_is_named(lines):
    lines.write_text(lines.read_text()[:-40])
    assert "line 8" in refusal(lines, model="echo")


@pytest.mark.parametrize("score", ["0.5", [1], {"a": 1}])
def test_a_score_that_is_no_number_is_refused(lines, score):
    change_lines(lines, lambda record: record.update(score=score))
    assert "expected a number" in refusal(lines, model="echo")


@pytest.mark.parametrize("score", [None, float("nan")])
def test_without_any_score_there_is_nothing_to_judge(lines, score):
    change_lines(lines, lambda record: record.update(score=score))
    assert "none of its 4 rows has a score" in refusal(lines, model="echo")
