"""The model at the end of all stages, the scores after each, and its result for reports."""

import platform
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from holdfast import __version__
from holdfast.metrics import AccuracyMatrix
from holdfast.metrics.token_losses import TokenLosses
from holdfast.results.cost import RunCost, Seconds
from holdfast.results.file_names import RESULT
from holdfast.results.record import RunResult
from holdfast.results.run_settings import RunSettings
from holdfast.results.storage import write_result
from holdfast.staging.carry_out import Wanted
from holdfast.staging.execution import Conditions, Scores, losses_of, read_scores
from holdfast.staging.training import Stage, Training, untrained

PART = "test"
MODEL = "model"  # the folder of the trained model


@dataclass(frozen=True)
class Stages:
    """Stages that are trained to be used.

    Args:
        training: All stages.
        folder: The folder for the model and the result.
    """

    training: Training
    folder: Path

    def wanted(self) -> list[Wanted]:
        """List the trainings whose scores are needed: every stage, and before the first."""
        found = []
        for step in self._path():
            # Only the end is kept: models of every stage would fill a disk.
            saves = self.folder / MODEL if step == self.training else None
            found.append(Wanted(step, PART, saves, general=True))
        return found

    def _path(self) -> list[Training]:
        """The untrained model, and the end of each stage."""
        return [untrained(self.training.settings), *self.training.path()[1:]]

    def scores(self, conditions: Conditions) -> list[Scores]:
        """Read what was measured before the first stage and after each."""
        files = conditions.files
        return [read_scores(files.scores(step, PART)) for step in self._path()]

    def losses(self, conditions: Conditions) -> TokenLosses | None:
        """Read the losses of the general text before the first stage and after each.

        Args:
            conditions: Where the results are.

        Returns:
            The losses, or None if there is no general text. Times have the name of the stage.
        """
        names: list[str | None] = [None, *stage_names(self.training.stages)]
        return losses_of(dict(zip(names, self.scores(conditions), strict=True)))

    def matrix(self, conditions: Conditions) -> AccuracyMatrix:
        """Make the matrix of scores: a task was learnt when its stage ended.

        Args:
            conditions: Where the results are.
        """
        stages = self.training.stages
        matrix = AccuracyMatrix([task for stage in stages for task in stage])
        for number, scores in enumerate(self.scores(conditions)):
            # Tasks of one stage were learnt together, so they have the same row.
            after: Sequence[str | None] = stages[number - 1] if number else [None]
            for learnt in after:
                for task, results in scores.examples.items():
                    matrix.record(task, after=learnt, results=results)
        return matrix

    def write(self, conditions: Conditions) -> RunResult:
        """Write the result, which `holdfast report` and `holdfast gate` read.

        Args:
            conditions: Where the results are.

        Returns:
            The result.
        """
        training = self.training
        settings = training.settings
        facts = [scores.facts for scores in self.scores(conditions)]
        seconds = {
            name: sum(one[name] for one in facts)
            for name in ("training", "consolidation", "evaluation")
        }
        result = RunResult(
            hash=training.hash,
            label=f"{settings.method}, stages",
            config=_run_settings(training),
            seed=training.seed,
            versions=_versions(),
            machine={"device": conditions.device, "threads": settings.threads},
            # What guessing reaches among tens of thousands of tokens.
            chance=0.0,
            # Every word exists before a task is trained, so forward transfer is known.
            outputs_exist=True,
            matrix=self.matrix(conditions),
            curves=None,
            cost=RunCost(
                seconds=Seconds.model_validate(seconds),
                parameters=facts[-1]["parameters"],
                method_bytes=facts[-1]["method_bytes"],
            ),
            warnings=[],
        )
        write_result(self.folder / RESULT, result)
        return result


def stage_names(stages: Sequence[Stage]) -> list[str]:
    """Name stages by their tasks, so that each name is there once.

    Example:
        >>> stage_names([("a",), ("b", "c")])
        ['a', 'b + c']
    """
    return [" + ".join(stage) for stage in stages]


def _run_settings(training: Training) -> RunSettings:
    """The settings as results have them."""
    settings = training.settings
    values = settings.model_dump(mode="json")
    return RunSettings.model_validate(
        {
            "data": {
                "name": "texts",
                "stream": "staged",
                "tasks": len(settings.tasks),
                "objective": "language",
                "digests": settings.tasks,
                "stages": [list(stage) for stage in training.stages],
            },
            "model": {"digest": settings.model, "adapter": values["adapter"]},
            "training": {
                "optimizer": settings.optimizer,
                "lr": settings.lr,
                "batch_size": settings.batch_size,
                "clip": settings.clip,
                "max_length": settings.max_length,
                "steps": settings.steps,
                "scorer": settings.score.replace("_", " "),
            },
            "scenario": training.scenario,
            "method": settings.method,
        }
    )


def _versions() -> dict[str, str | int | float | bool | None]:
    """The versions of everything that may change a result."""
    import peft
    import torch
    import transformers

    return {
        "holdfast": __version__,
        "torch": str(torch.__version__),
        "transformers": transformers.__version__,
        "peft": peft.__version__,
        "python": platform.python_version(),
    }
