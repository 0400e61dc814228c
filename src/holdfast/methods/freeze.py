"""Freeze: parts of the network keep their weights (a baseline of transfer learning).

    θ_i ← θ_i for every weight i of the frozen parts;   θ_i ← optimizer's step for all others

Frozen parameters have no gradient and no state in the optimizer, so that neither momentum nor
weight decay moves them, and memory is saved. Norm layers of which every parameter is frozen keep
their statistics, too. Dropout goes on, because it has nothing to keep.

Lower layers of pretrained networks are general and change little, so that freezing them costs
little accuracy and keeps old tasks (Yosinski et al. 2014, "How transferable are features in deep
neural networks?"). With `from_task=1` the first task trains everything.

A step costs at most one pass. It is cheaper if the first layers are frozen.
"""

from dataclasses import replace

from holdfast.errors import HoldfastError
from holdfast.methods.method import Declaration, Method, at_least
from holdfast.methods.view import LearnerView
from holdfast.models.frozen import FrozenParts, Layers, parts_to_freeze
from holdfast.models.network import Network
from holdfast.streams.task import Task


class Freeze(Method):
    """Keeps the weights of named parts of the network, from the start or from a later task on."""

    declaration = Declaration(
        family="baseline",
        paper="Yosinski et al. 2014",
        summary="named parts of the network keep their weights and statistics",
        boundaries=False,
        memory="none",
        small=(
            "Freeze(1)",
            "Freeze('backbone.*', from_task=1)",
        ),
        typical="Freeze(1)",
    )

    def __init__(self, layers: Layers, from_task: int = 0) -> None:
        """Set up what is frozen.

        Args:
            layers: What is frozen: a name or a list of names, or a number n ≥ 1 for the first n
                layers or blocks of the backbone, with what comes before them, such as embeddings.
                A name is that of a parameter or a module, or some parts of it between dots, such as
                "embeddings" or "encoder.layer.0". `*` stands for any letters, as in "backbone.0.*".
            from_task: The number of the task from which on they are frozen. 0: from the start.

        Raises:
            HoldfastError: An argument is outside its range.

        Example:
            >>> Freeze(["embeddings", "encoder.layer.0"])
            Freeze(['embeddings', 'encoder.layer.0'])
        """
        super().__init__()
        listed = layers if isinstance(layers, list | tuple) else [layers]
        if isinstance(layers, int):
            at_least("the number of layers", layers, 1)
        elif not listed or not all(isinstance(name, str) and name for name in listed):
            raise HoldfastError(
                "layers are names of parts of the network, or a number of blocks, got "
                f"{layers!r}; pass a name such as 'embeddings', a list of names, or a number"
            )
        self.layers = layers
        self.from_task = int(at_least("from_task", from_task, 0))
        self.host["frozen"] = False
        # Found once, because a later wrapper may rename parts, or add some of its own.
        self._parts = FrozenParts([], [])

    def declare(self) -> Declaration:
        """Declare that a freeze at a later task needs to know where tasks end."""
        return replace(super().declare(), boundaries=self.from_task > 0)

    def attach(self, model: Network) -> Network:
        self._parts = parts_to_freeze(model, self.layers)
        if not self.from_task:
            self._parts.freeze()
        return model

    def begin(self, learner: LearnerView, task: Task) -> Task:
        if self.from_task and task.index >= self.from_task:
            self.host["frozen"] = True
            self._parts.freeze()
        return task

    def host_loaded(self) -> None:
        # What a checkpoint keeps for each weight that trains has no place for frozen ones.
        if self.host["frozen"]:
            self._parts.freeze()
        elif self.from_task:
            self._parts.thaw()
