"""Attacks on what the ledger promises: failures stay, columns stay, amendments lower nothing."""

import json
import sqlite3
from contextlib import closing
from dataclasses import asdict

import pandas as pd
import pytest
from ledger_helpers import call, results

from holdfast.cli.main import run_cli
from holdfast.errors import HoldfastError
from holdfast.gate.joining import compare
from holdfast.ledger import Ledger, sides

FAIL, PASS = {"decision": "fail", "passed": False}, {"decision": "pass", "passed": True}
UNSURE = {"decision": "inconclusive", "passed": False}
REASON = "the loss is wanted"


def grouped(**columns):
    """Results with these columns."""
    return results(a=0.9).assign(**columns)


def refused(ledger, rows, message, release="2", amend=False):
    """A record is refused with a message, and taken with a reason."""
    with pytest.raises(HoldfastError, match=message) as raised:
        ledger.record("m", release, rows, amend=amend)
    assert "--override" in str(raised.value)
    done = ledger.record("m", release, rows, amend=amend, override=REASON)
    assert done == ("amended" if amend else "recorded")
    assert REASON in {r.release: r.override for r in ledger.releases("m")}[release]


# ---- failures


@pytest.mark.parametrize(
    "change",
    [
        lambda rows: rows.assign(segment="s"),
        lambda rows: rows.assign(example_id=[f"{k}.0" for k in range(len(rows))]),
        lambda rows: rows.assign(score=(rows["score"] - 5e-6).clip(0, 1)),
        lambda rows: rows[1:],
        lambda rows: rows.assign(task="A"),
        lambda rows: pd.DataFrame({"task": ["a"], "score": [0.5], "examples": [100]}),
    ],
)
@pytest.mark.parametrize("verdict", [FAIL, UNSURE])
def test_a_failure_is_not_dodged_by_a_change_of_the_file_and_another_name(ledger, change, verdict):
    bad = results(a=0.5)
    ledger.keep_verdict("m", "2", verdict, "1", bad)
    refused(ledger, change(bad), r"candidate '2' against '1'.*holdfast gate", release="other")


def test_a_champion_that_passes_against_itself_does_not_clear_the_way(ledger):
    ledger.keep_verdict("m", "2", FAIL, "1", results(a=0.5))
    ledger.keep_verdict("m", "copy", PASS, "1", results(a=0.9))
    refused(ledger, results(a=0.51), "no verdict has passed these results against", "3")


def test_another_policy_that_passes_the_same_results_does_not_undo_a_failure(ledger):
    ledger.keep_verdict("m", "2", FAIL, "1", results(a=0.5))
    ledger.keep_verdict("m", "2", PASS, "1", results(a=0.5))
    refused(ledger, results(a=0.5), "A later verdict that passed does not undo it")


def test_results_that_passed_after_the_failure_of_others_are_recorded(ledger):
    ledger.keep_verdict("m", "2", FAIL, "1", results(a=0.5))
    ledger.keep_verdict("m", "2b", PASS, "1", results(a=0.91))
    assert ledger.record("m", "2b", results(a=0.91)) == "recorded"
    refused(
        ledger,
        results(a=0.92),
        "no verdict has passed these results against the newest release, '2b'",
        "3",
    )
    ledger.keep_verdict("m", "4", PASS, "3", results(a=0.93))
    assert ledger.record("m", "4", results(a=0.93)) == "recorded"


def test_a_verdict_that_passed_before_the_newest_release_is_too_old(ledger):
    old = results(a=0.91)
    ledger.keep_verdict("m", "x", PASS, "1", old)
    ledger.record("m", "2", results(a=0.95), override=REASON)
    ledger.keep_verdict("m", "3", FAIL, "2", results(a=0.5))
    refused(ledger, old, "candidate '3' against '2'", release="x")


def test_a_release_between_judging_and_recording_needs_a_new_verdict(ledger):
    """The verdict is filed after release 2, but it compares with release 1."""
    ledger.record("m", "2", results(a=0.95))
    ledger.keep_verdict("m", "3", PASS, "1", results(a=0.91))
    refused(ledger, results(a=0.91), "against the newest release, '2'", "3")
    ledger.keep_verdict("m", "4", PASS, "3", results(a=0.96))
    assert ledger.record("m", "4", results(a=0.96)) == "recorded"


def test_a_model_that_is_judged_once_is_judged_always(ledger):
    """A copy of the champion that passes and is recorded clears the way for no other results."""
    ledger.keep_verdict("m", "2", FAIL, "1", results(a=0.5))
    ledger.keep_verdict("m", "copy", PASS, "1", results(a=0.9))
    assert ledger.record("m", "copy", results(a=0.9)) == "recorded"
    refused(
        ledger,
        results(a=0.51),
        "no verdict has passed these results against the newest release, 'copy'",
        "3",
    )


def test_a_model_that_was_never_judged_is_recorded_freely(ledger):
    assert ledger.record("m", "2", results(a=0.5)) == "recorded"


def test_an_amendment_that_moves_a_loss_between_classes_needs_a_reason(ledger):
    rows = results(a=0.9)
    before = rows.assign(label=["x" if k < 50 else "y" for k in range(100)])
    ledger.record("m", "2", before)
    moved = before.assign(score=before["score"].to_numpy()[::-1])
    refused(ledger, moved, "lowers the mean score on 'a' / 'x'", "2", amend=True)


def test_names_and_reasons_show_no_secret(ledger):
    secret = "see https://bob:SECRETPW@jira/1?token=SECRETTOK and https://bob:SEC RETQ@jira/2"
    ledger.keep_verdict("m", "2", FAIL, "1", results(a=0.5))
    ledger.record("m", "2", results(a=0.5), override=secret)
    kept = ledger.releases("m")[-1].override
    assert "jira" in kept
    for part in ("SECRETPW", "SECRETTOK", "RETQ"):
        assert part not in kept
    for name in ("s3://bob:SECRET@host/x", "x?token=SECRET"):
        with pytest.raises(HoldfastError, match="looks like a password") as raised:
            ledger.record("m", name, results(a=0.5))
        assert "SECRET" not in str(raised.value)


def test_an_amendment_of_the_champion_settles_no_failure(ledger):
    ledger.keep_verdict("m", "2", FAIL, "1", results(a=0.5))
    ledger.record("m", "1", results(a=0.91), amend=True)
    refused(ledger, results(a=0.51), "no verdict has passed these results", release="3")


def test_a_verdict_that_was_changed_by_hand_is_damage(tmp_path):
    ledger = Ledger(f"sqlite:///{tmp_path}/l.db")
    ledger.record("m", "1", results(a=0.9))
    ledger.keep_verdict("m", "2", FAIL, "1", results(a=0.5))
    for change in ("passed = 1", "judged = 'x'", "candidate = 'z'", "recorded = '2000'"):
        with closing(sqlite3.connect(tmp_path / "l.db")) as connection:
            connection.execute("CREATE TABLE kept AS SELECT * FROM holdfast_verdicts")
            connection.execute(f"UPDATE holdfast_verdicts SET {change}")
            connection.commit()
            for override in ("", REASON):
                with pytest.raises(HoldfastError, match=r"is damaged: the verdict on .* of 'm'"):
                    ledger.record("m", "2", results(a=0.5), override=override)
            connection.execute("DELETE FROM holdfast_verdicts")
            connection.execute("INSERT INTO holdfast_verdicts SELECT * FROM kept")
            connection.execute("DROP TABLE kept")
            connection.commit()


# ---- columns


@pytest.mark.parametrize("column", ["segment", "label", "cluster"])
@pytest.mark.parametrize("amend", [False, True])
def test_a_column_is_not_forgotten(url, column, amend):
    ledger, values = Ledger(url), ["x", "y"] * 50
    ledger.record("m", "1", grouped(**{column: values}))
    left_out = (
        rf"lack the column {column}, which task 'a' had \(see example 'a0'\).*as in release '1'"
    )
    refused(ledger, grouped(), left_out, "1" if amend else "2", amend)
    # What was left out with a reason is still asked for.
    refused(ledger, grouped(note="n").assign(score=0.95), left_out, "3")
    other = rf"The {column} of example 'a1' of task 'a' was 'y' and is now 'x'"
    refused(ledger, grouped(**{column: ["x", "x", *values[2:]]}), other, "4")


def test_new_examples_and_other_forms_of_a_number_are_fine(url):
    ledger = Ledger(url)
    rows = results(a=0.9).assign(example_id=range(100), cluster=[k % 10 for k in range(100)])
    ledger.record("m", "1", rows)
    text = rows.assign(example_id=[f"{k}.0" for k in range(100)])
    text["cluster"] = [f"{k % 10}.0" for k in range(100)]
    assert ledger.record("m", "2", text) == "recorded"
    more = rows.assign(example_id=range(1000, 1100), cluster="z")
    assert ledger.record("m", "3", pd.concat([rows, more])) == "recorded"


def test_ids_in_another_form_do_not_hide_other_values(url):
    ledger = Ledger(url)
    rows = results(a=0.9).assign(example_id=range(100), label=["x", "y"] * 50)
    ledger.record("m", "1", rows)
    turned = rows.assign(example_id=[f"{k}.0" for k in range(100)], label=["y", "x"] * 50)
    refused(ledger, turned, "The label of example '0' of task 'a' was 'x' and is now 'y'")


def test_renamed_examples_do_not_hide_a_segment(url):
    ledger = Ledger(url)
    ledger.record("m", "1", grouped(segment=["x", "y"] * 50))
    renamed = grouped(segment="x", example_id=[f"n{k}" for k in range(100)])
    refused(ledger, renamed, "These results lack the segment 'y', which task 'a' had")


def test_only_a_task_that_had_the_column_is_asked_for_it(url):
    ledger = Ledger(url)
    ledger.record("m", "1", grouped(segment=["x", "y"] * 50))
    assert ledger.record("m", "2", results(b=0.9)) == "recorded"
    both = pd.concat([grouped(segment=["x", "y"] * 50), results(b=0.9).assign(segment="z")])
    assert ledger.record("m", "3", both) == "recorded"
    refused(ledger, results(b=0.9), "lack the column segment, which task 'b' had", "4")


def test_a_segment_of_aggregated_results_does_not_vanish(url):
    ledger = Ledger(url)
    rows = pd.DataFrame({"task": "a", "segment": ["", "x", "y"], "score": 0.9, "examples": 50})
    ledger.record("m", "1", rows)
    refused(ledger, rows[:2], "lack the segment 'y'", "2")
    refused(ledger, rows[:1].drop(columns="segment"), "lack the column segment", "3")


def test_large_results_are_compared_as_small_ones_are(url):
    """Beyond 64 KiB, of which only the end is read first."""
    ledger, n = Ledger(url), 40_000
    ids = [f"{k * 7919 % 1000003:x}-{k}" for k in range(n)]
    rows = pd.DataFrame({"task": "a", "example_id": ids, "score": 1.0, "cluster": ids[::-1]})
    ledger.record("m", "1", rows)
    refused(ledger, rows.drop(columns="cluster"), "lack the column cluster")


# ---- amendments


def test_an_amendment_lowers_no_task_without_a_reason(ledger):
    assert ledger.record("m", "1", results(a=0.95), amend=True) == "amended"
    message = r"lowers the mean score on task 'a' of release '1' from 0\.95 to 0\.94"
    refused(ledger, results(a=0.94), message, "1", amend=True)
    refused(ledger, results(a=0.92), r"from 0\.95 to 0\.92", "1", amend=True)


def test_an_amendment_lowers_no_segment_without_a_reason(url):
    ledger, segment = Ledger(url), ["x", "y"] * 50
    ledger.record("m", "1", grouped(segment=segment))
    moved = results(a=1.0).assign(segment=segment)
    moved.loc[1:39:2, "score"] = 0.0  # 20 of the 50 of y
    assert moved["score"].mean() == pytest.approx(0.8)
    moved.loc[1:19:2, "score"] = 1.0
    message = r"task 'a', segment 'y', of release '1' from 0\.9 to 0\.8"
    assert moved["score"].mean() == pytest.approx(0.9), "the task as a whole loses nothing"
    refused(ledger, moved, message, "1", amend=True)


def test_there_is_nothing_to_override_in_a_correction_upwards(ledger):
    with pytest.raises(HoldfastError, match=r"nothing to override.*without --override"):
        ledger.record("m", "1", results(a=0.95), amend=True, override=REASON)
    assert ledger.record("m", "1", results(a=0.95), amend=True) == "amended"


# ---- segments since they were learnt


def test_the_standing_tells_what_each_segment_lost_since_it_was_learnt(tmp_path, capsys):
    ledger, halves = Ledger(f"sqlite:///{tmp_path}/l.db"), ["x"] * 50 + ["y"] * 50

    def scored(y):
        return results(a=1.0).assign(
            segment=halves, score=[1.0] * 50 + [float(k < y) for k in range(50)]
        )

    for release, y in (("1", 50), ("2", 47), ("3", 44)):
        ledger.record("m", release, scored(y))
    expected = {"a/x": 0.0, "a/y": pytest.approx(0.18)}
    hidden = scored(41).drop(columns="segment")
    for candidate in (scored(41), hidden, hidden.assign(segment="x")):
        champion, side = sides(ledger, "m", candidate)
        assert side.standing.segments == expected
        assert champion.standing.segments == {"a/x": 0.0, "a/y": pytest.approx(0.12)}
        assert json.loads(json.dumps(asdict(side.standing)))["segments"].keys() == expected.keys()


def test_the_command_says_what_is_missing(tmp_path, capsys):
    url = f"sqlite:///{tmp_path}/l.db"
    Ledger(url).record("m", "1", grouped(label=["x", "y"] * 50))
    results(a=0.9).to_csv(tmp_path / "2.csv", index=False)
    record = ["record", "--model", "m", "--ledger", url, "--release", "2"]
    record += ["--results", f"{tmp_path}/2.csv"]
    code, _, err = call(capsys, *record)
    assert (code, len(err.splitlines())) == (2, 1)
    assert "Give the label column as in release '1'" in err
    assert call(capsys, *record, "--override", REASON)[0] == 0
    _, out, _ = call(capsys, "history", "--model", "m", "--ledger", url)
    assert f"release 2 was recorded with --override: {REASON}" in out


def test_a_task_whose_newest_results_lack_a_column_is_judged_by_what_they_have(url):
    """Task b was recorded without segments: a keeps its own, and nothing is a dead end."""
    ledger = Ledger(url)
    a = results(a=0.9).assign(
        segment=["x" if k % 2 else "y" for k in range(100)],
        cluster=[str(k % 50) for k in range(100)],
    )
    ledger.record("m", "1", a)
    ledger.record("m", "2", results(b=0.8))
    for candidate in (
        pd.concat([a, results(b=0.8).assign(segment="z", cluster="0")], ignore_index=True),
        pd.concat([a, results(b=0.8)]).fillna("q"),
    ):
        champion, other = sides(ledger, "m", candidate)
        found = compare(champion, other)
        assert set(found.tasks) == {"a", "b"}
        assert set(found.segments) == {("a", "x"), ("a", "y")}
        assert len(set(found.tasks["b"].cluster)) == 100, "an unknown cluster is one of its own"
        assert found.only_champion == {}
    only_a = compare(*sides(ledger, "m", a))
    assert only_a.only_champion == {("b", ""): pytest.approx(0.8)}


def test_a_page_never_replaces_the_ledger(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Ledger("sqlite:///ledger.db").record("m", "1", results(a=0.9))
    with pytest.raises(SystemExit) as done:
        run_cli(["history", "--model", "m", "--html", "ledger.db"])
    assert done.value.code == 2
    assert "is no HTML page" in capsys.readouterr().err
    assert Ledger("sqlite:///ledger.db").releases("m")
