"""FromScratch: a fresh network for every task, trained on its data alone.

    θ ← initial weights at the start of each task; loss: the mean cross-entropy on the task

Learning-speed transfer is measured against this reference: it compares how fast a task is learned
after others with how fast it is learned alone. The optimizer starts anew too, as in Joint.

A step costs one pass.
"""

from holdfast.methods.method import Declaration, Method


class FromScratch(Method):
    """Starts from the initial weights for every task, and so forgets everything before it."""

    declaration = Declaration(
        family="baseline",
        paper="–",
        summary="trained anew on each task alone; the reference of learning-speed transfer",
        restarts=True,
        memory="none",
    )

    def __init__(self) -> None:
        """Set up the baseline, which has no arguments.

        Example:
            >>> FromScratch()
            FromScratch()
        """
        super().__init__()
