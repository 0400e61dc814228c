"""The module that a Trainer holds in place of the network of a learner."""

from typing import Self

from torch import Tensor, nn

from holdfast.models.network import Network


class Trained(nn.Module):
    """Shows a Trainer the parameters of a network, and keeps its hands off the rest.

    accelerate replaces the `forward` of the module that it is given, to cast it, and the Trainer
    switches modes. A learner casts by itself, its methods copy the network, and a frozen backbone
    must stay in evaluation mode. So all of this happens to this module and not to the network.

    Args:
        network: The network of a learner.

    Example:
        >>> from holdfast.models import mlp
        >>> module = Trained(mlp(4, "fixed", 2)).eval()
        >>> module.training, module.network.training
        (False, True)
    """

    # The Trainer then does not count labels, since the objective weighs rows.
    accepts_loss_kwargs = False

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network

    def train(self, mode: bool = True) -> Self:
        """Take the mode for this module alone."""
        self.training = mode
        return self

    def forward(self, **inputs: Tensor) -> Tensor:
        """Refuse: losses and predictions go through the learner, which knows the task."""
        raise NotImplementedError("ContinualTrainer calls the learner, not this module")
