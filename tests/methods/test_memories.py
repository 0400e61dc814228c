"""What memories hold, what they refuse before the first step, and how their rows are weighted."""

import pytest
import torch

from helpers import learner, stream
from holdfast import HoldfastError
from holdfast.engine.memory import Memory
from holdfast.methods import MER, GenerativeReplay
from holdfast.methods.stored import check_capacity, refuse_larger


def test_a_memory_that_ranks_needs_room_for_each_class_of_each_task():
    """In the domain scenario every task has both classes, which are ranked anew in each."""
    s = stream("domain")
    check_capacity(Memory(10, "herding"), s, "ER")
    with pytest.raises(HoldfastError, match="smaller than the number of classes, 10"):
        check_capacity(Memory(9, "herding"), s, "ER")
    for policy in ("reservoir", "class_balanced"):
        check_capacity(Memory(2, policy), s, "ER")
        with pytest.raises(HoldfastError, match="smaller than the number of classes, 2"):
            check_capacity(Memory(1, policy), s, "ER")
    with pytest.raises(HoldfastError, match="smaller than the number of tasks, 5"):
        check_capacity(Memory(4, "ring"), s, "ER")
    check_capacity(Memory(1, "per_task"), s, "ER")


def test_a_coreset_may_be_as_large_as_a_task_and_is_shared_with_later_ones():
    s = stream("class")
    size = len(s[0].train)
    refuse_larger(size, s[0])
    with pytest.raises(HoldfastError, match=f"a coreset of {size + 1} examples is larger"):
        refuse_larger(size + 1, s[0])
    # The first task takes all of it, the second half of it, and so on.
    check_capacity(Memory(size, "coreset"), s, "ER")
    with pytest.raises(HoldfastError, match="is larger than task"):
        check_capacity(Memory(size + 1, "coreset"), s, "ER")


@pytest.mark.parametrize("spec", ["Joint()", "Cumulative()"])
def test_a_method_that_keeps_all_data_counts_its_bytes(spec):
    s = stream("class")
    ours = learner(s, spec, steps=1)
    assert ours.method.state_bytes() == 0
    expected = 0
    for task in s.tasks[:2]:
        ours.train(task)
        x, y, _ = task.train.fetch(torch.arange(len(task.train)))
        expected += x.nbytes + y.nbytes
        assert ours.method.state_bytes() == expected


def test_rows_of_mer_s_memory_weigh_as_much_as_the_new_ones_in_the_loss():
    s = stream("class")
    ours = learner(s, MER(40, rows=4), steps=2, batch_size=8).train(s[0])
    ours.begin(s[1])
    weights = ours.method.draw(ours.view, next(ours.view.batches())).weights()
    assert len(weights) == 12
    assert float(weights[:8].sum()) == pytest.approx(0.5)
    assert float(weights[8:].sum()) == pytest.approx(0.5)


@pytest.mark.parametrize("tasks", [0, 1, 2])
def test_generators_of_inputs_are_saved_with_as_many_tasks_as_they_have(tasks):
    """There is none at first, one in the first task, and two from its end on."""
    s = stream("class")
    ours = learner(s, GenerativeReplay((16,), 4), steps=1)
    for task in s.tasks[:tasks]:
        ours.train(task)
    if tasks:
        ours.begin(s[tasks])
    saved = ours.method.state_dict()
    fresh = GenerativeReplay((16,), 4)
    fresh.load_state_dict(saved)
    again = fresh.state_dict()
    assert again.keys() == saved.keys()
    assert all(torch.equal(again[name], saved[name]) for name in saved)


def test_a_generator_can_be_saved_within_the_first_task():
    s = stream("class")
    ours = learner(s, GenerativeReplay((16,), 4), steps=1)
    ours.begin(s[0])
    saved = ours.method.state_dict()
    fresh = GenerativeReplay((16,), 4)
    fresh.load_state_dict(saved)
    assert any(name.startswith("now.") for name in saved)
    assert fresh.state_dict().keys() == saved.keys()


def test_the_generator_of_inputs_is_trained_with_the_network():
    s = stream("class")
    ours = learner(s, GenerativeReplay((16,), 4, lr=0.01), steps=20)
    ours.begin(s[0])
    x = ours.view.prepare(s[0].train.fetch(torch.arange(64))[0])

    def loss():
        return float(ours.method.now.loss(x, torch.Generator().manual_seed(0)).detach().mean())

    before = loss()
    for batch in ours.view.batches():
        ours.step(batch)
    assert loss() < 0.8 * before
