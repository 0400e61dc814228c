"""A method in a suite: what it is called, its specs, its own settings, and sizes of its memory."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated

from pydantic import Field, model_validator

from holdfast.errors import HoldfastError, unknown
from holdfast.runs.config import PARTS
from holdfast.settings import Positive
from holdfast.validation import Strict

Spec = Annotated[str, Field(min_length=1)]
# Some settings of a part. `RunConfig` checks them when a run is made of them.
Some = dict[str, object]
PLACEHOLDER = re.compile(r"\{(\w*)\}")
MEMORY = "memory"  # the whole size
PER_TASK = "memory_per_task"  # the size divided by the number of tasks


def check_names(part: str, settings: Some, where: str) -> None:
    """Refuse a name that is no setting of a part.

    Args:
        part: "data", "model" or "training".
        settings: Some settings of the part.
        where: What the message calls the table that they are in.

    Raises:
        HoldfastError: There is no such setting.
    """
    for name in settings:
        if name not in PARTS[part].model_fields:
            raise unknown(f"setting of {where}", name, PARTS[part].model_fields)


class MethodEntry(Strict):
    """A method in a suite.

    Args:
        label: What tables call it. None: its spec.
        training: Training settings of its runs, which replace those of the suite.
        model: Settings of the network in its runs, which replace those of the suite.
        memory: The sizes of the memory with which it takes part. None: all sizes of the suite.
        spec: The method, for all scenarios.
        task: The method in the task scenario. Without `spec`, a scenario may be left out.
        domain: The method in the domain scenario.
        class_: The method in the class scenario. It is called `class` in files.

    Example:
        >>> MethodEntry(label="replay", task="ER(10)").spec_for("class") is None
        True
    """

    label: str | None = Field(
        None,
        description="What tables call the method. By default it is the spec. If the method has a "
        "size of the memory, the size is added, as in `ER 200`.",
    )
    training: Some = Field(
        {},
        description="Settings of `[training]` for this method alone. They come before all others.",
    )
    model: Some = Field(
        {}, description="Settings of `[model]` for this method alone. They come before all others."
    )
    memory: Positive | list[Positive] | None = Field(
        None,
        description="The sizes of the memory with which this method takes part. By default they "
        "are those of the suite, if a spec has `{memory}` in it.",
    )
    spec: Spec | None = Field(
        None,
        description="The method in all scenarios, as for `holdfast run --method`. It may have "
        "`{memory}` and `{memory_per_task}` in it.",
    )
    task: Spec | None = Field(
        None,
        description="The method in the task scenario. Give either `spec`, or some of `task`, "
        "`domain` and `class`. In a scenario without a spec the method does not take part.",
    )
    domain: Spec | None = Field(None, description="The method in the domain scenario.")
    class_: Spec | None = Field(
        None, alias="class", description="The method in the class scenario."
    )

    @model_validator(mode="after")
    def _one_form(self) -> "MethodEntry":
        """Refuse an entry with one spec and several, or with none."""
        # Either all scenarios have one spec, or each that takes part has its own.
        if (self.spec is None) == (not self._by_scenario()):
            raise ValueError("give either spec, or some of task, domain, class")
        name_of_entry = self.label or sorted(self.specs())[0]
        check_names("training", self.training, f"[training] for method {name_of_entry!r}:")
        check_names("model", self.model, f"[model] for method {name_of_entry!r}:")
        for spec in self.specs():
            for name in PLACEHOLDER.findall(spec):
                if name not in (MEMORY, PER_TASK):
                    known = [f"{{{MEMORY}}}", f"{{{PER_TASK}}}"]
                    raise unknown(f"placeholder in {spec!r}", f"{{{name}}}", known)
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
        classes = {spec.partition("(")[0] for spec in specs if "+" not in spec}
        # What comes before a colon is the module of a class of the user's.
        names = specs | classes | {name.rpartition(":")[2] for name in classes}
        if self.label:
            names.add(self.label)
        return names

    def spec_for(self, scenario: str) -> str | None:
        """Give the spec in a scenario, or None if the method does not take part in it."""
        return self.spec or self._by_scenario().get(scenario)

    def with_sizes(
        self, spec: str, sizes: Sequence[int], tasks: int
    ) -> Iterator[tuple[str | None, str]]:
        """Make one label and one spec for each size of the memory.

        Args:
            spec: A spec of the entry.
            sizes: The sizes of the suite.
            tasks: The number of tasks, by which `{memory_per_task}` divides a size.

        Yields:
            The label, or None if the spec is the label, and the spec.

        Raises:
            HoldfastError: The spec has `{memory}`, but neither the entry nor the suite has sizes,
                or a size cannot be divided by the number of tasks.

        Example:
            >>> entry = MethodEntry(label="ER", spec="ER({memory})")
            >>> list(entry.with_sizes(entry.spec, [200, 500], tasks=5))
            [('ER 200', 'ER(200)'), ('ER 500', 'ER(500)')]
        """
        own_sizes = self.memory
        if isinstance(own_sizes, int):
            own_sizes = [own_sizes]
        names = PLACEHOLDER.findall(spec)
        if not names and own_sizes is None:
            yield self.label, spec
            return
        chosen = own_sizes or list(sizes)
        if not chosen:
            raise HoldfastError(
                f"{spec!r} stands for several sizes of the memory, but the suite names none; add a "
                "line such as memory = [200, 500]"
            )
        for size in chosen:
            label = self.label
            if label is not None:
                label = f"{label} {size}"
            yield label, _filled(spec, names, size, tasks)


def _filled(spec: str, names: Sequence[str], size: int, tasks: int) -> str:
    """A spec with a size in place of its placeholders."""
    if PER_TASK in names and size % tasks:
        raise HoldfastError(
            f"a memory of {size} examples cannot be divided by {tasks} tasks, as {spec!r} asks for"
        )
    values: Mapping[str, int] = {MEMORY: size, PER_TASK: size // tasks}
    return PLACEHOLDER.sub(lambda found: str(values[found[1]]), spec)
