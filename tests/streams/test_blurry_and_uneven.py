"""Uneven class-incremental tasks, and boundaries that are blurred."""

import pytest
import torch

from helpers import learner, stream
from holdfast import HoldfastError
from holdfast.streams import blurry, digits, split


def test_tasks_may_have_different_numbers_of_classes():
    s = split(digits(), [5, 2, 3], "class")
    assert [t.outputs for t in s] == [(0, 5), (0, 7), (0, 10)]
    run = learner(s, "ER(50)").fit(s)
    assert run.matrix.tasks == ("0+1+2+3+4", "5+6", "7+8+9")


@pytest.mark.parametrize(
    ("sizes", "message"),
    [([5, 4], "add up to 10"), ([10, 0], "each at least 1"), (3, r"give the size of each")],
)
def test_sizes_must_use_every_class_once(sizes, message):
    with pytest.raises(HoldfastError, match=message):
        split(digits(), sizes, "class")


def rows_of(part):
    """All rows of a part, with a task for each."""
    x, y, task = part.fetch(torch.arange(len(part)))
    if not isinstance(task, torch.Tensor):
        task = torch.full((len(y),), task)
    return x, y, task


def all_training_rows(stream):
    """The training inputs of all tasks together, sorted."""
    rows = []
    for task in stream:
        x, _, _ = rows_of(task.train)
        rows += x.flatten(1).tolist()
    return sorted(rows)


@pytest.mark.parametrize("scenario", ["class", "domain"])
def test_blurring_moves_examples_but_loses_and_doubles_none(scenario):
    sharp = stream(scenario)
    soft = blurry(sharp, 0.3, seed=1)
    assert all_training_rows(sharp) == all_training_rows(soft)
    for number, task in enumerate(soft):
        _, _, task_of_row = rows_of(task.train)
        share_of_its_own = float((task_of_row == number).float().mean())
        assert 0.6 < share_of_its_own < 0.8
        assert set(task_of_row.tolist()) == set(range(5))
        assert len(task.test) == len(sharp[number].test)
    if scenario == "class":
        assert {task.outputs for task in soft} == {(0, 10)}


def test_a_learner_trains_on_a_blurry_stream():
    s = blurry(stream("class"), 0.2)
    run = learner(s, "ERACE(60)", epochs=1).fit(s)
    assert all(c.score >= 0 for c in run.matrix.cells.values())


def test_the_task_scenario_is_not_blurred():
    with pytest.raises(HoldfastError, match="each row's task is known"):
        blurry(stream("task"), 0.1)


def test_transformed_test_examples_are_kept_and_are_the_same():
    from holdfast.streams import rotated
    from holdfast.streams.task import ArrayPart

    s = rotated(digits(), 3, seed=1)
    part = s[1].test
    assert isinstance(part, ArrayPart)
    fresh = ArrayPart(part.x, part.y, part.task, part.rows, part.transform)
    order = list(torch.randperm(len(part)).split(50))
    for index in order * 2:
        kept_x, kept_y, _ = part.fetch(index)
        fresh_x, fresh_y, _ = fresh.fetch(index)
        assert torch.equal(kept_x, fresh_x)
        assert torch.equal(kept_y, fresh_y)
    assert part.transform is None
