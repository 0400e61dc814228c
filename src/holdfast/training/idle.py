"""Arguments of a learner that have no effect beside its others: refused, so that nobody trusts them."""

from torch.optim import Optimizer

from holdfast.errors import HoldfastError
from holdfast.methods.view import MakeOptimizer
from holdfast.models.network import Network
from holdfast.training.setup import Setup


def refuse_idle(setup: Setup, optimizer: MakeOptimizer | Optimizer | None, model: Network) -> None:
    """Refuse arguments that were given, since they differ from their defaults, but change nothing.

    Args:
        setup: What the learner was told.
        optimizer: What was given as its optimizer.
        model: What was given as its model.

    Raises:
        HoldfastError: The message names the argument, and what it needs.
    """
    settings = setup.settings
    head = model.head.kind
    users_own = optimizer is None or isinstance(optimizer, Optimizer)
    if settings.steps is not None and settings.epochs != 1:
        raise _idle("epochs beside steps", "steps takes the place of epochs; give one of them")
    outputs = f"outputs={settings.outputs!r}"
    if settings.outputs != "seen" and setup.scenario != "class":
        raise _idle(outputs, "it chooses among classes of the class scenario")
    if settings.outputs == "all" and head == "growing":
        raise _idle(
            outputs,
            "a growing head has no outputs beyond those of the classes seen; take a masked head",
        )
    if settings.renew_optimizer and users_own:
        raise _idle(
            "renew_optimizer=True",
            "the optimizer is yours; give a function that makes one, such as "
            "optimizer('sgd', lr=0.1)",
        )
    if settings.schedule != "constant" and optimizer is None:
        raise _idle(
            f"schedule={settings.schedule!r}",
            "there is no optimizer whose learning rate it could set",
        )


def _idle(argument: str, why: str) -> HoldfastError:
    return HoldfastError(f"{argument} has no effect: {why}, or leave it out")
