"""Your own data as arrays: inputs, labels, and a column that says which task an example is of.

Tasks are cut into training, test and validation parts here. Validation examples are drawn from the
training examples. If you pass `groups`, all examples of a group are on the same side of every cut,
in all tasks, so neither test nor validation sees relatives of training examples.
"""

from collections.abc import Mapping, Sized
from dataclasses import dataclass

import numpy as np
import torch

from holdfast.errors import HoldfastError, one_of
from holdfast.named_inputs import Inputs, NamedInputs
from holdfast.streams.arguments import whole
from holdfast.streams.build import Piece, build
from holdfast.streams.columns import check_groups, column_of, marked_test_rows
from holdfast.streams.held_out import codes, held_out
from holdfast.streams.labels import distinct, label_array, warn_if_measured
from holdfast.streams.several_inputs import inputs_of, several_of
from holdfast.streams.source import Source
from holdfast.streams.target_build import TargetExamples, build_targets
from holdfast.streams.targets import read_targets
from holdfast.streams.task import Augment, Stream
from holdfast.streams.types import Values

# Inputs as users bring them: one array, several by name or position, or tokens of texts.
Given = Values | Mapping[str, Values] | tuple[Values, ...] | NamedInputs


def from_arrays(
    x: Given,
    y: Values,
    task: Values,
    scenario: str,
    *,
    test: float | Values = 0.2,
    validation: float = 0.0,
    groups: Values | None = None,
    padding: Mapping[str, float] | None = None,
    aside: Mapping[str, Values] | None = None,
    numbering: str = "label",
    seed: int = 0,
    augment: Augment | None = None,
    name: str = "arrays",
    objective: str = "classification",
) -> Stream:
    """Make a stream from arrays, with one task for each distinct value of `task`.

    Args:
        x: Inputs, (N, ...): integers (token ids), floats, booleans, or uint8 (pixels). If the
            network takes several inputs, pass a mapping of their names to arrays (what a tokenizer
            returns), or a tuple of arrays. For texts, pass what `tokenize` returns.
        y: Labels, (N,): whole numbers, booleans or text. For another `objective`, targets (see
            there).
        task: The task of each example, (N,). Tasks come in the order of their first example.
        scenario: What the model knows when it is asked: "task", "domain" or "class".
        test: The share of each task and label to test on, in (0, 1), or a boolean mask, (N,).
        validation: The share of the training examples to set aside, in [0, 1). 0: none.
        groups: The user, patient or image of each example, (N,). None: examples are unrelated.
        padding: The value that fills short sequences, by the name of the input. That input may then
            be a list of sequences of several lengths, and each batch is as long as its longest. A
            tokenizer's mask is filled with 0. None: no input is a sequence of several lengths.
        aside: Values that stay with each example but do not reach the network, by name, each
            (N, ...), such as a weight or a number. None: none.
        numbering: How the domain scenario numbers outputs: by "label", or by "position" in a task.
        seed: The seed of the cuts.
        augment: A random change of whole batches in training. None: no change.
        name: The name of the stream.
        objective: What is learnt. With "multilabel", `y` has 0 and 1 for each example and label,
            (N, K), or one list of label names per example. With "regression" it has numbers, (N,)
            or (N, K), and with "custom" the targets of your own loss, (N, K). NaN stands for what
            is not known. Columns of a DataFrame name the outputs.

    Raises:
        HoldfastError: The data can't be learned as they are; the message says why.

    Example:
        >>> from_arrays(np.eye(8), list("ababcdcd"), [1] * 4 + [2] * 4, "class", test=0.5).labels
        ('a', 'b', 'c', 'd')
    """
    whole("seed", seed)
    one_of("objective", objective, ("classification", "multilabel", "regression", "custom"))
    if objective != "classification":
        if numbering != "label":
            raise HoldfastError("numbering has no effect without labels; leave it out")
        targets = read_targets(y, objective)
        inputs, tasks, relatives = _columns(x, len(targets), task, groups, padding, aside)
        return build_targets(
            TargetExamples(inputs, targets, tasks, relatives),
            scenario,
            objective,
            test=_share_or_mask(test, len(targets)),
            validation=validation,
            seed=seed,
            augment=augment,
            name=name,
        )
    examples = _checked(x, y, task, groups, padding, aside)
    return build(
        _pieces(examples, test, seed),
        scenario,
        validation=validation,
        seed=seed,
        augment=augment,
        name=name,
        numbering=numbering,
    )


@dataclass(frozen=True)
class _Examples:
    """Arrays of equal length whose values have been checked."""

    inputs: Inputs
    labels: np.ndarray
    tasks: np.ndarray
    groups: np.ndarray | None

    def groups_of(self, rows: np.ndarray) -> np.ndarray | None:
        """The groups of some rows."""
        if self.groups is None:
            return None
        groups: np.ndarray = self.groups[rows]
        return groups


def _checked(
    x: Given,
    y: Values,
    task: Values,
    groups: Values | None,
    padding: Mapping[str, float] | None = None,
    aside: Mapping[str, Values] | None = None,
) -> _Examples:
    """The arrays as Holdfast takes them, after all of them have been checked."""
    # The columns are small and hold most mistakes, so they are checked first.
    labels = label_array(y)
    inputs, tasks, relatives = _columns(x, len(labels), task, groups, padding, aside)
    return _Examples(inputs, labels, tasks, relatives)


def _columns(
    x: Given,
    examples: int,
    task: Values,
    groups: Values | None,
    padding: Mapping[str, float] | None,
    aside: Mapping[str, Values] | None,
) -> tuple[Inputs, np.ndarray, np.ndarray | None]:
    """The inputs, tasks and groups of examples, after all of them have been checked."""
    tasks = column_of(task, "tasks")
    for part in (several_of(x) or {"": x}).values():
        _check_lengths(part, examples, tasks)
    inputs = inputs_of(x, padding, aside)
    if groups is None:
        return inputs, tasks, None
    relatives = column_of(groups, "groups")
    check_groups(relatives, examples)
    return inputs, tasks, relatives


def _check_lengths(x: object, examples: int, tasks: np.ndarray) -> None:
    """Refuse inputs that have no rows to count, and columns of different lengths."""
    # NumPy would wrap a sparse matrix in an array of one object.
    if hasattr(x, "toarray"):
        raise HoldfastError(
            f"inputs must be dense, got a sparse {type(x).__name__}; pass x.toarray()"
        )
    if not isinstance(x, Sized):
        raise HoldfastError(
            "inputs must be an array, a tensor or a list with one row per example, got "
            f"{type(x).__name__}"
        )
    if not len(x) == examples == len(tasks):
        raise HoldfastError(
            f"inputs, labels and tasks must have equal lengths, got {len(x)} inputs, {examples} "
            f"labels and {len(tasks)} tasks"
        )
    if not examples:
        raise HoldfastError("there are no examples, because the arrays are empty")


def _pieces(examples: _Examples, test: float | Values, seed: int) -> list[Piece]:
    """One piece for each task, its examples cut into training and test."""
    tested = _test_rows(examples, test, seed)
    # np.unique sorts the tasks, but they are learned in the order of the rows.
    _, first_rows = np.unique(examples.tasks, return_index=True)
    pieces = []
    for task in examples.tasks[np.sort(first_rows)]:
        belongs = examples.tasks == task
        train_rows = np.flatnonzero(belongs & ~tested)
        test_rows = np.flatnonzero(belongs & tested)
        source = Source(
            train_x=examples.inputs[torch.from_numpy(train_rows)],
            train_y=examples.labels[train_rows],
            test_x=examples.inputs[torch.from_numpy(test_rows)],
            test_y=examples.labels[test_rows],
            name=f"task {task}",
            groups=examples.groups_of(train_rows),
            test_groups=examples.groups_of(test_rows),
        )
        warn_if_measured(source.train_y, f"{source.name}: labels")
        # Labels that only test examples have are listed too, so that the error can name them.
        pieces.append(Piece(str(task), source, tuple(distinct(examples.labels[belongs]))))
    return pieces


def _test_rows(examples: _Examples, test: float | Values, seed: int) -> np.ndarray:
    """The mask of the test examples: a share drawn within each task and label, or those marked."""
    share = _share_or_mask(test, len(examples.labels))
    if isinstance(share, np.ndarray):
        return share
    # A number for each pair of task and label: the share holds within each pair.
    labels = codes(examples.labels)
    pairs = codes(examples.tasks) * (len(labels) + 1) + labels
    return held_out(pairs, share, seed, examples.groups)


def _share_or_mask(test: float | Values, examples: int) -> float | np.ndarray:
    """The share of test examples, or the mask (N,) that marks them."""
    # True is a number to Python, but as a share it can only be a mistake.
    if isinstance(test, bool) or not isinstance(test, float | int | np.number):
        return marked_test_rows(test, examples)
    share = float(test)
    if not 0 < share < 1:
        raise HoldfastError(
            f"test must be a share in (0, 1), or one boolean per example, got {test}"
        )
    return share
