"""A variational autoencoder of inputs in [0, 1].

References:
    D. P. Kingma, M. Welling (2014), Auto-encoding variational Bayes. ICLR.
"""

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from holdfast.models.seeding import seeded
from holdfast.models.sizes import positive


class VAE(nn.Module):
    """A fully connected variational autoencoder.

    The encoder maps inputs through the hidden layers to the means and log-variances of the latent
    variables. The decoder maps latent variables through the hidden layers, reversed, to inputs.

    Args:
        shape: The shape of an input.
        hidden: The number of units of each hidden layer of the encoder. There may be none.
        latent: The number of latent variables.
        seed: The seed of the weights. None draws them from the global generator.

    Raises:
        HoldfastError: A size is below 1.

    Example:
        >>> vae = VAE((1, 4, 4), (8,), 2, seed=0)
        >>> generator = torch.Generator().manual_seed(0)
        >>> vae.sample(3, generator).shape
        torch.Size([3, 16])
        >>> vae.loss(torch.rand(5, 1, 4, 4), generator).shape
        torch.Size([5])
    """

    def __init__(
        self,
        shape: Sequence[int],
        hidden: Sequence[int],
        latent: int,
        *,
        seed: int | None = None,
    ) -> None:
        super().__init__()
        positive("the VAE's hidden layers and latent size", [*hidden, latent])
        self.latent = latent
        down = [math.prod(shape), *hidden]
        up = [latent, *hidden[::-1]]
        with seeded(seed):
            self.encode = nn.Sequential(*_layers(down))
            self.to_latent = nn.Linear(down[-1], 2 * latent)
            # The last layer has no ReLU: its outputs are logits of the inputs.
            self.decode = nn.Sequential(*_layers(up), nn.Linear(up[-1], down[0]))

    def loss(self, x: Tensor, generator: torch.Generator) -> Tensor:
        """The negative evidence lower bound of each input, divided by the number of its features.

        Cross-entropy of the inputs, plus the Kullback-Leibler divergence to the standard normal
        distribution (Kingma and Welling 2014, equation 10).

        Args:
            x: Inputs in [0, 1], (N, ...).
            generator: A generator on the CPU. It gives the noise of the latent variables.

        Returns:
            The loss of each input, (N,).
        """
        x = x.flatten(1).to(self.to_latent.weight.dtype)
        mean, log_variance = self.to_latent(self.encode(x)).chunk(2, 1)
        # Drawn on the CPU, so that a seed gives the same numbers on every device.
        noise = torch.randn(mean.shape, generator=generator).to(x.device)
        deviation = (log_variance / 2).exp()
        z = self.decode(mean + deviation * noise)
        kl_terms = mean.square() + log_variance.exp() - 1 - log_variance
        kl = kl_terms.sum(1) / 2
        cross_entropy = F.binary_cross_entropy_with_logits(z, x, reduction="none").sum(1)
        images: Tensor = (cross_entropy + kl) / x.shape[1]
        return images

    @torch.no_grad()
    def sample(self, n: int, generator: torch.Generator) -> Tensor:
        """Draw inputs from the model.

        Args:
            n: The number N of inputs.
            generator: A generator on the CPU.

        Returns:
            Inputs in [0, 1], (N, features), flattened.
        """
        z = torch.randn(n, self.latent, generator=generator)
        # The decoder gives logits, of which the sigmoid is the mean of the input.
        images: Tensor = self.decode(z.to(self.to_latent.weight.device)).sigmoid()
        return images


def _layers(widths: Sequence[int]) -> list[nn.Module]:
    """Linear layers of these widths, each followed by ReLU."""
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(widths):
        layers += [nn.Linear(inputs, outputs), nn.ReLU()]
    return layers
