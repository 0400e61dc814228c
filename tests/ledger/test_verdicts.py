"""A failing verdict stays with the results it was given on, whatever they are called later."""

import pytest
from ledger_helpers import call, results

from holdfast.errors import HoldfastError
from holdfast.gate import Gate
from holdfast.ledger import Ledger

FAIL, PASS = {"decision": "fail", "passed": False}, {"decision": "pass", "passed": True}
REASON = "the loss is wanted"


def test_a_release_that_failed_is_refused_under_any_name_until_a_reason_is_given(ledger):
    bad = results(a=0.5)
    ledger.keep_verdict("m", "2", FAIL, "1", bad)
    for name, rows in (
        ("2", bad),
        ("other", bad.sample(frac=1, random_state=0)),
        ("2", results(a=0.6)),
    ):
        with pytest.raises(
            HoldfastError, match=r"did not pass the gate.*is fail.*against '1'.*--override"
        ):
            ledger.record("m", name, rows)
    with pytest.raises(HoldfastError, match="did not pass"):
        ledger.record("m", "x", bad.assign(cluster="c"), ("a",))
    assert ledger.record("m", "2", bad, override=f"  {REASON} ") == "recorded"
    assert ledger.record("m", "2", bad, override=REASON) == "unchanged"
    assert ledger.record("m", "2", bad) == "unchanged"
    assert [r.override for r in ledger.releases("m")] == ["", REASON]


def test_a_reason_is_kept_when_the_release_is_amended(ledger):
    ledger.keep_verdict("m", "2", FAIL, "1", results(a=0.5))
    ledger.record("m", "2", results(a=0.5), override=REASON)
    ledger.record("m", "2", results(a=0.6), amend=True, override="a second reason")
    assert ledger.releases("m")[-1].override == f"{REASON}; a second reason"


def test_the_newest_verdict_on_the_results_counts_before_that_on_the_name(ledger):
    good = results(a=0.9)
    ledger.keep_verdict("m", "2", PASS, "1", good)
    ledger.keep_verdict("m", "2", FAIL, "1", results(a=0.5))
    assert ledger.record("m", "2", good) == "recorded"


def test_a_verdict_that_comes_back_is_the_newest_again(ledger):
    bad = results(a=0.5)
    assert [ledger.keep_verdict("m", "2", v, "1", bad) for v in (FAIL, PASS, FAIL, FAIL)] == [
        *["recorded"] * 3,
        "unchanged",
    ]
    assert [v.decision for v in ledger.verdicts("m")] == ["fail", "pass", "fail"]
    with pytest.raises(HoldfastError, match="did not pass"):
        ledger.record("m", "2", bad)


@pytest.mark.parametrize("reason", ["ok", "  ", "12 34 56 78 90 12", "-- --", "x"])
def test_a_reason_has_words(ledger, reason):
    ledger.keep_verdict("m", "2", FAIL, "1", results(a=0.5))
    with pytest.raises(HoldfastError, match="a reason in words"):
        ledger.record("m", "2", results(a=0.5), override=reason)


def test_there_is_nothing_to_override_without_a_failing_verdict(ledger):
    with pytest.raises(HoldfastError, match="no failing verdict"):
        ledger.record("m", "2", results(a=0.5), override=REASON)
    ledger.keep_verdict("m", "2", PASS, "1", results(a=0.5))
    with pytest.raises(HoldfastError, match="no failing verdict"):
        ledger.record("m", "2", results(a=0.5), override=REASON)


def test_a_verdict_is_filed_under_the_champion_that_was_judged(ledger):
    ledger.record("m", "2", results(a=0.91))
    ledger.keep_verdict("m", "3", FAIL, "1", results(a=0.5))
    assert [v.champion for v in ledger.verdicts("m")] == ["1"]
    with pytest.raises(HoldfastError, match="no release 'z' of 'm'"):
        ledger.keep_verdict("m", "3", FAIL, "z", results(a=0.5))


@pytest.mark.parametrize(
    "verdict", [{}, {"decision": "pass"}, {"decision": "x" * 21, "passed": True}]
)
def test_what_is_no_verdict_is_refused(ledger, verdict):
    with pytest.raises(HoldfastError, match="expected a verdict"):
        ledger.keep_verdict("m", "2", verdict, "1", results(a=0.5))


def test_the_command_shows_the_reason(tmp_path, capsys):
    url = f"sqlite:///{tmp_path}/l.db"
    Ledger(url).record("m", "1", results(a=0.9))
    Ledger(url).keep_verdict("m", "2", FAIL, "1", results(a=0.5))
    results(a=0.5).to_csv(tmp_path / "2.csv", index=False)
    at = ["--model", "m", "--ledger", url]
    record = ["record", *at, "--release", "2", "--results", f"{tmp_path}/2.csv"]
    code, _, err = call(capsys, *record)
    assert (code, "--override" in err) == (2, True)
    assert call(capsys, *record, "--override", "")[0] == 2
    assert call(capsys, *record, "--override", REASON)[0] == 0
    _, out, _ = call(capsys, "history", *at, "--html", f"{tmp_path}/h.html")
    assert f"release 2 was recorded with --override: {REASON}" in out
    assert f"The reason given was: {REASON}" in (tmp_path / "h.html").read_text()


def test_a_release_that_is_recorded_meanwhile_changes_neither_champion_nor_report(
    ledger, tmp_path, capsys, monkeypatch, url
):
    """Another writer records a release just before the verdict is filed."""
    keep_verdict = Ledger.keep_verdict

    def record_then_keep(self, *arguments, **named):
        Ledger(url).record("m", "meanwhile", results(a=0.95))
        return keep_verdict(self, *arguments, **named)

    judge = Gate.judge_and_compare

    def record_then_judge(self, *arguments, **named):
        Ledger(url).record("m", "between", results(a=0.94))
        return judge(self, *arguments, **named)

    monkeypatch.setattr(Ledger, "keep_verdict", record_then_keep)
    monkeypatch.setattr(Gate, "judge_and_compare", record_then_judge)
    results(a=0.9).to_csv(tmp_path / "2.csv", index=False)
    gate = ["gate", "--model", "m", "--ledger", url, "--release", "2", "--policy", "simple"]
    code, out, err = call(
        capsys, *gate, "--candidate", f"{tmp_path}/2.csv", "--out", f"{tmp_path}/gate"
    )
    assert code in (0, 1), out + err
    assert [v.champion for v in ledger.verdicts("m")] == ["1"]
    assert [r.release for r in ledger.releases("m")] == ["1", "between", "meanwhile"]
    page = (tmp_path / "gate" / "verdict.html").read_text()
    assert "2 (candidate)" in page
    assert "between" not in page
