"""The kinds of output layers by name, and the scenarios that each of them fits.

- `separate`: one layer for each task.
- `masked`: one layer with all outputs, of which the active ones let something through.
- `fixed`: one layer whose outputs are all active from the start.
- `growing`: one layer that gains outputs when a task opens them.
"""

from holdfast.errors import HoldfastError, unknown
from holdfast.models.head import Head
from holdfast.models.one_layer_heads import FixedHead, GrowingHead, MaskedHead
from holdfast.models.separate_head import SeparateHead
from holdfast.models.sizes import positive

__all__ = [
    "FITS",
    "HEADS",
    "FixedHead",
    "GrowingHead",
    "Head",
    "MaskedHead",
    "SeparateHead",
    "check_head",
    "make_head",
]

HEADS = ("separate", "masked", "fixed", "growing")
# A masked head fits two scenarios: it shows the outputs of a task if that is known, else all
# outputs that are in play.
FITS = {
    "task": ("separate", "masked"),
    "domain": ("fixed",),
    "class": ("growing", "masked"),
}
TOKENS = "tokens"  # the kind of the output layer of a language model, which no name makes
# Why the other heads do not fit, for messages.
REASON = {
    "task": "in the task scenario the task id selects the outputs, so each task needs its own",
    "domain": "in the domain scenario all tasks share one set of outputs",
    "class": "in the class scenario one layer tells all classes seen so far apart, "
    "without a task id",
}


def make_head(kind: str, features: int, outputs: int | None = None) -> Head:
    """Make a head by its name.

    Args:
        kind: One of `HEADS`.
        features: The number of features that it reads.
        outputs: The number of outputs of all tasks together, at least 1. `masked` and `fixed` need
            it, the others ignore it because they grow.

    Returns:
        The head, with weights as PyTorch draws them.

    Raises:
        HoldfastError: The kind is unknown, or `outputs` is missing or below 1.

    Example:
        >>> head = make_head("growing", features=8)
        >>> head.open(task=0, first=0, last=2)
        >>> head.width
        2
    """
    if kind not in HEADS:
        raise unknown("head", kind, HEADS)
    if kind == "separate":
        return SeparateHead(features)
    if kind == "growing":
        return GrowingHead(features)
    # These two cannot grow, so they must know their size.
    if not outputs:
        raise HoldfastError(
            f"a {kind} head needs the number of outputs, got {outputs}; pass outputs="
        )
    positive("the outputs of a head", [outputs])
    if kind == "masked":
        return MaskedHead(features, outputs)
    return FixedHead(features, outputs)


def check_head(kind: str, scenario: str) -> None:
    """Refuse a head that contradicts the scenario.

    Args:
        kind: One of `HEADS`.
        scenario: task, domain or class.

    Raises:
        HoldfastError: They contradict each other. The message says why, and which heads fit.

    Example:
        >>> check_head("separate", "class")  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        holdfast.errors.HoldfastError: a separate head contradicts the class scenario: ...
    """
    # The vocabulary of a language model serves every task, whether it is known or not.
    if kind == TOKENS and scenario != "class":
        return
    if kind not in FITS[scenario]:
        fitting = " or ".join(FITS[scenario])
        raise HoldfastError(
            f"a {kind} head contradicts the {scenario} scenario: {REASON[scenario]}; "
            f"expected {fitting}"
        )
