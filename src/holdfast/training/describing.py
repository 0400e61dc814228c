"""A learner in a few words."""

from holdfast.text import shown
from holdfast.training.state import TrainingState


def described(state: TrainingState) -> str:
    """Say what a learner trains, how, and how far it has come.

    Args:
        state: The state of the learner.

    Example:
        >>> from holdfast.models import mlp
        >>> from holdfast.training import Learner
        >>> described(Learner(mlp(4, "growing", hidden=[8], seed=0), scenario="class").state)
        'Learner(FineTune(), class scenario, 40 parameters, no optimizer yet, 0 tasks learnt)'
    """
    optimizers = state.optimizers
    rate = "no optimizer yet"
    if optimizers.main is not None:
        rate = f"{type(optimizers.main).__name__} with learning rate {optimizers.first_rate:g}"
    parameters = sum(parameter.numel() for parameter in state.model.parameters())
    learnt = len(state.progress.names) - state.active
    parts = [
        repr(state.method),
        f"{state.setup.scenario} scenario",
        f"{parameters:,} parameters",
        rate,
        f"{learnt} task{'s' * (learnt != 1)} learnt",
    ]
    if state.active:
        parts.append(f"step {state.progress.task_steps} of {shown(state.progress.names[-1])}")
    return f"Learner({', '.join(parts)})"
