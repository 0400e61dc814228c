"""A labelled data set, with its training and its test examples."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch

from holdfast.errors import HoldfastError
from holdfast.named_inputs import Inputs
from holdfast.streams.arguments import whole
from holdfast.streams.inputs import refuse_unfinite
from holdfast.streams.labels import distinct, label_array
from holdfast.streams.types import Label


@dataclass(frozen=True)
class Source:
    """A labelled data set, from which functions such as `split` and `permuted` make tasks.

    Args:
        train_x: Raw training inputs, (N, ...), or several such tensors.
        train_y: Their labels, (N,): whole numbers or text.
        test_x: Raw test inputs, (M, ...), or several such tensors.
        test_y: Their labels, (M,).
        name: What messages call the data set; streams are named after it.
        label_groups: Label → name of the group of labels that it belongs to (for intents, their
            domain), in the order of the groups. `grouped` makes a task of each group. None: the
            labels have no groups.
        groups: The group of each training example, (N,), such as its user, patient or original
            image. Whole groups are held out for validation. None: examples are unrelated.
        test_groups: The group of each test example, (M,). A group that has both training and test
            examples is refused.

    Raises:
        HoldfastError: Inputs, labels and groups have different lengths, inputs are not finite, or
            labels are refused by `label_array`.

    Example:
        >>> x, y = torch.rand(4, 3), np.array(["cat", "dog", "cat", "dog"])
        >>> Source(x, y, x, y, name="pets").labels
        ['cat', 'dog']
    """

    train_x: Inputs
    train_y: np.ndarray
    test_x: Inputs
    test_y: np.ndarray
    name: str = "data"
    label_groups: Mapping[Label, str] | None = None
    groups: np.ndarray | None = None
    test_groups: np.ndarray | None = None

    def __post_init__(self) -> None:
        self._check_side(self.train_x, self.train_y, self.groups, "training")
        self._check_side(self.test_x, self.test_y, self.test_groups, "test")
        # The dataclass is frozen, so the checked labels can't be assigned in the ordinary way.
        train_y = label_array(self.train_y, f"{self.name}: training labels")
        test_y = label_array(self.test_y, f"{self.name}: test labels")
        object.__setattr__(self, "train_y", train_y)
        object.__setattr__(self, "test_y", test_y)

    def _check_side(self, x: Inputs, y: np.ndarray, groups: np.ndarray | None, side: str) -> None:
        """Refuse training or test examples that don't fit together or are not finite."""
        if len(x) != len(y):
            raise HoldfastError(
                f"{self.name}: expected one label per {side} example, got {len(x)} examples and "
                f"{len(y)} labels"
            )
        if groups is not None and len(groups) != len(y):
            raise HoldfastError(
                f"{self.name}: expected one group per {side} example, got {len(y)} examples and "
                f"{len(groups)} groups"
            )
        refuse_unfinite(x, f"{self.name}: {side} inputs")

    @property
    def labels(self) -> list[Label]:
        """The distinct training labels in order: numbers by value, text alphabetically."""
        return distinct(self.train_y)

    def limited(self, examples: int, seed: int) -> "Source":
        """Draw a smaller training set; the test examples stay as they are.

        Args:
            examples: How many training examples to keep. Every label keeps its share of them, but
                at least one example, so their number may differ a little.
            seed: The seed of the draw.

        Returns:
            A source with the drawn training examples in their old order.

        Raises:
            HoldfastError: There are not so many training examples, or fewer are asked for than
                there are classes.

        Example:
            >>> from holdfast.streams import digits
            >>> len(digits().limited(100, seed=0).train_y)
            100
        """
        available = len(self.train_y)
        if examples > available:
            raise HoldfastError(
                f"{self.name} has {available} training examples, but {examples} were asked for; "
                "ask for fewer examples (data.examples)"
            )
        if examples < len(self.labels):
            raise HoldfastError(
                f"{self.name} has {len(self.labels)} classes, so at least as many examples are "
                f"needed, got {examples}"
            )
        generator = np.random.default_rng(whole("seed", seed))
        share = examples / available
        drawn = []
        for label in self.labels:
            available_rows = np.flatnonzero(self.train_y == label)
            # Without its last example a class would be tested but never trained.
            count = max(round(len(available_rows) * share), 1)
            drawn.append(generator.permutation(available_rows)[:count])
        # The order of the rows may mean something, such as time.
        rows = np.sort(np.concatenate(drawn))
        groups = self.groups
        if groups is not None:
            groups = groups[rows]
        return replace(
            self,
            train_x=self.train_x[torch.from_numpy(rows)],
            train_y=self.train_y[rows],
            groups=groups,
        )
