"""Tables of W&B, which it logged itself offline."""

import json

import pytest
from tests.gate.formats.reading import DATA, change_json, copy_of, log_of, refusal

from holdfast.gate import Gate, Policy, read_side
from holdfast.gate.formats import Scale, wandb

FILES = DATA / "wandb"


@pytest.fixture
def table(tmp_path):
    return copy_of(FILES / "run.table.json", tmp_path)


def write(path, columns, data, **more):
    path.write_text(json.dumps({"columns": columns, "data": data, **more}))
    return path


def test_an_artifact_and_the_file_of_a_run_hold_the_same():
    artifact = log_of(FILES / "champion")
    assert log_of(FILES / "run.table.json") == artifact
    assert artifact.unscored == {("north", "no score"): 1}
    assert artifact.scales == {"north": Scale("score"), "south": Scale("score")}


def test_the_gate_finds_the_task_that_got_worse():
    verdict = Gate(Policy()).judge(FILES / "champion", FILES / "candidate")
    assert not verdict.passed
    assert verdict.worst.label == "south"


def test_other_columns_are_chosen_by_name(table):
    log = log_of(table, metric="seconds", identifier="question", segment="task")
    assert log.columns["score"][0] == 0.25
    assert log.columns["example_id"][0] == "Where is place 0 in the north?"
    assert log.columns["segment"][0] == "north"
    assert log.scales["north"] == Scale("seconds", None, None)


def test_a_table_without_names_of_examples_asks_for_them(table):
    change_json(table, lambda content: content["columns"].__setitem__(0, "key"))
    message = refusal(table)
    assert "--id" in message
    assert "key, question" in message
    assert len(read_side(copy_of(FILES / "champion", table.parent)).rows) == 119


def test_a_table_without_score_lists_its_numbers(table):
    change_json(table, lambda content: content["columns"].__setitem__(3, "right"))
    assert "right, seconds" in refusal(table)
    assert "right, seconds" in refusal(table, metric="rigth")
    # Truth values can be nothing but right and wrong.
    assert log_of(table, metric="right").scales["north"] == Scale("right")


def test_answers_replace_a_score(tmp_path):
    rows = [[1, "cat", "cat", 0.25], [2, "dog", "cat", 0.75]]
    path = write(tmp_path / "a.table.json", ["id", "y_true", "y_pred", "proba_cat"], rows)
    rows = read_side(path).rows
    assert list(rows["score"]) == [1.0, 0.0]
    assert list(rows["proba_cat"]) == [0.25, 0.75]


@pytest.mark.parametrize(
    ("count", "more", "noted"),
    [
        (10_000, {}, True),
        (9_999, {}, False),
        (10_000, {"_type": "table", "ncols": 2}, False),
    ],
)
def test_as_many_rows_as_wandb_keeps_are_noted(tmp_path, count, more, noted):
    data = [[number, 1] for number in range(count)]
    notes = log_of(write(tmp_path / "a.table.json", ["id", "score"], data, **more)).notes
    assert [f"exactly {count:,} rows" in note for note in notes] == [True] * noted


def test_an_artifact_keeps_more_rows(tmp_path, monkeypatch):
    assert wandb.MOST_ROWS["an artifact"] == 200_000
    # Fewer rows are as good, and faster.
    monkeypatch.setitem(wandb.MOST_ROWS, "an artifact", 20)
    data = [[number, 1] for number in range(20)]
    path = write(tmp_path / "a.table.json", ["id", "score"], data, _type="table", ncols=2)
    assert "exactly 20 rows" in log_of(path).notes[0]


def test_several_tables_in_a_folder_are_listed(tmp_path):
    for name in ("a", "b"):
        write(tmp_path / f"{name}.table.json", ["id", "score"], [[1, 1]])
    assert "a.table.json, b.table.json" in refusal(tmp_path)


@pytest.mark.parametrize(
    ("more", "what"),
    [
        ({"_type": "joined-table"}, "refers to other tables"),
        ({"log_mode": "INCREMENTAL"}, "added last"),
    ],
)
def test_parts_of_tables_are_refused(tmp_path, more, what):
    assert what in refusal(write(tmp_path / "a.table.json", ["id", "score"], [[1, 1]], **more))


@pytest.mark.parametrize(
    ("columns", "data", "what"),
    [
        (["id", "id"], [[1, 1]], "several columns called 'id'"),
        (["id", "score"], [[1, 1], [2]], "row 2"),
        (["id", "score"], [{"id": 1}], "expected a list, got an object"),
        (["id", "score"], [[1, "good"]], "is the text 'good'"),
        (["id", "score"], [[1, [1, 2]]], "expected a number, got a list"),
        (["id", "score"], [], "no results"),
        ([["id"], "score"], [], "must be text"),
        (["id", "score", "task"], [[1, 1, None]], "the task in row 1"),
    ],
)
def test_malformed_tables_are_refused_with_their_place(tmp_path, columns, data, what):
    assert what in refusal(write(tmp_path / "a.table.json", columns, data))
