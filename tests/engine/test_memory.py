"""Memories: who is kept, who is drawn, what is stored."""

from collections import Counter

import pytest
import torch

from holdfast import HoldfastError
from holdfast.engine.batch import Batch, Rows
from holdfast.engine.memory import Memory


def rows(values, y=None, task=0):
    x = torch.as_tensor(values)[:, None]
    return Rows.of_task(x, torch.as_tensor(values if y is None else y), task)


def filled(memory, parts):
    for p in parts:
        memory.insert(p)
    return memory


def test_the_reservoir_keeps_every_example_with_the_same_chance():
    counts = Counter()
    for seed in range(400):
        m = Memory(10)
        m.seed = seed
        for start in range(0, 100, 8):
            m.insert(rows(list(range(start, min(start + 8, 100)))))
        counts.update(m.get_buffer("y").tolist())
    share = torch.tensor([counts[k] / 400 for k in range(100)])
    assert abs(float(share.mean()) - 0.1) < 1e-6
    assert float(share.max()) < 0.1 + 5 * 0.015
    assert float(share[:10].mean()) == pytest.approx(
        0.1, abs=0.02
    )  # the first batch has no advantage


def test_class_balance_survives_a_skewed_stream():
    m = Memory(30, "class_balanced")
    filled(m, [rows([k] * 40, y=[0] * 38 + [1] * 2) for k in range(10)])
    filled(m, [rows([99] * 20, y=[2] * 20)])
    assert set(m.counts().values()) == {10}


def test_the_ring_keeps_the_latest_of_each_task_in_equal_shares():
    m = Memory(12, "ring")
    for t in range(3):
        filled(
            m, [rows(list(range(100 * t + k, 100 * t + k + 10)), task=t) for k in range(0, 50, 10)]
        )
    task, x = m.get_buffer("task"), m.get_buffer("x").flatten()
    assert Counter(task.tolist()) == {0: 4, 1: 4, 2: 4}
    assert sorted(x[task == 2].tolist()) == [246, 247, 248, 249]


def test_per_class_counts_capacity_for_each_task_and_output():
    m = Memory(5, "per_class")
    for t in range(3):
        filled(m, [rows(list(range(60)), y=[k % 2 for k in range(60)], task=t)])
    assert len(m) == 30
    pairs = Counter(
        zip(m.get_buffer("task")[:30].tolist(), m.get_buffer("y")[:30].tolist(), strict=True)
    )
    assert set(pairs.values()) == {5}
    assert len(pairs) == 6


def test_images_stay_uint8_and_payloads_come_back_with_their_rows():
    m = Memory(4)
    x = torch.arange(6, dtype=torch.uint8).view(6, 1)
    m.insert(Rows(x, torch.arange(6), torch.arange(6), {"z": torch.arange(6.0)[:, None]}))
    drawn = m.sample(4)
    assert drawn.x.dtype == torch.uint8
    assert torch.equal(drawn.x[:, 0].long(), drawn.y)
    assert torch.equal(drawn.payloads["z"][:, 0], drawn.y.float())
    assert torch.equal(drawn.task, drawn.y)


def test_draws_are_without_replacement_and_may_leave_out_tasks():
    m = filled(Memory(50), [rows(list(range(10 * t, 10 * t + 10)), task=t) for t in range(3)])
    assert len(set(m.sample(30).y.tolist())) == 30
    assert len(m.sample(100)) == 30
    assert set(m.sample(30, before=2).task.tolist()) == {0, 1}
    even = m.sample(7, per_task=True)
    assert Counter(even.task.tolist()) == {0: 3, 1: 3, 2: 3}
    assert len(m.sample(30, before=0)) == 0


def test_a_memory_is_restored_whole():
    m = filled(Memory(10), [rows(list(range(25)))])
    other = Memory(10)
    other.load_state_dict(m.state_dict())
    other.host = dict(m.host)
    for memory in (m, other):
        memory.insert(rows(list(range(100, 140))))
    assert torch.equal(m.get_buffer("y"), other.get_buffer("y"))
    assert torch.equal(m.sample(5).y, other.sample(5).y)


@pytest.mark.parametrize("capacity", [0, -1, 2.5])
def test_a_capacity_must_be_a_whole_number(capacity):
    with pytest.raises(HoldfastError, match="whole number"):
        Memory(capacity)
    with pytest.raises(HoldfastError, match="did you mean 'reservoir'"):
        Memory(3, "resevoir")


def test_the_weights_of_a_batch_do_not_depend_on_the_order_of_its_blocks():
    base = Batch.of_stream(rows([1, 2, 3, 4]))
    blocks = [("a", rows([5, 6]), 3.0, True), ("b", rows([7]), 0.5, False)]
    one = two = base
    for name, r, mass, averaged in blocks:
        one = one.add(name, r, mass, averaged)
    for name, r, mass, averaged in reversed(blocks):
        two = two.add(name, r, mass, averaged)
    expected = {1: 1 / 16, 2: 1 / 16, 3: 1 / 16, 4: 1 / 16, 5: 3 / 8, 6: 3 / 8, 7: 0.5}
    for b in (one, two):
        assert dict(zip(b.y.tolist(), b.weights().tolist(), strict=True)) == pytest.approx(expected)


def test_micro_batches_hold_a_share_of_every_block():
    b = Batch.of_stream(rows(list(range(8))), index=torch.arange(8)).add(
        "m", rows([20, 21, 22, 23]), 0.5
    )
    parts = b.split(2)
    assert [p.y.tolist() for p in parts] == [[0, 2, 4, 6, 20, 22], [1, 3, 5, 7, 21, 23]]
    uneven = b.split(3)
    assert [p.y.tolist() for p in uneven] == [[0, 3, 6, 20, 23], [1, 4, 7, 21], [2, 5, 22]]
    assert [p.index.tolist() for p in uneven] == [[0, 3, 6], [1, 4, 7], [2, 5]]
    assert [len(p.block("m")) for p in uneven] == [2, 1, 1]


def test_no_micro_batch_lacks_rows_of_a_block():
    b = Batch.of_stream(rows(list(range(8)))).add("m", rows([20, 21]), 0.5)
    assert [p.y.tolist() for p in b.split(4)] == [[0, 2, 4, 6, 20], [1, 3, 5, 7, 21]]
    assert len(Batch.of_stream(rows([3])).split(4)) == 1
