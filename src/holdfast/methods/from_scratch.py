"""FromScratch: a fresh start for every task, on its data alone; the reference that learning-speed transfer subtracts.

θ starts each time from the initial weights and the optimizer is renewed, as in Joint.
Passes: one.
"""

from holdfast.methods.method import Declaration, Method


class FromScratch(Method):
    """Forgets everything at each boundary, on purpose."""

    declaration = Declaration(
        "baseline",
        "–",
        "trained anew on each task alone; the reference of learning-speed transfer",
        restarts=True,
        memory="none",
    )

    def __init__(self) -> None:
        super().__init__()
