"""PNN: progressive neural networks (Rusu et al. 2016, eq. 1–2).

    h_l^(k) = ReLU(W_l h_{l−1}^(k) + Σ_{j<k} U_l^(k:j) h_{l−1}^(j))

Here h_l^(k) are the units of layer l in the column of task k, W_l its weights, and U_l^(k:j) the
lateral weights from column j. Columns of earlier tasks are frozen, so nothing is forgotten. Every
task costs a column, and more laterals than the task before.

`lateral="below"` is this equation, which is the paper's without its adapters. It holds for layers 2
and later and for the output. `lateral="same"` reads the same layer of the earlier columns instead:
Σ_{j<k} U_l^(k:j) h_l^(j) is added before the ReLU, in hidden layers alone. No lateral has a bias.

A step costs a pass through the column of the task, and a forward pass through each column before.
"""

from holdfast.errors import one_of
from holdfast.methods.declaration import Passes
from holdfast.methods.method import Declaration, Method, only_with_task
from holdfast.models.classifier import need_classifier
from holdfast.models.network import Network
from holdfast.models.progressive import LATERALS, Progressive


class PNN(Method):
    """A column of layers for each task, which reads the frozen columns before it.

    `learner.model.capacity()` counts the columns and their parameters. The network must be an MLP.
    """

    declaration = Declaration(
        family="architecture",
        paper="Rusu et al. 2016",
        summary="a new column for every task, reading the frozen ones before it; MLPs",
        **only_with_task("weights-need-task"),
        isolates=True,
        memory="none",
        parameters="quadratic",  # each column has laterals from all before it
        time="quadratic",
        ignores=("training.renew_optimizer",),  # each task has parameters of its own
        needs="an MLP of linear layers with ReLU",
        keeps="a column of layers per task",
        passes=Passes(words="one pass + a forward through each earlier column", forwards=(1,)),
        small=(
            "PNN()",
            "PNN('same')",
        ),
    )

    def __init__(self, lateral: str = "below") -> None:
        """Set up the columns.

        Args:
            lateral: The layer that laterals read: the one `below`, or the `same`.

        Raises:
            HoldfastError: `lateral` is neither of the two.

        Example:
            >>> PNN(lateral="same")
            PNN(lateral='same')
        """
        super().__init__()
        self.lateral = one_of("lateral", lateral, LATERALS)

    def attach(self, model: Network) -> Network:
        return Progressive(need_classifier(model, self.name), self.lateral)
