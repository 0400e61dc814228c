"""Cumulative: training on all data of tasks 1..t, from the weights of task t − 1.

    loss after task t: the mean cross-entropy over all examples of tasks 1..t

It differs from Joint, which starts from the initial weights again for every task. Use it to see
what an unlimited memory gives. The number of epochs or steps counts for all data together.

A step costs one pass.
"""

from holdfast.methods.joint import KeepsAllData
from holdfast.methods.method import Declaration


class Cumulative(KeepsAllData):
    """Trains on everything so far, and keeps the weights from task to task."""

    declaration = Declaration(
        family="baseline",
        paper="–",
        summary="goes on training, on all data so far",
        stores_examples=True,
        memory="linear",
        time="linear",
        keeps="all data",
    )

    def __init__(self) -> None:
        """Set up the baseline, which has no arguments.

        Example:
            >>> Cumulative()
            Cumulative()
        """
        super().__init__()
