"""Weights that an output layer shares with another module, and layers without bias."""

import copy
import warnings

import pytest
import torch
from torch import nn

from holdfast import HoldfastError
from holdfast.engine.parameters import ParameterSpace
from holdfast.engine.snapshot import Snapshot
from holdfast.methods import parse_method
from holdfast.models import classifier_from, make_head
from holdfast.models.ties import check_ties
from holdfast.streams import from_arrays
from holdfast.training import Learner, optimizer

WORDS = 6


class Tied(nn.Module):
    def __init__(self, tied=True):
        super().__init__()
        self.e, self.body = nn.Embedding(WORDS, 8), nn.Linear(8, 8)
        self.fc = nn.Linear(8, WORDS, bias=False)
        if tied:
            self.fc.weight = self.e.weight

    def forward(self, x):
        return self.fc(torch.relu(self.body(self.e(x).mean(1))))


def word_stream(classes=WORDS, scenario="class"):
    x = torch.arange(240).reshape(60, 4) % WORDS
    y = (torch.arange(60) % classes).numpy()
    return from_arrays(x, y, y * 2 // classes, scenario)


@pytest.mark.parametrize("kind", ["masked", "fixed", "separate"])
def test_a_head_that_would_part_a_tied_weight_is_refused(kind):
    with pytest.raises(HoldfastError, match=r"shares its weight with e\.weight"):
        classifier_from(Tied(), "fc", kind, outputs=8)


def test_a_growing_head_is_refused_before_it_would_part_a_tied_weight():
    s = word_stream(8)
    model, steps = classifier_from(Tied(), "fc", "growing"), []
    with pytest.raises(
        HoldfastError,
        match=r"shares its weight with e\.weight; growing to 8 outputs would part them",
    ):
        Learner(model, scenario="class").fit(s, progress=lambda *a: steps.append(a))
    assert not steps
    with pytest.raises(HoldfastError, match="growing to 7 outputs"):
        model.head.check_width(model, 7)


@pytest.mark.parametrize(
    "method", ["FineTune()", "EWC(1) + LwF()", "SI(0.1)", "ER(20)", "AGEM(20)", "DER(20)"]
)
@pytest.mark.parametrize("kind", ["masked", "growing"])
def test_a_tied_weight_stays_tied_through_training_and_checkpoints(tmp_path, kind, method):
    def make():
        torch.manual_seed(0)
        model = classifier_from(Tied(), "fc", kind, outputs=WORDS)
        return Learner(
            model, parse_method(method), optimizer("sgd", lr=0.05), scenario="class", batch_size=8
        )

    s = word_stream()
    whole = make().train(*s)
    assert whole.model.head.linear.weight is whole.model.backbone.e.weight
    assert whole.model.head.linear.bias is None
    half = make().train(s[0])
    half.save(tmp_path / "a.safetensors")
    again = make()
    again.load(tmp_path / "a.safetensors", s.tasks)
    again.train(s[1])
    assert again.model.head.linear.weight is again.model.backbone.e.weight
    assert torch.equal(again.model.head.linear.weight, whole.model.head.linear.weight)


def test_a_teacher_keeps_both_uses_of_a_tied_weight():
    model = classifier_from(Tied(), "fc", "masked", outputs=WORDS)
    model.head.open(0, 0, WORDS)
    x = torch.arange(8).reshape(2, 4) % WORDS
    expected = model(x)
    teacher = Snapshot().take(model, ParameterSpace(model), WORDS)
    with torch.no_grad():
        model.backbone.e.weight.add_(1.0)
    assert torch.equal(teacher(model, x), expected)


def test_methods_that_treat_layers_one_by_one_refuse_shared_layers():
    net = nn.Sequential(nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 4))
    net[2].weight = net[0].weight
    x = torch.rand(40, 8)
    s = from_arrays(x, (torch.arange(40) % 4).numpy(), (torch.arange(40) % 4 // 2).numpy(), "class")
    ours = Learner(
        classifier_from(net, "4", "growing"), parse_method("KFACEWC(1.0)"), scenario="class"
    )
    with pytest.raises(HoldfastError, match=r"backbone\.0 and backbone\.2 share a weight"):
        ours.train(*s)


@pytest.mark.parametrize("frozen", [False, True])
def test_parameters_that_share_memory_without_being_one_are_refused(frozen):
    net = Tied(tied=False)
    net.fc.weight = nn.Parameter(net.e.weight.data, requires_grad=not frozen)
    model = classifier_from(net, "fc", "masked")
    with pytest.raises(
        HoldfastError, match=r"backbone\.e\.weight and head\.linear\.weight share memory"
    ):
        Learner(model, scenario="class")


def test_parts_of_one_memory_that_do_not_overlap_are_no_tie():
    net, whole = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4)), torch.rand(4, 8)
    net[0].weight, net[1].weight = nn.Parameter(whole[:, :4]), nn.Parameter(whole[:, 4:])
    check_ties(net)
    ParameterSpace(net)  # lays all of them out in one vector
    check_ties(net)
    check_ties(nn.Sequential(nn.LazyLinear(3), nn.LSTM(3, 3)))
    net.register_buffer("old", net[0].weight.data)
    with pytest.raises(HoldfastError, match=r"0\.weight and old share memory"):
        check_ties(net)


@pytest.mark.parametrize("kind", ["growing", "masked", "separate"])
@pytest.mark.parametrize("bias", [False, True])
def test_new_outputs_have_a_bias_if_the_layer_that_was_taken_has_one(kind, bias):
    net = nn.Sequential(nn.Linear(4, 8), nn.Linear(8, 3, bias=bias))
    model = classifier_from(copy.deepcopy(net), "1", kind, outputs=5)
    spans = [(0, 3), (3, 5)] if kind == "separate" else [(0, 3), (0, 5)]
    for task, span in enumerate(spans):
        model.head.open(task, *span)
    assert any(n.endswith("bias") for n, _ in model.head.named_parameters()) is bias
    x = torch.rand(2, 4)
    torch.testing.assert_close(model(x)[:, :3], net(x))
    fresh = make_head(kind, 8, 5)
    fresh.open(0, 0, 3)
    assert any(n.endswith("bias") for n, _ in fresh.named_parameters())


def test_an_untied_layer_may_be_widened_in_silence():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert classifier_from(Tied(tied=False), "fc", "masked", outputs=8).head.width == 8
