"""LoRA: a low-rank adapter for each task on a frozen backbone (Hu et al. 2022, eq. 3).

h = W x + (α / r) B A x in every linear layer of the backbone, W frozen, A and B the task's own (extra `adapters`: peft's layers). Nothing
that an old task uses ever changes. For a pretrained network `freeze="start"`; else the first task trains the backbone itself, which
then freezes (`freeze="first"`). Passes: one.
"""

from holdfast.errors import one_of
from holdfast.methods.method import Declaration, Method, at_least, only_with_task
from holdfast.models.adapted import Adapted
from holdfast.models.classifier import need_classifier
from holdfast.models.network import Network


class Adapters(Method):
    """Base of methods that put low-rank adapters on a frozen backbone (abstract)."""

    together = False

    def __init__(self, rank: int, alpha: float, freeze: str) -> None:
        super().__init__()
        self.rank, self.alpha = int(at_least("rank", rank, 1)), at_least("alpha", alpha, 1e-12)
        self.freeze = one_of("freeze", freeze, ("first", "start"))

    def attach(self, model: Network) -> Network:
        adapted = Adapted(
            need_classifier(model, self.name),
            self.rank,
            self.alpha,
            self.together,
            int(self.freeze == "first"),
        )
        if not self.together:
            adapted.need_separate_heads()
        return adapted


class LoRA(Adapters):
    """A low-rank adapter and a head for each task; the backbone is frozen."""

    declaration = Declaration(
        "adapters",
        "Hu et al. 2022",
        "a low-rank adapter for every task on a frozen backbone",
        **only_with_task("adapter-needs-task"),
        isolates=True,
        memory="none",
        parameters="linear",
        ignores=("training.renew_optimizer",),
    )

    def __init__(self, rank: int = 8, alpha: float = 16.0, freeze: str = "first") -> None:
        """`rank` r and `alpha` α of the adapters; `freeze` the backbone after the first task or from the start."""
        super().__init__(rank, alpha, freeze)
