"""Suites: runs that belong together, shipped with the package or read from a TOML file."""

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, field_validator

from holdfast.bench.entries import PER_TASK, PLACEHOLDER, MethodEntry, Some, check_names
from holdfast.bench.extending import EXTENDS, EXTENDS_MEANING, INHERITED, read_suite, shipped
from holdfast.errors import HoldfastError, unknown
from holdfast.runs.config import (
    DataConfig,
    ModelConfig,
    RunConfig,
    Scenario,
    Seed,
    TrainingConfig,
)
from holdfast.settings import Positive
from holdfast.validation import Strict, validated

__all__ = ["MethodEntry", "Suite", "in_suite", "load_suite", "shipped"]

LONGEST_NAME = (
    100  # characters; file systems allow 255 bytes, and names have up to two per character
)
# Slashes would name another folder, and control characters cannot be typed.
NO_FOLDER_NAME = re.compile(r"[/\\\x00-\x1f\x7f]")
EVERY = "every"  # among the methods of a suite: all that are not named
BASELINE = "FineTune"  # what all methods are compared with
PREFERRED = ("domain", "class", "task")  # the scenario in which "every" puts a method, if it can
Part = Literal["data", "model", "training"]


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


class Suite(Strict):
    """Runs that belong together: methods × scenarios × seeds.

    Args:
        name: The name, which is also that of the folder of results.
        extends: Always None, because `load_suite` reads what a file inherits.
        description: What the suite is for.
        scenarios: The scenarios.
        seeds: The seeds.
        memory: The sizes of the memory, in examples. A method with `{memory}` in its spec takes
            part once for each of them.
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

    name: FolderName = Field(
        description="Name of the suite, which is also that of the folder of its results."
    )
    extends: None = Field(None, description=EXTENDS_MEANING)
    description: str = Field("", description="What the suite is for, as a sentence.")
    scenarios: list[Scenario] = Field(
        description="The scenarios: some of task, domain and class. Each of them is run."
    )
    seeds: list[Seed] = Field(description="The seeds, each of which makes a run of every method.")
    memory: list[Positive] = Field(
        [],
        description="Sizes of the memory, in examples. A method with `{memory}` in its spec takes "
        "part once for each of them, and `{memory_per_task}` is the size divided by the number of "
        "tasks.",
    )
    methods: list[MethodEntry] = Field(
        description='The methods, each a table of its own. The word "every" among them stands for '
        'each method of Holdfast that no other entry names, and the word "inherited" for those of '
        "the suite that this one extends."
    )
    data: DataConfig = Field(DataConfig(), description="Which examples, and how they become tasks.")
    model: ModelConfig = Field(ModelConfig(), description="Which network.")
    training: TrainingConfig = Field(TrainingConfig(), description="How it is trained.")
    only: dict[Scenario, dict[Part, Some]] = Field(
        {},
        description="Settings for one scenario alone, in tables such as `[only.class.training]`. "
        "They come before those for all scenarios.",
    )

    @field_validator("methods", mode="before")
    @classmethod
    def _every_method(cls, entries: object) -> object:
        """Put the methods that "every" stands for in its place."""
        if not isinstance(entries, list):
            return entries
        if INHERITED in entries:
            raise HoldfastError(
                f'"{INHERITED}" among the methods stands for those of another suite, but this one '
                f'extends none; add a line such as {EXTENDS} = "demo"'
            )
        if EVERY not in entries:
            return entries
        named = [entry for entry in entries if entry != EVERY]
        return [*named, *_other_methods(validated(MethodEntry, **entry) for entry in named)]

    @field_validator("only")
    @classmethod
    def _known_names(
        cls, only: dict[Scenario, dict[Part, Some]]
    ) -> dict[Scenario, dict[Part, Some]]:
        """Refuse names that are no settings, although their values are checked later."""
        for scenario, parts in only.items():
            for part, settings in parts.items():
                check_names(part, settings, f"[only.{scenario}.{part}]:")
        return only

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
                try:
                    yield from self._runs_of(scenario, entry, spec)
                except HoldfastError as error:
                    name = entry.label or spec
                    raise HoldfastError(
                        f"method {name!r} in the {scenario} scenario: {error}"
                    ) from None

    def _runs_of(
        self, scenario: Scenario, entry: MethodEntry, spec: str
    ) -> Iterator[tuple[str, RunConfig]]:
        """The runs of a method in a scenario: one per size of its memory and seed."""
        settings = self._settings(scenario, entry)
        tasks = 1
        if f"{{{PER_TASK}}}" in spec:
            tasks = validated(DataConfig, **settings["data"]).tasks
        for label, filled in entry.with_sizes(spec, self.memory, tasks):
            for seed in self.seeds:
                config = validated(
                    RunConfig, **settings, scenario=scenario, method=filled, seed=seed
                )
                # "()" says nothing to a reader of a table.
                yield label or config.method.replace("()", ""), config

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
            # Any size will do, because only the names of the methods are read.
            sized = PLACEHOLDER.sub("1", spec)
            known.update(part.name for part in parse_method(sized).parts)
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


def load_suite(name: str) -> Suite:
    """Load a suite, with everything that it inherits from the one that it extends.

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
    with in_suite(name):
        return validated(Suite, **read_suite(name))


@contextmanager
def in_suite(name: str) -> Iterator[None]:
    """Name the file of a suite in front of mistakes that are found in it.

    Args:
        name: What the user called the suite. The names of shipped suites are left out, because
            their mistakes are not the user's.

    Yields:
        Nothing.

    Raises:
        HoldfastError: A mistake was found.
    """
    try:
        yield
    except HoldfastError as error:
        text = str(error)
        # A file that cannot be read is named by its reader.
        if not name.endswith(".toml") or name in text:
            raise
        # A mistake such as "seeds is missing" says too little without the file.
        raise HoldfastError(f"suite {name}: {text}") from None
