"""Logs of inspect-ai, which wrote these files itself with its model `mockllm/model`."""

import json
import shutil
import zipfile

import pytest
from tests.gate.formats.reading import DATA, change_json, copy_of, log_of, refusal

from holdfast.errors import HoldfastError, MissingExtra
from holdfast.gate import read_side
from holdfast.gate.formats import Scale, zip_archives
from holdfast.gate.formats.zip_archives import member

LOGS = DATA / "inspect-ai"


@pytest.fixture
def candidate(tmp_path):
    return copy_of(LOGS / "candidate.json", tmp_path)


def content(archive: str, name: str) -> object:
    with zipfile.ZipFile(LOGS / archive) as opened:
        return json.loads(member(opened, name))


def test_the_mean_is_the_one_that_inspect_ai_computed():
    (match, *_) = content("champion.eval", "header.json")["results"]["scores"]
    side = read_side(LOGS / "champion.eval")
    assert side.rows["score"].mean() == match["metrics"]["accuracy"]["value"] == 0.75
    assert side.scales == {"colours": Scale("match", 0.0, 1.0)}


def test_the_archive_is_compressed_as_the_standard_library_cannot_read_it():
    with zipfile.ZipFile(LOGS / "champion.eval") as archive:
        assert {info.compress_type for info in archive.infolist()} == {zip_archives.ZSTANDARD}


def test_epochs_are_repeats_of_an_example():
    log = log_of(LOGS / "champion.eval")
    assert log.columns["example_id"] == ["sky", "grass", "snow", "cherry"] * 2
    assert log.columns["repeat"] == [1] * 4 + [2] * 4


def test_samples_with_an_error_are_counted_and_never_scored():
    log = log_of(LOGS / "errors.json")
    assert log.unscored == {("colours", "the sample ended in an error"): 2}
    assert "grass" not in log.columns["example_id"]


def test_nan_is_counted_and_never_scored():
    log = log_of(LOGS / "candidate.json", metric="style.short")
    assert log.unscored["colours", "style.short is missing or NaN"] == 2
    assert "snow" not in log.columns["example_id"]


def test_both_sides_have_the_same_facts_whatever_their_file_format():
    assert log_of(LOGS / "champion.eval").facts == log_of(LOGS / "candidate.json").facts


def test_a_value_that_is_an_object_has_one_metric_per_key():
    log = log_of(LOGS / "champion.eval", metric="style.length")
    assert log.columns["score"] == [4, 5, 5, 4] * 2
    # A length may be of any size, so its range is not known.
    assert log.scales["colours"] == Scale("style.length", None, None)
    assert "it has: match, style.length, style.short" in refusal(
        LOGS / "champion.eval", metric="style"
    )


def test_costs_come_from_the_log():
    log = log_of(LOGS / "champion.eval")
    assert set(log.columns["tokens"]) == {6}
    seconds = [sample["working_time"] for sample in content("champion.eval", "summaries.json")]
    assert log.columns["latency_ms"] == [1000 * time for time in seconds]


def test_segments_come_from_the_metadata():
    log = log_of(LOGS / "champion.eval", segment="metadata.subject")
    assert log.columns["segment"][:4] == ["nature", "nature", "nature", "food"]
    assert "sample sky of champion.eval has no field 'subject'" in refusal(
        LOGS / "champion.eval", segment="subject"
    )


def test_a_folder_holds_the_logs_of_several_tasks():
    log = log_of(LOGS / "folder")
    assert log.columns["task"] == ["colours"] * 2 + ["sums"] * 3


@pytest.mark.parametrize("status", ["error", "cancelled", "started"])
def test_an_evaluation_that_did_not_end_well_is_refused(candidate, status):
    change_json(candidate, lambda log: log.update(status=status))
    assert f"ended with the status '{status}'" in refusal(candidate)


def test_the_log_of_a_failed_evaluation_is_refused():
    assert "ended with the status 'error'" in refusal(LOGS / "failed.json")


def test_invalidated_samples_are_refused(candidate):
    change_json(candidate, lambda log: log.update(invalidated=True))
    assert "were marked as invalid" in refusal(candidate)


def test_an_archive_of_an_evaluation_that_was_killed_is_refused(tmp_path):
    path = tmp_path / "killed.eval"
    with zipfile.ZipFile(path, "w") as archive:
        start = content("champion.eval", "_journal/start.json")
        archive.writestr("_journal/start.json", json.dumps(start))
    assert "ended with the status 'started'" in refusal(path)


@pytest.mark.parametrize(
    ("value", "score"),
    [("C", 1), ("P", 0.5), ("I", 0), ("N", 0), ("yes", 1), ("False", 0), ("0.25", 0.25), (True, 1)],
)
def test_letters_and_words_are_scores(candidate, value, score):
    def answer(log):
        for sample in log["samples"]:
            if sample["scores"]:
                sample["scores"]["match"]["value"] = value

    change_json(candidate, answer)
    assert set(log_of(candidate).columns["score"]) == {score}


def test_other_words_are_refused_instead_of_scored_as_0(candidate):
    def answer(log):
        log["samples"][0]["scores"] = {"match": {"value": "perhaps"}}
        log["samples"][0].pop("error", None)

    change_json(candidate, answer)
    assert "is 'perhaps'; expected a number, or one of C, P, I, N, yes" in refusal(candidate)


def test_lists_are_refused_if_they_are_asked_for(candidate):
    def answer(log):
        for sample in log["samples"]:
            sample["scores"]["list"] = {"value": [1, 0]}

    change_json(candidate, answer)
    assert "'list' of the task 'colours' has several values" in refusal(candidate, metric="list")


def test_a_limit_and_another_reducer_are_noted(candidate):
    def limit(log):
        log["eval"]["config"].update(limit=4, epochs_reducer=["max"])

    change_json(candidate, limit)
    notes = log_of(candidate).notes
    assert "Only some samples were evaluated (--limit 4): 'colours'." in notes
    assert "The gate judges the mean of all epochs, not max of them: 'colours'." in notes


def test_tasks_with_other_arguments_are_other_tasks(tmp_path, candidate):
    other = shutil.copy(candidate, tmp_path / "other.json")
    change_json(other, lambda log: log["eval"].update(task_args={"samples": 9}))
    assert set(log_of(tmp_path).columns["task"]) == {"colours (samples=4)", "colours (samples=9)"}


def test_several_models_are_refused_until_one_is_chosen(tmp_path, candidate):
    other = shutil.copy(candidate, tmp_path / "other.json")
    change_json(other, lambda log: log["eval"].update(model="mockllm/other"))
    assert "holds 2 models: 'mockllm/model', 'mockllm/other'" in refusal(tmp_path)
    assert log_of(tmp_path, model="mockllm/other").columns["score"]


def test_the_newest_log_counts_even_if_it_failed(tmp_path, candidate):
    other = shutil.copy(candidate, tmp_path / "other.json")
    later = {"created": "2027-01-01T00:00:00+00:00"}
    change_json(other, lambda log: log["eval"].update(later))
    assert any("newest counts (2027-01-01" in note for note in log_of(tmp_path).notes)
    change_json(other, lambda log: log.update(status="error"))
    assert "other.json of the task 'colours' ended with the status 'error'" in refusal(tmp_path)


# ---- damage


def test_zstandard_needs_an_extra_where_python_cannot_read_it(monkeypatch):
    def unknown(*_):
        raise NotImplementedError("That compression method is not supported")

    monkeypatch.setattr(zipfile.ZipFile, "read", unknown)
    monkeypatch.setattr("holdfast.errors.find_spec", lambda _: None)
    with pytest.raises(MissingExtra, match="needs pyarrow"):
        read_side(LOGS / "champion.eval")


def test_a_cut_archive_is_refused(tmp_path):
    path = tmp_path / "cut.eval"
    path.write_bytes((LOGS / "champion.eval").read_bytes()[:-100])
    assert "cut.eval is no archive, or its end is missing" in refusal(path)


def test_a_damaged_member_is_refused(tmp_path):
    path = copy_of(LOGS / "champion.eval", tmp_path)
    with zipfile.ZipFile(path) as archive:
        place = archive.getinfo("summaries.json").header_offset + 60
    raw = bytearray(path.read_bytes())
    raw[place : place + 8] = b"\0" * 8
    path.write_bytes(raw)
    assert refusal(path).startswith("champion ")


def test_a_member_of_a_huge_size_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(zip_archives, "LARGEST", 100)
    with pytest.raises(HoldfastError, match=r"header.json of the archive has .* bytes"):
        read_side(LOGS / "champion.eval")


def test_a_log_without_samples_is_refused(candidate):
    change_json(candidate, lambda log: log.pop("samples"))
    assert "candidate.json has no samples" in refusal(candidate)
