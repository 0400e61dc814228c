"""The file of a whole learner: a checkpoint, and what another process needs to make the learner."""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

from pydantic import ValidationError
from torch import Tensor

from holdfast.errors import HoldfastError, one_of
from holdfast.streams.own_data.reader import Reader
from holdfast.streams.parts import Part
from holdfast.training import checkpoint, contents
from holdfast.training.default_scorers import default_scorer
from holdfast.training.later.history import History
from holdfast.training.later.kept_tests import check_size, copied, copies
from holdfast.training.later.records import KEEPS, Keep, WholeLearner
from holdfast.training.later.trained_for import record_of
from holdfast.training.scoring import Accuracy
from holdfast.training.setup import Setup
from holdfast.training.state import TrainingState
from holdfast.validation import describe


class NotRebuiltWarning(UserWarning):
    """A note that a learner can only be loaded if its network or its optimizer is handed over."""


class Saves(Protocol):
    """What the file needs of a learner."""

    @property
    def setup(self) -> Setup:
        """The arguments of the learner."""

    @property
    def state(self) -> TrainingState:
        """What it trains."""

    @property
    def history(self) -> History:
        """What it has learnt so far."""


def save(
    learner: Saves, path: str | Path, beside: object = None, *, keep_test: Keep | None = None
) -> None:
    """Write everything that is needed to resume bit for bit into one file, without pickle.

    Args:
        learner: The learner.
        path: The file. It is replaced only once the new one is whole.
        beside: Plain values (JSON) to keep with the learner.
        keep_test: "copy" also puts the test examples of all tasks into the file, so that a later
            process can score them again, and "no" leaves them out. None: as each task was learnt.
            `learn` copies them by default, and `fit` does not.

    Raises:
        HoldfastError: The file could not be written. The one from before is still there.

    Warns:
        NotRebuiltWarning: With test examples in it, the file is meant for `Learner.load`, which
            cannot make the network or the optimizer again by itself.
    """
    history = learner.history
    if keep_test is not None:
        _change_keeping(history, keep_test)
    # A later process compares the form of its data with that of these tasks.
    history.note_inputs()
    tensors, records = copies(history)
    network = history.origin.network
    # Without test examples it may be a plain checkpoint, which is loaded into a ready learner.
    if any(record.keep != "no" for record in records):
        for obstacle in obstacles(history):
            warnings.warn(obstacle, NotRebuiltWarning, stacklevel=2)
    setup = learner.setup
    whole = WholeLearner(
        network=network,
        optimizer=history.origin.optimizer,
        settings=setup.settings.model_dump(mode="json"),
        scorer=_scorer_of(setup),
        objective=record_of(setup.objective),
        augments=setup.augment is not None,
        tasks=records,
        scores=history.scores,
        inputs=history.inputs,
        reader=None if history.reader is None else history.reader.to_plain(),
    )
    more = checkpoint.More(tensors, whole.model_dump(mode="json"))
    checkpoint.save(learner.state, Path(path), beside, more=more)


def _scorer_of(setup: Setup) -> Literal["accuracy", "usual", "own"]:
    """Say whether a scorer is one that the objective brings."""
    if isinstance(setup.scorer, Accuracy):
        return "accuracy"
    # Not `isinstance`, because a subclass is code of the user's own, which no file can name.
    if type(setup.scorer) is type(default_scorer(setup.objective)):
        return "usual"
    return "own"


def _change_keeping(history: History, keep: Keep) -> None:
    """Change how the test examples of all tasks are kept."""
    one_of("keep_test", keep, KEEPS)
    # Only `learn` knows from which files the examples came.
    if keep == "reference":
        raise HoldfastError(
            "keep_test='reference' is for tasks that are learnt from files: pass it to "
            "learner.learn(path); to save a learner, pass 'copy' or 'no'"
        )
    names = [record.name for record in history.tasks]
    if keep == "copy":
        tests = {name: history.test_of(number) for number, name in enumerate(names)}
        # Checked before the records change, so that a refusal leaves them as they were.
        check_size(history, {name: part for name, part in tests.items() if part is not None})
        # What is not at hand can't be copied, so the records of those tasks stay as they are.
        names = [name for name in names if tests[name] is not None]
    history.keep_tests(names, keep)


def obstacles(history: History) -> list[str]:
    """Say what must be handed over when a learner is loaded, in whole sentences."""
    found = []
    network = history.origin.network
    if network.obstacle:
        found.append(
            "Learner.load(path) will need a network of the same architecture, model=network, "
            f"because {network.obstacle}"
        )
    if history.origin.optimizer.kind == "own":
        found.append(
            "Learner.load(path) will need optimizer=, because the optimizer was made by code of "
            "your own; optimizer('sgd', lr=0.1) and other names need nothing"
        )
    return found


def whole_of(about: contents.About) -> WholeLearner | None:
    """Check what a file says of a whole learner.

    Args:
        about: The plain values of the file.

    Returns:
        What it says, or None if it is a checkpoint only.

    Raises:
        HoldfastError: A value is missing, of the wrong kind, or contradicts another.
    """
    if about.learner is None:
        return None
    try:
        whole = WholeLearner.model_validate(about.learner)
    except ValidationError as error:
        # One mistake is enough to refuse the file, and further ones may follow from it.
        wrong = error.errors()[0]
        where = ".".join(map(str, ("learner", *wrong["loc"])))
        raise HoldfastError(describe(wrong, where)) from None
    names = [record.name for record in whole.tasks]
    contents.need(names == about.names, "learner.tasks and names differ")
    # The file says twice where the outputs of a task are, and a forged one may contradict itself.
    for record, span in zip(whole.tasks, about.head.ranges, strict=True):
        fits = [record.first, record.last] == span
        fits = fits and all(record.first <= output < record.last for output in record.own)
        fits = fits and len(record.labels) in (0, len(record.own))
        contents.need(fits, f"the outputs of task {record.name!r} contradict each other")
    return whole


@dataclass(frozen=True)
class Past:
    """What a file says of the past of a learner, checked.

    Args:
        beside: What was kept beside the learner.
        whole: What makes it a whole learner, or None for a checkpoint.
        kept: The test examples that it holds, by task.
        reader: How it reads the user's own data, or None.
    """

    beside: object
    whole: WholeLearner | None = None
    kept: dict[str, Part] = field(default_factory=dict)
    reader: Reader | None = None

    def put(self, history: History) -> None:
        """Put it into a learner whose state was restored."""
        # The learner may have learnt other tasks before the file was loaded into it.
        history.forget()
        history.beside = self.beside
        if self.whole is None:
            return
        # A file holds tensors of the CPU, but they are scored where the learner is.
        history.kept = {name: part.to(history.device) for name, part in self.kept.items()}
        history.restore(self.whole.tasks, self.whole.scores)
        history.inputs = self.whole.inputs
        history.reader = self.reader


def past_of(about: contents.About, tensors: Mapping[str, Tensor]) -> Past:
    """Check what a file says of the past of a learner.

    Args:
        about: The plain values of the file.
        tensors: Its tensors.

    Raises:
        HoldfastError: A value is missing, of the wrong kind, or contradicts another.
    """
    whole = whole_of(about)
    # The checkpoints that `fit` writes hold the training state and nothing else.
    if whole is None:
        return Past(about.beside)
    reader = None
    if whole.reader is not None:
        reader = Reader.from_plain(whole.reader)
    return Past(about.beside, whole, copied(tensors, whole.tasks), reader)
