"""One rule for inputs, wherever they come from: numbers keep their kind, and no column is lost."""

import random

import numpy as np
import pandas as pd
import pytest
import torch
from torch.utils.data import TensorDataset

from holdfast import HoldfastError
from holdfast.streams import BatchOrder, Source, from_arrays, from_datasets, from_frame, permuted
from holdfast.streams.inputs import input_tensor

Y, T = [0, 1] * 10, [0] * 20


@pytest.mark.parametrize(
    ("dtype", "expected"),
    [
        (np.int64, torch.int64),
        (np.int32, torch.int64),
        (np.int8, torch.int64),
        (np.uint16, torch.int64),
        (np.uint8, torch.uint8),
        (np.float32, torch.float32),
        (np.float64, torch.float64),
        (np.float16, torch.float16),
        (bool, torch.float32),
        (">i4", torch.int64),
        (">f8", torch.float64),
    ],
)
def test_arrays_tensors_and_data_sets_give_the_same_dtype(dtype, expected):
    x = (np.arange(60) % 2).reshape(20, 3).astype(dtype)
    ways = [
        from_arrays(x, Y, T, "class"),
        from_datasets([([*zip(x, Y, strict=True)],) * 2], "class"),
    ]
    if np.dtype(dtype).isnative:
        tensor = torch.from_numpy(x.astype(dtype))
        ways += [
            from_arrays(tensor, Y, T, "class"),
            from_datasets([(TensorDataset(tensor, torch.tensor(Y)),) * 2], "class"),
        ]
    for s in ways:
        row, _, _ = s[0].train.fetch(torch.tensor([0]))
        assert row.dtype == expected
        assert s.shape == (3,)


def test_a_frame_of_integers_stays_integer_and_a_mixed_one_becomes_float():
    frame = pd.DataFrame({"a": range(20), "b": np.arange(20, dtype=np.uint8), "y": Y, "t": T})
    assert from_frame(frame, "class", task="t", label="y")[0].train.x.dtype == torch.int64
    mixed = from_frame(frame.assign(c=0.5, d=True), "class", task="t", label="y")[0].train.x
    assert mixed.dtype == torch.float32
    assert mixed[1].tolist()[2:] == [0.5, 1.0]


@pytest.mark.parametrize(
    ("column", "message"),
    [
        ([2**24 + 1] * 20, r"column 'c'.*16777217 .example 0. can't be held exactly"),
        ([None, *range(19)], r"column 'c' has missing values .first in row 0"),
        ([1e300] * 20, "column 'c': its values contain NaN, infinity"),
        (["x"] * 20, "input columns must be numeric, but 'c'"),
        (pd.date_range("2026-01-01", periods=20), "input columns must be numeric, but 'c'"),
        (
            pd.array([1, pd.NA] * 10, dtype="Int64"),
            r"column 'c' has missing values .first in row 1",
        ),
    ],
)
def test_a_column_that_a_float_cannot_hold_is_refused_by_name(column, message):
    frame = pd.DataFrame({"x": 0.5, "c": column, "y": Y, "t": T})
    with pytest.raises(HoldfastError, match=message):
        from_frame(frame, "class", task="t", label="y")


def test_a_frame_without_inputs_or_with_one_name_twice_is_refused():
    frame = pd.DataFrame({"y": Y, "t": T})
    with pytest.raises(HoldfastError, match="no input column"):
        from_frame(frame, "class", task="t", label="y")
    twice = pd.concat([frame, pd.DataFrame(np.ones((20, 2)), columns=["c", "c"])], axis=1)
    with pytest.raises(HoldfastError, match="2 columns called 'c'"):
        from_frame(twice, "class", task="t", label="y")
    with pytest.raises(HoldfastError, match="column 'y' can't be an input and label at once"):
        from_frame(frame, "class", task="t", label="y", inputs=["y"])
    with pytest.raises(HoldfastError, match="got 'train'"):
        from_frame(
            frame.assign(x=1.0, part=["train", "test"] * 10),
            "class",
            task="t",
            label="y",
            test="part",
        )


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.ones(20), r"shape \(N, ...\), got shape \(20,\)"),
        (np.ones((20, 2), dtype=complex), "must be numbers, got dtype complex128"),
        (torch.ones(20, 2, dtype=torch.complex64), "must be real numbers"),
        ([[1.0], [1.0, 2.0]] * 10, "rows of different lengths"),
        (np.full((20, 1), 2**63, dtype=np.uint64), "does not fit into a 64-bit integer"),
        (3.0, "must be an array, a tensor or a list"),
        (torch.tensor([[float("inf")]] * 20), "NaN, infinity.*first at example 0"),
    ],
)
def test_what_cannot_be_an_input_is_refused(x, message):
    with pytest.raises(HoldfastError, match=message):
        from_arrays(x, Y, T, "class")


def test_frames_of_polars_are_taken_and_what_is_no_frame_is_refused():
    polars = pytest.importorskip("polars")
    frame = polars.DataFrame({"x": np.linspace(0, 1, 20), "y": Y, "t": T})
    assert from_frame(frame, "class", task="t", label="y").labels == (0, 1)
    with pytest.raises(HoldfastError, match="expected a DataFrame, got dict"):
        from_frame({"x": [1]}, "class", task="t", label="y")
    sparse = pytest.importorskip("scipy.sparse").csr_matrix(np.ones((20, 2)))
    with pytest.raises(
        HoldfastError, match=r"must be dense, got a sparse csr_matrix; pass x.toarray\(\)"
    ):
        from_arrays(sparse, Y, T, "class")


def test_labels_of_one_value_in_a_tensor_are_taken():
    column = TensorDataset(torch.ones(20, 2), torch.tensor(Y)[:, None])
    assert from_datasets([(column, column)], "class").labels == (0, 1)


def test_a_source_of_ones_own_is_checked_for_nan():
    x = torch.ones(20, 2)
    x[3, 1] = float("nan")
    with pytest.raises(
        HoldfastError, match=r"training inputs contain NaN, infinity.*first at example 3"
    ):
        permuted(Source(x, np.array(Y), torch.ones(2, 2), np.array([0, 1])), 2)


def test_a_tensor_that_requires_gradients_is_taken_without_them():
    assert not input_tensor(torch.ones(2, 2, requires_grad=True)).requires_grad


def rows(**columns):
    return [
        dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)
    ]


def test_no_column_of_a_row_is_dropped_without_a_word():
    images = torch.ones(20, 2)
    tags = ["x"] * 20
    three = rows(image=images, site=tags, label=Y)
    with pytest.raises(HoldfastError, match=r"two columns.*\['image', 'site', 'label'\].*columns="):
        from_datasets([(three, three)], "class")
    with pytest.raises(HoldfastError, match=r"rows of 3 values.*columns=\(0, 1\)"):
        from_datasets([([*zip(images, Y, tags, strict=True)],) * 2], "class")
    with pytest.raises(HoldfastError, match="rows of one Tensor"):
        from_datasets([(images, images)], "class")
    with pytest.raises(HoldfastError, match=r"names 'tag', but rows have \['image', 'site'"):
        from_datasets([(three, three)], "class", columns=("image", "tag"))
    with pytest.raises(HoldfastError, match="names 2, but rows have positions 0 to 1"):
        from_datasets([([*zip(images, Y, strict=True)],) * 2], "class", columns=(0, 2))
    for s in (
        from_datasets([(three, three)], "class", columns=("image", "label")),
        from_datasets([([*zip(tags, images, Y, strict=True)],) * 2], "class", columns=(1, 2)),
        from_datasets([(rows(label=Y, image=images),) * 2], "class"),
        from_datasets([(rows(image=images, verdict=Y),) * 2], "class"),
    ):
        assert (s.labels, s.shape) == ((0, 1), (2,))


def test_rows_of_different_shapes_are_refused_in_a_sentence():
    ragged = [(torch.ones(k + 1), k % 2) for k in range(4)]
    with pytest.raises(HoldfastError, match="different shapes"):
        from_datasets([(ragged, ragged)], "class")[0].train.fetch(torch.arange(4))


@pytest.mark.parametrize(
    "wrong", [{"names": ["a"]}, {"labels": [[0, 1]]}, {"groups": [(None, None)]}]
)
def test_lists_that_do_not_fit_the_tasks_are_refused(wrong):
    part = TensorDataset(torch.ones(4, 1), torch.tensor([0, 1, 0, 1]))
    with pytest.raises(HoldfastError, match="must list one entry per task: expected 2, got 1"):
        from_datasets([(part, part)] * 2, "domain", **wrong)


class Noisy(torch.utils.data.Dataset):
    """Rows with noise from all three global generators."""

    def __len__(self):
        return 32

    def __getitem__(self, i):
        legacy = np.random.rand()  # noqa: NPY002 what users' data sets do
        noise = [float(torch.rand(1)), random.random(), legacy]
        return torch.tensor([i, *noise]), i % 2


def test_worker_processes_draw_from_seed_and_batch_alone():
    order = [i for i, _ in BatchOrder(32, 8, 0, 0, epochs=2)]

    def read(workers, seed, first=0):
        part = from_datasets([(Noisy(), Noisy())], "class", workers=workers)[0].train
        return [x for x, _, _ in part.batches(iter(order[first:]), seed, first)]

    one = read(1, seed=0)
    assert all(map(torch.equal, one, read(2, seed=0)))
    assert all(map(torch.equal, one[3:], read(2, seed=0, first=3)))
    assert not torch.equal(one[0], read(1, seed=1)[0])
    assert len({tuple(x[:, 1].tolist()) for x in one}) == len(one), (
        "no two batches share their noise"
    )
