"""PNN: progressive neural networks (Rusu et al. 2016, eq. 1–2).

Each task gets a column of layers that reads the columns before it through lateral connections; those are frozen, so nothing is forgotten
and every task costs a column and ever more laterals. `lateral` below is the paper without its adapters; same reads the same layer.
Passes: one through the column in training, and a forward through each before it.
"""

from holdfast.errors import one_of
from holdfast.methods.method import Declaration, Method, only_with_task
from holdfast.models.classifier import need_classifier
from holdfast.models.network import Network
from holdfast.models.progressive import LATERALS, Progressive


class PNN(Method):
    """A column of layers for each task, reading the frozen ones before it. `learner.model.capacity()` counts them."""

    declaration = Declaration(
        "architecture",
        "Rusu et al. 2016",
        "a new column for every task, reading the frozen ones before it; MLPs",
        **only_with_task("weights-need-task"),
        isolates=True,
        memory="none",
        parameters="quadratic",
        time="quadratic",
        ignores=("training.renew_optimizer",),
    )

    def __init__(self, lateral: str = "below") -> None:
        """`lateral`: below (into layers 2.. and the output) or same (into hidden layers)."""
        super().__init__()
        self.lateral = one_of("lateral", lateral, LATERALS)

    def attach(self, model: Network) -> Network:
        return Progressive(need_classifier(model, self.name), self.lateral)
