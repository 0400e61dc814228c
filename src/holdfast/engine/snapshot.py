"""A frozen copy of the network: θ and buffers, seen through a copy of its structure.

The copy is never a submodule, so its tensors are in no checkpoint twice.
"""

import copy
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from holdfast.engine.layout import Layout
from holdfast.engine.parameters import ParameterSpace
from holdfast.engine.stateful import Derived, Stateful
from holdfast.models.network import Network
from holdfast.named_inputs import Inputs

WRAPPED = "base_layer"  # where peft's adapters keep the layer that they wrap


@contextmanager
def evaluating(module: nn.Module) -> Iterator[None]:
    """Put every submodule in evaluation mode, and each back in the mode in which it was."""
    training = [m for m in module.modules() if m.training]
    for m in training:
        m.training = False
    try:
        yield
    finally:
        for m in training:
            m.training = True


class Snapshot(Stateful):
    """The teacher of distillation: what the network computed when the snapshot was taken.

    It computes in evaluation mode, without gradients.

    Attributes:
        theta: The parameters θ then; None before it is taken.
        others: The buffers and the frozen parameters then.
    """

    def __init__(self) -> None:
        super().__init__()
        self.theta = self.optional_state()
        self.others = self.tensor_list("other")
        self._network = Derived[Network]()

    @torch.no_grad()
    def take(self, module: Network, space: ParameterSpace, outputs: int) -> "Snapshot":
        """Copy θ, the frozen parameters and the buffers.

        Args:
            module: The network.
            space: Its parameters.
            outputs: The number of outputs in play now.

        Returns:
            The snapshot itself.
        """
        self._network.forget()
        self.theta = space.theta.clone()
        # What trains is in θ. The rest is numbered, because names of modules may hold dots.
        inside = {slot.name for slot in space.layout.slots}
        names: list[str] = []
        for name, tensor in (*module.named_parameters(), *module.named_buffers()):
            if name not in inside:
                self.others[len(names)] = tensor.detach().clone()
                names.append(name)
        self.host = {
            "layout": space.layout.to_json(),
            "outputs": outputs,
            "tasks": len(module.head.ranges),
            "names": names,
        }
        return self

    @property
    def taken(self) -> bool:
        """Whether there is a copy yet."""
        return self.theta is not None

    @property
    def outputs(self) -> int:
        """The number of outputs in play when the snapshot was taken."""
        return int(self.host["outputs"])

    def tensors(self) -> dict[str, Tensor]:
        """The parameters and buffers that were copied, by name."""
        layout = Layout.from_json(self.host["layout"])
        tensors = layout.views(self.need(self.theta))
        for k, name in enumerate(self.host["names"]):
            tensors[name] = self.others[k]
        return tensors

    def network(self, module: Network) -> Network:
        """The network of the snapshot, which uses the tensors that were copied.

        It is made on first use, in evaluation mode, and holds no second copy of θ.

        Args:
            module: The network now, whose structure it has.

        Returns:
            The network as it was.
        """
        # A new θ lies at another address, for example after the learner moved to another device.
        place = self.need(self.theta).data_ptr()
        return self._network.get(place, lambda: self._built(module))

    def _built(self, module: Network) -> Network:
        """A copy of a network's structure, with the tensors of the snapshot in it."""
        # Tensors that copy.deepcopy is told it has copied are not copied: only the structure is.
        shared = {id(t): t for t in (*module.parameters(), *module.buffers())}
        network = copy.deepcopy(module, shared).eval()
        then = self._replacements(network)
        for owner in network.modules():
            for name, parameter in owner._parameters.items():
                owner._parameters[name] = then.parameter(parameter)
            for name, buffer in owner._buffers.items():
                owner._buffers[name] = then.buffer(buffer)
        # Tasks have opened outputs since, which the snapshot does not have.
        network.head.ranges = network.head.ranges[: self.host["tasks"]]
        return network

    def _replacements(self, network: Network) -> "_Replacements":
        """What takes the place of each tensor of a network."""
        then = _Replacements()
        for name, tensor in self.tensors().items():
            path, _, leaf = name.rpartition(".")
            owner = network.get_submodule(path)
            if leaf not in {*owner._parameters, *owner._buffers} and hasattr(owner, WRAPPED):
                owner = owner.get_submodule(WRAPPED)  # an adapter was put around the layer since
            if leaf in owner._parameters:
                kept = nn.Parameter(tensor, requires_grad=False)
                then.parameters[id(owner._parameters[leaf])] = kept
            else:
                then.buffers[id(owner._buffers[leaf])] = tensor
        for parameter in network.parameters():
            # What came later, such as a new adapter, adds nothing.
            if id(parameter) not in then.parameters:
                zeros = parameter.detach().new_zeros(()).expand(parameter.shape)
                then.parameters[id(parameter)] = nn.Parameter(zeros, requires_grad=False)
        return then

    @torch.no_grad()
    def forward(self, module: Network, x: Inputs, task: int | Tensor | None = None) -> Tensor:
        """The logits that a network gave with the weights of the snapshot.

        Args:
            module: The network now.
            x: Inputs, (N, ...).
            task: As `Network.forward` takes it.

        Returns:
            The logits, (N, C), without a graph.
        """
        logits: Tensor = self.network(module)(x, task)
        return logits


class _Replacements:
    """What takes the place of the tensors of a network, by their identities.

    Modules that share a tensor share its replacement.
    """

    def __init__(self) -> None:
        self.parameters: dict[int, nn.Parameter] = {}
        self.buffers: dict[int, Tensor] = {}

    def parameter(self, parameter: nn.Parameter | None) -> nn.Parameter | None:
        """What takes a parameter's place: itself if nothing does."""
        if parameter is None:
            return None
        return self.parameters.get(id(parameter), parameter)

    def buffer(self, buffer: Tensor | None) -> Tensor | None:
        """What takes a buffer's place: itself if nothing does."""
        if buffer is None:
            return None
        return self.buffers.get(id(buffer), buffer)
