"""A run whose learner was kept as it was after every task."""

from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from holdfast.diagnostics import Sample
from holdfast.errors import HoldfastError
from holdfast.named_inputs import Inputs
from holdfast.results.file_names import RESULT, SETTINGS, learner_file
from holdfast.results.storage import read_json, read_result
from holdfast.runs.build import build_learner, build_stream
from holdfast.runs.config import RunConfig
from holdfast.runs.folders import contents
from holdfast.streams.task import Part, Task
from holdfast.training import Learner
from holdfast.validation import validated

EXAMPLES = 512  # of a task that a diagnostic looks at by default
HOW = (
    "run it with --keep-checkpoints: the same holdfast run or bench command with that option "
    "trains again what has no checkpoints"
)


class KeptRun:
    """The folder of a run: its settings, its stream, and the learner as it was after each task.

    Args:
        folder: The folder of the run, or a folder that holds only this run.
        data_dir: The folder of data sets. None: that of the environment.
        device: Where the learners are put.
        examples: How many examples of a task a diagnostic looks at. They are drawn at random, but
            are always the same.

    Raises:
        HoldfastError: The folder holds no run or several, no learner was kept, or the data changed
            after the run.
    """

    def __init__(
        self,
        folder: Path,
        data_dir: str | None = None,
        device: str = "cpu",
        examples: int = EXAMPLES,
    ) -> None:
        self.folder = _only_run_in(folder)
        self.data_dir = data_dir
        self.device = device
        self.examples = examples
        self.config = _settings_of(self.folder)
        self._refuse_other_data()
        self.stream = build_stream(self.config, data_dir)
        if self.stream.objective != "classification":
            raise HoldfastError(
                f"{self.folder} was trained for {self.stream.objective}, but diagnostics look at "
                "the probabilities of classes; they examine classification only"
            )
        self.tasks = 0
        while learner_file(self.folder, self.tasks + 1).exists():
            self.tasks += 1
        if not self.tasks:
            raise HoldfastError(f"{self.folder} has no checkpoints; {HOW}")

    def _refuse_other_data(self) -> None:
        """Refuse data that changed after the run: a diagnosis would be about other examples."""
        result = self.folder / RESULT
        # A run that was killed has no result, so nothing is known about its data.
        if not result.exists():
            return
        digests = read_result(result).data_digests
        # Results of early versions have no digests.
        if digests is not None and digests != contents(self.config, self.data_dir):
            raise HoldfastError(
                f"{self.folder} was trained on other files of "
                f"{', '.join(sorted(self.config.data.sets))} than the data folder holds now; "
                "restore them, or run it again"
            )

    @property
    def task_names(self) -> list[str]:
        """The names of the tasks after which the learner was kept."""
        return [task.name for task in self.stream.tasks[: self.tasks]]

    def learner(self, tasks: int) -> Learner:
        """Load the learner as it was after some tasks.

        Args:
            tasks: The number of tasks, up to `self.tasks`. 0 gives the untrained learner.
        """
        learner = build_learner(self.config, self.stream, self.device)
        if tasks:
            learner.load(learner_file(self.folder, tasks), list(self.stream.tasks))
        return learner

    @cached_property
    def last(self) -> Learner:
        """The learner after the last task that was kept."""
        return self.learner(self.tasks)

    def rows(self, learner: Learner, task: Task, part: str = "train") -> Sample:
        """Take examples of a task as the network of a learner takes them.

        Args:
            learner: The learner.
            task: The task.
            part: "train", "validation" or "test".

        Returns:
            At most `self.examples` examples, drawn by the number of the task. Their outputs are
            those that compete for the task: its own in the task scenario, else all so far.
        """
        source: Part = getattr(task, part)
        generator = torch.Generator().manual_seed(task.index)
        index = torch.randperm(len(source), generator=generator)[: self.examples]
        x, y, _ = source.fetch(index)
        view = learner.view
        # Only in the task scenario is the network told which task an example comes from.
        task_number: int | None = None
        first = 0
        last = max(view.seen_outputs, task.outputs[1])
        if view.scenario == "task":
            task_number = task.index
            first, last = task.outputs

        def forward(module: nn.Module, inputs: Inputs) -> Tensor:
            logits: Tensor = module(inputs, task_number)
            return logits[:, first:last]

        return Sample(
            x=view.prepare(x.to(view.device), augment=False),
            y=(y - first).to(view.device),
            forward=forward,
        )

    def need_a_boundary(self, what: str) -> None:
        """Refuse a run of one task.

        Args:
            what: The name of the diagnostic, for the error.

        Raises:
            HoldfastError: Only one learner was kept.
        """
        if self.tasks < 2:
            raise HoldfastError(
                f"{what} looks at what a later task does to an earlier one; {self.folder} has "
                "checkpoints of one task"
            )


def _only_run_in(folder: Path) -> Path:
    """Find the folder of one run: this folder, or the only one inside."""
    if not folder.is_dir():
        raise HoldfastError(f"there is no run at {folder}")
    if (folder / SETTINGS).exists() or (folder / RESULT).exists():
        return folder
    # A run that is not finished has its settings only, a finished one its result only.
    paths = [*folder.glob(f"*/{SETTINGS}"), *folder.glob(f"*/{RESULT}")]
    runs = sorted({path.parent for path in paths})
    if not runs:
        raise HoldfastError(
            f"{folder} holds no run; expected the folder of one (with its {RESULT}), {HOW}"
        )
    if len(runs) > 1:
        names = ", ".join(f"{run.name} ({_summary(run)})" for run in runs)
        raise HoldfastError(f"{folder} holds {len(runs)} runs; give the folder of one: {names}")
    return runs[0]


def _summary(folder: Path) -> str:
    """Say in a few words which run a folder holds."""
    # Without checks, because the user may choose a run whose method can be imported here.
    values = _stored_settings(folder)
    return f"{values.get('method')}, {values.get('scenario')}, seed {values.get('seed')}"


def _settings_of(folder: Path) -> RunConfig:
    """Read the settings of a run: its own file while it is not finished, else its result."""
    return validated(RunConfig, **_stored_settings(folder))


def _stored_settings(folder: Path) -> dict[str, Any]:
    """Read the values of the settings of a run."""
    own = folder / SETTINGS
    if not own.exists():
        return read_result(folder / RESULT).config.model_dump()
    values = read_json(own)
    if not isinstance(values, dict):
        raise HoldfastError(f"{own} does not hold the settings of a run; delete it and run again")
    return values
