"""Details and results of lighteval, which wrote these files itself with its dummy model."""

import json
import shutil

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.gate.formats.reading import DATA, change_json, copy_of, log_of, refusal

from holdfast.errors import MissingExtra
from holdfast.gate import read_side

LOGS = DATA / "lighteval"


@pytest.fixture
def folder(tmp_path):
    return copy_of(LOGS / "champion", tmp_path)


def details(folder, task="colours"):
    (path,) = folder.rglob(f"details_{task}_0_*.parquet")
    return path


def results(folder):
    (path,) = folder.rglob("results_*.json")
    return path


def change_rows(path, change) -> None:
    records = pq.read_table(path).to_pylist()
    for number, record in enumerate(records):
        change(number, record)
    pq.write_table(pa.Table.from_pylist(records), path)


@pytest.mark.parametrize("side", ["champion", "candidate"])
def test_the_mean_of_each_task_is_the_one_that_lighteval_computed(side):
    expected = json.loads(results(LOGS / side).read_text())["results"]
    rows = read_side(LOGS / side).rows
    assert rows.groupby("task")["score"].mean().to_dict() == {
        "colours": expected["colours|0"]["acc"],
        "colours:hard": expected["colours:hard|0"]["acc"],
    }


def test_two_runs_have_the_same_examples_and_facts():
    champion = log_of(LOGS / "champion")
    candidate = log_of(LOGS / "candidate")
    assert set(champion.columns["example_id"]) == set(candidate.columns["example_id"])
    assert champion.facts == candidate.facts
    assert champion.facts["colours"]["few-shot"] == "0"
    assert champion.facts["colours"]["task version"] == "1"


def test_a_document_that_is_scored_in_two_ways_is_one_example():
    assert pq.read_metadata(details(LOGS / "champion")).num_rows == 8
    for metric in ("acc", "em"):
        log = log_of(details(LOGS / "champion"), metric=metric)
        assert sorted(log.columns["example_id"]) == ["0", "1", "2", "3"]
        assert not log.unscored


def test_a_file_alone_finds_its_results():
    log = log_of(details(LOGS / "champion"))
    assert log.facts == {"colours": log_of(LOGS / "champion").facts["colours"]}


def test_segments_come_from_the_document():
    log = log_of(LOGS / "champion", segment="doc.specific.subject")
    assert set(log.columns["segment"]) == {"blue", "green"}
    assert "doc.specific.subject" in refusal(LOGS / "champion", segment="subject")


def test_another_prompt_changes_the_facts(folder):
    change_rows(details(folder), lambda _, record: record["doc"].update(instruction="Be kind."))
    old = log_of(LOGS / "champion").facts["colours"]["prompt"]
    assert log_of(folder).facts["colours"]["prompt"] != old


def test_a_document_without_a_score_is_counted(folder):
    def forget(number, record):
        record["metric"]["acc"] = float("nan") if number < 4 else None

    change_rows(details(folder), forget)
    assert log_of(folder).unscored == {("colours", "acc is missing or NaN"): 4}


def test_values_that_are_lists_are_not_judged(folder):
    def several(number, record):
        record["metric"] = {"bleu": [1.0, 2.0] if number < 4 else None}

    change_rows(details(folder), several)
    assert log_of(folder).unscored == {("colours", "bleu has several values per example"): 4}
    assert "'bleu' of the task 'colours' has several values" in refusal(folder, metric="bleu")


def test_a_document_that_was_evaluated_twice_is_refused(folder):
    change_rows(details(folder), lambda _, record: record["doc"].update(id="0"))
    assert "row 2: the document 0 has acc twice" in refusal(folder)


def test_the_direction_of_a_metric_comes_from_the_results(folder):
    def turn(content):
        content["config_tasks"]["colours|0"]["metrics"][0]["higher_is_better"] = False

    change_json(results(folder), turn)
    assert not log_of(folder).scales["colours"].higher_is_better


def test_a_limit_is_noted(folder):
    change_json(results(folder), lambda content: content["config_general"].update(max_samples=4))
    (note,) = (note for note in log_of(folder).notes if "--max-samples 4" in note)
    assert "'colours', 'colours:hard'" in note


def test_several_models_are_refused_until_one_is_chosen(folder):
    for kind in ("details", "results"):
        shutil.copytree(folder / kind / "random", folder / kind / "other")
    for path in (folder / "details" / "other").rglob("*.parquet"):
        path.rename(path.with_name(path.name.replace("_2026-", "_2027-")))
    path = results(folder / "results" / "other")
    path = path.rename(path.with_name(path.name.replace("_2026-", "_2027-")))
    change_json(path, lambda content: content["config_general"].update(model_name="other"))
    assert "holds 2 models: 'other', 'random'" in refusal(folder)
    assert log_of(folder, model="other").facts == log_of(folder, model="random").facts
    change_json(path, lambda content: content["config_general"].update(model_name="random"))
    assert any("newest counts (2027-" in note for note in log_of(folder).notes)


def test_results_alone_are_scores_of_whole_tasks(folder):
    path = results(folder)
    side = read_side(path)
    # lighteval writes -1 if it has not counted the documents, so their number is not known.
    assert side.rows["examples"].to_list() == [0, 0]

    def count(content):
        for config in content["config_tasks"].values():
            config["effective_num_docs"] = 4

    change_json(path, count)
    rows = read_side(path).rows.set_index("task")
    assert rows.loc["colours:hard", "examples"] == 4
    # The standard error that lighteval gives is of a sample, so 1 of 4 has a deviation of ½.
    assert rows.loc["colours:hard", "sd"] == pytest.approx(0.5)
    assert "--save-details" in refusal(path, segment="doc.id")


def test_other_columns_and_damaged_files_are_refused(folder):
    path = details(folder)
    pq.write_table(pa.table({"example": ["a"]}), path)
    assert "has no column doc; expected details of lighteval 0.10 or later" in refusal(folder)
    path.write_bytes(path.read_bytes()[:100])
    assert refusal(folder).startswith("champion ")


def test_details_need_an_extra(monkeypatch):
    monkeypatch.setattr("holdfast.errors.find_spec", lambda _: None)
    with pytest.raises(MissingExtra, match="needs pyarrow"):
        log_of(LOGS / "champion")
