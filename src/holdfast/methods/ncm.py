"""NCM: nearest class mean of frozen features (Mensink et al. 2013; Rebuffi et al. 2017, without exemplars or training).

Scores −‖f − μ_y‖² up to a term that all classes share: 2 μ_y·f − ‖μ_y‖². Passes: one forward.
"""

from torch import Tensor

from holdfast.methods.frozen_features import FrozenFeatures
from holdfast.methods.method import Declaration


class NCM(FrozenFeatures):
    """The class whose mean feature is nearest; trains nothing."""

    declaration = Declaration(
        "frozen features",
        "Mensink et al. 2013",
        "nearest class mean on features of a frozen backbone",
        boundaries=False,
        trains=False,
    )

    def __init__(self) -> None:
        super().__init__()

    def readout(self) -> tuple[Tensor, Tensor]:
        means = self.sums / self.counts.clamp_min(1)[:, None]
        return 2 * means, -means.square().sum(1)
