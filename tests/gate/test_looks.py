"""Looks at growing data: levels of the series, limits of both sides, and what is expected."""

import re
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom, multivariate_normal, norm

from holdfast.errors import HoldfastError
from holdfast.gate.joining import compare
from holdfast.gate.judge import Gate
from holdfast.gate.levels import levels
from holdfast.gate.looks import Looks, at_look, expected_use
from holdfast.gate.policy import Policy
from holdfast.gate.reading import Side, read_side
from holdfast.gate.statistics import Anytime, AtLook, Paired, Spending
from holdfast.gate.statistics.betting import log_capital
from holdfast.gate.statistics.spending import USED
from holdfast.gate.subjects import subjects

ALPHA = 0.05
THREE = Looks.parse("0.5,0.75,1")
TODAY = pd.Timestamp("2026-12-01").date()


def frame(n: int, right: np.ndarray | None = None, **columns: object) -> pd.DataFrame:
    """Results on n examples, of which every fifth is wrong unless the scores are given."""
    scores = (np.arange(n) % 5 > 0).astype(float) if right is None else right
    return pd.DataFrame({"task": "a", "example_id": range(n), "score": scores} | columns)


# ---- levels of a series of looks


@pytest.mark.parametrize(
    ("shares", "published"),
    [
        # Reboussin, DeMets, Kim and Lan (2000), two-sided 5 % by their O'Brien-Fleming function.
        ((0.2, 0.4, 0.6, 0.8, 1.0), (4.8769, 3.3569, 2.6803, 2.2898, 2.0310)),
        # gsDesign, sfLDOF, one-sided 2.5 %.
        ((1 / 3, 2 / 3, 1.0), (3.7103, 2.5114, 1.9930)),
        ((0.5, 1.0), (2.9626, 1.9686)),
    ],
)
def test_the_bounds_are_the_published_ones(shares, published):
    design = Spending(shares)
    bounds = [-norm.ppf(design.nominal(0.025 / USED, look + 1)) for look in range(len(shares))]
    assert bounds == pytest.approx(published, abs=2e-3)


def normal_chance(design: Spending, times: np.ndarray, alpha: float) -> float:
    """The chance that normal tests at these times reject at any look, by SciPy's distribution."""
    correlation = np.sqrt(np.minimum.outer(times, times) / np.maximum.outer(times, times))
    bounds = [-norm.ppf(design.nominal(alpha, look)) for look in range(1, len(times) + 1)]
    return float(1 - multivariate_normal.cdf(bounds, np.zeros(len(times)), correlation))


@pytest.mark.parametrize("shares", [(0.5, 0.75, 1.0), (0.1, 0.95, 1.0)])
def test_normal_tests_at_all_looks_together_use_the_level(shares):
    design, times = Spending(shares), np.array(shares)
    assert normal_chance(design, times, ALPHA) == pytest.approx(USED * ALPHA, rel=0.01)
    # The distribution of two looks is exact, so that small levels can be compared as well.
    for alpha in (0.05, 0.005, 1e-4):
        expected = 2 * norm.sf(norm.isf(USED * alpha / 2) / np.sqrt(shares[1]))
        assert normal_chance(design, times[:2], alpha) == pytest.approx(expected, rel=1e-3)


def test_a_single_look_is_no_series():
    right = np.ones(200)
    alone = Paired(right, right - (np.arange(200) < 1))
    only = AtLook(alone, Spending([1.0]), 1)
    assert only.p_loses_less(0.02) == pytest.approx(alone.p_loses_less(0.02))
    assert only.interval(0.05, 0.01) == pytest.approx(alone.interval(0.05, 0.01))
    assert only.needed(0.02, 0.05, 0.0, 0.8) == alone.needed(0.02, 0.05, 0.0, 0.8)
    assert only.method == alone.method


@pytest.mark.parametrize("look", [1, 2, 3])
@pytest.mark.parametrize("alpha", [0.05, 0.01, 0.001])
def test_a_p_value_of_the_series_is_below_a_level_if_the_look_rejects_at_its_share(look, alpha):
    design = Spending(THREE.shares)
    nominal = design.nominal(alpha, look)
    just_below, just_above = design.whole(nominal * np.array([0.999, 1.001]), look)
    assert just_below < alpha < just_above
    p_values = np.linspace(0, 1, 101)
    whole = design.whole(p_values, look)
    assert (np.diff(whole) >= 0).all()
    assert (whole >= p_values - 1e-9).all()


def test_the_end_of_an_interval_at_a_look_is_the_loss_that_is_just_not_rejected():
    right = np.ones(600)
    evidence = AtLook(Paired(right, right - (np.arange(600) < 4)), Spending(THREE.shares), 2)
    low, high = evidence.interval(ALPHA, ALPHA)
    assert evidence.p_loses_less(-low) == pytest.approx(ALPHA, rel=2e-3)
    assert evidence.p_loses_more(-high) == pytest.approx(ALPHA, rel=2e-3)
    assert "look 2 of 3" in evidence.method


def chance_of_rejecting(n: int, limit: float, shares: tuple[float, ...], passing: bool) -> float:
    """The exact chance that pure 0/1 losses of `limit` are rejected at any look."""
    design = Spending(shares)
    chances, before, total = np.ones(1), 0, 0.0
    for look, share in enumerate(shares, 1):
        count = int(np.ceil(share * n))
        chances = np.convolve(
            chances, binom.pmf(np.arange(count - before + 1), count - before, limit)
        )
        lost = np.arange(count + 1)
        # For pure losses, Gaffke's bound is that of Clopper and Pearson.
        p = binom.cdf(lost, count, limit) if passing else binom.sf(lost - 1, count, limit)
        rejected = p <= design.nominal(ALPHA, look)
        total += chances[rejected].sum()
        chances[rejected] = 0
        before = count
    return float(total)


@pytest.mark.parametrize("shares", [(0.5, 0.75, 1.0), (0.5, 1.0), (0.2, 0.4, 0.6, 0.8, 1.0)])
@pytest.mark.parametrize("passing", [True, False])
def test_pure_losses_at_the_limit_are_rejected_at_any_look_in_at_most_five_per_cent(
    shares, passing
):
    for limit, n in product((0.01, 0.02, 0.05), (150, 491, 925, 1688, 1825)):
        assert chance_of_rejecting(n, limit, shares, passing) <= ALPHA


def test_a_part_that_comes_late_gets_no_more_than_its_share_of_the_level():
    """With less information at the first look, the looks are more independent of each other."""
    shares = THREE.shares
    late = Spending(shares, (0.03, 0.5, 1.0))
    assert normal_chance(late, np.array([0.02, 0.5, 1.0]), ALPHA) <= ALPHA
    # The level that is spent up to a look is that of its share, whatever the part has by then.
    assert late.nominal(ALPHA, 1) == pytest.approx(Spending(shares).nominal(ALPHA, 1))
    assert late.nominal(ALPHA, 3) < Spending(shares).nominal(ALPHA, 3)
    assert Spending(shares, (0.0, 0.0, 1.0)).nominal(ALPHA, 3) > 0.02


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0.5", "end with 1"),
        ("0.5,0.5,1", "rising"),
        ("0,1", "rising"),
        ("1,0.5", "rising"),
        ("50,100", "end with 1"),
        ("0.999,1", "at least 0.01 apart"),
        ("half", "or the word any"),
        ("", "or the word any"),
        ("nan,1", "rising"),
    ],
)
def test_looks_that_are_no_rising_shares_are_refused(text, message):
    with pytest.raises(HoldfastError, match=message):
        Looks.parse(text)


# ---- at any time


def test_bets_are_fair_if_the_hypothesis_holds_exactly():
    """By enumeration of all outcomes: the mean capital is 1 whatever the bets made of the past."""
    for values, chances, hypothesis in (
        ((1.0, 0.0), (0.3, 0.7), 0.3),
        ((1.0, -1.0), (0.55, 0.45), 0.1),
        ((0.5, -0.25), (0.2, 0.8), -0.1),
    ):
        total = 0.0
        for outcome in product((0, 1), repeat=8):
            losses = np.array([values[place] for place in outcome])
            chance = np.prod([chances[place] for place in outcome])
            total += chance * np.exp(log_capital(losses, np.ones(8), hypothesis)[-1])
        assert total == pytest.approx(1.0)


def test_bets_depend_on_the_past_only():
    rng = np.random.default_rng(3)
    losses = rng.choice([-1.0, 0.0, 1.0], 300, p=[0.05, 0.9, 0.05])
    sizes = rng.integers(1, 5, 300).astype(float)
    sizes[0] = 5.0
    whole = log_capital(losses * sizes, sizes, 0.02)
    start = log_capital(losses[:100] * sizes[:100], sizes[:100], 0.02)
    assert start == pytest.approx(whole[:100])


def test_more_examples_never_take_back_what_was_shown():
    rng = np.random.default_rng(4)
    losses = rng.choice([-1.0, 0.0, 1.0], 2000, p=[0.02, 0.96, 0.02])
    champion, candidate = np.clip(losses, 0, 1), np.clip(-losses, 0, 1)
    p_values = [
        Anytime(champion[:n], candidate[:n]).p_loses_less(0.05) for n in range(100, 2001, 100)
    ]
    assert (np.diff(p_values) <= 0).all()
    assert p_values[-1] < 0.001


def test_in_five_of_a_hundred_series_at_most_anything_is_ever_shown_falsely():
    """The hypothesis holds exactly, and somebody looks after every example."""
    rng = np.random.default_rng(5)
    crossed = np.zeros(2)
    for _ in range(400):
        losses = rng.choice([1.0, 0.0, -1.0], 1500, p=[0.04, 0.94, 0.02])
        sides = np.clip(losses, 0, 1), np.clip(-losses, 0, 1)
        evidence = Anytime(*sides)
        crossed += [evidence.p_loses_less(0.02) <= ALPHA, evidence.p_loses_more(0.02) <= ALPHA]
    # 20 of 400 are expected at the most; 33 would be three standard errors more.
    assert crossed.max() <= 33


def test_at_any_time_the_interval_holds_what_the_p_values_do_not_reject():
    rng = np.random.default_rng(6)
    champion = rng.random(1500)
    candidate = np.clip(champion + rng.normal(0, 0.1, 1500), 0, 1)
    evidence = Anytime(champion, candidate)
    low, high = evidence.interval(0.05, 0.01)
    assert low < evidence.change < high
    assert evidence.p_loses_less(-low) == pytest.approx(0.05, rel=0.01)
    assert evidence.p_loses_more(-high) == pytest.approx(0.01, rel=0.01)
    wider = Paired(champion, candidate).interval(0.05, 0.01)
    assert low < wider[0]
    assert wider[1] < high


def test_swapping_the_sides_turns_a_test_at_any_time_around():
    rng = np.random.default_rng(7)
    one, other = rng.random(300), rng.random(300)
    there, back = Anytime(one, other), Anytime(other, one)
    assert there.p_loses_less(0.03) == pytest.approx(back.p_loses_more(-0.03))
    low, high = there.interval(0.05, 0.02)
    assert back.interval(0.02, 0.05) == pytest.approx((-high, -low), abs=1e-5)


def test_at_any_time_clusters_never_make_a_result_more_certain():
    champion = np.ones(1000)
    candidate = champion - (np.arange(1000) % 200 == 0)
    plain = Anytime(champion, candidate)
    alone = Anytime(champion, candidate, np.arange(1000))
    grouped = Anytime(champion, candidate, np.arange(1000) // 20)
    assert alone.p_loses_less(0.02) == plain.p_loses_less(0.02)
    assert grouped.p_loses_less(0.02) > plain.p_loses_less(0.02)
    assert grouped.clusters == 50
    one_cluster = Anytime(champion, champion, np.zeros(1000))
    assert one_cluster.p_loses_less(0.02) > 0.5
    assert one_cluster.interval(0.05, 0.05)[0] == -1


def test_the_planned_number_of_examples_is_enough_at_any_time_with_the_planned_chance():
    rng = np.random.default_rng(8)
    losses = rng.choice([-1.0, 0.0, 1.0], 4000, p=[0.02, 0.96, 0.02])
    evidence = Anytime(np.clip(losses, 0, 1), np.clip(-losses, 0, 1))
    needed, _ = evidence.needed(0.02, 0.05, 0.0, 0.8)
    won = 0
    for _ in range(200):
        drawn = rng.choice([-1.0, 0.0, 1.0], needed, p=[0.02, 0.96, 0.02])
        won += log_capital(drawn, np.ones(needed), 0.02).max() >= np.log(20)
    assert 0.75 < won / 200 < 0.97
    clustered = Anytime(np.clip(losses, 0, 1), np.clip(-losses, 0, 1), np.arange(4000) // 10)
    examples, clusters = clustered.needed(0.02, 0.05, 0.0, 0.8)
    assert examples == 10 * clusters
    assert clusters >= needed / 10
    assert evidence.needed(0.02, 0.05, 0.0199, 0.8)[0] > 1e6


# ---- both sides at a look


def test_at_a_look_both_sides_are_limited_to_the_first_examples_of_each_task():
    champion = pd.concat([frame(100), frame(31).assign(task="b")])
    shuffled = champion.sample(frac=1, random_state=1)
    of_a = shuffled[shuffled["task"] == "a"][:75]
    of_b = shuffled[shuffled["task"] == "b"][:24]
    candidate = pd.concat([of_b, of_a[::-1]])
    sides = read_side(shuffled), read_side(candidate)
    limited, _, look = at_look(*sides, THREE)
    assert look.name == "look 2 of 3"
    assert look.counts == {"a": (75, 100), "b": (24, 31)} or look.counts == {
        "b": (24, 31),
        "a": (75, 100),
    }
    assert set(limited.rows["example_id"][limited.rows["task"] == "a"]) == set(
        of_a["example_id"].astype(str)
    )
    assert "look 3 of 3" in look.advice
    assert "100 examples of task 'a'" in look.advice
    assert not compare(limited, sides[1]).unmatched


def test_at_the_last_look_everything_is_as_it_was():
    sides = read_side(frame(100)), read_side(frame(100))
    champion, candidate, look = at_look(*sides, THREE)
    assert champion.rows.equals(sides[0].rows)
    assert candidate.rows.equals(sides[1].rows)
    assert look.is_last
    assert look.number == 3
    assert look.advice == ""
    # With very few examples, several looks are the same, and the last one counts.
    assert at_look(read_side(frame(1)), read_side(frame(1)), THREE)[2].number == 3


def test_ids_and_tasks_in_another_form_are_the_same_examples():
    champion = frame(100).assign(task="7")
    candidate = frame(50).assign(task="7.0", example_id=[f"{row}.0" for row in range(50)])
    _, _, look = at_look(read_side(champion), read_side(candidate), Looks.parse("0.5,1"))
    assert look.counts == {"7": (50, 100)}


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([*range(49), 50], "lacks example '49', which is number 50"),
        (range(60), "on 60 of 100 examples, which is not one of the looks; look 2 of 3 needs the "
         "first 75, so evaluate 15 more"),
        (range(10), "look 1 of 3 needs the first 50, so evaluate 40 more"),
        (range(99), "look 3 of 3 needs the first 100, so evaluate 1 more"),
    ],
)  # fmt: skip
def test_examples_that_are_no_look_are_refused(rows, message):
    champion = read_side(frame(100))
    candidate = read_side(frame(100).iloc[list(rows)])
    with pytest.raises(HoldfastError, match=message):
        at_look(champion, candidate, THREE)


def test_tasks_at_different_looks_are_refused_and_left_out_tasks_fail_only_at_the_end():
    champion = read_side(pd.concat([frame(100), frame(100).assign(task="b")]))
    with pytest.raises(HoldfastError, match="task 'b': the candidate was evaluated on 50 of 100"):
        at_look(champion, read_side(pd.concat([frame(75), frame(50).assign(task="b")])), THREE)
    with pytest.raises(HoldfastError, match="task 'b': the candidate was evaluated on 0 of 100"):
        at_look(champion, read_side(frame(50)), THREE)
    with pytest.raises(HoldfastError, match="on none of its examples"):
        at_look(champion, read_side(frame(50)), Looks.parse("any"))
    limited, candidate, look = at_look(champion, read_side(frame(100)), THREE)
    assert look.is_last
    assert ("b", "") in compare(limited, candidate).only_champion


def test_aggregated_results_have_no_looks():
    whole = read_side(pd.DataFrame({"task": ["a"], "score": [0.5], "examples": [10]}))
    with pytest.raises(HoldfastError, match="the champion's results are aggregated"):
        at_look(whole, read_side(frame(10)), THREE)


def test_a_sorted_test_set_is_refused_and_a_shuffled_one_is_not():
    kinds = np.arange(1000) * 50 // 1000
    hard = (np.arange(1000) >= 500).astype(float)
    for columns in ({"score": 1 - 0.3 * hard}, {"segment": kinds}, {"label": kinds}):
        champion = frame(1000).assign(**columns)
        with pytest.raises(HoldfastError, match="no random order"):
            at_look(read_side(champion), read_side(champion[:500]), THREE)
        shuffled = champion.sample(frac=1, random_state=2)
        at_look(read_side(shuffled), read_side(shuffled[:500]), THREE)
        # One cluster per half is too little to tell anything.
        clustered = champion.assign(cluster=hard)
        at_look(read_side(clustered), read_side(clustered[:500]), THREE)


def test_a_segment_without_an_example_at_hand_keeps_the_release_from_passing():
    segment = np.where(np.arange(400) > 390, "rare", "usual")
    champion = read_side(frame(400, segment=segment, label=segment))
    limited, candidate, look = at_look(champion, read_side(frame(200)), THREE)
    assert look.unseen == (("a", "rare", ""), ("a", "", "rare"))
    rows = look.unseen_rows(Policy())
    assert [(row.label, row.decision, row.required) for row in rows] == [
        ("a/rare", "inconclusive", True),
        ("a, class rare", "inconclusive", False),
    ]
    ignoring = Policy.model_validate({"default": {"segments": "ignore", "classes": "ignore"}})
    assert look.unseen_rows(ignoring) == []
    # Parts that are at hand get the information that they have.
    assert look.information["a", "usual", ""] == pytest.approx((200 / 391, 300 / 391, 1.0))
    judged = look.applied(list(subjects(Policy(), compare(limited, candidate))))
    assert [subject.name for subject in judged] == ["a", "a/usual", "a, class usual"]


def test_every_subject_of_a_look_is_tested_at_the_level_of_the_series():
    champion = read_side(frame(800, np.ones(800)))
    limited, candidate, look = at_look(champion, read_side(frame(400, np.ones(400))), THREE)
    alone = list(subjects(Policy(), compare(limited, candidate)))
    [subject] = look.applied(alone)
    assert subject.evidence.p_loses_less(0.02) > alone[0].evidence.p_loses_less(0.02)
    [level] = levels([subject], Policy(), TODAY)
    assert level.alpha == pytest.approx(ALPHA)
    # 0.98 ** 400 is 0.0003, which is below the level of the first look.
    assert subject.evidence.p_loses_less(0.02) <= ALPHA


def test_at_any_time_clusters_that_are_not_complete_wait():
    rng = np.random.default_rng(9)
    cluster = np.repeat(np.arange(50), 10)
    champion = frame(500, cluster=cluster)
    sides = read_side(champion), read_side(frame(255))
    limited, candidate, look = at_look(*sides, Looks.parse("any"))
    assert len(limited.rows) == len(candidate.rows) == 250
    assert look.counts == {"a": (255, 500)}
    assert look.name == "a look at any time"
    assert "500 examples of task 'a' are planned" in look.advice
    [subject] = look.applied(list(subjects(Policy(), compare(limited, candidate))))
    assert isinstance(subject.evidence, Anytime)
    assert subject.evidence.clusters == 25
    mixed = champion.assign(cluster=rng.permutation(cluster))
    with pytest.raises(HoldfastError, match="none of its clusters is complete yet"):
        at_look(read_side(mixed), read_side(frame(20)), Looks.parse("any"))


# ---- the gate at a look


def at_share(share: float, right: np.ndarray, policy: Policy, looks: Looks = THREE, **columns):
    """The verdict on a candidate that was evaluated on the first examples."""
    champion = frame(len(right), np.ones(len(right)), **columns)
    candidate = frame(len(right), right)[: int(share * len(right))]
    return Gate(policy).judge(champion, candidate, TODAY, looks)


def test_a_verdict_names_its_look_and_how_to_continue():
    rng = np.random.default_rng(10)
    same = np.ones(2000)
    assert at_share(0.5, same, Policy()).decision == "pass"
    assert at_share(0.5, same, Policy()).look == "look 1 of 3"
    assert at_share(0.5, same * (rng.random(2000) > 0.1), Policy()).decision == "fail"
    few = (rng.random(2000) > 0.015).astype(float)
    open_still = at_share(0.5, few, Policy())
    assert (open_still.decision, open_still.passed) == ("inconclusive", False)
    assert open_still.reasons[0].startswith("Continue with look 2 of 3")
    assert "1,500 examples of task 'a'" in open_still.reasons[0]
    last = at_share(1.0, few, Policy())
    assert not any("Continue" in reason for reason in last.reasons)


def test_an_open_decision_before_the_last_look_never_passes():
    lenient = Policy(inconclusive="pass")
    scores = (np.random.default_rng(10).random(2000) > 0.015).astype(float)
    for share, passed in ((0.5, False), (1.0, True)):
        verdict = at_share(share, scores, lenient)
        assert (verdict.decision, verdict.passed) == ("inconclusive", passed)
    segment = np.where(np.arange(2000) >= 1990, "late", "usual")
    unseen = at_share(0.5, np.ones(2000), Policy(), segment=segment)
    assert unseen.decision == "inconclusive"
    assert any("a/late: none of its examples" in reason for reason in unseen.reasons)


def test_figures_are_no_decision_before_the_end():
    with pytest.raises(HoldfastError, match="decides by measured figures"):
        at_share(0.5, np.ones(100), Policy(decide_by="figures"))


def test_repeats_are_one_example_at_a_look():
    champion = pd.concat([frame(400, np.ones(400), repeat=k) for k in range(3)])
    candidate = pd.concat([frame(400, np.ones(400), repeat=k)[:200] for k in range(2)])
    for looks in (Looks.parse("0.5,1"), Looks.parse("any")):
        verdict = Gate(Policy()).judge(champion, candidate, TODAY, looks)
        assert verdict.tasks[0].examples == 200


def test_at_any_time_only_means_in_a_known_range_are_judged():
    numbers = np.random.default_rng(11).normal(50, 1, 1500)
    champion = frame(1500, numbers)
    any_time = Looks.parse("any")

    def judged(**rule: object):
        policy = Policy.model_validate({"default": rule})
        return Gate(policy).judge(champion, champion[:1000], TODAY, any_time).tasks[0]

    known = judged(range=[0.0, 100.0], direction="lower", delta=10.0)
    assert known.decision == "pass"
    # Lower is better, so that the upper end is the one that decides.
    assert known.high < 10
    unknown = judged(direction="lower", metric="score", delta="10%", range=[0.0, 100.0])
    assert unknown.decision == "inconclusive"
    assert "use planned looks" in unknown.reason
    weighted = Side(read_side(frame(100)).rows.assign(weight=1.0))
    with pytest.raises(HoldfastError, match="examples with weights cannot be judged"):
        at_look(weighted, read_side(frame(50)), any_time)


def test_the_example_of_the_docs_stops_at_its_first_look(tmp_path, monkeypatch, capsys):
    page = (Path(__file__).parents[2] / "docs" / "gate.md").read_text()
    [code] = [block for block in re.findall(r"```python\n(.*?)```", page, re.S) if "Looks" in block]
    monkeypatch.chdir(tmp_path)
    frame(1000, np.ones(1000)).to_csv("champion.csv", index=False)
    frame(500, np.ones(500)).to_csv("candidate.csv", index=False)
    exec(compile(code, "gate.md", "exec"), {})
    assert capsys.readouterr().out.startswith("look 1 of 3 pass")


# ---- plans


def judged(n: int, changed: int) -> list:
    """One task of n examples, of which as many became right as became wrong."""
    champion, candidate = np.ones(n), np.ones(n)
    candidate[:changed], champion[changed : 2 * changed] = 0, 0
    sides = read_side(frame(n, champion)), read_side(frame(n, candidate))
    return list(subjects(Policy(), compare(*sides)))


def test_the_expected_use_is_about_that_of_a_simulation_with_the_tests_themselves():
    """50 of 1,000 examples change: simulated with 4,000 releases, 70 % is used, and 95 % pass."""
    use = expected_use(judged(3000, 150), THREE, ALPHA)
    assert use.nothing_lost == pytest.approx(0.69, abs=0.03)
    assert use.twice_lost == pytest.approx(0.68, abs=0.04)
    assert use.passed == pytest.approx((0.43, 0.82, 0.95), abs=0.06)
    assert use.limit_lost > 0.97
    assert use.lines()[0].startswith("If nothing is lost, the candidate passes with chances of ")


@pytest.mark.parametrize("looks", [THREE, Looks.parse("any")])
def test_a_larger_test_set_is_used_less_and_more_subjects_use_more(looks):
    small, large = (expected_use(judged(n, n // 20), looks, ALPHA) for n in (3000, 30000))
    assert large.nothing_lost < small.nothing_lost
    many = expected_use(judged(3000, 150) * 5, looks, ALPHA)
    assert many.nothing_lost > small.nothing_lost
    assert many.passed[-1] < small.passed[-1]
    assert expected_use(judged(3000, 150), looks, ALPHA) == small
    assert small.lines()[1].startswith("If a task loses exactly what is allowed")


def test_a_segment_that_is_complete_before_the_last_look_is_judged():
    """Its shares of examples do not rise any more, which once gave no level at all."""
    rows = pd.DataFrame({"task": "a", "example_id": range(2000), "score": 1.0})
    rows["segment"] = np.where(rows.example_id < 400, "early", "rest")
    verdict = Gate(Policy()).judge(rows, rows, looks=Looks.parse("0.5,0.75,1"))
    assert {row.label: row.decision for row in verdict.tasks} == {
        "a": "pass",
        "a/early": "pass",
        "a/rest": "pass",
    }
    levels = [Spending([0.5, 1.0], [1.0, 1.0]).nominal(0.05, look) for look in (1, 2)]
    assert all(0 < level < 0.05 for level in levels)
