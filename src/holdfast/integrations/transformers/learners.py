"""The learner that a Trainer trains, made from a model and `TrainingArguments`."""

from collections.abc import Mapping
from typing import Any

from torch import nn
from torch.optim import Optimizer
from transformers import TrainingArguments

from holdfast.integrations.transformers import arguments
from holdfast.integrations.transformers.network import OutputLayer, network_of
from holdfast.methods import Method
from holdfast.streams.task import Stream
from holdfast.training import Learner
from holdfast.training.fit import check as check_run


def learner_for(
    model: nn.Module,
    args: TrainingArguments,
    tasks: Stream,
    method: Method | str | None,
    optimizer: Optimizer | None,
    more: Mapping[str, object],
) -> tuple[Learner, OutputLayer | None]:
    """Make a learner that trains as the arguments of a Trainer say, and check all of it.

    Args:
        model: A model of transformers, or a network of Holdfast.
        args: The arguments.
        tasks: The stream.
        method: The method, or its spec.
        optimizer: The optimizer of the user. None: the Trainer makes one later.
        more: More arguments of `Learner`.

    Returns:
        The learner, and where its head comes from if the model is one of transformers.

    Raises:
        HoldfastError: Something would be trained in another way, or cannot be trained at all.
    """
    arguments.check(args)
    options: dict[str, Any] = arguments.settings_of(args) | arguments.more_of_learner(more)
    network, output = network_of(model, tasks)
    if optimizer is not None:
        arguments.check_optimizer(optimizer, network)
    learner = Learner(
        network,
        method,
        optimizer,
        scenario=tasks.scenario,
        objective=tasks.objective,
        augment=tasks.augment,
        seed=args.seed,
        device=args.device,
        **options,
    )
    check_run(learner.view, tasks, None)
    arguments.check_method(learner.view.state.method)
    return learner, output
