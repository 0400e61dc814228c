"""The size of the memory of a group, and what its method is called whatever the size."""

import re
from collections.abc import Mapping, Sequence

from pydantic import JsonValue

from holdfast.errors import unknown
from holdfast.results.groups import Group

PER_TASK = "per_task"  # a memory whose capacity counts for each task
ALWAYS_PER_TASK = ("GEM",)  # methods that have no other memory, so that it is no argument


def memory_size(group: Group) -> int | None:
    """Give the size of the memory of a group, as its method was told.

    It is the argument `capacity`, times the number of tasks for memories per task such as that of
    GEM. The sizes of several parts are added.

    Returns:
        The number of examples. None for a method without a memory, and for result files of early
        versions, which do not have the arguments.
    """
    sizes = []
    for part, arguments in group.results[0].arguments.items():
        capacity = _capacity(arguments)
        if capacity is None:
            continue
        if part in ALWAYS_PER_TASK or arguments.get("memory") == PER_TASK:
            capacity *= len(group.results[0].matrix.tasks)
        sizes.append(capacity)
    if not sizes:
        return None
    return sum(sizes)


def _capacity(arguments: Mapping[str, JsonValue]) -> int | None:
    """The capacity among the arguments of a part, if there is one."""
    capacity = arguments.get("capacity")
    # Result files come from anywhere, and True would count as 1.
    if isinstance(capacity, bool) or not isinstance(capacity, int) or capacity < 1:
        return None
    return capacity


def name_without_size(group: Group) -> str:
    """Give the label of a group without the size of its memory.

    Returns:
        "ER" for the labels "ER 200", "ER(200)" and "ER, memory 200", if the memory has 200
        examples. The label itself if it does not name the size.
    """
    size = memory_size(group)
    if size is None:
        return group.label
    ending = re.compile(rf"[ ,:·_-]*(\bmemory[ =])? ?\(?\b{size}\)?$")
    name = ending.sub("", group.label)
    for part, arguments in group.results[0].arguments.items():
        capacity = _capacity(arguments)
        # A label that is the specification names the size among the arguments.
        given = re.compile(rf"\b{re.escape(part)}\((capacity=)?{capacity}(, )?")
        name = given.sub(f"{part}(", name).replace("()", "")
    return name.strip() or group.label


def chosen(
    groups: Sequence[Group],
    methods: Sequence[str] | None = None,
    scenarios: Sequence[str] | None = None,
) -> list[Group]:
    """Choose groups by method and scenario, in the order in which methods are named.

    Args:
        groups: The groups.
        methods: Labels, labels without the size of the memory, specifications, or names of methods
            such as "ER". None: all, in their order.
        scenarios: The scenarios, in their order. None: all.

    Returns:
        The groups, ordered by scenario and then by method.

    Raises:
        HoldfastError: No group has one of the methods or scenarios.
    """
    kept = list(groups)
    if scenarios is not None:
        known = [group.scenario for group in groups]
        for name in scenarios:
            if name not in known:
                raise unknown("scenario of these runs", name, set(known))
        kept = [group for name in scenarios for group in groups if group.scenario == name]
    if methods is None:
        return kept
    for name in methods:
        if not any(name in names_of(group) for group in kept):
            raise unknown("method of these runs", name, {group.label for group in kept})
    in_order = []
    for scenario in dict.fromkeys(group.scenario for group in kept):
        members = [group for group in kept if group.scenario == scenario]
        in_order += _by_name(members, methods)
    return in_order


def names_of(group: Group) -> set[str]:
    """List what a user may call the method of a group.

    The names are its label, with and without the size of the memory, its specification, and the
    name of the method if it is no sum.
    """
    names = {group.label, name_without_size(group), group.method, group.method.replace("()", "")}
    # A sum has no name of its own.
    if "+" not in group.method:
        names.add(group.method.partition("(")[0])
    return names


def _by_name(groups: Sequence[Group], methods: Sequence[str]) -> list[Group]:
    """Put groups into the order in which their methods are named, each of them once."""
    found: dict[int, Group] = {}
    for name in methods:
        for group in groups:
            if name in names_of(group):
                found.setdefault(id(group), group)
    return list(found.values())
