"""What a run leaves behind: its settings, scores, cost and warnings, checked when they are read.

A `RunResult` is made when a run ends and when its file is read. Every value is checked both times,
because tables, figures and pages trust it: sizes and ranges, no infinite number and no NaN, and no
contradiction between two fields. Unknown fields are ignored, so that a later version may add some.
"""

from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import (
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    PlainSerializer,
    model_validator,
)

from holdfast.errors import HoldfastError
from holdfast.metrics import AccuracyMatrix
from holdfast.results.cost import DeclaredGrowth, RunCost
from holdfast.results.curves import BoundaryDetection, TrainingCurves
from holdfast.results.file_names import FORMAT
from holdfast.results.finding import Finding
from holdfast.results.parts import Name, Part, Plain, Text
from holdfast.results.run_settings import RunSettings, Scenario

LIKELY_CAUSE = "likely cause: "  # the start of a warning that says why a task was not learnt


def _matrix(value: object) -> AccuracyMatrix:
    """Take an accuracy matrix, or make one from its JSON form."""
    if isinstance(value, AccuracyMatrix):
        return value
    # A text would be taken for the path of a file, and a result file must not name others.
    if not isinstance(value, Mapping):
        raise HoldfastError("an accuracy matrix must be a JSON object")
    return AccuracyMatrix.from_json(value)


Matrix = Annotated[
    AccuracyMatrix,
    BeforeValidator(_matrix),
    PlainSerializer(AccuracyMatrix.to_json),
]


class RunResult(Part):
    """The result of one run.

    The order of the fields is the order of the keys in the file.

    Args:
        format: Version of the file's format.
        hash: Hash of the settings, which also names the run's folder.
        streams: Version of how streams are built. Runs of different versions saw other examples.
        label: The method as tables call it.
        config: The settings.
        data_digests: Digest of the files of each data set. None in files of early versions.
        declared: How the method says that its cost grows.
        arguments: The arguments of each part of the method, by the part's name.
        seed: The seed.
        versions: Versions of Holdfast and its packages.
        machine: Facts about the machine, such as its device.
        chance: The score of guessing on the first task, in [0, 1].
        outputs_exist: Whether the outputs of a task exist before it is trained.
        matrix: Scores on test examples.
        validation: Scores on validation examples, if some were set aside.
        curves: Scores during training, if there are any.
        cost: Seconds, parameters and bytes.
        weights: Digest of the weights at the end.
        weak: What speaks against the result, such as a method that does not suit the scenario.
        detection: How task boundaries were found, if none was announced.
        warnings: Warnings of the run, and the likely causes if tasks were not learnt.
        found_lr: The learning rate that was found, if the setting was "auto".
        findings: What `holdfast diagnose` found. It has a file of its own.
    """

    # A matrix is a class of its own, and `data` is a key of the file but no good name in code.
    model_config = ConfigDict(arbitrary_types_allowed=True, populate_by_name=True)

    # Fields with a default are missing in files of early versions.
    format: Literal[1] = FORMAT
    hash: Name = ""
    streams: int = 1
    label: Name
    config: RunSettings
    data_digests: dict[str, Name] | None = Field(None, alias="data")
    declared: DeclaredGrowth | None = None
    arguments: dict[str, dict[str, JsonValue]] = {}
    seed: Annotated[int, Field(ge=0, lt=2**63)]
    versions: dict[str, Plain]
    machine: dict[str, Plain]
    chance: Annotated[float, Field(ge=0, le=1)]
    outputs_exist: bool
    matrix: Matrix
    validation: Matrix | None = None
    curves: TrainingCurves | None  # no default: every version wrote it, if only as null
    cost: RunCost
    weights: Name = ""
    weak: list[Text] = []
    detection: BoundaryDetection | None = None
    warnings: list[Text]
    found_lr: Annotated[float, Field(gt=0)] | None = None
    # Not part of the file: they are found later, by another command.
    findings: tuple[Finding, ...] = Field((), exclude=True)

    @model_validator(mode="after")
    def _check_tasks(self) -> Self:
        """Raise an error if fields speak of different tasks."""
        # Each part is right by itself, so only the whole can tell that they do not belong together.
        tasks = self.matrix.tasks
        if self.validation is not None and self.validation.tasks != tasks:
            raise HoldfastError("matrix and validation have other tasks")
        # A run that was stopped may have fewer curves than tasks.
        if self.curves is not None and len(self.curves.ends) > len(tasks):
            raise HoldfastError(
                f"curves has {len(self.curves.ends)} tasks, the matrix {len(tasks)}"
            )
        return self

    @property
    def scenario(self) -> Scenario:
        """What the model knows at test time: `task`, `domain` or `class`."""
        return self.config.scenario

    @property
    def method(self) -> str:
        """The method, as a specification such as "ER(200)"."""
        return self.config.method

    @property
    def causes(self) -> list[str]:
        """Why tasks were probably not learnt, and what to change."""
        start = len(LIKELY_CAUSE)
        return [text[start:] for text in self.warnings if text.startswith(LIKELY_CAUSE)]

    @property
    def remarks(self) -> list[str]:
        """The warnings of the run without the causes of what was not learnt."""
        return [text for text in self.warnings if not text.startswith(LIKELY_CAUSE)]

    def to_json(self) -> dict[str, JsonValue]:
        """Return the result as the plain values of its file."""
        values = self.model_dump(mode="json", by_alias=True)
        # Without a search, the file is as earlier versions wrote it.
        if self.found_lr is None:
            del values["found_lr"]
        return values
