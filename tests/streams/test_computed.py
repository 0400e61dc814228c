"""Features that are computed once: passes are counted, and the cache knows what it holds."""

import shutil

import numpy as np
import pytest
import torch

from holdfast import HoldfastError
from holdfast.streams import Source, crop_and_flip, digits, rotated, split, with_features
from holdfast.streams.computed import PROBED
from holdfast.streams.parts import JoinedPart


class Counted:
    """Computes simple features, and counts the rows that it gets."""

    def __init__(self, factor=1.0):
        self.rows = 0
        self.factor = factor

    def __call__(self, x):
        self.rows += len(x)
        return self.factor * x.flatten(1).double().sum(1, keepdim=True).float()


@pytest.fixture
def stream():
    x = torch.arange(40.0).view(20, 2)
    y = np.array([0, 1] * 10)
    return split(Source(x, y, x + 0.5, y, name="rows"), 2, "class")


def everything(part):
    return torch.cat([x for x, _, _ in part.batches(torch.arange(len(part)).split(3))])


def test_two_epochs_and_two_streams_pass_each_row_once(stream, tmp_path, monkeypatch):
    monkeypatch.setenv("HOLDFAST_CACHE", str(tmp_path))
    compute = Counted()
    first = with_features(stream, compute, 1, content="weights 1")
    part = first[0].train
    assert torch.equal(everything(part), everything(stream[0].train).sum(1, keepdim=True))
    assert torch.equal(everything(part), everything(part))
    assert compute.rows == len(part)
    # Another process would read the cache in the same way.
    again = with_features(stream, compute, 1, content="weights 1")
    assert torch.equal(everything(again[0].train), everything(part))
    assert compute.rows == len(part)
    # Labels and tasks are those of the rows.
    index = torch.tensor([4, 1, 2])
    _, labels, tasks = again[1].train.fetch(index)
    assert torch.equal(labels, stream[1].train.fetch(index)[1])
    assert torch.equal(tasks, stream[1].train.fetch(index)[2])
    joined = JoinedPart([again[0].test, again[1].test])
    assert everything(joined).shape == (20, 1)


def test_other_weights_other_rows_and_a_lost_cache_are_computed_anew(stream, tmp_path, monkeypatch):
    monkeypatch.setenv("HOLDFAST_CACHE", str(tmp_path))
    everything(with_features(stream, Counted(), 1, content="weights 1")[0].train)
    other = Counted(2.0)
    changed = with_features(stream, other, 1, content="weights 2")
    assert float(everything(changed[0].train)[0]) == 2 * float(everything(stream[0].train)[0].sum())
    moved = Counted()
    everything(with_features(stream, moved, 1, content="weights 1")[0].test)
    assert moved.rows == len(stream[0].test)
    shutil.rmtree(tmp_path)
    lost = Counted()
    everything(with_features(stream, lost, 1, content="weights 1")[0].train)
    assert lost.rows == len(stream[0].train)


def test_without_content_nothing_is_written(stream, tmp_path, monkeypatch):
    monkeypatch.setenv("HOLDFAST_CACHE", str(tmp_path))
    compute = Counted()
    part = with_features(stream, compute, 1)[0].train
    everything(part)
    everything(part)
    assert compute.rows == len(part)
    assert not list(tmp_path.iterdir())


def test_a_check_of_a_row_does_not_compute_all_rows(stream):
    compute = Counted()
    part = with_features(stream, compute, 1)[0].train
    x, y, _ = part.fetch(torch.arange(PROBED))
    assert torch.equal(x[:, 0], everything(stream[0].train)[:PROBED].sum(1))
    assert compute.rows == PROBED == len(y)


def test_parts_with_the_same_rows_in_another_form_are_told_apart(tmp_path, monkeypatch):
    monkeypatch.setenv("HOLDFAST_CACHE", str(tmp_path))
    turned = rotated(digits(), 2, "domain", degrees=[0, 30])

    def corner(x):
        return x[:, 0, :2, :2].flatten(1).float()

    features = with_features(turned, corner, 4, content="corner")
    for task, raw in zip(features, turned, strict=True):
        assert torch.equal(everything(task.test), corner(everything(raw.test)))


def test_augmentation_is_refused(stream):
    augmented = split(digits(), 5, "class", augment=crop_and_flip())
    with pytest.raises(HoldfastError, match="changes its training examples at random"):
        with_features(augmented, Counted(), 1)
