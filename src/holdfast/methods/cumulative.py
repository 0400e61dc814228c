"""Cumulative: goes on training, on all data of tasks 1..t, without starting anew (Joint does).

Passes: one.
"""

from holdfast.methods.joint import KeepsAllData
from holdfast.methods.method import Declaration


class Cumulative(KeepsAllData):
    """Trains on everything so far, from where it is."""

    declaration = Declaration(
        "baseline",
        "–",
        "goes on training, on all data so far",
        stores_examples=True,
        memory="linear",
        time="linear",
    )

    def __init__(self) -> None:
        super().__init__()
