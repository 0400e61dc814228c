"""The objectives by their names."""

from holdfast.engine.likelihoods import Multilabel, Regression
from holdfast.engine.next_token import NextToken
from holdfast.engine.objective import CLASSIFICATION, Classification, Objective
from holdfast.engine.own_objective import Custom, OwnLoss
from holdfast.errors import HoldfastError, one_of

__all__ = [
    "OBJECTIVES",
    "Classification",
    "Custom",
    "Multilabel",
    "NextToken",
    "Objective",
    "OwnLoss",
    "Regression",
    "make_objective",
]

OBJECTIVES = ("classification", "multilabel", "regression", "language", "custom")


def make_objective(objective: Objective | str, loss: OwnLoss | None = None) -> Objective:
    """Make an objective from its name.

    Args:
        objective: One of `OBJECTIVES`, or an objective, which is returned as it is.
        loss: The loss of "custom".

    Returns:
        The objective.

    Raises:
        HoldfastError: There is no such objective, or a loss is missing or has no effect.

    Example:
        >>> make_objective("regression")
        Regression()
    """
    custom = objective == "custom"
    if loss is not None and not custom:
        raise HoldfastError(
            f"loss has no effect with objective={objective!r}; pass objective='custom', or leave "
            "it out"
        )
    if isinstance(objective, Objective):
        return objective
    one_of("objective", objective, OBJECTIVES)
    if custom:
        if loss is None:
            raise HoldfastError(
                "objective='custom' needs loss=, a function (outputs, targets, rows) → one loss "
                "per row"
            )
        return Custom(loss)
    if objective == "multilabel":
        return Multilabel()
    if objective == "regression":
        return Regression()
    if objective == "language":
        return NextToken()
    return CLASSIFICATION
