"""Suites: runs that belong together, shipped with the package or read from a TOML file."""

import re
import tomllib
from collections.abc import Iterable, Iterator
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, field_validator, model_validator

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

LONGEST_NAME = (
    100  # characters; file systems allow 255 bytes, and names have up to two per character
)
# Slashes would name another folder, and control characters cannot be typed.
NO_FOLDER_NAME = re.compile(r"[/\\\x00-\x1f\x7f]")
SHIPPED = "shipped"  # the folder of the package that holds the suites
EVERY = "every"  # among the methods of a suite: all that are not named
BASELINE = "FineTune"  # what all methods are compared with
PREFERRED = ("domain", "class", "task")  # the scenario in which "every" puts a method, if it can
Part = Literal["data", "model", "training"]
Spec = Annotated[str, Field(min_length=1)]
# Some settings of a part. `RunConfig` checks them when a run is made of them.
Some = dict[str, object]


def _folder_name(name: str) -> str:
    """Refuse a name that is no good name of a folder."""
    only_dots = not name.strip(". ")
    if only_dots or NO_FOLDER_NAME.search(name) or len(name) > LONGEST_NAME:
        raise HoldfastError(
            "a suite's name is also the name of the folder of its results, so it must have letters "
            f"or digits, no slashes, and at most {LONGEST_NAME} characters; "
            f"got {name[:LONGEST_NAME]!r}"
        )
    return name


FolderName = Annotated[str, AfterValidator(_folder_name)]


class MethodEntry(Strict):
    """A method in a suite.

    Args:
        label: What tables call it. None: its spec.
        training: Training settings of its runs, which replace those of the suite.
        model: Settings of the network in its runs, which replace those of the suite.
        spec: The method, for all scenarios.
        task: The method in the task scenario. Without `spec`, a scenario may be left out.
        domain: The method in the domain scenario.
        class_: The method in the class scenario. It is called `class` in files.

    Example:
        >>> MethodEntry(label="replay", task="ER(10)").spec_for("class") is None
        True
    """

    label: str | None = None
    training: Some = {}
    model: Some = {}
    spec: Spec | None = None
    task: Spec | None = None
    domain: Spec | None = None
    class_: Spec | None = Field(None, alias="class")

    @model_validator(mode="after")
    def _one_form(self) -> "MethodEntry":
        """Refuse an entry with one spec and several, or with none."""
        # Either all scenarios have one spec, or each that takes part has its own.
        if (self.spec is None) == (not self._by_scenario()):
            raise ValueError("give either spec, or some of task, domain, class")
        return self

    def _by_scenario(self) -> dict[str, str]:
        """The specs of the scenarios that have one of their own."""
        specs = {"task": self.task, "domain": self.domain, "class": self.class_}
        return {scenario: spec for scenario, spec in specs.items() if spec is not None}

    def specs(self) -> set[str]:
        """The specs of the entry in all scenarios."""
        specs = set(self._by_scenario().values())
        if self.spec is not None:
            specs.add(self.spec)
        return specs

    def names(self) -> set[str]:
        """List what a user may call the entry: its label, its specs, and the names of methods.

        Example:
            >>> sorted(MethodEntry(label="replay", spec="ER(10)").names())
            ['ER', 'ER(10)', 'replay']
        """
        specs = self.specs()
        # A sum has no name of its own.
        names = specs | {spec.partition("(")[0] for spec in specs if "+" not in spec}
        if self.label:
            names.add(self.label)
        return names

    def spec_for(self, scenario: str) -> str | None:
        """Give the spec in a scenario, or None if the method does not take part in it."""
        return self.spec or self._by_scenario().get(scenario)


class Suite(Strict):
    """Runs that belong together: methods × scenarios × seeds.

    Args:
        name: The name, which is also that of the folder of results.
        description: What the suite is for.
        scenarios: The scenarios.
        seeds: The seeds.
        methods: The methods. The word "every" among them stands for each method of the package that
            no other entry names.
        data: Which examples, and how they become tasks.
        model: Which network.
        training: How it is trained.
        only: For a scenario, settings of its runs that replace those for all scenarios.

    Example:
        >>> methods = [MethodEntry(spec="FineTune")]
        >>> suite = Suite(name="x", scenarios=["task"], seeds=[1, 2], methods=methods)
        >>> [(label, config.seed) for label, config in suite.runs()]
        [('FineTune', 1), ('FineTune', 2)]
    """

    name: FolderName
    description: str = ""
    scenarios: list[Scenario]
    seeds: list[Seed]
    methods: list[MethodEntry]
    data: DataConfig = DataConfig()
    model: ModelConfig = ModelConfig()
    training: TrainingConfig = TrainingConfig()
    only: dict[Scenario, dict[Part, Some]] = {}

    @field_validator("methods", mode="before")
    @classmethod
    def _every_method(cls, entries: object) -> object:
        """Put the methods that "every" stands for in its place."""
        if not isinstance(entries, list) or EVERY not in entries:
            return entries
        named = [entry for entry in entries if entry != EVERY]
        return [*named, *_other_methods(validated(MethodEntry, **entry) for entry in named)]

    def has_method(self, name: str) -> bool:
        """Check whether a name is that of some method of the suite."""
        return any(name in entry.names() for entry in self.methods)

    def only_these(self, methods: list[str] | None, scenarios: list[str] | None) -> "Suite":
        """Leave out what was not asked for.

        Args:
            methods: The methods to keep, by a name of `MethodEntry.names`. None: all.
            scenarios: The scenarios to keep. None: all.

        Returns:
            The smaller suite.

        Raises:
            HoldfastError: The suite has no such method or scenario.
        """
        kept_scenarios = self.scenarios
        if scenarios is not None:
            for name in scenarios:
                if name not in self.scenarios:
                    raise unknown("scenario of the suite", name, self.scenarios)
            kept_scenarios = [name for name in self.scenarios if name in scenarios]
        kept_methods = self.methods
        if methods is not None:
            for name in methods:
                if not self.has_method(name):
                    # The shortest name of each method is the one that a user would type.
                    shortest = {min(entry.names(), key=len) for entry in self.methods}
                    raise unknown("method of the suite", name, sorted(shortest))
            kept_methods = [entry for entry in self.methods if entry.names() & set(methods)]
        return self.model_copy(update={"scenarios": kept_scenarios, "methods": kept_methods})

    def runs(self) -> Iterator[tuple[str, RunConfig]]:
        """Make the label and the settings of every run.

        Raises:
            HoldfastError: A setting of a scenario or of a method is wrong.
        """
        for scenario in self.scenarios:
            for entry in self.methods:
                spec = entry.spec_for(scenario)
                # Some methods are for some scenarios only.
                if spec is None:
                    continue
                settings = self._settings(scenario, entry)
                for seed in self.seeds:
                    config = validated(
                        RunConfig, **settings, scenario=scenario, method=spec, seed=seed
                    )
                    # "()" says nothing to a reader of a table.
                    yield entry.label or config.method.replace("()", ""), config

    def _settings(self, scenario: Scenario, entry: MethodEntry) -> dict[Part, Some]:
        """The settings of a run: those of its method before those of its scenario, then of all."""
        of_scenario = self.only.get(scenario, {})
        # Only what was given, so that a setting without effect is known from a default.
        parts: dict[Part, Some] = {
            "data": self.data.model_dump(exclude_unset=True) | of_scenario.get("data", {}),
            "model": self.model.model_dump(exclude_unset=True) | of_scenario.get("model", {}),
            "training": self.training.model_dump(exclude_unset=True)
            | of_scenario.get("training", {}),
        }
        # What a method needs, such as a frozen backbone, it needs in every scenario.
        parts["model"] |= entry.model
        parts["training"] |= entry.training
        return parts


def _other_methods(named: Iterable[MethodEntry]) -> list[dict[str, object]]:
    """Entries for all methods that some entries do not name, each in one scenario.

    What a method costs is nearly the same in every scenario, so one is enough. FineTune takes part
    in all of them, because the others are compared with it.
    """
    from holdfast.methods import METHODS, parse_method

    known: set[str] = set()
    for entry in named:
        for spec in entry.specs():
            known.update(part.name for part in parse_method(spec).parts)
    entries: list[dict[str, object]] = []
    for name, method in METHODS.items():
        declared = method.declaration
        if name in known:
            continue
        place = "spec"
        if name != BASELINE:
            place = next(scenario for scenario in PREFERRED if scenario in declared.scenarios)
        settings: dict[str, object] = {place: method.typical_spec()}
        if not declared.trains:
            settings["model"] = {"frozen": True}
        entries.append(settings)
    return entries


def shipped() -> list[str]:
    """List the names of the suites in the package.

    Example:
        >>> "demo" in shipped()
        True
    """
    names = [file.name for file in files("holdfast.bench").joinpath(SHIPPED).iterdir()]
    return sorted(name.removesuffix(".toml") for name in names if name.endswith(".toml"))


def load_suite(name: str) -> Suite:
    """Load a suite.

    Args:
        name: The name of a suite in the package (see `shipped`), or the path of a TOML file.

    Returns:
        The suite.

    Raises:
        HoldfastError: There is no such suite, or the file does not hold one.

    Example:
        >>> load_suite("demo").scenarios
        ['task', 'domain', 'class']
    """
    # The names of shipped suites have no suffix, so a file can never be taken for one of them.
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
    file = files("holdfast.bench").joinpath(SHIPPED, f"{name}.toml")
    return _suite(file.read_bytes())


def _bytes_of(path: Path) -> bytes:
    """Read a file of the user, or say which suites need no file."""
    if not path.is_file():
        raise HoldfastError(
            f"there is no suite file {path}; shipped suites: {', '.join(shipped())}"
        )
    return path.read_bytes()


def _suite(content: bytes) -> Suite:
    """Check the content of a TOML file."""
    return validated(Suite, **tomllib.loads(content.decode()))
