"""The ledger on SQLite and on a real PostgreSQL server.

It is append-only and idempotent, and takes several writers and a kill in the middle.
"""

import json
import os
import signal
import sys
import time
from contextlib import AbstractContextManager, ExitStack
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from ledger_helpers import NASTY, call, code_of, results

from forked import Running, started
from holdfast.errors import HoldfastError
from holdfast.gate import Gate, Policy
from holdfast.ledger import Ledger, history, sides


def test_recording_twice_changes_nothing_and_other_results_are_refused(url):
    ledger, first = Ledger(url), results(a=0.9, b=0.8)
    assert ledger.record("m", "1", first) == "recorded"
    assert ledger.record("m", "1", first.sample(frac=1, random_state=0)) == "unchanged"
    with pytest.raises(HoldfastError, match=r"append-only.*--amend"):
        ledger.record("m", "1", results(a=0.7, b=0.8))
    lower = results(a=0.7, b=0.8)
    assert ledger.record("m", "1", lower, amend=True, override="a was misread") == "amended"
    assert Ledger(url).releases("m")[0].scores == {"a": pytest.approx(0.7), "b": pytest.approx(0.8)}
    assert [r.revision for r in ledger.releases("m")[0].revisions] == [0, 1]
    pd.testing.assert_frame_equal(ledger.results("m", "1", 0), first, check_like=True)
    pd.testing.assert_frame_equal(ledger.results("m"), results(a=0.7, b=0.8), check_like=True)


def test_the_results_of_a_revision_are_read_by_the_revision_itself(url):
    ledger = Ledger(url)
    ledger.record("m", "1", results(a=0.9))
    ledger.record("m", "1", results(a=0.95), amend=True)
    ledger.record("m", "2", results(a=0.5))
    first, second = ledger.releases("m")
    for revision, score in ((first.earlier[0], 0.9), (first, 0.95), (second, 0.5)):
        assert ledger.results_of(revision)["score"].mean() == pytest.approx(score)
    with pytest.raises(HoldfastError, match="release '2' of 'm' has no revision 7"):
        ledger.results_of(replace(second, revision=7))


def test_the_history_tells_which_release_lost_what_first(url):
    ledger = Ledger(url)
    ledger.record("m", "1", results(a=0.9))
    ledger.record("m", "2", results(a=0.89, b=0.8), ("b",))
    ledger.record("m", "3", results(a=0.85, b=0.81))
    ledger.record("m", "4", results(a=0.5, b=0.6))
    found = history(ledger.releases("m"))
    assert found.tasks == ("a", "b")
    assert found.scores[0] == (pytest.approx(0.9), None)
    assert [None if t is None else round(t, 3) for t in found.transfer] == [
        None,
        -0.01,
        -0.02,
        -0.3,
    ]
    assert [(x.task, x.release, round(x.drop, 2)) for x in found.losses] == [
        ("b", "4", 0.2),
        ("a", "3", 0.05),
    ]


WRITER = """
import sys
sys.path[:0] = {path!r}
from ledger_helpers import results
from holdfast.ledger import Ledger
ledger = Ledger({url!r})
for k in range({count}):
    ledger.record("m", f"{name}-{{k}}", results(a=0.5 + k / 1000))
    print(k, flush=True)
"""


def writer(url: str, name: str, count: int) -> AbstractContextManager[Running]:
    """A process that records releases; it is killed at the end of the context."""
    path = [str(Path(__file__).parent), *sys.path]
    return started(script=WRITER.format(path=path, url=url, name=name, count=count))


def test_no_record_of_several_writers_is_lost_or_doubled(url):
    """Eight writers that also create the tables; the benchmark does 8 × 200."""
    with ExitStack() as all_end:
        writers = [all_end.enter_context(writer(url, f"w{k}", 5)) for k in range(8)]
        ends = [running.ended() for running in writers]
    assert [end.returncode for end in ends] == [0] * 8, [end.stderr for end in ends]
    names = [r.release for r in Ledger(url).releases("m")]
    assert sorted(names) == sorted(f"w{k}-{i}" for k in range(8) for i in range(5))


def test_a_writer_that_is_killed_leaves_whole_releases_only(url):
    with writer(url, "w", 500) as running:
        while running.printed.count("\n") < 5:
            time.sleep(0.02)
        time.sleep(0.05)
        os.kill(running.pid, signal.SIGKILL)
        assert running.ended().returncode == -signal.SIGKILL
    found = Ledger(url).releases("m")
    assert 5 <= len(found) < 500
    assert [r.release for r in found] == [f"w-{k}" for k in range(len(found))]
    assert all(r.examples == {"a": 100} for r in found)
    assert Ledger(url).record("m", "after", results(a=0.5)) == "recorded"


def test_the_commands(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for k, (a, b) in enumerate([(0.9, 0.8), (0.9, 0.7)]):
        results(a=a, b=b).to_parquet(f"{k}.parquet")
        release = ["--release", f"2026-1{k}", "--results", f"{k}.parquet"]
        code, out, _ = call(capsys, "record", "--model", "fraud", *release)
        assert (code, out) == (0, f"recorded: fraud, release 2026-1{k}\n")
    code, out, _ = call(capsys, "history", "--model", "fraud")
    assert code == 0
    assert "b: 10.0 points lost first by release 2026-11 (learnt in 2026-10)" in out
    (tmp_path / "gate.toml").write_text("")
    at = ["--ledger", "sqlite:///ledger.db"]
    gate = ["gate", *at, "--model", "fraud"]
    code, out, _ = call(capsys, *gate, "--candidate", "0.parquet", "--dry-run")
    assert code == 0
    assert "pass         b: is shown to lose less than 2 points" in out
    (tmp_path / "gate.toml").write_text(
        "[default]\ndelta = 0.15\nmax_cumulative_drop = 0.05\nmin_examples = 1"
    )
    code, out, _ = call(capsys, *gate, "--candidate", "1.parquet")
    assert code == 1
    assert "b: lost 10.00 points since it was learnt, more than the 5 allowed" in out
    nowhere = ["--ledger", "sqlite:////nowhere/x.db"]
    record = ["record", "--model", "m", "--release", "1", "--results"]
    for arguments, message in (
        (["history", "--model", "froud"], "has no release of 'froud'; it has fraud"),
        (["history", "--model", "m", "--ledger", "mysql://x"], "expected sqlite:///ledger.db"),
        (["history", "--model", "m", *nowhere], "there is no ledger /nowhere/x.db"),
        ([*record, "0.parquet", *nowhere], "there is no folder"),
        ([*record, "no.csv", "--ledger", "sqlite:///new.db"], "there is no such file"),
        (["gate", *at, "--candidate", "0.parquet"], "--model"),
        ([*record, "0.parquet", "--trained-on", "z"], "trained_on names task 'z'"),
    ):
        code, _, err = call(capsys, *arguments)
        assert code == 2, arguments
        assert message in err
        assert len(err.strip().splitlines()) == 1
    assert not (tmp_path / "new.db").exists(), "a mistake makes no ledger"


def test_verdicts_are_kept_and_change_nothing_when_they_come_twice(url):
    ledger = Ledger(url)
    ledger.record("m", "1", results(a=0.9, b=0.8))
    ledger.record("m", "2", results(a=0.9, b=0.75))
    gate = Gate(Policy())
    first = gate.judge(*sides(ledger, "m", results(a=0.5, b=0.75), name="3")).to_json()
    assert first["candidate_standing"]["forgetting"] == {
        "a": pytest.approx(0.4),
        "b": pytest.approx(0.05),
    }, "since they were learnt"
    bad, good = results(a=0.5, b=0.75), results(a=0.9, b=0.75)
    assert [ledger.keep_verdict("m", "3", first, "2", bad) for _ in range(2)] == [
        "recorded",
        "unchanged",
    ]
    second = gate.judge(*sides(ledger, "m", good, name="3")).to_json()
    assert ledger.keep_verdict("m", "3", second, "2", good) == "recorded"
    kept = Ledger(url).verdicts("m")
    assert [(v.candidate, v.champion, v.decision) for v in kept] == [
        ("3", "2", "fail"),
        ("3", "2", second["decision"]),
    ]
    assert kept[0].verdict == json.loads(json.dumps(first))
    assert ledger.verdicts("other") == []


def test_the_gate_takes_its_champion_from_the_ledger_and_records_there(
    tmp_path, capsys, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    at = ["--ledger", "sqlite:///ledger.db", "--model", NASTY]
    many = {
        "a": pd.concat(
            [
                results(a=0.9).assign(example_id=lambda f, k=k: f["example_id"] + f"-{k}")
                for k in range(10)
            ]
        )
    }
    many["a"].to_parquet("1.parquet")
    many["a"].assign(task=NASTY, score=0.0).to_parquet("new.parquet")
    pd.concat([many["a"].assign(score=0.0), pd.read_parquet("new.parquet")]).to_parquet("2.parquet")
    assert code_of(["record", *at, "--release", "=1", "--results", "1.parquet"]) == 0
    gate = ["gate", *at, "--candidate", "2.parquet", "--policy", "standard"]
    assert code_of([*gate, "--release", NASTY, "--dry-run"]) == 0
    assert Ledger("sqlite:///ledger.db").verdicts(NASTY) == []
    assert code_of([*gate, "--release", NASTY, "--trained-on", "a", "--out", "gate"]) == 1
    assert "in the ledger" in capsys.readouterr().out
    page = Path("gate/verdict.html").read_text()
    assert "Releases × tasks" in page
    assert "(candidate)" in page
    assert code_of(["record", *at, "--release", NASTY, "--results", "2.parquet"]) == 2
    override = ["--override", NASTY]
    assert code_of(["record", *at, "--release", NASTY, "--results", "2.parquet", *override]) == 0
    assert code_of(["history", *at, "--html", "history.html"]) == 0
    out, other = capsys.readouterr().out, Path("history.html").read_text()
    assert "90.0 points lost first by release" in out
    assert "Verdicts on candidates" in other
    assert "was recorded with --override" in out
    assert "was recorded with --override" in other
    for text in (out, page, other):
        assert "\x1b" not in text
    for text in (page, other):
        assert "<script" not in text
    files = ["--candidate", "2.parquet", "--champion", "1.parquet"]
    assert code_of(["gate", *files, "--release", "3"]) == 2
