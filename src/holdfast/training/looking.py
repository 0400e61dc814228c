"""Looking at what the network does with a few rows, before it is trained and without a trace."""

import copy
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

from holdfast.engine.snapshot import evaluating
from holdfast.models.network import Network
from holdfast.named_inputs import Inputs
from holdfast.training.state import TrainingState

EMBEDDINGS = (nn.Embedding, nn.EmbeddingBag)


@contextmanager
def looking(state: TrainingState, outputs: tuple[int, int]) -> Iterator[Network]:
    """Give a network that is ready for a task. What a forward pass changes is put back.

    Args:
        state: The state of the learner.
        outputs: The outputs [first, last) of the first task, for a network that has none yet.

    Yields:
        The network. Before the first task it is a copy of the structure with the network's own
        tensors, in which the outputs of the first task are open.
    """
    generators = [*state.random.all_generators(), state.augmentation]
    drawn = [generator.get_state() for generator in generators]
    trainable = [(parameter, parameter.requires_grad) for parameter in state.model.parameters()]
    try:
        with state.undisturbed():
            if state.head.ranges:
                yield state.model
            else:
                yield _with_first_task(state.model, outputs)
    finally:
        # Opening a task may freeze parameters, which the copy shares with the network.
        for parameter, flag in trainable:
            parameter.requires_grad_(flag)
        for generator, before in zip(generators, drawn, strict=True):
            generator.set_state(before)


def _with_first_task(model: Network, outputs: tuple[int, int]) -> Network:
    """Copy a network's structure, but not its tensors, and open a first task in the copy."""
    shared = {id(tensor): tensor for tensor in [*model.parameters(), *model.buffers()]}
    try:
        twin = copy.deepcopy(model, shared)
    except Exception:  # a network that cannot be copied is looked at without a task
        return model
    twin.head.open(0, *outputs)
    return twin


def takes_integers(state: TrainingState, x: Inputs, outputs: tuple[int, int] = (0, 1)) -> bool:
    """Say whether integer inputs reach the network as integers, which are then indices.

    They do if the network has an embedding, or runs on them. Otherwise they are numbers, and become
    floats.

    Args:
        state: The state of the learner.
        x: A few rows of integers on its device.
        outputs: The outputs [first, last) of the first task, for a network that has none yet.
    """
    if any(isinstance(module, EMBEDDINGS) for module in state.model.modules()):
        return True
    first_task = state.setup.known_task(0)
    with looking(state, outputs) as model, torch.no_grad(), evaluating(model):
        try:
            model.features(x, first_task)
        except Exception:  # networks fail in many ways on numbers that are no indices of theirs
            return False
    return True
