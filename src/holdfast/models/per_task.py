"""Networks whose weights depend on the task: rows are grouped by their tasks."""

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

from holdfast.errors import HoldfastError
from holdfast.models.classifier import Classifier
from holdfast.models.heads import SeparateHead
from holdfast.models.token_head import TokenHead
from holdfast.named_inputs import Inputs


class PerTask(Classifier):
    """A classifier that needs to know the task of every row (abstract).

    Its `features` takes the number of one task. Its `forward` takes rows of several tasks.
    """

    def one_task(self, task: int | Tensor | None) -> int:
        """Check that one task is given for all rows, and that it has begun.

        Returns:
            The number of the task.

        Raises:
            HoldfastError: No task or several tasks are given, or the task has not begun.
        """
        if not isinstance(task, int):
            raise HoldfastError(
                "each task has weights of its own; call features(x, task) with one task index"
            )
        self.head.range_of(task)
        return task

    def forward(self, x: Inputs, task: int | Tensor | None = None) -> Tensor:
        """Logits of inputs.

        Args:
            x: Inputs, (N, ...).
            task: The number of the task of all rows, or of each row, (N,) on the CPU. None means
                that it is unknown: each row then gets every task's outputs, each by the weights of
                its task.

        Returns:
            The logits, (N, C), -inf at outputs that are not active.
        """
        if isinstance(task, int):
            of_one_task: Tensor = self.head(self.features(x, task), task)
            return of_one_task
        if task is None:
            return self._by_all(x)
        numbers = task.unique().tolist()
        on_device = task.to(x.device)
        # One task after the other, because each has other weights.
        logits = {t: self.forward(x[on_device == t], t) for t in numbers}
        return self._joined(x, task, logits)

    def _by_all(self, x: Inputs) -> Tensor:
        """The outputs of every task for every row, side by side."""
        numbers = range(len(self.head.ranges))
        own = []
        for number in numbers:
            first, last = self.head.range_of(number)
            # The other columns are −∞, because they are not active for this task.
            logits = self.forward(x, number)
            own.append(logits[:, first:last])
        return torch.cat(own, 1)

    def _joined(self, x: Inputs, task: Tensor, logits: Mapping[int, Tensor]) -> Tensor:
        """The logits of the rows of each task, in the order of the rows."""
        # Under mixed precision, logits are of another type than the inputs.
        first = next(iter(logits.values()))
        # Texts of one task may have more tokens that count than those of another.
        most = [max(z.shape[1] for z in logits.values())] if first.dim() == 3 else []
        shape = (len(x), *most, self.head.width)
        joined = torch.full(shape, -torch.inf, dtype=first.dtype, device=x.device)
        for number, z in logits.items():
            rows = (task == number).nonzero().flatten().to(x.device)
            if most:
                z = F.pad(z, (0, 0, 0, most[0] - z.shape[1]))
            # Out of place, because the backward pass needs the tensor as it was.
            joined = joined.index_put((rows,), z)
        return joined

    def need_separate_heads(self) -> None:
        """Refuse a head that tasks share, because its weights could not be one task's own.

        Raises:
            HoldfastError: The head is of another kind than `separate`.
        """
        # The vocabulary of a language model is frozen with the backbone, so no task changes it.
        if not isinstance(self.head, SeparateHead | TokenHead):
            raise HoldfastError(
                "each task ends in a head of its own; expected head 'separate', "
                f"got {self.head.kind!r}"
            )
