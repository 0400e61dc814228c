"""A network that was put around a model and then abandoned must not grow with the model's tasks."""

import pytest
import torch

from helpers import stream
from holdfast import HoldfastError
from holdfast.methods import parse_method
from holdfast.models import Classifier, mlp
from holdfast.models.attention import Attention
from holdfast.training import Learner, optimizer

TASKS = stream("task")
GROWING = ["HAT()", "XdG()", "SeparateNetworks()", "LoRA(2)"]


def make_learner(model, spec):
    return Learner(
        model,
        parse_method(spec),
        optimizer("sgd", lr=0.1),
        scenario="task",
        batch_size=64,
        epochs=1,
    )


def trained(*specs):
    """The weights after two tasks with the last of the methods, all around the same model."""
    torch.manual_seed(0)
    model = mlp((1, 8, 8), "separate", hidden=(16,), seed=0)
    learners = [make_learner(model, spec) for spec in specs]
    learners[-1].train(TASKS[0], TASKS[1])
    weights = learners[-1].state.space.theta.clone()
    return weights, torch.rand(1)


@pytest.mark.parametrize("last", [*GROWING, "FineTune()"])
@pytest.mark.parametrize("first", ["HAT()", "SeparateNetworks()"])
def test_a_learner_trains_as_if_an_abandoned_one_had_never_been_made(first, last):
    weights, following = trained(last)
    again, after = trained(first, last)
    assert torch.equal(weights, again)
    assert torch.equal(following, after)  # no random number was drawn for the abandoned network


@pytest.mark.parametrize("spec", [*GROWING, "LatentReplay(20)"])
@pytest.mark.parametrize("later", ["FineTune()", "HAT()"])
def test_a_learner_whose_model_went_to_another_one_says_so(spec, later):
    model = mlp((1, 8, 8), "separate", hidden=(16,), seed=0)
    first = make_learner(model, spec)
    make_learner(model, later)
    with pytest.raises(HoldfastError, match="make a new model for each learner"):
        first.begin(TASKS[0])


def test_an_abandoned_network_does_not_grow():
    model = mlp((1, 8, 8), "separate", hidden=(16,), seed=0)
    abandoned = Attention(model, 400.0)
    make_learner(model, "FineTune()").begin(TASKS[0])
    assert len(abandoned.embeddings) == 0


def test_a_network_that_is_trained_itself_goes_on_growing():
    network = Attention(mlp((1, 8, 8), "separate", hidden=(16,), seed=0), 400.0)
    make_learner(network, "FineTune()").begin(TASKS[0])
    assert len(network.embeddings) == 1


def test_a_network_of_your_own_grows_before_each_task():
    class Growing(Classifier):
        def __init__(self, model):
            super().__init__(model.backbone, model.head)
            self.begun = []
            self.head.before_open = self.begin

        def begin(self, task):
            self.begun.append(task)

    network = Growing(mlp((1, 8, 8), "separate", hidden=(16,), seed=0))
    make_learner(network, "FineTune()").train(TASKS[0], TASKS[1])
    assert network.begun == [0, 1]
