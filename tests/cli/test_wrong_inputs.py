"""Commands that need no training refuse a wrong input.

They print one line that says what to do, and they end with exit code 2.
"""

import pytest

from holdfast.cli.main import run_cli

RECORD = ["record", "--model", "m", "--release", "1", "--results"]
HISTORY = ["history", "--model", "m"]
METRICS = [
    (["nowhere.csv"], "nowhere.csv: there is no such file"),
    (["folder"], "folder could not be read: Is a directory"),
    (["empty.csv"], "empty.csv: an accuracy matrix needs at least one task"),
    (["binary.csv"], "binary.csv is not readable as CSV"),
    (["binary.json"], "binary.json is not readable as JSON"),
    (["other.csv"], "other.csv: record 0 lacks after, score, task"),
    (["list.json"], "list.json: expected an accuracy matrix as JSON"),
    (["scores.csv", "--chance", "2"], "must be a possible score, in [0, 1], got 2"),
    (["scores.csv", "--chance", "nan"], "must be a possible score"),
    (["scores.csv", "--score-range", "1"], "--score-range '1' cannot be read"),
    (["scores.csv", "--score-range", "1,0"], "score_range must be (lowest, highest)"),
    (["scores.csv", "--score-range", "0,0.5"], "scores.csv: task 'a' after 'a': score 0.9"),
    (["m.json", "--score-range", "0,1"], "--score-range is for CSV files"),
    (["scores.csv", "more"], "unexpected extra argument"),
]
LEDGER = [
    ([*RECORD, "nowhere.csv"], "results nowhere.csv: there is no such file"),
    ([*RECORD, "folder"], "results folder is an empty folder"),
    ([*RECORD, "empty.csv"], "results empty.csv is not readable as CSV: it is empty"),
    ([*RECORD, "r.csv", "--ledger", "x"], "a ledger is named by a URL"),
    ([*RECORD, "r.csv", "--ledger", "sqlite:///binary.csv"], "file is not a database"),
    ([*RECORD, "r.csv", "--override", "x"], "--override takes a reason in words"),
    ([*RECORD, "r.csv", "--trained-on", "z"], "the results have no such task"),
    (
        ["record", "--model", "", "--release", "1", "--results", "r.csv"],
        "name of the model is empty",
    ),
    (["record", "--model", "m", "--results", "r.csv"], "Missing option '--release'"),
    ([*HISTORY, "--ledger", "sqlite:///nowhere.db"], "there is no ledger nowhere.db"),
    ([*HISTORY, "--ledger", "sqlite:///binary.csv"], "file is not a database"),
    ([*HISTORY, "--threshold", "2"], "--threshold must be at most 1, got '2'"),
    ([*HISTORY, "--threshold", "-1"], "--threshold must be at least 0"),
    (["history"], "Missing option '--model'"),
]
REPORT = [
    ([], "Missing argument"),
    (["nowhere"], "there is no folder nowhere"),
    (["folder"], "there is no finished run in folder"),
    (["r.csv"], "there is no folder r.csv"),
    (["folder", "folder"], "there is no finished run in folder"),
    (["folder", "--tolerance", "-1"], "--tolerance must be at least 0"),
    (["folder", "--tolerance", "nan"], "--tolerance must be at least 0"),
]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        *((["metrics", *arguments], message) for arguments, message in METRICS),
        *LEDGER,
        *((["report", *arguments], message) for arguments, message in REPORT),
        (["methods", "more"], "unknown method 'more'"),
        (["methods", "ER", "more"], "unexpected extra argument"),
        (["methods", "ER", "--markdown"], "leave the name out"),
        (["check-method"], "Missing argument"),
        (["check-method", "more"], "unknown method 'more'"),
        (["check-method", "ER(5)", "--scenarios", "task,day"], "unknown scenario 'day'"),
        (["new-method"], "Missing argument"),
        (["new-method", "my method"], "cannot be the name of a class"),
        (["new-method", "MyPull", "--family", "x"], "unknown family 'x'"),
    ],
)
def test_a_wrong_input_is_one_line_and_exit_code_2(
    tmp_path, monkeypatch, capsys, arguments, message
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    (tmp_path / "empty.csv").touch()
    for name in ("binary.csv", "binary.json"):
        (tmp_path / name).write_bytes(bytes(range(256)) * 20)
    (tmp_path / "other.csv").write_text("shop,price\na,1\n")
    (tmp_path / "list.json").write_text("[1, 2]")
    (tmp_path / "scores.csv").write_text("task,after,score\na,a,0.9\na,b,0.6\nb,b,0.8\n")
    (tmp_path / "r.csv").write_text("task,example_id,score\na,1,1\na,2,0\n")
    with pytest.raises(SystemExit) as done:
        run_cli(arguments)
    out = capsys.readouterr()
    assert (done.value.code, out.out) == (2, "")
    assert message in out.err
    assert len(out.err.splitlines()) == 1
