"""Test labels that nothing is trained on: the model can never answer them, so they are refused."""

from collections.abc import Sequence

import numpy as np

from holdfast.errors import HoldfastError
from holdfast.streams.labels import distinct
from holdfast.streams.types import Label


def refuse_untrained(name: str, test: np.ndarray, trained: set[Label], what: str) -> None:
    """Refuse test labels that no training example has.

    Args:
        name: What messages call the data set or the task.
        test: The label of each test example, (M,).
        trained: The labels of the training examples that count.
        what: What messages say of these examples, such as "no training example of this task".

    Raises:
        HoldfastError: A test label is not among the trained ones.
    """
    missing = [label for label in distinct(test) if label not in trained]
    if not missing:
        return
    label = missing[0]
    rows = np.flatnonzero(test == label)
    count = f"{len(rows)} test examples have"
    if len(rows) == 1:
        count = "1 test example has"
    raise HoldfastError(
        f"{name}: {count} the label {label!r}, which {what} has (the first one is test example "
        f"{int(rows[0])}); add training examples with this label, or leave these test examples out"
    )


def refuse_untrained_tests(
    names: Sequence[str],
    trained: Sequence[set[Label]],
    tested: Sequence[np.ndarray],
    scenario: str,
    numbering: str,
) -> None:
    """Refuse test labels of a task that are not trained in time for its test.

    In the domain scenario a label may be trained in any task, because all tasks share the outputs.
    In the class scenario it must be trained in the task itself or in an earlier one. If tasks have
    outputs of their own, it must be trained in the task itself.

    Args:
        names: The name of each task.
        trained: The labels of the training examples of each task.
        tested: The label of each test example of each task.
        scenario: "task", "domain" or "class".
        numbering: "label" or "position".

    Raises:
        HoldfastError: A test label is not trained in time.
    """
    trained_so_far: set[Label] = set()
    trained_anywhere: set[Label] = set()
    for labels in trained:
        trained_anywhere |= labels
    for name, labels, test in zip(names, trained, tested, strict=True):
        trained_so_far |= labels
        if scenario == "class":
            # Classes of later tasks have no output yet when this task is tested.
            allowed = trained_so_far
            what = "no training example of this task or an earlier one"
        elif scenario == "domain" and numbering == "label":
            # All tasks share the outputs, so a later task may bring what is missing.
            allowed = trained_anywhere
            what = "no training example of any task"
        else:
            # The outputs of this task are trained by this task alone.
            allowed = labels
            what = "no training example of this task"
        refuse_untrained(f"task {name!r}", test, allowed, what)
