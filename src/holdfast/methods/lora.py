"""LoRA: a low-rank adapter for each task on a frozen backbone (Hu et al. 2022, eq. 3).

    h = W x + (α / r) B A x

Here W is the matrix of a linear layer of the backbone, which is frozen, and x is its input. A, of r
rows, and B, of r columns, are the adapter of the task. α scales the adapter. Nothing that an old
task uses ever changes. The paper adapts chosen matrices of a transformer to one task. Here every
linear layer of the backbone has an adapter, or those that `target_modules` names, and each task has
its own. The adapters are peft's, so the extra `adapters` must be installed.

For a pretrained network, pass `freeze="start"`. Otherwise the first task trains the backbone
itself, which is then frozen (`freeze="first"`).

A step costs one pass, and products with A and B per layer.
"""

from holdfast.errors import one_of
from holdfast.methods.method import Declaration, Method, at_least, only_with_task
from holdfast.models.adapted import Adapted
from holdfast.models.adapter_targets import Targets, check_targets
from holdfast.models.classifier import need_classifier
from holdfast.models.network import Network


class Adapters(Method):
    """Base of methods that put low-rank adapters on a frozen backbone (abstract).

    Attributes:
        together: Whether an input passes through the adapters of all tasks so far.
    """

    together = False  # `OLoRA` adds its adapters up

    def __init__(self, rank: int, alpha: float, freeze: str, target_modules: Targets) -> None:
        """Set up the adapters; see `LoRA` for the arguments."""
        super().__init__()
        self.rank = int(at_least("rank", rank, 1))
        self.alpha = at_least("alpha", alpha, 1e-12)
        self.freeze = one_of("freeze", freeze, ("first", "start"))
        self.target_modules = check_targets(target_modules)

    def attach(self, model: Network) -> Network:
        # The number of the first task with an adapter: the first or the second.
        first = int(self.freeze == "first")
        classifier = need_classifier(model, self.name)
        adapted = Adapted(
            classifier, self.rank, self.alpha, self.together, first, self.target_modules
        )
        # An adapter of one task alone cannot serve a head that all tasks share.
        if not self.together:
            adapted.need_separate_heads()
        return adapted


class LoRA(Adapters):
    """A low-rank adapter and a head for each task; the backbone is frozen."""

    declaration = Declaration(
        family="adapters",
        paper="Hu et al. 2022",
        summary="a low-rank adapter for every task on a frozen backbone",
        **only_with_task("adapter-needs-task"),
        isolates=True,
        memory="none",
        parameters="linear",
        ignores=("training.renew_optimizer",),  # each task has parameters of its own,
        needs="a backbone with linear layers",
        keeps="a low-rank adapter per task",
    )

    def __init__(
        self,
        rank: int = 8,
        alpha: float = 16.0,
        freeze: str = "first",
        target_modules: Targets = None,
    ) -> None:
        """Set up the adapters.

        Args:
            rank: r ≥ 1, the rank of each adapter.
            alpha: α > 0, the scale. The adapter is multiplied by α / r.
            freeze: When the backbone is frozen: after the `first` task, or from the `start`.
            target_modules: The linear layers that carry adapters, as in peft: a list of endings of
                their names such as ["query", "value"], a regular expression for whole names, or
                "all-linear". None: all linear layers.

        Raises:
            HoldfastError: An argument is outside its range.

        Example:
            >>> LoRA(rank=4)
            LoRA(rank=4)
            >>> LoRA(target_modules=["query", "value"])
            LoRA(rank=8, target_modules=['query', 'value'])
        """
        super().__init__(rank, alpha, freeze, target_modules)
