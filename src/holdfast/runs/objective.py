"""What a run trains for: its objective, its loss and its scorer, from their names."""

from typing import TYPE_CHECKING

from holdfast.errors import HoldfastError, unknown
from holdfast.own_code import import_function
from holdfast.runs.config import RunConfig

if TYPE_CHECKING:
    from torch import Tensor

    from holdfast.engine.objectives import Objective
    from holdfast.streams.task import Stream
    from holdfast.training.scoring import Scorer

SCORERS = ("accuracy", "mean-ap", "f1", "label-accuracy", "r2", "rmse")


def objective_of(config: RunConfig, stream: "Stream") -> "Objective":
    """Make the objective of a run.

    For regression, it takes the unit of the outputs from the training targets of the first task.

    Args:
        config: The settings of the run.
        stream: The stream, which knows what its targets are for.

    Raises:
        HoldfastError: A loss is missing, or has no effect.
    """
    from holdfast.engine.objectives import Custom, Regression, make_objective

    loss = config.training.loss
    if stream.objective == "regression":
        _refuse_loss(loss, stream)
        return Regression.of(stream)
    if loss is not None:
        # Of classes, a loss of one's own takes the place of the cross-entropy.
        if stream.objective == "classification":
            return Custom(import_function(loss), outputs="classes")
        if stream.objective == "custom":
            return Custom(import_function(loss))
        _refuse_loss(loss, stream)
    if stream.objective == "custom":
        raise HoldfastError(
            "data.objective=custom needs training.loss, the name of your loss, such as mine:huber"
        )
    return make_objective(stream.objective)


def scorer_of(config: RunConfig, stream: "Stream") -> "Scorer | None":
    """Make the scorer of a run. None: that of its objective.

    Args:
        config: The settings of the run.
        stream: The stream, whose first task gives the range of errors.

    Raises:
        HoldfastError: There is no such scorer, or it does not fit the objective.
    """
    from holdfast.training.rescaled import in_points
    from holdfast.training.scoring import accuracy
    from holdfast.training.set_scores import F1, R2, LabelAccuracy, MeanAP, NegativeRMSE

    name = config.training.scorer
    if name is None:
        return None
    # A colon stands between a module and a function, and no name of a scorer here has one.
    if ":" in name:
        return in_points(import_function(name))
    fitting = {
        "classification": ("accuracy",),
        "multilabel": ("mean-ap", "f1", "label-accuracy"),
        "regression": ("r2", "rmse"),
        "custom": SCORERS[1:],
    }[stream.objective]
    if name not in SCORERS:
        raise unknown("scorer", name, SCORERS)
    if name not in fitting:
        raise HoldfastError(
            f"training.scorer={name} does not fit objective={stream.objective}; use "
            f"{' or '.join(fitting)}, or a function of your own, such as mine:score"
        )
    if name == "rmse":
        known = _first_targets(stream)
        known = known[~known.isnan()]
        # A constant target has no range, but the scorer needs one above 0.
        return in_points(NegativeRMSE(float(known.max() - known.min()) or 1.0))
    by_name: dict[str, Scorer] = {
        "accuracy": accuracy,
        "mean-ap": MeanAP(),
        "f1": F1(),
        "label-accuracy": LabelAccuracy(),
        "r2": R2(),
    }
    return by_name[name]


def _refuse_loss(loss: str | None, stream: "Stream") -> None:
    """Refuse a loss that the objective of the stream does not use."""
    if loss is not None:
        raise HoldfastError(
            f"training.loss={loss} has no effect with data.objective={stream.objective}; set "
            "data.objective to custom, or leave it out"
        )


def _first_targets(stream: "Stream") -> "Tensor":
    """The training targets of the first task, (N, K)."""
    import torch

    part = stream[0].train
    return part.fetch(torch.arange(len(part)))[1]
