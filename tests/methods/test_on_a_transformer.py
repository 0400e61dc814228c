"""Every method on a small transformer of texts: it trains, resumes to the same bits, or refuses."""

import numpy as np
import pytest
import torch
from torch import nn

from holdfast import HoldfastError
from holdfast.methods import METHODS, parse_method
from holdfast.models import classifier_from_pretrained
from holdfast.models.heads import FITS
from holdfast.streams import from_arrays
from holdfast.training import Learner, optimizer

transformers = pytest.importorskip("transformers")

# What these need is no part of a transformer, or the ids of tokens are not what they can make.
REFUSED = {
    "GPM": r"freeze .*, or a method that takes it: AGEM, GEM",
    "GenerativeReplay": r"inputs of one tensor, .*, or a method that takes it: DER, DERpp, ER",
    "HAT": r"or a method that takes it: PackNet, SeparateNetworks",
    "KFACEWC": r"freeze .*, or a method that takes it: EWC, LowRankEWC",
    "LatentReplay": r"first layers of a sequence.*, or a method that takes it: DER, DERpp, ER",
    "PNN": r"or a method that takes it: PackNet, SeparateNetworks",
    "SupSup": r"or a method that takes it: AGEM, Cumulative",
    "XdG": r"or a method that takes it: PackNet, SeparateNetworks",
}
PADDING = {"input_ids": 0, "attention_mask": 0}


def texts(scenario):
    """Two tasks of two labels. Each label has tokens of its own, and texts differ in length."""
    numbers = np.random.default_rng(0)
    y = np.arange(24) % 4
    ids = [list(numbers.integers(1, 5, numbers.integers(2, 7)) + 5 * label) for label in y]
    x = {"input_ids": ids, "attention_mask": [[1] * len(one) for one in ids]}
    labels = y % 2 if scenario == "domain" else y
    return from_arrays(x, labels, y // 2, scenario, padding=PADDING, test=0.25)


def bert(scenario, outputs):
    torch.manual_seed(0)
    config = transformers.BertConfig(
        vocab_size=24,
        hidden_size=8,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=8,
        max_position_embeddings=8,
    )
    return classifier_from_pretrained(
        transformers.BertModel(config), FITS[scenario][0], outputs, seed=0
    )


def learner_of(spec, scenario, outputs, model=None):
    method = parse_method(spec)
    model = model or bert(scenario, outputs)
    if not all(part.declare().trains for part in method.parts):
        model.freeze()
    make = optimizer("adam", lr=0.02)
    return Learner(model, method, make, scenario=scenario, batch_size=12, epochs=1)


def scenario_of(method):
    """The hardest scenario that a method takes."""
    return next(s for s in ("class", "domain", "task") if s in method.declaration.scenarios)


def rebuilt(learner, spec, s, tasks, path):
    """Another learner at the place where this one is, from its file."""
    learner.save(path)
    again = learner_of(spec, learner.view.scenario, s.outputs)
    again.load(path, tasks)
    return again


@pytest.mark.parametrize("name", [name for name in METHODS if name not in REFUSED])
def test_a_method_learns_texts_and_continues_from_a_file_with_the_same_bits(name, tmp_path):
    spec = METHODS[name].small_specs()[0]
    s = texts(scenario_of(METHODS[name]))
    whole = learner_of(spec, s.scenario, s.outputs).train(s[0])
    again = rebuilt(whole, spec, s, [s[0]], tmp_path / "learner")
    for one in (whole, again):
        one.train(s[1])
    assert torch.equal(whole.view.space.theta, again.view.space.theta)
    for task in s:
        scores = whole.evaluate(task)
        assert torch.equal(scores, again.evaluate(task))
        assert len(scores) == len(task.test)


@pytest.mark.parametrize("name", REFUSED)
def test_a_method_that_needs_another_network_names_what_to_use(name):
    s = texts(scenario_of(METHODS[name]))
    with pytest.raises(HoldfastError, match=REFUSED[name]):
        learner_of(METHODS[name].small_specs()[0], s.scenario, s.outputs).fit(s)


@pytest.mark.parametrize("name", ["GPM", "KFACEWC"])
def test_methods_of_linear_layers_take_a_transformer_whose_other_layers_are_frozen(name):
    s = texts("class")
    model = bert("class", s.outputs)
    for module in model.backbone.modules():
        if not isinstance(module, nn.Linear):
            for parameter in module.parameters(recurse=False):
                parameter.requires_grad_(False)
    learner = learner_of(METHODS[name].small_specs()[0], "class", s.outputs, model)
    assert learner.fit(s).matrix.to_array(untrained=False).shape == (2, 2)
