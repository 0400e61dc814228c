"""FineTune: plain training on each task in turn.

    loss: the mean cross-entropy on the current task

Nothing protects earlier tasks, so this is the lower reference: a method that does not beat it does
not help. Joint is the upper one.

A step costs one pass.
"""

from holdfast.methods.method import Declaration, Method


class FineTune(Method):
    """Trains on each task as if there were no others."""

    declaration = Declaration(
        family="baseline",
        paper="–",
        summary="plain training; the lower reference",
        boundaries=False,
        memory="none",
    )

    def __init__(self) -> None:
        """Set up the baseline, which has no arguments.

        Example:
            >>> FineTune()
            FineTune()
        """
        super().__init__()
