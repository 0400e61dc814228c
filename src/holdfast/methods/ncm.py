"""NCM: nearest class mean of frozen features (Mensink et al. 2013).

    logit of class y: 2 μ_y·f − ‖μ_y‖²

Here f is the feature of an input and μ_y the mean feature of class y. This is −‖f − μ_y‖² up to
−‖f‖², which all classes share, so the nearest mean wins. Mensink et al. learn a metric as well;
here the distance is Euclidean, as in iCaRL (Rebuffi et al. 2017), but without exemplars.

A step costs one forward pass. No weight is trained.
"""

from torch import Tensor

from holdfast.methods.declaration import Passes
from holdfast.methods.frozen_features import FrozenFeatures
from holdfast.methods.method import Declaration


class NCM(FrozenFeatures):
    """Predicts the class whose mean feature is nearest; trains nothing."""

    declaration = Declaration(
        family="frozen features",
        paper="Mensink et al. 2013",
        summary="nearest class mean on features of a frozen backbone",
        classification_only="predicts the class of the nearest mean",
        boundaries=False,  # sums need none
        trains=False,
        keeps="a mean per class",
        passes=Passes(words="one forward", forwards=(1,)),
    )

    def __init__(self) -> None:
        """Set up the classifier, which has no arguments.

        Example:
            >>> NCM()
            NCM()
        """
        super().__init__()

    def readout(self) -> tuple[Tensor, Tensor]:
        # A class without examples has no mean; its logits are masked in `predict`.
        means = self.sums / self.counts.clamp_min(1)[:, None]
        return 2 * means, -means.square().sum(1)
