"""Runs of HELM, which wrote these files itself with its model `simple/model1`."""

import json
import shutil

import pytest
from tests.gate.formats.reading import DATA, change_json, copy_of, log_of, refusal

from holdfast.gate import read_side

LOGS = DATA / "helm"


@pytest.fixture
def folder(tmp_path):
    return copy_of(LOGS / "champion", tmp_path)


def file(folder, name="per_instance_stats.json"):
    (path,) = folder.rglob(name)
    return path


def change_stats(folder, change) -> None:
    path = file(folder)
    elements = json.loads(path.read_text())
    change(elements)
    path.write_text(json.dumps(elements))


def test_the_scores_are_the_means_of_the_metric_that_the_run_names_first():
    expected = [
        stat["mean"]
        for element in json.loads(file(LOGS / "champion").read_text())
        for stat in element["stats"]
        if stat["name"]["name"] == "exact_match"
    ]
    side = read_side(LOGS / "champion")
    assert side.rows["score"].to_list() == expected == [1, 1, 0]
    assert side.scales["colours"].metric == "exact_match"


def test_two_runs_have_the_same_examples_and_facts():
    champion = log_of(LOGS / "champion")
    candidate = log_of(LOGS / "candidate")
    assert champion.columns["example_id"] == candidate.columns["example_id"]
    assert champion.columns["score"] != candidate.columns["score"]
    assert champion.facts == candidate.facts
    assert set(champion.facts) == {"colours"}


def test_another_number_of_examples_changes_the_prompt():
    one, two = (log_of(LOGS / name).facts for name in ("one-shot", "champion"))
    (one_shot,) = one.values()
    assert (one_shot["few-shot"], two["colours"]["few-shot"]) == ("1", "2")
    assert one_shot["prompt"] != two["colours"]["prompt"]


def test_perturbed_inputs_are_left_out_and_trials_are_repeats():
    log = log_of(LOGS / "perturbed")
    assert log.columns["example_id"] == ["id5", "id5"]
    assert log.columns["repeat"] == [0, 1]
    assert set(log.columns["input"]) == {"pink or Red"}
    assert any(note.startswith("Perturbed inputs are not judged") for note in log.notes)


def test_metrics_segments_and_costs_are_read():
    log = log_of(LOGS / "champion", metric="logprob", segment="instance.sub_split")
    assert log.columns["segment"] == ["b", "w", "p"]
    assert log.scales["colours"].low is None
    assert log.columns["tokens"] == [65, 64, 63]
    assert all(time > 0 for time in log.columns["latency_ms"])
    message = refusal(LOGS / "champion", metric="f1")
    assert "it has: exact_match, quasi_exact_match, logprob" in message
    assert "instance.split" in refusal(LOGS / "champion", segment="topic")


def test_a_file_alone_needs_neither_its_run_nor_its_prompts(tmp_path):
    path = copy_of(file(LOGS / "champion"), tmp_path)
    log = log_of(path, segment="sub_split")
    assert log.columns["task"] == ["all"] * 3
    assert not log.facts
    # Without the run, the metric is the first that looks like a score.
    assert log.scales["all"].metric == "exact_match"


def test_a_missing_statistic_is_counted_because_helm_leaves_nan_out(folder):
    def forget(elements):
        stats = elements[0]["stats"]
        elements[0]["stats"] = [s for s in stats if s["name"]["name"] != "exact_match"]

    change_stats(folder, forget)
    assert log_of(folder).unscored == {("colours", "exact_match is missing"): 1}


def test_only_the_test_split_is_judged_if_there_is_one(folder):
    def split(elements):
        for stat in elements[0]["stats"]:
            stat["name"]["split"] = "valid"

    change_stats(folder, split)
    log = log_of(folder)
    assert len(log.columns["score"]) == 2
    assert "Only instances of the split test are judged: 'colours'." in log.notes


def test_two_runs_of_a_task_and_two_models_are_refused(folder):
    run = file(folder).parent
    shutil.copytree(run, folder / "again")
    assert "has two runs of the task 'colours': " in refusal(folder)
    spec = folder / "again" / "run_spec.json"
    change_json(spec, lambda content: content["adapter_spec"].update(model="simple/model2"))
    assert "holds 2 models" in refusal(folder)
    assert log_of(folder, model="simple/model2").columns["score"] == [1, 1, 0]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda elements: elements.clear(), "is empty"),
        (lambda elements: elements.append(3), "expected an object, got a number"),
        (lambda elements: elements.append(elements[0] | {"stats": 1}), "expected a list"),
        (lambda elements: elements[0].pop("instance_id"), "instance_id"),
    ],
)
def test_other_content_is_refused(folder, change, message):
    change_stats(folder, change)
    assert message in refusal(folder)


def test_different_values_for_one_instance_are_refused(folder):
    def twice(elements):
        copy = json.loads(json.dumps(elements[0]))
        for stat in copy["stats"]:
            stat["mean"] = 0.25
        elements.append(copy)

    change_stats(folder, twice)
    assert "twice for the instance id3" in refusal(folder)
