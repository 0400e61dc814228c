"""A learning rate of its own for what lies below the output layer."""

import pytest
import torch

from holdfast import HoldfastError, Learner
from holdfast.models import mlp
from holdfast.streams import digits, split
from holdfast.training import optimizer

STREAM = split(digits().limited(300, seed=0), 5, "class")
MOVED = ("backbone.1.weight", "backbone.1.bias")
OPTIMIZERS = {"sgd": {"momentum": 0.9}, "adam": {}, "adamw": {"weight_decay": 0.1}}


def learner(name="sgd", backbone_lr=0.01, method="EWC(1)", head="growing", **options):
    """A small network, whose output layer has the rate 0.01."""
    scenario = "task" if head == "separate" else "class"
    model = mlp(STREAM.shape, head, STREAM.outputs, hidden=[8], seed=0)
    rates = {} if backbone_lr is None else {"backbone_lr": backbone_lr}
    make = optimizer(name, lr=options.pop("lr", 0.01), **OPTIMIZERS[name], **rates)
    return Learner(model, method, make, scenario=scenario, batch_size=30, **options)


def weights(trained):
    return {name: p.detach().clone() for name, p in trained.model.named_parameters()}


@pytest.mark.parametrize("schedule", ["constant", "cosine", "step"])
@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("head", ["growing", "separate"])
def test_equal_rates_give_the_same_bits_as_one_group(name, schedule, head):
    two = learner(name, 0.01, head=head, schedule=schedule).train(*STREAM.tasks[:2])
    one = learner(name, None, head=head, schedule=schedule).train(*STREAM.tasks[:2])
    assert len(two.state.optimizers.main.param_groups) == 2
    mine = weights(two)
    for name_of_weight, weight in weights(one).items():
        assert torch.equal(mine[name_of_weight], weight), name_of_weight


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_the_first_step_moves_each_part_by_its_own_rate(name):
    """One step from the same point moves a part by a hundredth if its rate is a hundredth."""
    start = weights(learner(name, None))
    moved = []
    for rate in (0.01, 0.0001):
        # Weight decay and momentum are linear in the rate in the first step.
        trained = learner(name, rate, method="FineTune", steps=1).train(STREAM[0])
        after = weights(trained)
        moved.append({name: after[name] - start[name] for name in MOVED})
    for weight in MOVED:
        assert torch.allclose(moved[0][weight], 100 * moved[1][weight], atol=2e-5)
        assert moved[1][weight].abs().max() > 0


def test_the_rate_of_records_is_that_of_the_output_layer_and_schedules_lower_both():
    seen = []
    trained = learner("sgd", 0.001, schedule="step", log=seen.append, log_every=1)
    trained.begin(STREAM[0])
    groups = trained.state.optimizers.main.param_groups
    assert [group["lr"] for group in groups] == [0.01, 0.001]
    for batch in list(trained.view.batches()):
        trained.step(batch)
    assert [group["lr"] for group in groups] == pytest.approx([0.0001, 0.00001])
    assert trained.state.optimizers.first_rate == 0.01


@pytest.mark.parametrize("method", ["SI(1)", "ER(20)", "GEM(10)"])
def test_a_saved_learner_resumes_with_both_rates(method, tmp_path):
    whole = learner("adam", 0.001, method).train(*STREAM.tasks[:3])
    first = learner("adam", 0.001, method).train(*STREAM.tasks[:2])
    first.save(tmp_path / "a.ckpt")
    second = learner("adam", 0.001, method)
    second.load(tmp_path / "a.ckpt", STREAM.tasks[:2])
    second.train(STREAM[2])
    assert torch.equal(second.view.space.theta, whole.view.space.theta)
    with pytest.raises(HoldfastError, match="has 2 parameter groups, this one 1"):
        learner("adam", None, method).load(tmp_path / "a.ckpt", STREAM.tasks[:2])


def test_a_found_rate_is_that_of_the_output_layer():
    trained = learner("sgd", 0.001, method=None, lr="auto")
    trained.begin(STREAM[0])
    head, rest = trained.state.optimizers.main.param_groups
    assert rest["lr"] == 0.001
    assert head["lr"] == trained.state.optimizers.first_rate > 0.001


@pytest.mark.parametrize("rate", [0, -0.1, float("nan"), float("inf")])
def test_a_rate_that_trains_nothing_is_refused(rate):
    with pytest.raises(HoldfastError, match="freeze it"):
        optimizer("sgd", lr=0.1, backbone_lr=rate)
