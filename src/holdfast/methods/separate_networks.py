"""SeparateNetworks: one network for each task (a reference of van de Ven et al. 2022).

    prediction for task t: f(x; θ^(t)),   θ^(t) trained on task t alone

Here θ^(t) are the weights of the network of task t. Nothing is shared, so nothing is forgotten, and
nothing is gained from earlier tasks. The cost is one network per task. It is the reference of the
task scenario for methods that share weights between tasks.

A step costs one pass.
"""

from holdfast.methods.method import Declaration, Method, only_with_task
from holdfast.models.classifier import need_classifier
from holdfast.models.network import Network
from holdfast.models.separate import Separate


class SeparateNetworks(Method):
    """A fresh copy of the network for each task; a reference without transfer.

    `learner.model.capacity()` counts the networks and their parameters.
    """

    declaration = Declaration(
        family="architecture",
        paper="–",
        summary="a network of its own for every task",
        **only_with_task("weights-need-task"),
        isolates=True,
        memory="none",
        parameters="linear",
        ignores=("training.renew_optimizer",),  # each task has parameters of its own,
        keeps="a network per task",
    )

    def __init__(self) -> None:
        """Set up the reference, which has no arguments.

        Example:
            >>> SeparateNetworks()
            SeparateNetworks()
        """
        super().__init__()

    def attach(self, model: Network) -> Network:
        return Separate(need_classifier(model, self.name))
