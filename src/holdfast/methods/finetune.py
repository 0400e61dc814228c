"""FineTune: plain training on each task in turn, the lower reference.

Nothing is added: the loss is the cross-entropy of the current task.
Passes: one.
"""

from holdfast.methods.method import Declaration, Method


class FineTune(Method):
    """Trains on and forgets freely."""

    declaration = Declaration(
        "baseline", "–", "plain training; the lower reference", boundaries=False, memory="none"
    )

    def __init__(self) -> None:
        super().__init__()
