"""Logs in the format of Every Eval Ever, which its own converter made of logs of lm-eval."""

import json
import shutil

import pytest
from tests.gate.formats.reading import DATA, change_json, change_lines, copy_of, log_of, refusal

from holdfast.gate import read_side
from holdfast.gate.formats import Scale

FILES = DATA / "every-eval-ever"
TWO = "acc,exact_match,word_perplexity"


@pytest.fixture
def folder(tmp_path):
    return copy_of(FILES / "champion", tmp_path)


def samples(folder, task="colours"):
    (path,) = folder.glob(f"data/{task}/*/*/*_samples.jsonl")
    return path


def aggregate(folder, task="colours"):
    (path,) = folder.glob(f"data/{task}/*/*/*.json")
    return path


def scores_by_task(log):
    scores = {}
    for task, score in zip(log.columns["task"], log.columns["score"], strict=True):
        scores.setdefault(task, []).append(score)
    return scores


def test_the_converted_log_says_the_same_as_the_original():
    converted = scores_by_task(log_of(FILES / "champion"))
    original = scores_by_task(log_of(DATA / "lm-eval" / "champion"))
    assert converted["colours"] == original["colours"]
    assert converted["sums/strict-match"] == original["sums"]


def test_both_sides_have_the_same_examples_and_each_task_its_own_scale():
    champion = log_of(FILES / "champion")
    candidate = log_of(FILES / "candidate")
    assert champion.columns["example_id"] == candidate.columns["example_id"]
    assert champion.scales["colours"] == Scale("acc")
    assert champion.facts["sums/strict-match"] == {"few-shot": "0"}
    assert any("acc is judged" in note for note in champion.notes)
    assert not log_of(FILES / "champion", metric=TWO).notes


def test_scores_outside_the_declared_range_are_counted(folder):
    # The converter of lm-eval writes 0 for a perplexity, which is at least 1.
    outside = ("prose", "its score lies outside the range of the metric")
    assert log_of(folder).unscored == {outside: 2}
    change_lines(samples(folder, "prose"), lambda record: record["evaluation"].update(score=7.5))
    log = log_of(folder)
    assert not log.unscored
    assert log.scales["prose"] == Scale("word_perplexity", 1.0, None, False)


def test_a_file_of_samples_finds_its_aggregate_and_the_aggregate_its_samples(folder):
    assert log_of(samples(folder)) == log_of(aggregate(folder))


def test_without_aggregate_the_scores_are_those_of_the_samples(folder):
    aggregate(folder).unlink()
    log = log_of(samples(folder), metric="acc")
    assert set(log.columns["score"]) == {0.0, 1.0}
    assert log.scales["colours"].metric == "acc"


def test_without_samples_means_are_read_between_0_and_1(folder):
    for task in ("colours", "sums", "prose"):
        samples(folder, task).unlink()
    shutil.rmtree(folder / "data" / "prose")

    def in_percent(content):
        for result in content["evaluation_results"]:
            result["metric_config"] |= {"max_score": 100, "lower_is_better": True}
            result["score_details"]["score"] = 25

    change_json(aggregate(folder), in_percent)
    side = read_side(folder)
    colours = side.rows[side.rows["task"] == "colours"]
    assert colours["score"].item() == 0.75
    assert colours["examples"].item() == 8
    assert any("means alone" in note for note in side.notes)


def test_an_evaluation_without_samples_is_noted(folder):
    samples(folder, "sums").unlink()
    (note,) = (note for note in log_of(folder).notes if "single samples are missing" in note)
    assert "sums/strict-match" in note


def test_an_error_and_a_missing_score_are_counted(folder):
    path = samples(folder, "sums")
    records = [json.loads(line) for line in path.read_text().splitlines()]
    records[0]["error"] = "timeout"
    records[1]["evaluation"]["score"] = None
    path.write_text("\n".join(map(json.dumps, records)))
    unscored = log_of(folder).unscored
    assert unscored["sums/strict-match", "the sample had an error"] == 1
    assert unscored["sums/strict-match", "no score"] == 1


def test_an_unknown_level_is_no_score(folder):
    def with_levels(content):
        for result in content["evaluation_results"]:
            result["metric_config"] |= {
                "score_type": "levels",
                "level_names": ["bad", "fair", "good"],
                "has_unknown_level": True,
            }

    change_json(aggregate(folder), with_levels)
    change_lines(
        samples(folder), lambda r: r["evaluation"].update(score=r["evaluation"]["score"] - 1)
    )
    log = log_of(samples(folder))
    assert log.scales["colours"] == Scale("acc", 0.0, 2.0)
    assert log.unscored["colours", "its level is unknown"] > 0
    assert -1.0 not in log.columns["score"]


def test_one_of_several_models_is_chosen(folder):
    other = folder / "data" / "colours" / "acme" / "large"
    shutil.copytree(samples(folder).parent, other)
    for file in other.glob("*.jsonl"):
        change_lines(file, lambda record: record.update(model_id="acme/large"))
    for file in other.glob("*.json"):
        change_json(file, lambda content: content["model_info"].update(id="acme/large"))
    assert "acme/large" in refusal(folder)
    assert set(log_of(folder, model="acme/large").columns["task"]) == {"colours"}
    assert "no model 'acme/tiny'" in refusal(folder, model="acme/tiny")


def test_the_newest_of_several_runs_is_judged(folder):
    again = folder / "again"
    shutil.copytree(samples(folder).parent, again)

    def later(content):
        content["evaluation_id"] = "later"
        content["evaluation_timestamp"] = "9999999999"

    for file in again.glob("*.json"):
        change_json(file, later)
    for file in again.glob("*.jsonl"):
        change_lines(file, lambda record: record.update(evaluation_id="later"))
    assert any("The newest run is judged, later" in note for note in log_of(folder).notes)
    for file in again.glob("*.json"):
        change_json(file, lambda c: c.update(evaluation_timestamp=None, retrieved_timestamp=""))
    assert len(log_of(folder).columns["score"]) == len(log_of(FILES / "champion").columns["score"])
    for file in folder.rglob("*.json"):
        file.unlink()
    assert "no aggregate file says" in refusal(folder)


@pytest.mark.parametrize("kept", [0, 3])
def test_a_file_of_samples_that_was_cut_between_two_lines_is_refused(folder, kept):
    path = samples(folder)
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:kept]))
    assert f"has {kept} of the 16 samples" in refusal(folder)


def test_repeated_samples_are_numbered(folder):
    path = samples(folder)
    path.write_text(path.read_text() * 2)
    assert set(log_of(path).columns["repeat"]) == {1, 2}


def test_a_changed_text_is_another_example(folder):
    before = log_of(folder).columns["example_id"]
    change_lines(samples(folder), lambda record: record.update(sample_hash="f" * 64))
    assert not set(log_of(samples(folder)).columns["example_id"]) & set(before)


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"evaluation": 1}, "expected an object"),
        ({"evaluation": {"score": "good"}}, "expected a number"),
        ({"evaluation_name": None}, "expected an evaluation_name"),
        ({"sample_id": None}, "expected a sample_id"),
    ],
)
def test_malformed_samples_are_refused_with_their_line(folder, change, what):
    change_lines(samples(folder), lambda record: record.update(change))
    assert what in refusal(folder)


@pytest.mark.parametrize("bound", ["high", [1], float("nan")])
def test_malformed_bounds_are_refused_or_unknown(folder, bound):
    def change(content):
        for result in content["evaluation_results"]:
            result["metric_config"]["max_score"] = bound

    change_json(aggregate(folder), change)
    if bound != bound:
        assert log_of(folder).scales["colours"].high is None
    else:
        assert "max_score" in refusal(folder)


def test_a_mean_without_a_known_range_is_left_out_and_not_turned_around(folder):
    for task in ("colours", "sums", "prose"):
        samples(folder, task).unlink()
    shutil.rmtree(folder / "data" / "prose")

    def without_range(content):
        config = content["evaluation_results"][0]["metric_config"]
        config |= {"max_score": None, "min_score": None, "lower_is_better": True}

    change_json(aggregate(folder), without_range)
    log = log_of(folder)
    assert any("was left out" in note for note in log.notes)
