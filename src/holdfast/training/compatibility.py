"""Checks of a new learner: parts that do not fit together, and arguments without an effect."""

from torch import nn
from torch.optim import Optimizer

from holdfast.engine.memory import Memory
from holdfast.engine.objective import Classification
from holdfast.engine.policies import BY_LABEL
from holdfast.errors import HoldfastError
from holdfast.methods.method import Method
from holdfast.methods.view import MakeOptimizer
from holdfast.models.classifier import check_model
from holdfast.models.heads import check_head
from holdfast.models.network import Network
from holdfast.models.ties import check_ties
from holdfast.training.alternatives import alternatives, shortened
from holdfast.training.optimizers import AutoRate
from holdfast.training.setup import Setup


def check_parts(
    setup: Setup,
    model: nn.Module,
    method: Method,
    optimizer: MakeOptimizer | Optimizer | None,
) -> Network:
    """Check the parts of a learner, and that they fit together.

    Args:
        setup: The other arguments of the learner.
        model: Its model.
        method: Its method.
        optimizer: A function that makes its optimizer, an optimizer, or None.

    Returns:
        The model, which is a network with a head.

    Raises:
        HoldfastError: The model is no classifier, its head or the method contradicts the scenario,
            or an argument has no effect.
    """
    network = check_model(model)
    check_ties(network)  # weights that two modules share must stay shared when the head grows
    check_head(network.head.kind, setup.scenario)
    method.refuse(setup.scenario)
    refuse_objective(setup, method)
    refuse_untaught(method)
    refuse_idle(setup, optimizer, network)
    trains = all(part.declare().trains for part in method.parts)
    if isinstance(optimizer, AutoRate) and not trains:
        raise _no_effect(
            "lr='auto'", f"{method!r} trains no weights, so no learning rate is looked for"
        )
    return network


def refuse_objective(setup: Setup, method: Method) -> None:
    """Refuse a method that needs one label per example, for an objective that has none.

    Args:
        setup: The other arguments of the learner.
        method: Its method.

    Raises:
        HoldfastError: The message says why, and names other methods.
    """
    objective = setup.objective
    plain = isinstance(objective, Classification)
    for part in method.parts:
        declared = part.declare()
        why = declared.classification_only
        if objective.sequences:
            why = why or declared.not_for_texts
        if why and not plain:
            names = shortened(
                alternatives(part, setup.scenario, classification=False, texts=objective.sequences)
            )
            raise HoldfastError(
                f"{part.name} does not work with objective={objective.name!r}: it {why}; use "
                f"objective='classification', or a method that takes this objective: {names}"
            )
    has_classes = objective.takes_labels and not objective.sequences
    for memory in method.modules():
        if isinstance(memory, Memory) and memory.policy in BY_LABEL and not has_classes:
            raise HoldfastError(
                f"a {memory.policy} memory sorts examples by their label, and with "
                f"objective={objective.name!r} they have none; use memory='reservoir' or "
                "memory='ring'"
            )


def refuse_untaught(method: Method) -> None:
    """Refuse rows without labels if no part of a sum says what to answer to them.

    Args:
        method: The method.

    Raises:
        HoldfastError: The message says which part to add.
    """
    declared = {part.name: part.declare() for part in method.parts}
    adding = [name for name, one in declared.items() if one.unlabelled]
    if adding and not any(one.distils for one in declared.values()):
        raise HoldfastError(
            f"{adding[0]} adds rows without labels, which only KLAnchor and LwF learn from; add "
            "one of them to the sum, or leave labels=False out"
        )


def refuse_idle(setup: Setup, optimizer: MakeOptimizer | Optimizer | None, model: Network) -> None:
    """Refuse arguments that were given but change nothing, since their user expects an effect.

    An argument counts as given if it differs from its default.

    Args:
        setup: The other arguments of the learner.
        optimizer: A function that makes its optimizer, an optimizer, or None.
        model: Its network.

    Raises:
        HoldfastError: The message names the argument, and what it needs.
    """
    settings = setup.settings
    head = model.head.kind
    is_users_own = optimizer is None or isinstance(optimizer, Optimizer)
    # epochs=1 cannot be told from leaving it out.
    if settings.steps is not None and settings.epochs != 1:
        raise _no_effect("epochs beside steps", "steps takes the place of epochs; give one of them")
    outputs = f"outputs={settings.outputs!r}"
    if settings.outputs != "seen" and setup.scenario != "class":
        raise _no_effect(outputs, "it chooses among classes of the class scenario")
    # Outputs of later classes do not exist yet in a head that grows.
    if settings.outputs == "all" and head == "growing":
        raise _no_effect(
            outputs,
            "a growing head has no outputs beyond those of the classes seen; take a masked head",
        )
    if settings.renew_optimizer and is_users_own:
        raise _no_effect(
            "renew_optimizer=True",
            "the optimizer is yours; give a function that makes one, such as "
            "optimizer('sgd', lr=0.1)",
        )
    if settings.schedule != "constant" and optimizer is None:
        raise _no_effect(
            f"schedule={settings.schedule!r}",
            "there is no optimizer whose learning rate it could set",
        )


def _no_effect(argument: str, why: str) -> HoldfastError:
    """Make the error for an argument without an effect."""
    return HoldfastError(f"{argument} has no effect: {why}, or leave it out")
