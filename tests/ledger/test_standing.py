"""No record, amendment or claim of a candidate lowers a baseline or takes a task away."""

import pandas as pd
import pytest
from ledger_helpers import call, results

from holdfast.errors import HoldfastError
from holdfast.ledger import Ledger, history, sides

POLICY = (
    'inconclusive = "pass"\n[default]\ndelta = 0.05\nmax_cumulative_drop = 0.05\nmin_examples = 1\n'
)


@pytest.fixture
def ledger(tmp_path):
    return Ledger(f"sqlite:///{tmp_path}/ledger.db")


def lost(ledger, *trained_on, **scores):
    """What a candidate with these scores has lost."""
    _, candidate = sides(ledger, "m", results(**scores), trained_on)
    return {t: round(x, 3) for t, x in candidate.standing.forgetting.items()}


def gate(tmp_path, capsys, candidate, *options):
    candidate.to_csv(tmp_path / "candidate.csv", index=False)
    (tmp_path / "gate.toml").write_text(POLICY)
    at = [
        "--ledger",
        f"sqlite:///{tmp_path}/ledger.db",
        "--model",
        "m",
        "--policy",
        f"{tmp_path}/gate.toml",
    ]
    return call(capsys, "gate", *at, "--candidate", f"{tmp_path}/candidate.csv", *options)


@pytest.mark.parametrize("options", [(), ("--trained-on", "a")])
def test_a_candidate_that_names_an_old_task_is_held_to_the_cumulative_limit(
    ledger, tmp_path, capsys, options
):
    for release, score in (("1", 0.95), ("2", 0.93), ("3", 0.91)):
        ledger.record("m", release, results(a=score))
    code, out, err = gate(tmp_path, capsys, results(a=0.89), *options)
    assert code == 1, out + err
    assert "since it was learnt" in out


def test_a_release_that_names_an_old_task_again_does_not_lower_its_baseline(ledger):
    ledger.record("m", "1", results(a=0.95), ("a",))
    ledger.record("m", "2", results(a=0.9), ("a",))
    ledger.record("m", "3", results(a=0.85), ("a",))
    assert lost(ledger, "a", a=0.84) == {"a": 0.11}


def test_a_release_that_names_a_task_first_does_not_lower_what_was_tested_before(ledger):
    ledger.record("m", "1", results(a=0.95))
    ledger.record("m", "2", results(a=0.85), ("a",))
    assert lost(ledger, a=0.84) == {"a": 0.11}


def test_amending_twice_lowers_no_baseline(ledger):
    ledger.record("m", "1", results(a=0.95), ("a",))
    ledger.record("m", "2", results(a=0.94))
    for score in (0.8, 0.7):
        ledger.record("m", "1", results(a=score), ("a",), amend=True, override="it is wrong")
    assert lost(ledger, a=0.9) == {"a": 0.05}


def test_an_amendment_that_names_or_drops_tasks_lowers_no_baseline(ledger):
    ledger.record("m", "1", results(a=0.3, b=0.9))
    ledger.record("m", "2", results(a=0.9, b=0.9), ("a",))
    ledger.record("m", "1", results(a=0.3), ("a",), amend=True)
    assert lost(ledger, a=0.5, b=0.5) == {"a": 0.4, "b": 0.4}


def test_an_amendment_corrects_a_score_upwards(ledger):
    ledger.record("m", "1", results(a=0.5), ("a",))
    ledger.record("m", "1", results(a=0.9), ("a",), amend=True)
    assert lost(ledger, a=0.8) == {"a": 0.1}


def test_a_task_that_was_tested_before_it_was_learnt_is_held_to_what_it_reached(ledger):
    ledger.record("m", "1", results(a=0.9, b=0.3), ("a",))
    ledger.record("m", "2", results(a=0.9, b=0.8), ("b",))
    assert lost(ledger, a=0.9, b=0.7) == {"a": 0.0, "b": 0.1}
    found = history([*ledger.releases("m")])
    assert found.transfer[1] == pytest.approx(0.0), (
        "what b gained when it was learnt is no transfer"
    )


def test_naming_a_task_that_lost_does_not_take_the_loss_out_of_backward_transfer(ledger):
    ledger.record("m", "1", results(a=0.9, b=0.9))
    _, honest = sides(ledger, "m", results(a=0.5, b=0.9))
    _, named = sides(ledger, "m", results(a=0.5, b=0.9), ("a", "b"))
    assert named.standing.transfer <= honest.standing.transfer == pytest.approx(-0.2)


def test_a_task_that_releases_left_out_is_still_asked_of_the_candidate(ledger, tmp_path, capsys):
    ledger.record("m", "1", results(a=0.9, b=0.9))
    ledger.record("m", "2", results(a=0.9))
    ledger.record("m", "3", results(a=0.9))
    champion, _ = sides(ledger, "m", results(a=0.9))
    assert (champion.name, champion.release) == ("m, release 3 (task b: release 1)", "3")
    assert champion.rows.groupby("task")["score"].mean().to_dict() == pytest.approx(
        {"a": 0.9, "b": 0.9}
    )
    assert gate(tmp_path, capsys, results(a=0.9))[0] == 1, "b was not tested"
    assert gate(tmp_path, capsys, results(a=0.9, b=0.1))[0] == 1, "b is not new"
    assert gate(tmp_path, capsys, results(a=0.9, b=0.1), "--trained-on", "b")[0] == 1
    assert gate(tmp_path, capsys, results(a=0.9, b=0.9))[0] == 0


def test_an_amendment_of_the_newest_release_takes_no_task_away(ledger):
    ledger.record("m", "1", results(a=0.9, b=0.8))
    ledger.record("m", "1", results(a=0.9), amend=True)
    champion, _ = sides(ledger, "m", results(a=0.9))
    assert set(champion.rows["task"]) == {"a", "b"}
    assert lost(ledger, a=0.9, b=0.5) == {"a": 0.0, "b": 0.3}


def aggregated(**tasks):
    return pd.DataFrame({"task": list(tasks), "score": list(tasks.values()), "examples": 100})


def test_results_of_an_older_release_in_another_form_are_never_passed_over(ledger):
    ledger.record("m", "1", aggregated(a=0.9, b=0.8))
    ledger.record("m", "2", results(a=0.9))
    with pytest.raises(HoldfastError, match=r"task 'b' was last tested in release '1'.*--amend"):
        sides(ledger, "m", results(a=0.9, b=0.8))
    champion, _ = sides(ledger, "m", results(a=0.9))
    assert set(champion.rows["task"]) == {"a", "b"}, "the gate sees that b was not tested"


def test_aggregated_results_of_several_releases_stand_in_one_table(ledger):
    ledger.record("m", "1", aggregated(a=0.9, b=0.8))
    ledger.record(
        "m",
        "2",
        pd.concat([aggregated(a=0.9).assign(segment=""), aggregated(a=0.9).assign(segment="x")]),
    )
    champion, _ = sides(ledger, "m", aggregated(a=0.9, b=0.8))
    assert champion.rows[["task", "segment", "score"]].values.tolist() == [
        ["a", "", 0.9],
        ["a", "x", 0.9],
        ["b", "", 0.8],
    ]


def test_losses_of_segments_are_reported_like_those_of_tasks_worst_first(ledger):
    def parts(cash, card):
        rows = results(a=cash)
        rows["segment"] = ["cash" if k < 50 else "card" for k in range(100)]
        rows["score"] = [float(k < 50 * cash) for k in range(50)] + [
            float(k < 50 * card) for k in range(50)
        ]
        return rows

    ledger.record("m", "1", parts(cash=0.9, card=0.9))
    ledger.record("m", "2", parts(cash=0.9, card=0.7))
    found = history(ledger.releases("m"))
    assert [(x.task, x.segment, round(x.drop, 2)) for x in found.losses] == [
        ("a", "card", 0.2),
        ("a", "", 0.1),
    ]
    assert [(c.task, c.segment) for c in found.columns] == [("a", ""), ("a", "cash"), ("a", "card")]
