"""Checkpoints that were altered and then given a correct checksum.

The learner must refuse such a file and stay as it was, or the change must be harmless.
"""

import copy
import json

import pandas as pd
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from helpers import ADAMW, learner, same, stream, weights
from holdfast import Learner
from holdfast.errors import HoldfastError
from holdfast.models import mlp
from holdfast.training.checkpoint_file import checksum
from holdfast.training.contents import forms

METHOD = "ER(40) + EWC(1) + LwF"
WRONG = (None, -1, 10**30, float("inf"), float("nan"), "x", True, [], {}, [[]], {"a": [1]})


def fresh(s):
    return learner(s, METHOD, ADAMW)


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A stream, and the tensors and plain values of a learner in the middle of its second task."""
    s, path = stream("class"), tmp_path_factory.mktemp("forged") / "a.safetensors"
    ours = fresh(s)
    ours.train(s[0])
    ours.begin(s[1])
    for batch, _ in zip(ours.view.batches(), range(3), strict=False):
        ours.step(batch)
    ours.save(path)
    with safe_open(path, "pt") as file:
        tensors = {k: file.get_tensor(k) for k in file.keys()}  # noqa: SIM118
        return s, tensors, json.loads(file.metadata()["holdfast"])


@pytest.fixture(scope="module")
def untrained(saved):
    """The weights of a learner that has seen nothing."""
    return weights(fresh(saved[0]).model)


def forged(path, tensors, about, listed=True):
    about = about | {"tensors": forms(tensors)} if listed else about
    text = json.dumps(about)
    save_file(tensors, path, {"holdfast": text, "sha256": checksum(tensors, text)})
    return path


def leaves(value, path=()):
    """Every place in the plain values."""
    yield from ([path] if path else [])
    if isinstance(value, dict):
        for k, v in value.items():
            yield from leaves(v, (*path, k))
    if isinstance(value, list):
        for k, v in enumerate(value[:2]):
            yield from leaves(v, (*path, k))


def placed(about, path, value):
    out = copy.deepcopy(about)
    inside = out
    for step in path[:-1]:
        inside = inside[step]
    inside[path[-1]] = value
    return out


def refused_or_harmless(s, untrained, path):
    """Whether the checkpoint was refused.

    The learner trains on either way. If it refused the file, it trains as a fresh learner does.
    """
    ours, refusal = fresh(s), ""
    try:
        ours.load(path, s.tasks[:2])
    except HoldfastError as error:
        refusal = str(error)
    if refusal:
        assert str(path) in refusal
        assert "\n" not in refusal
        assert same(weights(ours.model), untrained)
        assert not (ours.state.progress.names)
        assert not (ours.view.tasks)
        assert not (ours.view.active)
        return True
    try:
        if ours.view.active:
            ours.begin(s[1])
            for batch, _ in zip(ours.view.batches(), range(2), strict=False):
                ours.step(batch)
            ours.end()
    except HoldfastError:
        return True
    return False


def test_the_checkpoint_itself_is_accepted(saved, untrained, tmp_path):
    s, tensors, about = saved
    assert not refused_or_harmless(s, untrained, forged(tmp_path / "a", tensors, about))


def test_after_a_refusal_the_learner_trains_to_the_same_bits_as_if_nothing_had_been_tried(
    saved, tmp_path
):
    s, tensors, about = saved
    wrong = {k: v for k, v in tensors.items() if not k.startswith("random")}
    tried, untouched = fresh(s), fresh(s)
    tried.train(s[0])
    untouched.train(s[0])
    with pytest.raises(HoldfastError, match="does not fit this learner"):
        tried.load(forged(tmp_path / "a", wrong, about), s.tasks[:2])
    for each in (tried, untouched):
        each.train(s[1], s[2])
    assert same(weights(tried.model), weights(untouched.model))
    assert same(weights(tried.method), weights(untouched.method))


def test_no_wrong_plain_value_gets_in_or_raises_anything_else(saved, untrained, tmp_path):
    s, tensors, about = saved
    places = [
        p
        for p in leaves(
            {k: v for k, v in about.items() if k not in ("beside", "tensors", "learner")}
        )
        if "layout" not in p or len(p) < 7
    ]
    refusals = accepted = 0
    for k, place in enumerate(places):
        for value in WRONG[k % 3 :: 3]:
            path = forged(tmp_path / "a", tensors, placed(about, place, value))
            if refused_or_harmless(s, untrained, path):
                refusals += 1
            else:
                accepted += 1
    assert refusals > 5 * accepted, (refusals, accepted)


def test_no_wrong_value_of_a_whole_learner_raises_anything_but_a_refusal(tmp_path):
    frame = pd.DataFrame({"a": range(20), "b": ["x", "y"] * 10, "label": ["u", "v"] * 10})
    ours = Learner(mlp(4, "growing", hidden=[4], seed=0), "ER(9)", ADAMW, scenario="class")
    ours.learn(frame, name="nov")
    ours.save(tmp_path / "a")
    with safe_open(tmp_path / "a", "pt") as file:
        tensors = {k: file.get_tensor(k) for k in file.keys()}  # noqa: SIM118
        about = json.loads(file.metadata()["holdfast"])
    places = [("learner", *place) for place in leaves(about["learner"])]
    refusals = 0
    for k, place in enumerate(places):
        for value in WRONG[k % 3 :: 3]:
            path = forged(tmp_path / "b", tensors, placed(about, place, value))
            try:
                # What a file may say is used, as by whoever gets it.
                back = Learner.load(path)
                back.learn(frame.assign(label=["v", "w"] * 10), name="dec", progress=False)
                back.predict(frame)
            except HoldfastError:
                refusals += 1
    assert refusals > len(places)


def damaged(tensors, name):
    """A tensor missing, longer, of another kind, of no dimension, under another name."""
    t, rest = tensors[name], {k: v for k, v in tensors.items() if k != name}
    yield rest
    yield rest | {name: torch.cat([t.reshape(-1), t.reshape(-1)]) if t.numel() else torch.zeros(3)}
    yield rest | {name: t.double() if t.dtype != torch.float64 else t.long()}
    yield rest | {name: torch.zeros((), dtype=t.dtype)}
    yield rest | {f"{name}.more": t}
    yield rest | {f"strange.{name}": t}


def test_no_wrong_tensor_gets_in_or_raises_anything_else(saved, untrained, tmp_path):
    s, tensors, about = saved
    outcomes = [
        refused_or_harmless(s, untrained, forged(tmp_path / "a", wrong, about))
        for name in sorted(tensors)
        for wrong in damaged(tensors, name)
    ]
    assert sum(outcomes) > 0.8 * len(outcomes)
