"""The states of a causal language model at the tokens that are to be predicted.

A batch has B rows of T tokens, and A is the largest number of tokens of a row that count in the
loss. States have D numbers. The state at a token predicts the token that follows.
"""

from torch import Tensor, nn

from holdfast.errors import HoldfastError

IDS = "input_ids"
MASK = "attention_mask"
LABELS = "labels"
IGNORED = -100  # the label of a token that does not count, as everywhere in PyTorch
EXPECTED = "hidden states of shape (rows, tokens, features)"


def counted_tokens(labels: Tensor) -> tuple[Tensor, Tensor]:
    """Find the tokens that count, and gather them at the front of each row.

    Args:
        labels: The tokens themselves where they count, and -100 elsewhere, (B, T). The first token
            of a row has nothing before it that could predict it, so it never counts.

    Returns:
        The places of the states that predict them, (B, A), and the tokens, (B, A), -100 behind
        those of a row that has fewer.

    Example:
        >>> import torch
        >>> counted_tokens(torch.tensor([[-100, -100, 7, 8], [5, 6, -100, -100]]))
        (tensor([[1, 2],
                [0, 1]]), tensor([[   7,    8],
                [   6, -100]]))
    """
    following = labels[:, 1:]
    counts = following != IGNORED
    # At least one place, because a tensor without any has no logits.
    most = max(int(counts.sum(1).max()), 1) if counts.numel() else 0
    if not most:
        raise HoldfastError(
            "a text needs at least two tokens, since each is predicted from those before it; got "
            f"labels of shape {tuple(labels.shape)}"
        )
    # A stable sort keeps the order of the tokens.
    places = counts.int().argsort(dim=1, descending=True, stable=True)[:, :most]
    return places, following.gather(1, places)


class TokenStates(nn.Module):
    """A causal language model without its output layer: one state per token that counts.

    Only tokens that count pass through the output layer, whose vocabulary is the widest matrix of
    most language models.

    Args:
        network: A network that takes `input_ids` and `attention_mask`, (B, T), and returns hidden
            states, (B, T, D), as a tensor or in `last_hidden_state` of an object.

    Example:
        >>> import torch
        >>> states = TokenStates(_Counting())
        >>> ids = torch.tensor([[3, 4, 5]])
        >>> states(input_ids=ids, labels=torch.tensor([[-100, -100, 5]])).tolist()
        [[[4.0]]]
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        labels: Tensor | None = None,
        **others: Tensor,
    ) -> Tensor:
        """Compute the states that predict the tokens that count.

        Args:
            input_ids: The numbers of the tokens, (B, T).
            attention_mask: 1 at tokens, 0 at padding, (B, T). None: there is no padding.
            labels: As `counted_tokens` takes them. None: every state is returned.
            **others: Further inputs of the network.

        Returns:
            The states, (B, A, D), zero behind the tokens of a row that has fewer; (B, T, D)
            without labels.

        Raises:
            HoldfastError: The network returns no hidden states.
        """
        returned = self.network(input_ids=input_ids, attention_mask=attention_mask, **others)
        states = getattr(returned, "last_hidden_state", returned)
        if not isinstance(states, Tensor) or states.dim() != 3:
            raise HoldfastError(
                f"a language model needs {EXPECTED}, but the network returned "
                f"{type(returned).__name__}; pass the network without its output layer"
            )
        if labels is None:
            return states
        places, targets = counted_tokens(labels)
        chosen = states.gather(1, places[:, :, None].expand(-1, -1, states.shape[2]))
        # Behind the last token that counts stand states of other tokens, which are no answers.
        return chosen * (targets != IGNORED)[:, :, None]


class _Counting(nn.Module):
    """Returns the number of each token as its state, for the example above."""

    def forward(self, input_ids: Tensor, attention_mask: Tensor | None = None) -> Tensor:
        return input_ids[:, :, None].float()
