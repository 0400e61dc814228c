"""Which outputs compete in the loss of each row.

The scenario decides about that, not the method: in the task scenario the outputs of the row's own
task compete, for example, and in the class scenario those of all tasks so far.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor


# No equality: comparing tensors gives a tensor, not yes or no.
@dataclass(frozen=True, eq=False)
class Competing:
    """The outputs among which a row's label is to be told apart.

    Take `ALL`, or make one with `between`, `chosen` or `by_row`. Methods use `of`, `position` and
    `losses`, and never need to know which of the four it is.

    Attributes:
        first: The first of a run of outputs that is the same for all rows.
        last: The output after the last of them; None: there is no such run.
        index: The outputs (K,) that are the same for all rows, ascending; None unless `chosen`.
        mask: Which outputs compete in each row, (B, C); None unless `by_row`.

    Example:
        >>> logits = torch.tensor([[1.0, 2.0, 3.0, 4.0]])
        >>> second_task = Competing.between(2, 4)
        >>> second_task.of(logits).tolist(), second_task.position(torch.tensor([3])).tolist()
        ([[3.0, 4.0]], [1])
    """

    first: int = 0
    last: int | None = None
    index: Tensor | None = None
    mask: Tensor | None = None

    @classmethod
    def between(cls, first: int, last: int) -> "Competing":
        """The outputs from `first` up to `last`, which is left out itself."""
        return cls(first=first, last=last)

    @classmethod
    def chosen(cls, index: Tensor) -> "Competing":
        """These outputs (K,), in ascending order."""
        return cls(index=index)

    @classmethod
    def by_row(cls, mask: Tensor) -> "Competing":
        """In each row the outputs that are True in a mask (B, C)."""
        return cls(mask=mask)

    def of(self, logits: Tensor) -> Tensor:
        """The logits that compete.

        Args:
            logits: (B, C), or (B, A, C) if each row has several answers, such as tokens.

        Returns:
            The columns of the outputs that compete; with a mask, all columns, -inf at the others.
        """
        if self.mask is not None:
            # With −∞ an output has probability 0 and gets no gradient.
            return logits.masked_fill(~self.mask, -torch.inf)
        if self.index is not None:
            return logits[..., self.index]
        # A slice of all columns would cost time in the backward pass.
        to_the_end = self.last is None or self.last >= logits.shape[-1]
        if self.first == 0 and to_the_end:
            return logits
        return logits[..., self.first : self.last]

    def position(self, y: Tensor) -> Tensor:
        """Output indices (B,) as positions among the columns that `of` returns."""
        if self.index is not None:
            # The outputs are in ascending order, and a label is one of them.
            return torch.searchsorted(self.index, y)
        # Nothing is subtracted if it would be 0, because this happens at every step.
        if not self.first:
            return y
        return y - self.first

    def columns(self, targets: Tensor, width: int) -> Tensor:
        """Targets (B, K) of all outputs as columns of those that `of` returns.

        Args:
            targets: The targets, whose columns are outputs. There may be more than `width`, or
                fewer, if outputs came after the rows were stored.
            width: The number of outputs of the network.

        Returns:
            As many columns as `of` returns, NaN where an output does not compete in a row.
        """
        present = targets[:, :width]
        if present.shape[1] < width:
            present = F.pad(present, (0, width - present.shape[1]), value=torch.nan)
        if self.mask is not None:
            return present.masked_fill(~self.mask[:, :width], torch.nan)
        return self.of(present)

    def losses(self, logits: Tensor, y: Tensor) -> Tensor:
        """The cross-entropy of each row, (B,), for logits (B, C) and output indices (B,)."""
        return F.cross_entropy(self.of(logits), self.position(y), reduction="none")

    def of_rows(self, rows: Tensor, width: int) -> "Competing":
        """The same for some rows of the batch, if only the first outputs exist.

        Args:
            rows: The places of the rows in the batch, (M,).
            width: The number of outputs that exist, for example in an older copy of the network.

        Returns:
            The outputs that compete in these rows.
        """
        if self.mask is None:
            return self
        return Competing.by_row(self.mask[rows, :width])

    def of_one_task(self) -> "Competing":
        """The same for rows of one task, which all have the same outputs.

        Chosen columns are faster than a mask, and a loss per column needs them.
        """
        if self.mask is None:
            return self
        return Competing.chosen(self.mask[0].nonzero().flatten())


# All outputs compete in every row.
ALL = Competing()
