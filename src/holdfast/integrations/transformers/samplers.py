"""The order of examples that are grouped by their length."""

from torch import Generator
from transformers.trainer_pt_utils import LengthGroupedSampler

from holdfast.engine.stateful import seed_from


class GroupedByLength(LengthGroupedSampler):
    """Groups examples of similar length in an order that follows from a seed and the epoch.

    The sampler of the Trainer draws from the global generator, whose state a resumed Trainer puts
    back only after it has drawn the order. It would then continue in another one.

    Args:
        sampler: The sampler of the Trainer.
        seed: The seed.

    Example:
        >>> first = GroupedByLength(LengthGroupedSampler(2, lengths=[1, 9, 1, 9]), seed=0)
        >>> second = GroupedByLength(LengthGroupedSampler(2, lengths=[1, 9, 1, 9]), seed=0)
        >>> first.set_epoch(3)
        >>> second.set_epoch(3)
        >>> list(first) == list(second)
        True
    """

    def __init__(self, sampler: LengthGroupedSampler, seed: int) -> None:
        super().__init__(sampler.batch_size, lengths=sampler.lengths, generator=Generator())
        self._seed = seed

    def set_epoch(self, epoch: int) -> None:
        """Choose the order of an epoch. The loader calls this before it reads.

        Args:
            epoch: The number of the epoch, from 0.
        """
        self.generator.manual_seed(seed_from(self._seed, "lengths", epoch))
