"""A run whose learner was kept as it was after every task."""

from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from holdfast.diagnostics import Sample
from holdfast.errors import HoldfastError
from holdfast.results.file_names import RESULT, SETTINGS, learner_file
from holdfast.results.storage import read_json, read_result
from holdfast.runs.build import build_learner, build_stream
from holdfast.runs.config import RunConfig
from holdfast.runs.folders import contents
from holdfast.streams.task import Part, Task
from holdfast.training import Learner
from holdfast.validation import validated

HOW = "run it with --keep-checkpoints: the same holdfast run or bench command with that option trains again what has no checkpoints"


class KeptRun:
    """A run's folder: its config, its stream, and the learner as it was after each task."""

    def __init__(
        self, folder: Path, data_dir: str | None = None, device: str = "cpu", examples: int = 512
    ) -> None:
        """`examples`: how many of a task, at random but always the same, a diagnostic looks at."""
        self.folder, self.device, self.examples, self.data_dir = (
            _run_in(folder),
            device,
            examples,
            data_dir,
        )
        self.config: RunConfig = validated(RunConfig, **_config(self.folder))
        self._refuse_other_data()
        self.stream = build_stream(self.config, data_dir)
        self.tasks = 0
        while learner_file(self.folder, self.tasks + 1).exists():
            self.tasks += 1
        if not self.tasks:
            raise HoldfastError(f"{self.folder} has no checkpoints; {HOW}")

    def _refuse_other_data(self) -> None:
        """Refuses data that changed after the run: every diagnostic would be about other examples."""
        result = self.folder / RESULT
        # A run that was killed has no result, so nothing is known about its data.
        if not result.exists():
            return
        digests = read_result(result).data_digests
        if digests is not None and digests != contents(self.config, self.data_dir):
            raise HoldfastError(
                f"{self.folder} was trained on other files of {', '.join(sorted(self.config.data.sets))} "
                "than the data folder holds now; restore them, or run it again"
            )

    def learner(self, tasks: int) -> Learner:
        """The learner after so many tasks; 0: untrained."""
        out = build_learner(self.config, self.stream, self.device)
        if tasks:
            out.load(learner_file(self.folder, tasks), list(self.stream.tasks))
        return out

    @cached_property
    def last(self) -> Learner:
        """The learner after the last task that was kept."""
        return self.learner(self.tasks)

    def rows(self, learner: Learner, task: Task, part: str = "train") -> Sample:
        """Examples of a task as this learner's network takes them, over the outputs that compete for it."""
        source: Part = getattr(task, part)
        index = torch.randperm(len(source), generator=torch.Generator().manual_seed(task.index))[
            : self.examples
        ]
        x, y, _ = source.fetch(index)
        known = task.index if learner.view.scenario == "task" else None
        first, last = (
            task.outputs
            if learner.view.scenario == "task"
            else (0, max(learner.view.seen_outputs, task.outputs[1]))
        )

        def forward(module: nn.Module, inputs: Tensor) -> Tensor:
            return module(inputs, known)[:, first:last]  # type: ignore[no-any-return]

        return Sample(
            learner.view.prepare(x.to(learner.view.device), augment=False),
            (y - first).to(learner.view.device),
            forward,
        )

    def need_a_boundary(self, what: str) -> None:
        """Refuses runs of one task."""
        if self.tasks < 2:
            raise HoldfastError(
                f"{what} looks at what a later task does to an earlier one; {self.folder} has checkpoints of one task"
            )


def _run_in(folder: Path) -> Path:
    """The folder of one run: this one, or the only one inside."""
    if not folder.is_dir():
        raise HoldfastError(f"there is no run at {folder}")
    if (folder / SETTINGS).exists() or (folder / RESULT).exists():
        return folder
    inside = sorted(
        {path.parent for name in (SETTINGS, RESULT) for path in folder.glob(f"*/{name}")}
    )
    if len(inside) == 1:
        return inside[0]
    if not inside:
        raise HoldfastError(
            f"{folder} holds no run; expected the folder of one (with its result.json), {HOW}"
        )
    names = [f"{p.name} ({_told(p)})" for p in inside]
    raise HoldfastError(
        f"{folder} holds {len(inside)} runs; give the folder of one: {', '.join(names)}"
    )


def _told(folder: Path) -> str:
    config: RunConfig = validated(RunConfig, **_config(folder))
    return f"{config.method}, {config.scenario}, seed {config.seed}"


def _config(folder: Path) -> dict[str, Any]:
    """The settings of a run: of one that is not finished, else those in its result."""
    own = folder / SETTINGS
    if not own.exists():
        return read_result(folder / RESULT).config.model_dump()
    values = read_json(own)
    if not isinstance(values, dict):
        raise HoldfastError(f"{own} does not hold the settings of a run; delete it and run again")
    return dict(values)
