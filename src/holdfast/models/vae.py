"""A variational autoencoder of inputs in [0, 1] (Kingma & Welling 2014)."""

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from holdfast.models.seeding import seeded
from holdfast.models.sizes import positive


class VAE(nn.Module):
    """Fully connected: inputs → hidden → latent means and log-variances; latent → hidden, reversed → inputs.

    >>> vae = VAE((1, 4, 4), (8,), 2, seed=0)
    >>> vae.sample(3, torch.Generator().manual_seed(0)).shape, vae.loss(torch.rand(5, 1, 4, 4), torch.Generator()).shape
    (torch.Size([3, 16]), torch.Size([5]))
    """

    def __init__(
        self, shape: Sequence[int], hidden: Sequence[int], latent: int, *, seed: int | None = None
    ) -> None:
        super().__init__()
        positive("the VAE's hidden layers and latent size", [*hidden, latent])
        self.latent, widths = latent, [math.prod(shape), *hidden]
        with seeded(seed):
            self.encode = nn.Sequential(*_layers(widths))
            self.to_latent = nn.Linear(widths[-1], 2 * latent)
            self.decode = nn.Sequential(
                *_layers([latent, *hidden[::-1]]),
                nn.Linear(widths[1] if hidden else latent, widths[0]),
            )

    def loss(self, x: Tensor, generator: torch.Generator) -> Tensor:
        """(Cross-entropy of the inputs + KL to the standard normal) / number of inputs, for each row of x (N, ...)."""
        x = x.flatten(1).to(self.to_latent.weight.dtype)
        mean, log_variance = self.to_latent(self.encode(x)).chunk(2, 1)
        noise = torch.randn(mean.shape, generator=generator).to(x.device)
        z = self.decode(mean + (log_variance / 2).exp() * noise)
        kl = (mean.square() + log_variance.exp() - 1 - log_variance).sum(1) / 2
        return (F.binary_cross_entropy_with_logits(z, x, reduction="none").sum(1) + kl) / x.shape[1]

    @torch.no_grad()
    def sample(self, n: int, generator: torch.Generator) -> Tensor:
        """n inputs drawn from the model, (N, inputs), in [0, 1]."""
        z = torch.randn(n, self.latent, generator=generator).to(self.to_latent.weight.device)
        return self.decode(z).sigmoid()


def _layers(widths: Sequence[int]) -> list[nn.Module]:
    return [layer for a, b in pairwise(widths) for layer in (nn.Linear(a, b), nn.ReLU())]
