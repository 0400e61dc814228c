"""One vector per text: the hidden states of a transformer, pooled over its tokens."""

from typing import Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from holdfast.errors import HoldfastError, one_of

WAYS = ("mean", "first", "last")
MASK = "attention_mask"


@runtime_checkable
class EmbedsTokens(Protocol):
    """A network that tells the embedding of its tokens, as models of Transformers do."""

    def get_input_embeddings(self) -> nn.Module:
        """The layer that turns the numbers of tokens into vectors."""
        ...


class Pooled(nn.Module):
    """A network whose hidden states become one vector per example.

    Args:
        network: A network that returns hidden states, (N, T, D), as a tensor or in
            `last_hidden_state` of an object, as models of the Transformers library do.
        pooling: "mean" takes the mean over the tokens, "first" the state of the first token (CLS of
            BERT), and "last" that of the last token (of language models that read from the left).
            Padding, where `attention_mask` is 0, does not count.

    Raises:
        HoldfastError: The pooling is unknown.

    Example:
        >>> class States(nn.Module):
        ...     def forward(self, input_ids, attention_mask=None):
        ...         return input_ids[..., None] * torch.ones(2)
        >>> ids = torch.tensor([[4.0, 2.0, 9.0]])
        >>> Pooled(States())(input_ids=ids, attention_mask=torch.tensor([[1, 1, 0]]))
        tensor([[3., 3.]])
    """

    def __init__(self, network: nn.Module, pooling: str = "mean") -> None:
        super().__init__()
        self.network = network
        self.pooling = one_of("pooling", pooling, WAYS)

    @property
    def vocabulary(self) -> int | None:
        """The number of tokens that the network knows, or None if it does not say."""
        if not isinstance(self.network, EmbedsTokens):
            return None
        try:
            embedding = self.network.get_input_embeddings()
        except NotImplementedError:  # as networks of the library that read no tokens do
            return None
        if not isinstance(embedding, nn.Embedding):
            return None
        return embedding.num_embeddings

    def forward(self, *inputs: Tensor, **named: Tensor) -> Tensor:
        """Pool what the network makes of its arguments.

        Args:
            *inputs: Arguments by position.
            **named: Arguments by name. `attention_mask`, (N, T), also says which tokens count.

        Returns:
            The features, (N, D).

        Raises:
            HoldfastError: The network returns no hidden states.
        """
        returned = self.network(*inputs, **named)
        states = getattr(returned, "last_hidden_state", returned)
        if not isinstance(states, Tensor) or states.dim() != 3:
            raise HoldfastError(
                "Pooled needs hidden states of shape (rows, tokens, features), but the network "
                f"returned {_described(states)}"
            )
        mask = named.get(MASK)
        if mask is None:
            mask = torch.ones(states.shape[:2], dtype=torch.long, device=states.device)
        if self.pooling == "mean":
            weights = mask.to(states.dtype)[:, :, None]
            # A row without any token has the mean 0 instead of 0/0.
            return (states * weights).sum(1) / weights.sum(1).clamp_min(1)
        # The mask may begin with zeros, because some tokenizers pad on the left.
        places = torch.arange(mask.shape[1], device=mask.device)
        if self.pooling == "first":
            chosen = mask.argmax(1)
        else:
            chosen = (mask * places).argmax(1)
        return states[torch.arange(len(states), device=states.device), chosen]


def _described(states: object) -> str:
    """Describe what a network returned instead of hidden states."""
    if isinstance(states, Tensor):
        return f"a tensor of shape {tuple(states.shape)}"
    return type(states).__name__
