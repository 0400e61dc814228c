"""The linear ordering problem against brute force, its bounds, and constraints."""

from functools import cache
from itertools import permutations

import numpy as np
import pytest

from holdfast.errors import HoldfastError
from holdfast.planning import Constraints, best_order, order_value
from holdfast.planning.exact import exact_order
from holdfast.planning.insertion import local_search


@cache
def all_orders(k: int) -> np.ndarray:
    return np.array(list(permutations(range(k))))


def brute_force(c: np.ndarray, rules: Constraints) -> tuple[float, int]:
    """The greatest value over all orders, and how many reach it."""
    k = len(c)
    orders = all_orders(k)
    for a, b in zip(*np.nonzero(rules.before), strict=True):
        place = orders.argsort(1)
        orders = orders[place[:, a] < place[:, b]]
    values = np.zeros(len(orders))
    for p in range(k):
        for q in range(p + 1, k):
            values = values + c[orders[:, p], orders[:, q]]
    return float(values.max()), int((np.abs(values - values.max()) < 1e-9).sum())


def test_dynamic_programming_equals_brute_force_on_200_random_matrices():
    rng = np.random.default_rng(0)
    for n in range(200):
        k = 2 + n % 7  # 2 to 8 tasks
        c = rng.normal(size=(k, k))
        if n % 2 == 0:
            c = rng.integers(-2, 3, size=(k, k)).astype(float)  # whole numbers tie
        np.fill_diagonal(c, 0)
        rules = Constraints.none(k)
        order, ways = exact_order(c, rules)
        best, count = brute_force(c, rules)
        assert sorted(order) == list(range(k))
        assert (order_value(c, order), ways) == (pytest.approx(best), count)


def test_orders_whose_values_differ_by_rounding_alone_tie():
    rng = np.random.default_rng(2)
    c = rng.normal(size=(6, 6))
    c += c.T  # every pair gives the same either way round, so all orders have the same value
    np.fill_diagonal(c, 0)
    values = {order_value(c, order) for order in permutations(range(6))}
    assert len(values) > 1, "sums in another order differ in their last bits"
    assert exact_order(c, Constraints.none(6))[1] == 720


def test_constraints_are_kept_and_still_optimal():
    rng = np.random.default_rng(1)
    for _ in range(40):
        k = int(rng.integers(3, 7))
        c = rng.normal(size=(k, k))
        names = [f"t{j}" for j in range(k)]
        a, b = rng.choice(k, 2, replace=False)
        texts = [f"t{a} before t{b}", f"t{rng.choice([x for x in range(k) if x != b])} first"]
        rules = Constraints.parse(names, texts)
        order, ways = exact_order(c, rules)
        best, count = brute_force(c, rules)
        assert rules.allow(order)
        assert (order_value(c, order), ways) == (pytest.approx(best), count)
        found = local_search(c, rules)
        assert rules.allow(found)
        assert order_value(c, found) == pytest.approx(order_value(c, order))


def test_local_search_reaches_the_optimum_on_200_instances_of_12_tasks():
    rng = np.random.default_rng(2)
    for seed in range(200):
        c = rng.normal(size=(12, 12))
        assert order_value(c, local_search(c, Constraints.none(12), seed)) == pytest.approx(
            order_value(c, exact_order(c, Constraints.none(12))[0])
        )


def test_one_insertion_more_does_not_help():
    c = np.random.default_rng(3).normal(size=(30, 30))
    order = best_order(c)
    value = order_value(c, order)
    for p in range(30):
        for q in range(30):
            other = [t for k, t in enumerate(order) if k != p]
            other.insert(q, order[p])
            assert order_value(c, other) <= value + 1e-9


def test_a_known_order_is_found_again():
    hidden = np.random.default_rng(4).permutation(60)
    place = np.argsort(hidden)
    c = np.sign(place[None] - place[:, None]).astype(float)
    assert best_order(c) == hidden.tolist()


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (
            ["A before B", "B before A"],
            "contradict each other: they go round in a circle among A, B",
        ),
        (["A first", "B first"], "contradict"),
        (["A before A"], "contradict"),
        (["A before X"], "did you mean|unknown task 'X'"),
        (["A behind B"], "cannot be read; expected 'A before B'"),
    ],
)
def test_mistakes_in_constraints_are_one_sentence(texts, message):
    with pytest.raises(HoldfastError, match=message):
        Constraints.parse(["A", "B", "C"], texts)


def test_too_many_tasks_for_an_exact_order_are_refused():
    with pytest.raises(HoldfastError, match="at most 24"):
        best_order(np.zeros((30, 30)), exact=True)
