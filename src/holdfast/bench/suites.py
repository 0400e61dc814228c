"""Suites: runs that belong together, shipped with the package or read from a TOML file."""

import re
import tomllib
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, model_validator

from holdfast.errors import HoldfastError, reading, unknown
from holdfast.runs.config import (
    DataConfig,
    ModelConfig,
    RunConfig,
    Scenario,
    Seed,
    TrainingConfig,
)
from holdfast.validation import Strict, validated

Spec = Annotated[str, Field(min_length=1)]


def _folder_name(name: str) -> str:
    if not name.strip(". ") or re.search(r"[/\\\x00-\x1f\x7f]", name) or len(name) > 100:
        raise HoldfastError(
            f"a suite's name is also the name of the folder of its results, so it must have letters or "
            f"digits, no slashes, and at most 100 characters; got {name[:100]!r}"
        )
    return name


FolderName = Annotated[str, AfterValidator(_folder_name)]


class MethodEntry(Strict):
    """A method in a suite: one spec for all scenarios, or one for each; `label` names it in tables.

    `training` and `model` are settings of its own runs, in place of the suite's.
    """

    label: str | None = None
    training: dict[str, Any] = {}
    model: dict[str, Any] = {}
    spec: Spec | None = None
    task: Spec | None = None
    domain: Spec | None = None
    class_: Spec | None = Field(None, alias="class")

    @model_validator(mode="after")
    def _one_form(self) -> "MethodEntry":
        if (self.spec is None) == all(v is None for v in (self.task, self.domain, self.class_)):
            raise ValueError("give either spec, or some of task, domain, class")
        return self

    def names(self) -> set[str]:
        """What it may be called by: its label, its specs, and the specs' names."""
        specs = {s for s in (self.spec, self.task, self.domain, self.class_) if s}
        return (
            ({self.label} if self.label else set())
            | specs
            | {s.partition("(")[0] for s in specs if "+" not in s}
        )

    def spec_for(self, scenario: str) -> str | None:
        """The spec in a scenario; None where the method does not take part."""
        return (
            self.spec or {"task": self.task, "domain": self.domain, "class": self.class_}[scenario]
        )


class Suite(Strict):
    """Runs that belong together: methods × scenarios × seeds."""

    name: FolderName
    description: str = ""
    scenarios: list[Scenario]
    seeds: list[Seed]
    methods: list[MethodEntry]
    data: DataConfig = DataConfig()
    model: ModelConfig = ModelConfig()
    training: TrainingConfig = TrainingConfig()
    only: dict[Scenario, dict[Literal["data", "model", "training"], dict[str, Any]]] = Field(
        {}, description="settings of one scenario, in place of those for all"
    )

    def only_these(self, methods: list[str] | None, scenarios: list[str] | None) -> "Suite":
        """The suite with some of its methods (by label, or by name where they have none) and scenarios; None: all."""
        for name in scenarios or ():
            if name not in self.scenarios:
                raise unknown("scenario of the suite", name, self.scenarios)
        for name in methods or ():
            if not any(name in e.names() for e in self.methods):
                raise unknown(
                    "method of the suite",
                    name,
                    sorted({min(e.names(), key=len) for e in self.methods}),
                )
        return self.model_copy(
            update={
                "scenarios": [s for s in self.scenarios if scenarios is None or s in scenarios],
                "methods": [e for e in self.methods if methods is None or e.names() & set(methods)],
            }
        )

    def runs(self) -> Iterator[tuple[str, RunConfig]]:
        """(label, config) of every run."""
        for scenario in self.scenarios:
            own = self.only.get(scenario, {})
            parts = {
                k: getattr(self, k).model_dump(exclude_unset=True) | own.get(k, {})
                for k in ("data", "model", "training")
            }
            for entry in self.methods:
                spec = entry.spec_for(scenario)
                if spec is None:
                    continue
                own_parts = parts | {
                    "training": parts["training"] | entry.training,
                    "model": parts["model"] | entry.model,
                }
                for seed in self.seeds:
                    config = validated(
                        RunConfig, **own_parts, scenario=scenario, method=spec, seed=seed
                    )
                    yield entry.label or config.method.replace("()", ""), config


def shipped() -> list[str]:
    """Names of the suites in the package."""
    return sorted(
        p.name.removesuffix(".toml")
        for p in files("holdfast.bench").joinpath("shipped").iterdir()
        if p.name.endswith(".toml")
    )


def load_suite(name: str) -> Suite:
    """Load a suite.

    Args:
        name: The name of a suite in the package (see `shipped`), or the path of a TOML file.

    Returns:
        The suite.

    Raises:
        HoldfastError: There is no such suite, or the file does not hold one.
    """
    if name.endswith(".toml"):
        with reading(f"suite {name}", "TOML"):
            content = _bytes_of(Path(name))
            try:
                return _suite(content)
            except HoldfastError as error:
                # A mistake such as "seeds is missing" says too little without the file.
                raise HoldfastError(f"suite {name}: {error}") from None
    if name not in shipped():
        raise unknown("suite", name, shipped())
    return _suite(files("holdfast.bench").joinpath(f"shipped/{name}.toml").read_bytes())


def _bytes_of(path: Path) -> bytes:
    if not path.is_file():
        raise HoldfastError(
            f"there is no suite file {path}; shipped suites: {', '.join(shipped())}"
        )
    return path.read_bytes()


def _suite(content: bytes) -> Suite:
    suite: Suite = validated(Suite, **tomllib.loads(content.decode()))
    return suite
