"""Logs of lm-evaluation-harness, which wrote these files itself with its model `dummy`."""

import json
import shutil

import pytest
from tests.gate.formats.reading import (
    DATA,
    change_json,
    change_lines,
    copy_of,
    log_of,
    refusal,
)

from holdfast.gate import read_side
from holdfast.gate.formats import Scale

LOGS = DATA / "lm-eval"


@pytest.fixture
def folder(tmp_path):
    return copy_of(LOGS / "champion", tmp_path)


def samples(folder, task="colours"):
    (path,) = folder.rglob(f"samples_{task}_*.jsonl")
    return path


def results(folder):
    (path,) = folder.rglob("results_*.json")
    return path


def scores_from_the_tool(folder) -> dict:
    return json.loads(results(folder).read_text())["results"]


def test_the_mean_of_each_task_is_the_one_that_the_harness_computed():
    rows = read_side(LOGS / "champion").rows
    expected = scores_from_the_tool(LOGS / "champion")
    assert rows.groupby("task")["score"].mean().to_dict() == {
        "colours": expected["colours"]["acc,none"],
        "sums": expected["sums"]["exact_match,strict-match"],
    }


def test_two_runs_have_the_same_examples_and_facts():
    champion = log_of(LOGS / "champion")
    candidate = log_of(LOGS / "candidate")
    assert champion.columns["example_id"] == candidate.columns["example_id"]
    assert champion.columns["score"] != candidate.columns["score"]
    assert champion.facts == candidate.facts
    assert champion.scales["colours"] == Scale("acc", 0.0, 1.0)


def test_more_examples_in_the_prompt_change_the_facts_and_a_limit_is_noted():
    zero = log_of(LOGS / "champion").facts["colours"]
    log = log_of(LOGS / "one-shot")
    one = log.facts["colours"]
    assert (zero["few-shot"], one["few-shot"]) == ("0", "1")
    assert zero["prompt"] != one["prompt"]
    assert zero["task version"] == one["task version"]
    assert "Only the first documents were evaluated (--limit): 'colours'." in log.notes


def test_the_text_of_an_example_is_its_question_without_the_examples_before_it():
    log = log_of(LOGS / "one-shot")
    assert all(text.count("Question:") == 1 for text in log.columns["input"])


# ---- choices


def test_the_first_filter_counts_unless_another_is_chosen():
    log = log_of(samples(LOGS / "champion", "sums"))
    assert log.columns["score"] == [0] * 5
    assert "The filter is strict-match; choose another with --filter: flexible-extract." in (
        log.notes
    )
    other = log_of(samples(LOGS / "champion", "sums"), filter="flexible-extract")
    assert other.columns["score"] == [0, 0, 0, 0, 1]
    assert not any("filter" in note for note in other.notes)


def test_an_unknown_filter_is_refused_with_those_that_there_are():
    message = refusal(samples(LOGS / "champion", "sums"), filter="strict")
    assert "has no filter 'strict'; it has: strict-match, flexible-extract" in message


def test_the_metric_can_be_chosen_and_an_unknown_one_lists_the_others():
    path = samples(LOGS / "champion")
    assert log_of(path, metric="acc_norm").scales["colours"].metric == "acc_norm"
    assert "has no metric 'f1'; it has: acc, acc_norm" in refusal(path, metric="f1")


def test_of_several_metrics_each_task_takes_the_first_that_it_has():
    log = log_of(LOGS / "champion", metric="acc_norm,exact_match")
    assert {task: scale.metric for task, scale in log.scales.items()} == {
        "colours": "acc_norm",
        "sums": "exact_match",
    }


def test_a_metric_with_several_values_per_document_is_refused_or_counted():
    path = samples(LOGS / "champion", "prose")
    assert "several values per example" in refusal(path, metric="word_perplexity")
    assert "none of its 2 rows has a score" in refusal(path)
    log = log_of(LOGS / "champion")
    assert log.unscored == {("prose", "word_perplexity has several values per example"): 2}
    assert "prose" not in log.columns["task"]


def test_the_direction_of_a_metric_comes_from_the_results(folder):
    def turn(content):
        content["higher_is_better"]["colours"]["acc"] = False

    change_json(results(folder), turn)
    assert not log_of(folder).scales["colours"].higher_is_better
    assert log_of(folder).scales["sums"].higher_is_better


def test_segments_and_clusters_come_from_a_field_of_the_document():
    path = samples(LOGS / "champion")
    log = log_of(path, segment="doc.subject", cluster="doc.answer")
    assert set(log.columns["segment"]) == {"nature", "food", "art"}
    assert len(log.columns["cluster"]) == 8
    message = refusal(path, segment="doc.topic")
    assert "line 1 has no field 'doc.topic' for the segment; the fields there are: " in message
    assert "doc.subject" in message
    assert "names no segment" in refusal(path, segment="doc.choices")


# ---- several runs in a folder


def later_copy(folder, change=lambda record: None):
    for path in list(folder.rglob("*_2026-*")):
        copy = path.with_name(path.name.replace("_2026-", "_2027-"))
        shutil.copy(path, copy)
        if copy.suffix == ".jsonl":
            change_lines(copy, change)


def test_the_newest_run_of_a_task_counts(folder):
    later_copy(folder, lambda record: record.update(acc=1.0))
    log = log_of(folder)
    scores = dict(zip(log.columns["task"], log.columns["score"], strict=True))
    assert scores["colours"] == 1
    (note,) = (note for note in log.notes if "newest" in note)
    assert "(2027-12-01T03-23-53.041951): 'colours', 'prose', 'sums'." in note
    assert len(log.columns["task"]) == 13


def test_several_models_are_refused_until_one_is_chosen(folder):
    shutil.copytree(folder / "random", folder / "other")
    change_json(results(folder / "other"), lambda content: content.update(model_name="other"))
    assert "holds 2 models: 'other', 'random'; choose one with --model-name" in refusal(folder)
    assert len(log_of(folder, model="other").columns["task"]) == 13
    assert "has no model 'large'; it has: 'other', 'random'" in refusal(folder, model="large")


def test_without_results_the_folder_names_the_model_and_a_note_says_what_is_missing(folder):
    results(folder).unlink()
    log = log_of(folder)
    assert set(log.facts["colours"]) == {"prompt"}
    assert any("chat template are not compared: 'colours'" in note for note in log.notes)


# ---- damage


def test_a_cut_file_is_refused_with_its_line(folder):
    path = samples(folder)
    path.write_text(path.read_text()[:-40])
    message = refusal(folder)
    assert f"{path.name}, line 8: " in message


def test_an_empty_file_and_rows_of_another_kind_are_refused(folder):
    path = samples(folder)
    path.write_text("")
    assert f"{path.name} is empty" in refusal(folder)
    path.write_text('{"task": "a"}\n')
    assert "line 1 has no arguments, which every row of the harness has" in refusal(folder)
    path.write_text("[1]\n")
    assert "line 1: expected an object, got a list" in refusal(folder)


def test_a_file_with_two_evaluations_is_refused(folder):
    path = samples(folder)
    path.write_text(path.read_text() * 2)
    assert "has doc_id '0' twice for the filter none" in refusal(folder)


def test_equal_documents_are_told_apart_by_their_order(folder):
    change_lines(samples(folder), lambda record: record.update(doc_hash="abc"))
    names = log_of(samples(folder)).columns["example_id"]
    assert names[:3] == ["abc", "abc, copy 2", "abc, copy 3"]


@pytest.mark.parametrize("value", [float("nan"), None])
def test_rows_without_a_score_are_counted_and_never_scored(folder, value):
    def forget(record):
        if record["doc_id"] < 2:
            record["acc"] = value

    change_lines(samples(folder), forget)
    log = log_of(samples(folder))
    assert log.unscored == {("colours", "acc is missing or NaN"): 2}
    assert len(log.columns["score"]) == 6


def test_a_score_that_is_text_is_refused_with_its_document(folder):
    change_lines(samples(folder), lambda record: record.update(acc="right"))
    assert "acc of doc_id 0 of samples_colours_" in refusal(folder)
    assert "expected a number, got text" in refusal(folder)


def test_results_of_another_name_are_recognised_in_a_folder(tmp_path):
    name = "nightly_2026-12-01T03-23-53.041951.json"
    shutil.copy(results(LOGS / "champion"), tmp_path / name)
    assert set(log_of(tmp_path).columns["task"]) == {"colours", "sums"}


def test_a_metric_that_is_missing_in_some_rows_is_counted(folder):
    def forget(record):
        if not record["doc_id"]:
            record.pop("acc")
            record["metrics"] = ["acc_norm"]

    change_lines(samples(folder), forget)
    assert log_of(samples(folder), metric="acc").unscored == {
        ("colours", "acc is missing or NaN"): 1
    }


def test_rows_of_old_versions_have_neither_hashes_nor_names_of_metrics(folder):
    def age(record):
        for key in ("metrics", "filter", "doc_hash", "prompt_hash", "target_hash"):
            record.pop(key)

    change_lines(samples(folder), age)
    log = log_of(samples(folder))
    assert log.columns["example_id"] == [str(number) for number in range(8)]
    assert "prompt" not in log.facts["colours"]


# ---- results of whole tasks


def test_results_alone_are_scores_of_whole_tasks():
    side = read_side(results(LOGS / "champion"))
    colours = side.rows[side.rows["task"] == "colours"].iloc[0]
    assert (colours["score"], colours["examples"]) == (0.25, 8)
    # The harness divides by n - 1, as the standard deviation of a sample does.
    assert colours["sd"] == pytest.approx((8 / 7 * 0.25 * 0.75) ** 0.5)
    assert side.facts["colours"]["few-shot"] == "0"
    assert any("whose word_perplexity lies outside: 'prose'" in n for n in side.notes)


def test_groups_are_left_out_because_their_tasks_are_there(tmp_path):
    path = copy_of(results(LOGS / "champion"), tmp_path)

    def group(content):
        content["results"]["both"] = {"acc,none": 0.5, "alias": "both"}
        content["group_subtasks"] = {"both": ["colours", "sums"]}

    change_json(path, group)
    assert "both" not in log_of(path).columns["task"]


def test_results_alone_have_no_segments():
    assert "--log_samples" in refusal(results(LOGS / "champion"), segment="doc.subject")
