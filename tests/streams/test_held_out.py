"""Held-out rows: of every class, never all of one, one draw per source, relatives on one side."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast import HoldfastError
from holdfast.streams import (
    Source,
    digits,
    from_arrays,
    from_datasets,
    from_frame,
    mixture,
    permuted,
    rotated,
    sequence,
    split,
)
from holdfast.streams.columns import column_of
from holdfast.streams.held_out import held_out


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(0, 4), min_size=1, max_size=60), st.floats(0.01, 0.99), st.integers(0, 9)
)
def test_every_class_of_two_keeps_examples_on_both_sides(classes, share, seed):
    y = np.array(classes)
    mask = held_out(y, share, seed)
    for c in set(classes):
        n, held = int((y == c).sum()), int(mask[y == c].sum())
        assert held == (0 if n == 1 else min(max(round(n * share), 1), n - 1))
    assert np.array_equal(mask, held_out(10 - 2 * y, share, seed)), (
        "the names of the classes play no part"
    )


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 2), st.integers(0, 14)), min_size=2, max_size=80),
    st.floats(0.05, 0.6),
    st.integers(0, 5),
)
def test_whole_groups_are_held_out_and_a_class_is_never_lost(rows, share, seed):
    y = np.array([label for label, _ in rows])
    groups = np.array([group for _, group in rows])
    try:
        mask = held_out(y, share, seed, groups)
    except HoldfastError:
        assert all(
            any((y[groups == g] == c).sum() == (y == c).sum() for c in set(y[groups == g]))
            for g in set(groups)
        )
        return
    assert mask.any()
    assert not set(groups[mask]) & set(groups[~mask])
    assert set(y[~mask]) == set(y)


def test_groups_come_near_the_share_that_was_asked_for():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 5, 4000)
    groups = rng.integers(0, 400, 4000)
    mask = held_out(y, 0.2, 0, groups)
    for c in range(5):
        assert mask[y == c].mean() == pytest.approx(0.2, abs=0.04)


def source_rows(part):
    """The numbers of the images that a part reads; permuting or rotating doesn't change them."""
    return set(part.rows.tolist())


@pytest.mark.parametrize(
    "make",
    [
        lambda s: permuted(s, 4, validation=0.2),
        lambda s: rotated(s, 4, validation=0.2),
        lambda s: permuted(s, 3, "task", validation=0.2, seed=3, task_order=[2, 0]),
        lambda s: mixture(
            ["digits", "digits:rotate=30", "digits:permute=1"],
            lambda _: s,
            "domain",
            validation=0.2,
        ),
        lambda _: mixture(
            ["digits", "digits:rotate=30"], lambda _: digits(), "domain", validation=0.2
        ),
        lambda s: sequence([s, s], "class", names=["one", "two"], validation=0.2),
        lambda s: sequence([s, digits()], "class", names=["one", "two"], validation=0.2),
        lambda s: split(s, 5, "class", validation=0.2),
    ],
)
def test_no_task_trains_on_a_validation_row_of_any_task(make):
    s = make(digits())
    trained = set.union(*(source_rows(t.train) for t in s))
    assert all(len(t.validation) for t in s)
    for t in s:
        assert not source_rows(t.validation) & trained
    if not s.name.startswith("split"):  # whose tasks have different rows
        assert len({frozenset(source_rows(t.validation)) for t in s}) == 1, "one draw for all"


@pytest.mark.parametrize(
    "make",
    [lambda s: rotated(s, 3, validation=0.3), lambda s: split(s, 5, "class", validation=0.1)],
)
def test_validation_has_every_class_in_its_share(make):
    share = 0.3 if make(digits()).name.startswith("rotated") else 0.1
    for t in make(digits()):
        held = torch.bincount(t.validation.y, minlength=10).double()
        total = held + torch.bincount(t.train.y, minlength=10)
        has_class = total > 0
        shares = held[has_class] / total[has_class]
        assert torch.allclose(shares, torch.tensor(share).double(), atol=0.01)


def test_a_small_share_of_a_small_task_is_one_example_and_a_class_of_one_is_trained_on():
    x = np.arange(14, dtype=np.float32)[:, None]
    s = from_arrays(x, [0, 1] * 6 + [2, 2], [0] * 6 + [1] * 8, "domain", validation=0.05)
    assert all(len(t.validation) for t in s)
    assert set(s[1].train.y.tolist()) == {0, 1, 2}
    with pytest.raises(HoldfastError, match="task 'a': no example can be held out for validation"):
        from_arrays(
            x[:4],
            [0, 1, 0, 1],
            ["a"] * 4,
            "domain",
            validation=0.5,
            test=[False, False, True, True],
        )


def users(n=600, users=40, seed=0):
    rng = np.random.default_rng(seed)
    return (
        rng.random((n, 2)),
        rng.integers(0, 3, n),
        rng.integers(0, 4, n),
        rng.integers(0, users, n),
    )


def dataset_of(x, y, rows):
    """Some rows of arrays as a map-style data set."""
    return [(torch.tensor(x[row]), int(y[row])) for row in rows]


def users_in(parts):
    """The users of all rows of some parts, which are told by the first column of the inputs."""
    found = set()
    for part in parts:
        x, _, _ = part.fetch(torch.arange(len(part)))
        found |= set(x[:, 0].tolist())
    return found


@pytest.mark.parametrize("way", ["arrays", "frame", "datasets"])
def test_relatives_are_on_one_side_of_every_cut_in_all_tasks(way):
    import pandas as pd

    x, y, t, user = users()
    x[:, 0] = user  # so that a row tells its user
    if way == "arrays":
        s = from_arrays(x, y, t, "domain", groups=[f"user {u}" for u in user], validation=0.2)
    elif way == "frame":
        frame = pd.DataFrame(x, columns=["a", "b"]).assign(user=user, y=y, t=t)
        s = from_frame(frame, "domain", task="t", label="y", groups="user", validation=0.2)
    else:
        pairs = []
        groups = []
        for number in range(4):
            train = np.flatnonzero((t == number) & (user < 30))
            test = np.flatnonzero((t == number) & (user >= 30))
            pairs.append((dataset_of(x, y, train), dataset_of(x, y, test)))
            groups.append((user[train], user[test]))
        s = from_datasets(pairs, "domain", groups=groups, validation=0.2)
    train = users_in(task.train for task in s)
    test = users_in(task.test for task in s)
    validation = users_in(task.validation for task in s)
    assert not train & test
    assert not train & validation
    assert not test & validation


def test_views_of_one_image_stay_together_in_every_source():
    d = digits()
    image = np.arange(len(d.train_y)) // 2  # pairs of views
    s = Source(d.train_x, d.train_y, d.test_x, d.test_y, groups=image)
    for stream in (
        permuted(s, 3, validation=0.2),
        split(s, 5, "class", validation=0.2),
        sequence([s, d], "domain", validation=0.2, names="ab"),
    ):
        held = {int(image[r]) for t in stream for r in t.validation.rows}
        trained = {int(image[r]) for t in stream for r in t.train.rows}
        if stream.name != "a then b":
            assert not held & trained
        else:
            assert not {int(image[r]) for r in stream[0].validation.rows} & {
                int(image[r]) for r in stream[0].train.rows
            }


def test_a_given_cut_that_separates_relatives_is_refused():
    x, y, t, user = users()
    with pytest.raises(HoldfastError, match=r"group\(s\) have training and test examples"):
        from_arrays(x, y, t, "domain", groups=user, test=np.arange(600) % 3 == 0)
    d = digits()
    with pytest.raises(HoldfastError, match="have training and test examples, such as '0'"):
        split(
            Source(
                d.train_x,
                d.train_y,
                d.test_x,
                d.test_y,
                groups=np.zeros(1438, int),
                test_groups=np.zeros(359, int),
            ),
            5,
            "class",
        )


@pytest.mark.parametrize(
    ("test", "message"),
    [
        (0, r"share in \(0, 1\)"),
        (1.0, r"share in \(0, 1\)"),
        (np.float64(1.5), r"share in \(0, 1\)"),
        ([True] * 3, r"expected shape \(8,\), got \(3,\)"),
        (["train", "test"] * 4, "got 'train'"),
        (True, "one boolean per example"),
    ],
)
def test_what_marks_no_test_examples_is_refused(test, message):
    with pytest.raises(HoldfastError, match=message):
        from_arrays(np.ones((8, 1)), [0, 1] * 4, [0] * 8, "class", test=test)


def test_tasks_and_groups_that_are_missing_are_refused():
    for bad in (
        [1, None],
        [1.0, float("nan")],
        np.array(["2026-01-01", "NaT"], dtype="datetime64[D]"),
    ):
        with pytest.raises(HoldfastError, match="tasks: the value of example 1 is missing"):
            column_of(bad, "tasks")
    with pytest.raises(HoldfastError, match="one group per example"):
        from_arrays(np.ones((4, 1)), [0, 1] * 2, [0] * 4, "class", groups=[1])
