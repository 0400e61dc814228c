"""Probes read, schedulers, plans with their stability, stages, and the verdict on a plan."""

import json
import math
from itertools import pairwise

import numpy as np
import pytest
from scipy import stats

from holdfast.errors import HoldfastError
from holdfast.metrics import Interval
from holdfast.planning import (
    SCHEDULERS,
    Constraints,
    Outcome,
    Probe,
    make_plan,
    make_stages,
    order_value,
    read_probe,
    verified,
)
from holdfast.planning.correlation import rank_correlation
from holdfast.planning.outcomes import Advantage, advantages_of
from holdfast.planning.schedulers import usable
from holdfast.planning.verdict import judge

NAMES = ("a", "b", "c", "d")
RNG = np.random.default_rng(0)


def full_probe(seeds: int = 3, noise: float = 0.001, k: int = 4) -> Probe:
    rng = np.random.default_rng(5)
    names = tuple(f"t{j}" for j in range(k))
    base = rng.normal(size=(k, k))
    rows = ("entropy_change", "sparsity", "difficulty", "confidence")
    signals = {n: rng.random((seeds, k)) for n in rows} | {
        n: rng.random((seeds, k, k)) for n in ("rho", "cosine", "lie")
    }
    return Probe(
        names,
        base + noise * rng.normal(size=(seeds, k, k)),
        np.zeros((seeds, k, k)),
        signals=signals,
    )


def test_the_value_of_an_order_is_the_sum_over_its_pairs():
    b = RNG.normal(size=(1, 4, 4))
    fw = RNG.normal(size=(1, 4, 4))
    probe = Probe(NAMES, b, fw)
    plan = make_plan(probe)
    order = [NAMES.index(t) for t in plan.order]
    pairs = [(order[p], order[q]) for p in range(4) for q in range(p + 1, 4)]
    assert plan.objective == pytest.approx(sum(b[0, i, k] + fw[0, k, i] for k, i in pairs))
    assert sum(plan.predicted.values()) == pytest.approx(plan.objective)
    assert plan.ties == 1
    assert set(plan.to_json()) >= {"scheduler", "order", "objective", "predicted"}


@pytest.mark.parametrize("name", SCHEDULERS)
def test_every_scheduler_orders_all_tasks_and_keeps_constraints(name):
    probe = full_probe(k=6)
    rules = ["t3 first", "t1 before t0"]
    plan = make_plan(probe, name, rules, resamples=5)
    assert sorted(plan.order) == sorted(probe.names)
    assert plan.order[0] == "t3"
    assert plan.order.index("t1") < plan.order.index("t0")
    assert name in usable(probe)
    assert (
        plan.objective <= make_plan(probe, "linear-ordering", rules, resamples=5).objective + 1e-12
    )


def test_schedulers_of_one_number_a_task_do_what_they_say():
    s = {
        "entropy_change": [0.3, -0.2, 0.1, 0.0],
        "sparsity": [0.1, 0.9, 0.5, 0.2],
        "difficulty": [0.3, 0.1, 0.2, 0.4],
        "confidence": [1, 2, 3, 4],
    }
    rho = np.array([[1, 0.9, 0.8, 0.1], [0.9, 1, 0.7, 0.2], [0.8, 0.7, 1, 0.0], [0.1, 0.2, 0.0, 1]])
    lie = np.triu(np.full((4, 4), 1.0), 1)
    signals = {n: np.array([v], dtype=float) for n, v in s.items()} | {
        "rho": rho[None],
        "lie": (lie - lie.T)[None],
    }
    b = np.array(
        [[np.nan, -1, -2, -3], [-1, np.nan, -2, -3], [-1, -1, np.nan, -3], [-1, -1, -2, np.nan]]
    )
    probe = Probe(NAMES, b[None], signals=signals)
    expected = {
        "entropy-first": "bdca",
        "sparsity": "adcb",
        "difficulty": "bcad",
        "confidence": "dcba",
        "least-forgettable-first": "abcd",
        "periphery-to-core": "dcba",
        "lie-bracket": "dcba",
    }
    assert {n: "".join(make_plan(probe, n).order) for n in expected} == expected
    path = make_plan(probe, "max-path").order
    at = [NAMES.index(t) for t in path]
    length = sum(1 - rho[x, y] for x, y in pairwise(at))
    assert length == pytest.approx((1 - rho[0, 3]) + (1 - rho[3, 2]) + (1 - rho[2, 1]))


def test_a_signal_that_was_not_measured_is_asked_for():
    with pytest.raises(HoldfastError, match="no signal 'rho' in this probe, it has none"):
        make_plan(Probe(NAMES, np.zeros((1, 4, 4))), "max-path")


def test_stability_tells_a_clear_plan_from_an_unclear_one():
    clear = make_plan(full_probe(noise=0.001))
    assert clear.stays_best == 1
    unclear = make_plan(full_probe(noise=5.0))
    assert unclear.stays_best < 0.9
    assert len(unclear.rivals) > 1
    one = Probe(NAMES, full_probe().backward[:1])
    assert make_plan(one).stays_best is None
    assert make_plan(one, noise=1e-6).stays_best == 1
    assert make_plan(one, noise=10.0).stays_best < 0.5
    with pytest.raises(HoldfastError, match="noise is the standard error"):
        make_plan(one, noise=-1)


def test_ties_are_counted_as_long_as_the_exact_order_is_found(monkeypatch):
    nothing = Probe(NAMES, np.zeros((1, 4, 4)))
    assert make_plan(nothing).ties == 24
    monkeypatch.setattr("holdfast.planning.plan.EXACT", 4)
    assert make_plan(nothing).ties == 24
    monkeypatch.setattr("holdfast.planning.plan.EXACT", 3)
    assert make_plan(nothing).ties is None


def test_of_equal_tasks_the_first_comes_first_and_none_are_grouped():
    nothing = Probe(NAMES, np.zeros((1, 4, 4)))
    assert make_plan(nothing, "greedy").order == NAMES
    assert sorted(make_stages(nothing).groups) == [(name,) for name in NAMES]


def test_the_five_most_frequent_rivals_are_named_with_their_shares():
    rivals = make_plan(full_probe(noise=50.0), resamples=100).rivals
    shares = [share for _, share in rivals]
    assert len(rivals) == 5
    assert shares == sorted(shares, reverse=True)
    assert all(share in np.arange(1, 100) / 100 for share in shares)


def test_matrices_from_elsewhere_are_read(tmp_path):
    (tmp_path / "b.csv").write_text("trained,x,y,z\nx,,-0.1,-0.2\ny,-0.3,,0.1\nz,0.0,0.05,\n")
    (tmp_path / "f.csv").write_text("trained,z,x,y\nx,0.02,,0.01\ny,0.1,0.2,\nz,,0.3,0.4\n")
    probe = read_probe(tmp_path / "b.csv", tmp_path / "f.csv")
    assert probe.backward[0, 1, 0] == -0.3, "learning y after x costs x 0.3"
    assert probe.forward[0, 2, 1] == 0.4, "z before y gives y 0.4"
    # Forward plus backward: z before x, z before y, x before y.
    expected = (0.3 - 0.2) + (0.4 + 0.1) + (0.01 - 0.3)
    assert order_value(probe.values()[0], [2, 0, 1]) == pytest.approx(expected)
    again = Probe(
        probe.names, probe.backward, probe.forward, signals={"sparsity": np.array([[1.0, 2, 3]])}
    )
    (tmp_path / "probe.json").write_text(json.dumps(again.to_json()))
    back = read_probe(tmp_path)
    assert np.array_equal(back.backward, again.backward, equal_nan=True)
    assert np.array_equal(back.signals["sparsity"], again.signals["sparsity"])
    assert np.array_equal(back.forward, again.forward, equal_nan=True)
    (tmp_path / "probe.json").write_text(json.dumps(again.to_json() | {"forward": None}))
    assert read_probe(tmp_path).forward is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "trained,x,y\nx,,\ny,0.1,\n",
            "no change on 'y' when 'x' is learnt after it \\(the cell is empty\\); every pair",
        ),
        ("trained,x,y\nx,,nan\ny,0.1,\n", "no change on 'y' .*got 'nan'"),
        ("trained,x,y\nx,,high\ny,0.1,\n", "got 'high'"),
        ("trained,x,y\nx,,0.1\n", "no row for task 'y'"),
        ("trained,x,y\nx,,0.1\nz,0.1,\n", "no row for task 'y'"),
        ("trained,x,y\nx,,0.1\ny,0.1,\nz,1,1\n", "row 'z' is no column"),
        ("trained,x\nx,\n", "at least two tasks, got 1"),
        ("trained,x,x\nx,,0.1\n", "name task 'x' twice"),
        ("a,b\n1,2\n", "first column is 'trained'"),
        ("", "first column is 'trained'"),
        ("trained,x,y\nx,,0.1,3\ny,0.1,\n", "row 'x' has 3 values for 2 tasks"),
    ],
)
def test_mistakes_in_a_matrix_are_one_sentence(tmp_path, text, message):
    (tmp_path / "b.csv").write_text(text)
    with pytest.raises(HoldfastError, match=message) as caught:
        read_probe(tmp_path / "b.csv")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"format": 1}',
        '{"format": 1, "tasks": ["a", "b"], "backward": 3, "forward": null}',
    ],
)
def test_a_damaged_probe_is_one_sentence(tmp_path, text):
    (tmp_path / "probe.json").write_text(text)
    with pytest.raises(HoldfastError, match="probe"):
        read_probe(tmp_path)


@pytest.mark.parametrize("part", [{"about": 5}, {"tasks": "ab"}])
def test_a_probe_with_a_part_of_another_type_is_not_whole(tmp_path, part):
    probe = Probe(("a", "b"), np.zeros((1, 2, 2)))
    (tmp_path / "probe.json").write_text(json.dumps(probe.to_json() | part))
    with pytest.raises(HoldfastError, match="is not a whole probe"):
        read_probe(tmp_path)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"names": ("a",)}, "at least two tasks, got 1"),
        ({"names": ("a", "a")}, "task names must differ"),
        ({"estimator": "pair"}, "unknown estimator 'pair': did you mean 'pairwise'"),
        ({"backward": np.zeros((1, 3, 3))}, r"needs the shape \(seeds, 2, 2\), got \(1, 3, 3\)"),
        ({"backward": np.zeros((0, 2, 2))}, "backward transfer has no seed"),
        ({"backward": np.full((1, 2, 2), np.nan)}, "backward transfer misses 'b' before 'a'"),
        ({"forward": np.full((1, 2, 2), np.nan)}, "forward transfer misses 'a' before 'b'"),
        ({"backward": np.full((1, 2, 2), 1e31)}, "a change of 1e\\+31"),
        ({"forward": np.zeros((2, 2, 2))}, "has 2 seeds, but backward transfer has 1"),
        ({"signals": {"rho": np.zeros((1, 2))}}, r"'rho' .* of shape \(seeds, 2, 2\)"),
        ({"signals": {"sparsity": np.full((1, 2), np.nan)}}, "'sparsity' .* finite numbers"),
    ],
)
def test_a_probe_says_which_of_its_parts_does_not_fit(arguments, message):
    with pytest.raises(HoldfastError, match=message):
        Probe(**{"names": ("a", "b"), "backward": np.zeros((1, 2, 2))} | arguments)


def test_stages_group_what_helps_and_keep_apart_what_hurts():
    c = np.full((4, 4), -0.1)
    c[0, 2] = c[2, 0] = c[1, 3] = c[3, 1] = 0.2
    c[0, 1] = c[0, 3] = c[2, 1] = c[2, 3] = 0.05  # a, c before b, d
    probe = Probe(NAMES, c.T[None])
    stages = make_stages(probe)
    assert stages.groups == (("a", "c"), ("b", "d"))
    assert stages.inside == (pytest.approx(0.2), pytest.approx(0.2))
    assert make_stages(probe, ["b before a"]).groups == (("b", "d"), ("a", "c"))
    assert all("a" not in g or "c" not in g for g in make_stages(probe, ["a before c"]).groups)
    both = make_stages(probe, ["a before b", "d before c"])
    where = {t: n for n, g in enumerate(both.groups) for t in g}
    assert where["a"] < where["b"]
    assert where["d"] < where["c"]


def outcomes(strength: float, seeds: int = 3, n: int = 40):
    rng = np.random.default_rng(1)
    k = 5
    names = tuple("abcde")
    c = rng.normal(size=(k, k))
    probe = Probe(names, c.T[None])
    plan = make_plan(probe)

    def trained(order, scheduler):
        at = [names.index(t) for t in order]
        value = order_value(probe.values()[0], at)
        realised = tuple(0.5 + 0.01 * strength * value + rng.normal(0, 0.01, seeds))
        return Outcome(tuple(order), value, realised, scheduler)

    return [trained(rng.permutation(names), None) for _ in range(n)] + [
        trained(plan.order, "linear-ordering")
    ]


def test_a_plan_that_predicts_is_told_from_one_that_does_not():
    good = verified(outcomes(3.0))
    assert good.useful
    assert good.rho.low > 0.5
    assert good.advantages[0].percentile > 0.9
    assert good.verdict.startswith("Useful here")
    assert "is better than random orders. Spearman's ρ" in good.verdict
    bad = verified(outcomes(0.0))
    assert not bad.useful
    assert bad.rho.low < 0 < bad.rho.high
    assert json.dumps(good.to_json())


def test_orders_that_reach_the_same_score_leave_nothing_for_the_first_task_to_explain():
    random = [Outcome((name, "y"), float(n), (0.5,)) for n, name in enumerate("abc")]
    verification = verified(random)
    assert math.isnan(verification.first_task)
    text = json.dumps(verification.to_json(), allow_nan=False)
    assert json.loads(text)["first_task"] is None


def test_a_few_orders_that_agree_and_seeds_that_are_equal_show_nothing():
    few = [Outcome((f, "x"), float(k), (float(k), float(k)), None) for k, f in enumerate("abc")]
    found = verified([*few, Outcome(("d", "x"), 9.0, (9.0, 9.0), "linear-ordering")])
    assert found.rho.estimate == 1
    assert not found.rho.known
    assert not found.useful
    assert found.verdict.startswith("Not shown to be useful here")
    assert "no interval: fewer than 10 random orders" in found.verdict
    assert "no interval: all 2 seeds gave the same value" in found.verdict
    constant = verified([Outcome((str(k), "x"), 1.0, (float(k),)) for k in range(12)])
    assert not constant.rho.known
    assert not constant.useful


def test_the_interval_of_rho_holds_its_level_and_the_first_task_explains_what_it_explains():
    rng = np.random.default_rng(2)
    inside = 0
    for _ in range(60):
        o = [
            Outcome((str(k % 5), "x"), float(rng.normal()), (float(rng.normal()),))
            for k in range(40)
        ]
        found = verified(o)
        inside += found.rho.low <= 0 <= found.rho.high
        assert found.first_task_by_chance == pytest.approx(4 / 39)
    assert inside >= 51
    all_first = verified([Outcome((f, "x"), 0.0, (float(ord(f)),)) for f in "abcab"])
    assert all_first.first_task == pytest.approx(1)
    with pytest.raises(HoldfastError, match="at least three random orders"):
        verified([])


@pytest.mark.parametrize("realised", [range(12), [3, 1, 0, 2, 5, 4, 4, 7, 11, 8, 9, 9]])
@pytest.mark.parametrize("confidence", [0.95, 0.8])
def test_the_interval_of_rho_is_that_of_bonett_and_wright(realised, confidence):
    n = 12
    found = rank_correlation(range(n), realised, confidence)
    rho = stats.spearmanr(range(n), realised).statistic
    # The largest ρ below 1 comes from one swap of neighbours: 1 − 12 / (n (n² − 1)).
    largest = 1 - 12 / (n * (n**2 - 1))
    middle = math.atanh(min(rho, (1 + largest) / 2))
    half = stats.norm.ppf((1 + confidence) / 2) * math.sqrt((1 + rho**2 / 2) / (n - 3))
    assert found.estimate == pytest.approx(rho)
    assert (found.low, found.high) == pytest.approx(
        (math.tanh(middle - half), math.tanh(middle + half))
    )


def test_an_order_beats_the_random_ones_below_it_and_half_of_those_that_are_equal():
    random = [
        Outcome((name, "x"), 0.0, (value,))
        for name, value in zip("abcd", (1, 2, 2, 2), strict=True)
    ]
    planned = Outcome(("e", "x"), 0.0, (2.0,), "greedy")
    (advantage,) = advantages_of([*random, planned], random, 0.95)
    assert advantage.percentile == (1 + 0.5 * 3) / 4
    assert advantage.gain.estimate == pytest.approx(2 - 7 / 4)


def advantage(scheduler, estimate, low, high):
    gain = Interval(estimate, low, high, 0.95, "seeds", 5)
    return Advantage(scheduler, ("x", "y"), gain, 0.75, 0.0)


@pytest.mark.parametrize(
    ("rho_low", "gain_low", "start"),
    [
        (0.1, 0.01, "Useful here"),
        (0.1, 0.0, "Partly useful here"),
        (0.0, 0.01, "Better than random here, but not because of its prediction"),
        (-0.1, -0.01, "Not shown to be useful here"),
    ],
)
def test_a_plan_is_useful_if_it_ranks_orders_and_beats_random_ones(rho_low, gain_low, start):
    rho = Interval(0.5, rho_low, 0.8, 0.95, "orders", 40)
    useful, text = judge("greedy", rho, [advantage("greedy", 0.02, gain_low, 0.03)])
    assert text.startswith(start)
    assert useful == (start == "Useful here")


@pytest.mark.parametrize(("low", "is_named"), [(0.025, True), (0.015, False), (-0.01, False)])
def test_another_scheduler_is_named_only_if_it_is_clearly_better_than_the_plan(low, is_named):
    rho = Interval(0.5, 0.1, 0.8, 0.95, "orders", 40)
    planned = advantage("greedy", 0.02, 0.01, 0.03)
    _, text = judge("greedy", rho, [planned, advantage("sparsity", 0.03, low, 0.05)])
    assert ("that of sparsity gains most" in text) == is_named


def test_orders_need_the_same_seeds():
    tried = [Outcome((f, "x"), 0.0, (0.5,)) for f in "abc"]
    with pytest.raises(HoldfastError, match="the same seeds, at least one; got orders with"):
        verified([*tried, Outcome(("d", "x"), 0.0, (0.5, 0.6))])


def test_the_best_of_other_schedulers_is_named_if_it_is_clearly_better():
    tried = [Outcome((f, "x"), 0.0, (0.5, 0.51, 0.52)) for f in "abc"]
    tried.append(Outcome(("d", "x"), 0.0, (0.5, 0.51, 0.52), "linear-ordering"))
    tried.append(Outcome(("e", "x"), 0.0, (0.9, 0.92, 0.91), "greedy"))
    verdict = verified(tried).verdict
    assert "Of the 2 planned orders, that of greedy gains most: +40.00 points" in verdict


def test_constraints_may_be_empty():
    assert Constraints.none(3).allow([2, 1, 0])
