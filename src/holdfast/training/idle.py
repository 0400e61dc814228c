"""Arguments of a learner that have no effect beside its others: refused, so that nobody believes in them."""

from typing import TYPE_CHECKING, Any

from torch.optim import Optimizer

from holdfast.errors import HoldfastError

if TYPE_CHECKING:
    from holdfast.training.learner import Learner


def refuse_idle(learner: "Learner", optimizer: Any, model: Any) -> None:
    """Refuse arguments that were given, since they differ from their defaults, but can change nothing.

    Args:
        learner: A learner whose settings are in place.
        optimizer: What was given as its optimizer.
        model: What was given as its model.

    Raises:
        HoldfastError: The message names the argument, and what it needs.
    """
    own = optimizer is None or isinstance(optimizer, Optimizer)
    idle = (
        (
            learner.steps is not None and learner.epochs != 1,
            "epochs beside steps",
            "steps takes the place of epochs; give one of them",
        ),
        (
            learner.outputs != "seen" and learner.scenario != "class",
            f"outputs={learner.outputs!r}",
            "it chooses among classes of the class scenario",
        ),
        (
            learner.outputs == "all" and model.head.kind == "growing",
            "outputs='all'",
            "a growing head has no outputs beyond those of the classes seen; take a masked head",
        ),
        (
            learner.renew_optimizer and own,
            "renew_optimizer=True",
            "the optimizer is yours; give a function that makes one, such as optimizer('sgd', lr=0.1)",
        ),
        (
            learner.schedule_name != "constant" and optimizer is None,
            f"schedule={learner.schedule_name!r}",
            "there is no optimizer whose learning rate it could set",
        ),
    )
    for without_effect, argument, why in idle:
        if without_effect:
            raise HoldfastError(f"{argument} has no effect: {why}, or leave it out")
