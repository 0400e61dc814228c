"""Test examples of a language model that offer several completions, of which one is right."""

from collections.abc import Iterable, Iterator

import torch
from torch import Tensor

from holdfast.errors import HoldfastError
from holdfast.named_inputs import NamedInputs, trimmed
from holdfast.streams.parts import Examples
from holdfast.streams.row_tasks import rows_of_task


class ChoicePart:
    """Prompts with C completions each. An example is read as C texts behind each other.

    The label of an example is the number of the right completion, so there is one label per C
    texts. Scorers of texts take both (`training.text_scores`). Nothing can be trained on it.

    Args:
        x: The texts, (N · C, ...), those of one prompt behind each other.
        right: The number of the right completion of each prompt, (N,), from 0.
        task: The number of the task.

    Raises:
        HoldfastError: The texts are not a multiple of the prompts.

    Example:
        >>> x = NamedInputs({"input_ids": torch.tensor([[5, 6], [5, 7]])})
        >>> part = ChoicePart(x, torch.tensor([1]), task=0)
        >>> texts, right, _ = part.fetch(torch.tensor([0]))
        >>> len(part), len(texts), right.tolist()
        (1, 2, [1])
    """

    def __init__(self, x: NamedInputs, right: Tensor, task: int) -> None:
        if not len(right) or len(x) % len(right):
            raise HoldfastError(
                f"expected as many texts for every prompt, got {len(x)} texts for {len(right)} "
                "prompts"
            )
        self.x = x
        self.y = right.long()
        self.task = task
        self.choices = len(x) // len(right)

    def __len__(self) -> int:
        return len(self.y)

    def fetch(self, index: Tensor) -> Examples:
        """Read the texts of prompts; see `Part.fetch`."""
        index = index.to(self.y.device)
        each = torch.arange(self.choices, device=index.device)
        texts = (index[:, None] * self.choices + each).flatten()
        x = trimmed(self.x.index_select(0, texts))
        return x, self.y.index_select(0, index), rows_of_task(self.task, len(index))

    def batches(self, order: Iterable[Tensor], seed: int = 0, first: int = 0) -> Iterator[Examples]:
        """Read one batch after the other; nothing is random here."""
        return map(self.fetch, order)

    def to(self, device: torch.device | str) -> "ChoicePart":
        """The same examples on `device`."""
        return ChoicePart(self.x.to(device), self.y.to(device), self.task)
