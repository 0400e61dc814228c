"""SeparateNetworks: one network for each task (the reference of van de Ven et al. 2022 for the task scenario).

Nothing is shared, so nothing is forgotten and nothing is gained from earlier tasks; the cost is a network a task.
Passes: one.
"""

from holdfast.methods.method import Declaration, Method, only_with_task
from holdfast.models.classifier import need_classifier
from holdfast.models.network import Network
from holdfast.models.separate import Separate


class SeparateNetworks(Method):
    """A fresh copy of the network for each task. `learner.model.capacity()` counts them."""

    declaration = Declaration(
        "architecture",
        "–",
        "a network of its own for every task",
        **only_with_task("weights-need-task"),
        isolates=True,
        memory="none",
        parameters="linear",
        ignores=("training.renew_optimizer",),
    )

    def __init__(self) -> None:
        super().__init__()

    def attach(self, model: Network) -> Network:
        return Separate(need_classifier(model, self.name))
