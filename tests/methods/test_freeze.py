"""What Freeze promises beside its equation."""

import pytest
import torch
from torch import nn

from helpers import ADAMW, SGD, learner, normed, same, stream, weights
from holdfast import HoldfastError
from holdfast.checks.parts import require_same, small_learner, small_stream, state_of
from holdfast.methods import Freeze, parse_method
from holdfast.models import Classifier, make_head, mlp
from holdfast.models.frozen import parts_to_freeze
from holdfast.training import Learner, optimizer

FIRST = ("backbone.1.weight", "backbone.1.bias")


@pytest.mark.parametrize("scenario", ["task", "domain", "class"])
@pytest.mark.parametrize("make", [SGD, ADAMW])
def test_freezing_equals_freezing_by_hand(scenario, make):
    s = stream(scenario)
    ours = learner(s, "Freeze('backbone.1.*')", make, steps=6)
    model = mlp(s.shape, ours.model.head.kind, s.outputs, hidden=(32, 16), seed=0)
    for name in FIRST:
        model.get_parameter(name).requires_grad_(False)
    by_hand = Learner(model, None, make, scenario=scenario, batch_size=32, steps=6)
    before = weights(ours.model)
    for one in (ours, by_hand):
        one.train(*s.tasks[:2])
    assert same(weights(ours.model), weights(by_hand.model))
    assert all(torch.equal(before[name], weights(ours.model)[name]) for name in FIRST)


def test_weights_that_are_frozen_later_keep_their_bits_under_decay_and_momentum():
    s = stream("class")
    ours = learner(s, "Freeze('backbone.1', from_task=1)", SGD, steps=6)
    first = weights(ours.model)
    ours.train(s[0])
    after_first = weights(ours.model)
    ours.train(s[1], s[2])
    now = weights(ours.model)
    for name in FIRST:
        assert not torch.equal(first[name], after_first[name])
        assert torch.equal(after_first[name], now[name])
    assert not torch.equal(after_first["backbone.3.weight"], now["backbone.3.weight"])


def test_statistics_of_frozen_norm_layers_stay_and_others_move():
    s = stream("class")
    ours = Learner(normed(s), "Freeze(2)", SGD, scenario="class", batch_size=32, steps=2)
    before = weights(ours.model)
    ours.train(*s.tasks[:2])
    now = weights(ours.model)
    means = [name for name in before if name.endswith("running_mean")]
    still = [name for name in means if torch.equal(before[name], now[name])]
    assert still
    assert len(still) < len(means)
    for name in still:
        weight = name.replace("running_mean", "weight")
        assert not ours.model.get_parameter(weight).requires_grad


def test_a_run_that_was_saved_after_the_freeze_resumes_with_other_parts(tmp_path):
    s = small_stream("class", examples=400)
    spec = "EWC(1.0) + Freeze('backbone.1', from_task=1)"
    whole = small_learner(parse_method(spec), s).train(s[0], s[1])
    whole.begin(s[2])
    batches = list(whole.view.batches())
    whole.step(batches[0])
    whole.save(tmp_path / "middle.safetensors")
    for batch in batches[1:]:
        whole.step(batch)
    whole.end()
    resumed = small_learner(parse_method(spec), s)
    resumed.load(tmp_path / "middle.safetensors", s.tasks)
    resumed.train(s[2])
    require_same(state_of(whole), state_of(resumed), "resumed")


class Encoder(nn.Module):
    """A network with the names of a language model's encoder."""

    def __init__(self, blocks: int = 3):
        super().__init__()
        self.embeddings = nn.ModuleDict({"word": nn.Embedding(500, 4), "norm": nn.LayerNorm(4)})
        self.encoder = nn.ModuleDict(
            {"layer": nn.ModuleList(nn.Sequential(nn.Linear(4, 4)) for _ in range(blocks))}
        )
        self.pooler = nn.Linear(4, 4)

    def forward(self, x):
        h = self.embeddings["norm"](self.embeddings["word"](x.long()).mean(1))
        for block in self.encoder["layer"]:
            h = h + block(h)
        return self.pooler(h)


def frozen_names(layers, kind: str = "fixed") -> list[str]:
    """The names of the frozen parameters of an encoder."""
    model = Classifier(Encoder(), make_head(kind, 4, 2))
    parts_to_freeze(model, layers).freeze()
    return [name for name, p in model.named_parameters() if not p.requires_grad]


EMBEDDINGS = [f"backbone.embeddings.{name}" for name in ("word.weight", "norm.weight", "norm.bias")]
BLOCK = [f"backbone.encoder.layer.{{}}.0.{name}" for name in ("weight", "bias")]


@pytest.mark.parametrize(
    ("layers", "expected"),
    [
        ("embeddings", EMBEDDINGS),
        ("backbone.embeddings.*", EMBEDDINGS),
        ("layer.1", [name.format(1) for name in BLOCK]),
        (["layer.0", "pooler.bias"], [*[n.format(0) for n in BLOCK], "backbone.pooler.bias"]),
        ("*.layer.?.0.bias", [BLOCK[1].format(k) for k in range(3)]),
        (1, [*EMBEDDINGS, *[name.format(0) for name in BLOCK]]),
        (3, [*EMBEDDINGS, *[name.format(k) for k in range(3) for name in BLOCK]]),
        ("head", ["head.linear.weight", "head.linear.bias"]),
    ],
)
def test_names_and_numbers_find_parts_of_an_encoder(layers, expected):
    assert frozen_names(layers) == expected


def test_a_name_that_matches_nothing_lists_the_parts_that_exist():
    with pytest.raises(
        HoldfastError, match="no part of the network is called 'embedings'"
    ) as error:
        frozen_names(["pooler", "embedings"])
    assert "backbone.embeddings.word, backbone.embeddings.norm" in str(error.value)


def test_more_blocks_than_there_are_and_networks_without_blocks_are_refused():
    with pytest.raises(HoldfastError, match="has 3 layers or blocks, but the first 4"):
        frozen_names(4)
    model = Classifier(nn.Linear(4, 4), make_head("fixed", 4, 2))
    with pytest.raises(HoldfastError, match="no sequence of layers"):
        parts_to_freeze(model, 1)


@pytest.mark.parametrize("layers", ["*", ["backbone", "head"]])
def test_freezing_everything_is_refused(layers):
    with pytest.raises(HoldfastError, match="every weight of the network"):
        frozen_names(layers)


def test_a_growing_head_is_left_to_learn():
    assert len(frozen_names("*", kind="growing")) == 11
    with pytest.raises(HoldfastError, match="no part of the network is called 'head'"):
        frozen_names("head", kind="separate")


@pytest.mark.parametrize("layers", [0, True, [], "", [1], 1.5, None])
def test_what_names_no_part_is_refused(layers):
    with pytest.raises(HoldfastError, match="layers"):
        Freeze(layers)


def test_a_frozen_network_beside_adapters_that_share_a_head_still_learns():
    pytest.importorskip("peft")
    s = stream("domain")
    ours = learner(s, "Freeze('backbone.1') + OLoRA()", optimizer("sgd", lr=0.05), steps=3)
    before = weights(ours.model)
    ours.train(*s.tasks[:2])
    now = weights(ours.model)
    frozen = [name for name in now if "backbone.1" in name and "lora" not in name]
    for name in frozen:
        old = before[name.replace("base_layer.", "")]
        assert torch.equal(now[name], old)
    assert len(frozen) == 2
    assert any("lora" in name for name in now)


def test_lora_alone_freezes_what_it_needs():
    with pytest.raises(HoldfastError, match="use LoRA alone"):
        parse_method("Freeze(1) + LoRA(4)")
