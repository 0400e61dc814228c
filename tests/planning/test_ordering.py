"""The linear ordering problem against brute force, its bounds, and constraints."""

from functools import cache
from itertools import pairwise, permutations

import numpy as np
import pytest

from holdfast.errors import HoldfastError
from holdfast.planning import Constraints, best_order, exact, order_value, paths
from holdfast.planning.exact import exact_order
from holdfast.planning.insertion import _moved, _reachable, local_search
from holdfast.planning.paths import longest_path


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
    for _ in range(15):
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


def test_local_search_reaches_the_optimum_on_60_instances_of_12_tasks():
    rng = np.random.default_rng(2)
    for seed in range(60):
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


def test_a_limit_of_tasks_is_itself_allowed(monkeypatch):
    monkeypatch.setattr(exact, "MOST_TASKS", 3)
    assert exact_order(np.zeros((3, 3)), Constraints.none(3))[1] == 6
    with pytest.raises(HoldfastError, match="the exact order of 4 tasks"):
        exact_order(np.zeros((4, 4)), Constraints.none(4))


def test_constraints_are_read_as_they_are_written():
    names = ["A", "B", "C"]
    assert Constraints.parse(names, ["B last"]).before.tolist() == [
        [False, True, False],
        [False, False, False],
        [False, True, False],
    ]
    assert Constraints.parse(names, ["B first"]).before.tolist() == [
        [False, False, False],
        [True, False, True],
        [False, False, False],
    ]
    assert Constraints.parse(names, ["A before B", "B before C"]).before[0, 2]


@pytest.mark.parametrize("scale", [1e-12, 1.0, 1e12])
def test_the_unit_of_transfer_changes_neither_the_order_nor_the_number_of_ties(scale):
    c = np.array([[0.0, 3, 1, 2], [1, 0, 2, 5], [1, 1, 0, 1], [2, 4, 1, 0]])
    order, ways = exact_order(scale * c, Constraints.none(4))
    best, count = brute_force(c, Constraints.none(4))
    assert order_value(c, order) == best
    assert ways == count < 24
    assert local_search(scale * c, Constraints.none(4)) == local_search(c, Constraints.none(4))


@pytest.mark.parametrize("seed", range(20))
def test_local_search_knows_which_moves_the_constraints_allow(seed):
    rng = np.random.default_rng(seed)
    names = list("abcdefg")
    texts = [
        f"{names[a]} before {names[b]}" for a, b in np.sort(rng.integers(0, 7, (4, 2)), 1) if a < b
    ]
    rules = Constraints.parse(names, texts)
    order = np.array(rules.sorted(rng.random(7)))
    reachable = _reachable(rules.before[np.ix_(order, order)])
    for p in range(7):
        for q in range(7):
            assert reachable[p, q] == rules.allow(_moved(order, p, q))


def path_length(distance, path):
    return sum(distance[a, b] for a, b in pairwise(path))


def random_distance(rng, k):
    distance = rng.random((k, k))
    return distance + distance.T - np.diag(2 * distance.diagonal())


@pytest.mark.parametrize("texts", [[], ["c before a", "b before d"], ["e last"], ["a first"]])
def test_the_longest_path_is_the_longest_of_all_that_are_allowed(texts):
    distance = random_distance(np.random.default_rng(1), 5)
    rules = Constraints.parse(list("abcde"), texts)
    longest = max(
        path_length(distance, order) for order in all_orders(5).tolist() if rules.allow(order)
    )
    path = longest_path(distance, rules)
    assert rules.allow(path)
    assert path_length(distance, path) == pytest.approx(longest)


@pytest.mark.parametrize("texts", [[], ["f last", "e before a", "b before a"]])
def test_of_many_tasks_the_path_is_the_best_of_those_that_go_to_the_farthest_next(
    texts, monkeypatch
):
    monkeypatch.setattr(paths, "EXACT", 5)
    distance = random_distance(np.random.default_rng(2), 6)
    rules = Constraints.parse(list("abcdef"), texts)

    def goes_to_the_farthest(order):
        for place in range(1, 6):
            # The tasks from here on whose predecessors are all behind us.
            free = rules.free(order[place:])
            if distance[order[place - 1], order[place]] < distance[order[place - 1], free].max():
                return False
        return rules.allow(order)

    lengths = [
        path_length(distance, order)
        for order in all_orders(6).tolist()
        if goes_to_the_farthest(order)
    ]
    path = longest_path(distance, rules)
    assert goes_to_the_farthest(path)
    assert path_length(distance, path) == pytest.approx(max(lengths))
