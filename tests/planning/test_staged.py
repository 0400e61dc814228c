"""Whether a planned order was worth it: three answers, and numbers by hand."""

import numpy as np
import pytest
from scipy import stats

from holdfast.errors import HoldfastError
from holdfast.planning import Outcome
from holdfast.planning.staged import staged_verification

ORDERS = 12


def outcomes(plan, random=0.5, orders=ORDERS):
    rng = np.random.default_rng(0)
    found = [Outcome(("a", "b", "c", "d"), 1.0, tuple(plan), "linear-ordering")]
    for number in range(orders):
        scores = random + 0.01 * rng.normal(size=len(plan))
        order = tuple(np.roll(["d", "c", "b", "a"], number))
        found.append(Outcome(order, float(rng.normal()), tuple(scores)))
    return found


def test_gains_are_those_by_hand():
    all_outcomes = outcomes([0.7, 0.72, 0.74])
    found = staged_verification(all_outcomes, "linear-ordering", [0.6, 0.62, 0.65], [0.7] * 3)
    random = np.array([one.realised for one in all_outcomes[1:]])
    over_orders = 0.72 - random.mean(1)
    half = stats.t.ppf(0.975, ORDERS - 1) * over_orders.std(ddof=1) / np.sqrt(ORDERS)
    assert found.over_orders.estimate == pytest.approx(over_orders.mean())
    assert found.over_orders.low == pytest.approx(over_orders.mean() - half)
    by_seed = np.array([0.7, 0.72, 0.74]) - random.mean(0)
    half = stats.t.ppf(0.975, 2) * by_seed.std(ddof=1) / np.sqrt(3)
    assert found.over_seeds.high == pytest.approx(by_seed.mean() + half)
    assert found.over_joint.estimate == pytest.approx((0.1 + 0.1 + 0.09) / 3)
    assert found.over_groups.estimate == pytest.approx(0.02)


@pytest.mark.parametrize(
    ("plan", "joint", "answer", "start"),
    [
        ([0.7, 0.72, 0.74], [0.6, 0.62, 0.63], "yes", "Train in the planned order"),
        ([0.7, 0.72, 0.74], [0.8, 0.82, 0.83], "yes", "Train all tasks together"),
        ([0.5, 0.49, 0.51], [0.5, 0.51, 0.5], "no", "Take any order"),
        ([0.5, 0.49, 0.51], [0.8, 0.81, 0.82], "no", "Train all tasks together"),
        ([0.7], [0.6], "unknown", "It cannot be said"),
    ],
)
def test_the_first_sentence_says_what_to_do(plan, joint, answer, start):
    found = staged_verification(outcomes(plan), "linear-ordering", joint)
    assert found.answer == answer
    assert found.verdict.startswith(start)
    assert found.to_json()["answer"] == answer


def test_few_orders_say_nothing_and_other_seeds_are_refused():
    found = staged_verification(outcomes([0.7, 0.8], orders=5), "linear-ordering", [0.1, 0.2])
    assert found.answer == "unknown"
    with pytest.raises(HoldfastError, match="same seeds"):
        staged_verification(outcomes([0.7, 0.8]), "linear-ordering", [0.1])
