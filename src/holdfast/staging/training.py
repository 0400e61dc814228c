"""Trainings as paths: which stages were trained one after another, from which seed.

Two paths that begin with the same stages share them. A probe of pairs and an order of all tasks
therefore need no training twice: the state after the first stage is where the second one begins.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from holdfast.staging.settings import StageSettings

Stage = tuple[str, ...]  # names of the tasks that are trained together
UNTRAINED = "untrained"


@dataclass(frozen=True)
class Training:
    """Stages that are trained one after another.

    Args:
        settings: What else the result depends on.
        stages: The tasks of each stage, the first stage first. Empty: the untrained model.
        seed: The seed of the adapter, of the order of the examples, and of the method.
        scenario: Always "domain", since one model serves all tasks. Progress shows it, as it does
            for runs.

    Example:
        >>> settings = StageSettings(model="", tasks={"a": "", "b": ""}, lr=0.1, steps=20)
        >>> training = Training(settings, (("a",), ("a", "b")), 0)
        >>> training.label, training.steps, training.parent.stages
        ('a → a + b', 40, (('a',),))
    """

    settings: StageSettings
    stages: tuple[Stage, ...]
    seed: int
    scenario: str = "domain"

    @property
    def label(self) -> str:
        """How progress and tables call it."""
        if not self.stages:
            return UNTRAINED
        return " → ".join(" + ".join(stage) for stage in self.stages)

    @property
    def hash(self) -> str:
        """The name of its files: the same settings give the same hash."""
        return self.settings.digest(stages=self.stages, seed=self.seed)

    @property
    def steps(self) -> int:
        """The steps of the last stage: as many for each of its tasks."""
        return self.steps_of(len(self.stages) - 1)

    def steps_of(self, number: int) -> int:
        """The steps of a stage by its number from 0."""
        return self.settings.steps * len(self.stages[number])

    @property
    def parent(self) -> "Training":
        """The training whose end is the beginning of the last stage."""
        return Training(self.settings, self.stages[:-1], self.seed)

    def path(self) -> "list[Training]":
        """List the trainings from the untrained model to this one."""
        ends = range(len(self.stages) + 1)
        return [Training(self.settings, self.stages[:end], self.seed) for end in ends]


@dataclass(frozen=True)
class Files:
    """Where the results of trainings are.

    Args:
        out: The folder of the command.
    """

    out: Path

    def scores(self, training: Training, part: str) -> Path:
        """The scores of a training on a part of the examples."""
        return self.out / "trainings" / f"{training.hash}-{part}.json"

    def state(self, training: Training) -> Path:
        """The state from which further stages are trained."""
        return self.out / "trainings" / f"{training.hash}.safetensors"


def untrained(settings: StageSettings) -> Training:
    """Give the untrained model, which is the same for every seed."""
    # A new adapter changes nothing, so its seed does not matter.
    return Training(settings, (), 0)


def of_order(settings: StageSettings, order: Iterable[str], seed: int) -> Training:
    """Give the training of an order, in which each task is a stage.

    Args:
        settings: What else the result depends on.
        order: Names of the tasks, first to last.
        seed: The seed.
    """
    return Training(settings, tuple((name,) for name in order), seed)


def jointly(settings: StageSettings, names: Sequence[str], seed: int) -> Training:
    """Give the training of all tasks at once, with as many steps as one after another.

    Args:
        settings: What else the result depends on.
        names: Names of the tasks.
        seed: The seed.
    """
    return Training(settings, (tuple(names),), seed)
