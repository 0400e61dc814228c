"""Streams: which outputs tasks use, and that nothing of the test part is trained on."""

import numpy as np
import pandas as pd
import pytest
import torch

from helpers import learner, stream
from holdfast import HoldfastError
from holdfast.streams import (
    BatchOrder,
    Source,
    crop_and_flip,
    digits,
    from_arrays,
    from_datasets,
    from_frame,
    mixture,
    named,
    permuted,
    rotated,
    sequence,
    split,
    to_float,
)
from holdfast.streams.split import class_order


def test_outputs_follow_the_scenario():
    ranges = {s: [t.outputs for t in stream(s)] for s in ("task", "domain", "class")}
    assert ranges["task"] == [(0, 2), (2, 4), (4, 6), (6, 8), (8, 10)]
    assert ranges["domain"] == [(0, 2)] * 5
    assert ranges["class"] == [(0, 2), (0, 4), (0, 6), (0, 8), (0, 10)]


@pytest.mark.parametrize(
    ("seed", "order"),
    [
        (2, "3156027498"),
        (3, "7238105694"),
        (4, "6740285913"),
        (5, "6529318470"),
        (6, "3168754209"),
        (0, "0123456789"),
    ],
)
def test_class_orders_are_the_published_ones(seed, order):
    assert "".join(map(str, class_order(range(10), seed))) == order


def test_every_example_of_a_class_is_in_one_part_of_one_task():
    source = digits()
    s = split(source, 5, "class", order=2, validation=0.2)
    seen = []
    for t in s:
        rows = torch.cat([t.train.rows, t.validation.rows])
        assert len(rows.unique()) == len(rows)
        assert {source.train_y[i] for i in rows} == set(t.labels)
        seen.append(rows)
        x, y, task = t.train.fetch(torch.arange(5))
        assert [s.labels[k] for k in y] == [source.train_y[i] for i in t.train.rows[:5]]
        assert task.tolist() == [t.index] * 5
        assert x.dtype == torch.uint8
    assert len(torch.cat(seen).unique()) == len(source.train_y)


def test_permutations_differ_by_task_and_are_undone_by_nothing():
    s = permuted(digits(), 3, first_identity=True)
    x = [t.train.fetch(torch.arange(4))[0] for t in s]
    assert torch.equal(x[0], digits().train_x[:4])
    assert not torch.equal(x[1], x[2])
    assert torch.equal(x[1].flatten(1).sort().values, x[0].flatten(1).sort().values)
    assert torch.equal(x[1], permuted(digits(), 3).tasks[1].train.fetch(torch.arange(4))[0]), (
        "the same seed, the same permutation"
    )


def test_rotation_by_a_right_angle_is_exact():
    s = rotated(digits(), 3, degrees=[0, 90, 180])
    x = [t.train.fetch(torch.arange(6))[0] for t in s]
    assert torch.equal(x[0], digits().train_x[:6])
    assert torch.equal(x[2], x[0].rot90(2, (2, 3)))
    assert torch.equal(x[1], x[0].rot90(1, (2, 3))) or torch.equal(x[1], x[0].rot90(3, (2, 3)))
    assert [t.name for t in rotated(digits(), 2, seed=1)] != [
        t.name for t in rotated(digits(), 2, seed=2)
    ]


def test_a_sequence_of_data_sets_shares_outputs_or_adds_them():
    a = digits()
    b = Source(a.train_x.flip(3), a.train_y, a.test_x.flip(3), a.test_y, "mirrored")
    assert [t.outputs for t in sequence([a, b], "domain")] == [(0, 10), (0, 10)]
    assert [t.outputs for t in sequence([a, b], "class")] == [(0, 10), (0, 20)]
    assert sequence([a, b], "class").labels[10] == "mirrored:0"


def test_ones_own_arrays_with_gappy_and_text_labels():
    x = np.random.default_rng(0).random((40, 3))
    for labels in (["cat", "dog", "emu", "fox"], [3, 70, 1000, -5], [0.0, 1.0, 7.0, 3.0]):
        y = np.array([labels[k % 2 + 2 * (k >= 20)] for k in range(40)])
        s = from_arrays(x, y, np.repeat(["jan", "feb"], 20), "class")
        assert [t.name for t in s] == ["jan", "feb"]
        assert set(s.labels) == set(y.tolist())
        assert s[1].outputs == (0, 4)
        for t in s:
            train = {tuple(row) for row in t.train.x[t.train.rows].tolist()}
            test = {tuple(row) for row in t.test.x[t.test.rows].tolist()}
            assert not train & test


def test_a_class_that_comes_back_keeps_its_output():
    y = ["a", "b"] * 5 + ["a", "c"] * 5
    s = from_arrays(np.random.default_rng(0).random((20, 2)), y, [0] * 10 + [1] * 10, "class")
    assert [t.outputs for t in s] == [(0, 2), (0, 3)]
    assert s[1].competing.tolist() == [0, 2]


def test_a_frame_with_a_task_column_trains():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.random((200, 3)), columns=["u", "v", "w"])
    frame["month"] = np.repeat(["jan", "feb"], 100)
    frame["fraud"] = np.where(frame.u > 0.5, "yes", "no")
    s = from_frame(frame, "domain", task="month", label="fraud")
    assert s.shape == (3,)
    run = learner(s, epochs=60).fit(s)
    assert run.matrix.score("feb", after="feb") > 0.8
    frame["is_test"] = np.arange(200) % 2 == 0
    s = from_frame(frame, "domain", task="month", label="fraud", test="is_test", inputs=["u", "v"])
    assert (len(s[0].train), len(s[0].test), s.shape) == (50, 50, (2,))


class Pairs(torch.utils.data.Dataset):
    def __init__(self, x, y):
        self.x, self.y = x, y

    def __len__(self):
        return len(self.y)

    def __getitem__(self, i):
        return self.x[i], self.y[i]


def test_torch_datasets_give_the_same_run_as_arrays():
    s = stream("class")
    pairs = []
    for t in s:
        (a, ya, _), (b, yb, _) = (p.fetch(torch.arange(len(p))) for p in (t.train, t.test))
        pairs.append((Pairs(a, ya), Pairs(b, yb)))
    d = from_datasets(pairs, "class", names=[t.name for t in s])
    assert learner(s, "ER(40)").fit(s).matrix == learner(d, "ER(40)").fit(d).matrix


def test_datasets_of_the_hub_package_are_accepted():
    datasets = pytest.importorskip("datasets")
    rows = {"x": np.random.default_rng(0).random((12, 4)).astype("float32"), "label": [0, 1] * 6}
    d = datasets.Dataset.from_dict(rows).with_format("torch")
    s = from_datasets([(d, d), (d, d)], "domain")
    assert s.shape == (4,)
    assert s.outputs == 2


def test_a_worker_process_reads_the_same_rows():
    s = stream("class")
    a, ya, _ = s[0].train.fetch(torch.arange(64))
    order = BatchOrder(64, 16, 0, 0)
    got = []
    for workers in (0, 1):
        d = from_datasets([(Pairs(a, ya), Pairs(a, ya))], "class", workers=workers)
        got.append(torch.cat([x for x, _, _ in d[0].train.batches(i for i, _ in order)]))
    assert torch.equal(*got)


def test_batch_order_is_a_function_of_seed_task_epoch_and_step():
    a = [i.tolist() for i, _ in BatchOrder(10, 3, 0, 0, epochs=3)]
    assert a == [i.tolist() for i, _ in BatchOrder(10, 3, 0, 0, epochs=3)]
    assert a[5:] == [i.tolist() for i, _ in BatchOrder(10, 3, 0, 0, epochs=3).from_step(5)]
    assert a != [i.tolist() for i, _ in BatchOrder(10, 3, 1, 0, epochs=3)]
    assert a != [i.tolist() for i, _ in BatchOrder(10, 3, 0, 1, epochs=3)]
    assert sorted(i for step in a[:4] for i in step) == list(range(10))
    assert [len(i) for i, _ in BatchOrder(10, 3, 0, 0, None, 7, drop_last=True)] == [3] * 7


def test_augmentation_is_batched_seeded_and_keeps_the_type():
    x = torch.randint(1, 255, (5, 3, 8, 8), dtype=torch.uint8)
    a = crop_and_flip(2)(x, torch.Generator().manual_seed(0))
    b = crop_and_flip(2)(x, torch.Generator().manual_seed(0))
    assert torch.equal(a, b)
    assert a.shape == x.shape
    assert a.dtype == torch.uint8
    assert not torch.equal(a, crop_and_flip(2)(x, torch.Generator().manual_seed(1)))
    assert torch.equal(crop_and_flip(0, flip=False)(x, torch.Generator()), x)
    flipped = crop_and_flip(0)(x, torch.Generator().manual_seed(0))
    assert all(
        torch.equal(f, o) or torch.equal(f, o.flip(2)) for f, o in zip(flipped, x, strict=True)
    )


def test_images_become_floats_between_0_and_1():
    assert to_float(torch.tensor([0, 255], dtype=torch.uint8)).tolist() == [0.0, 1.0]
    assert to_float(torch.tensor([3.5])).tolist() == [3.5]


def test_a_mixture_has_turned_permuted_and_resized_tasks(data_dir):
    pieces = ["ylecun/mnist", "ylecun/mnist:rotate=90", "ylecun/mnist:permute=1", "digits"]
    stream = mixture(pieces, lambda name: named(name, data_dir), "domain")
    assert [t.name for t in stream] == ["mnist", "mnist:rotate=90", "mnist:permute=1", "digits"]
    plain, turned, mixed, small = (t.train.fetch(torch.arange(5))[0] for t in stream)
    assert torch.equal(turned, plain.rot90(1, (2, 3))) or torch.equal(
        turned, plain.rot90(-1, (2, 3))
    )
    assert torch.equal(mixed.flatten(1).sort(1).values, plain.flatten(1).sort(1).values)
    assert small.shape == plain.shape
    assert mixture(pieces, lambda name: named(name, data_dir), "class").outputs == 40
    other = mixture(pieces, lambda name: named(name, data_dir), "domain", task_order=[2, 0])
    assert torch.equal(other[0].train.fetch(torch.arange(5))[0], mixed), (
        "the same task wherever it comes"
    )
    for bad in ("ylecun/mnist:turn=3", "ylecun/mnist:rotate=x"):
        with pytest.raises(HoldfastError, match="cannot be read; expected NAME"):
            mixture([bad], lambda name: digits(), "domain")
    with pytest.raises(
        HoldfastError, match="task_order must list numbers from 0 to 3, each at most once"
    ):
        mixture(pieces, lambda name: digits(), "domain", task_order=[0, 0])
