"""The outside data set of `Mix`: read when it is needed, and checked before the first step."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from holdfast.errors import HoldfastError, unknown
from holdfast.methods.outputs import outputs_of_labels
from holdfast.methods.view import LearnerView
from holdfast.named_inputs import NamedInputs
from holdfast.streams.outside import part_of, read_outside, refuse_unlike, whole_text
from holdfast.streams.task import ArrayPart, Part, Task

FIRST = "first"  # the name of the training examples of the first task
OWN = "own: "  # how the name begins of what was handed over in Python
CHUNK = 4096  # labels that are checked at once

# A name or a path, or in Python a task, a part of one, or tensors.
Dataset = str | Part | Task | Tensor | NamedInputs | tuple[object, ...] | Mapping[str, object]


class OutsideSet:
    """A data set beside the tasks of a stream.

    Args:
        dataset: A name as `--data` takes it, "first" for the training examples of the first task,
            or a task, a part of one, inputs, or a pair (inputs, outputs).
        classes: The labels of a named data set that are used. None: all.
        labels: Whether the rows have labels that are learnt.
        tokenizer: The folder of the tokenizer of texts.

    Attributes:
        name: What stands for the data set in the spec.

    Raises:
        HoldfastError: It is something else, or an argument has no effect on it.
    """

    def __init__(
        self,
        dataset: Dataset,
        classes: Sequence[object] | None,
        labels: bool,
        tokenizer: str | None,
    ) -> None:
        self.classes = classes
        self.labels = labels
        self.tokenizer = tokenizer
        self._part: Part | None = None
        self._checked = False  # outputs only become more, so once is enough
        if isinstance(dataset, str):
            self.name = dataset
        else:
            self._part = part_of(dataset, labels)
            self.name = f"{OWN}{len(self._part):,} examples"
        if isinstance(classes, str):
            raise HoldfastError(f"classes is a list of labels, got {classes!r}; pass [{classes!r}]")
        is_named = isinstance(dataset, str) and dataset != FIRST
        for argument, value in (("classes", classes), ("tokenizer", tokenizer)):
            if value is not None and not is_named:
                raise HoldfastError(
                    f"{argument} has no effect on {self.name!r}; it is for data sets that are read "
                    "by a name or a path"
                )

    @property
    def part(self) -> Part:
        """The examples, once `prepare` has checked them."""
        if self._part is None:
            raise HoldfastError("Mix has read nothing yet; call begin(task) first")
        return self._part

    def prepare(self, learner: LearnerView, tasks: Sequence[Task]) -> None:
        """Read the examples, and refuse what could not be trained on.

        Args:
            learner: The learner.
            tasks: The tasks so far, and the next one.

        Raises:
            HoldfastError: The data set cannot be read, its inputs are not like those of the tasks,
                or it has labels that the network has no output for.
        """
        if self.name == FIRST:
            self._part = _first_examples(tasks)
            return
        if self._part is None:
            if self.name.startswith(OWN):
                raise HoldfastError(
                    f"Mix was made of {self.name.removeprefix(OWN)} of your own, which no file "
                    "holds; hand the method over: Learner.load(path, method=...)"
                )
            self._part = self._read(learner, tasks)
        if not self._checked:
            refuse_unlike(self._part, tasks[-1], self.name, self.labels)
            if self.labels and learner.objective.takes_labels:
                self._refuse_unopened(max(learner.head.opened, tasks[-1].outputs[1]))
            self._checked = True

    def _read(self, learner: LearnerView, tasks: Sequence[Task]) -> Part:
        """Read a data set by its name."""
        like = tasks[-1].train.fetch(torch.arange(1))[0]
        x, own = read_outside(self.name, like, self.tokenizer)
        texts = [str(label) for label in own.tolist()]
        chosen = list(range(len(texts)))
        if self.classes is not None:
            wanted = {str(label) for label in self.classes}
            for label in sorted(wanted - set(texts)):
                raise unknown(f"class of {self.name}", label, sorted(set(texts)))
            chosen = [number for number, text in enumerate(texts) if text in wanted]
        rows = torch.tensor(chosen)
        y = torch.zeros(len(rows), dtype=torch.long)
        if learner.objective.sequences:
            x = whole_text(x)
        elif self.labels:
            y = self._outputs([texts[number] for number in chosen], learner, tasks)
        return ArrayPart(x, y, 0, rows=rows)

    def _outputs(self, texts: Sequence[str], learner: LearnerView, tasks: Sequence[Task]) -> Tensor:
        """Return the outputs of labels, which the tasks so far must have."""
        if not learner.objective.takes_labels:
            raise HoldfastError(
                f"{self.name} has one label per example, but objective={learner.objective.name!r} "
                "learns rows of targets; hand over a pair (inputs, targets), or pass labels=False"
            )
        outputs = outputs_of_labels(tasks)
        strange = [text for text in texts if text not in outputs]
        if strange:
            raise HoldfastError(
                f"Mix: {len(strange):,} of the {len(texts):,} examples of {self.name} have labels "
                f"that no task so far has, such as {strange[0]!r}; choose labels with classes=, or "
                "pass labels=False to use the examples without them"
            )
        return torch.tensor([outputs[text] for text in texts])

    def _refuse_unopened(self, opened: int) -> None:
        """Refuse output numbers that the network does not have."""
        for rows in torch.arange(len(self.part)).split(CHUNK):
            y = _outputs_at(self.part, rows)
            if int(y.min()) < 0 or int(y.max()) >= opened:
                raise HoldfastError(
                    f"Mix: {self.name} has labels from {int(y.min())} to {int(y.max())}, but the "
                    f"network has the outputs 0 to {opened - 1} so far; leave these rows out, or "
                    "pass labels=False"
                )


def _outputs_at(part: Part, rows: Tensor) -> Tensor:
    """The outputs of some examples, without their inputs if that is possible."""
    if isinstance(part, ArrayPart):
        return part.y[rows.to(part.y.device)]
    return part.fetch(rows)[1]


def _first_examples(tasks: Sequence[Task]) -> Part:
    """The training examples of the first task."""
    if tasks[0].index:
        raise HoldfastError(
            "Mix('first', ...) reads the examples of the first task, which a loaded learner does "
            "not have; pass the tasks so far: learner.load(path, tasks)"
        )
    return tasks[0].train
