"""The rules of `rules.toml`: when each holds, what it speaks for or against, and why."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import NotRequired, TypedDict, cast

from holdfast.advice.answers import Fact
from holdfast.errors import unknown

Condition = Fact | list[str]  # the fact that a rule asks for, or several of which one must hold


@dataclass(frozen=True)
class Rule:
    """A piece of advice with its source.

    Args:
        id: Its name.
        when: The facts for which it holds (see `rules.toml`).
        reason: Why, for users.
        source: A paper, or a table of this repository.
        prefer: Methods that it speaks for.
        exclude: Methods that must not be used.
        weight: How much it speaks for them.
        note: Advice whatever the method is; "" for none.
    """

    id: str
    when: Mapping[str, Condition]
    reason: str
    source: str
    prefer: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    weight: float = 1.0
    note: str = ""

    def holds(self, facts: Mapping[str, Fact]) -> bool:
        """Tell whether every condition of the rule holds.

        Args:
            facts: Facts by name, from `Answers.facts`.
        """
        return all(_holds(name, condition, facts) for name, condition in self.when.items())


# An entry of `methods` in rules.toml. As `class` is a keyword of Python, no class can declare it.
MethodEntry = TypedDict(
    "MethodEntry",
    {
        "spec": str,
        "options": NotRequired[str],
        "no_boundaries": NotRequired[str],
        "class": NotRequired[str],
        "pretrained": NotRequired[str],
        "layers": NotRequired[bool],
    },
)


class _RuleEntry(TypedDict):
    """An entry of `rules` in rules.toml."""

    id: str
    when: dict[str, Condition]
    reason: str
    source: str
    prefer: NotRequired[list[str]]
    exclude: NotRequired[list[str]]
    weight: NotRequired[float]
    note: NotRequired[str]


class _File(TypedDict):
    """The content of rules.toml."""

    methods: dict[str, MethodEntry]
    rules: list[_RuleEntry]


@cache
def rules() -> tuple[Rule, ...]:
    """Read all rules.

    Returns:
        The rules, in the order of `rules.toml`.

    Example:
        >>> rules()[0].id
        'penalty-in-class'
    """
    return tuple(
        Rule(
            id=entry["id"],
            when=entry["when"],
            reason=entry["reason"],
            source=entry["source"],
            prefer=tuple(entry.get("prefer", ())),
            exclude=tuple(entry.get("exclude", ())),
            weight=entry.get("weight", 1.0),
            note=entry.get("note", ""),
        )
        for entry in _file()["rules"]
    )


def reason(rule: str) -> str:
    """Look up the reason of a rule, for refusals and warnings of methods.

    Args:
        rule: The id of the rule.

    Returns:
        A clause, perhaps with further sentences, without a period at the end.

    Raises:
        HoldfastError: There is no such rule.

    Example:
        >>> reason("lwf-in-class")
        'without stored examples, old and new classes are never compared. Use ER, or ER + LwF'
    """
    reasons = {known.id: known.reason for known in rules()}
    if rule not in reasons:
        raise unknown("rule", rule, reasons)
    return reasons[rule]


def method_entry(method: str) -> MethodEntry:
    """Look up how a method is tried.

    Args:
        method: Name of a method that a rule prefers.

    Returns:
        Its spec and the options of `holdfast run` that belong to it.
    """
    return _file()["methods"][method]


@cache
def _file() -> _File:
    """Read `rules.toml`. The tests check that it has the form that the type says."""
    text = files("holdfast.advice").joinpath("rules.toml").read_text(encoding="utf-8")
    return cast(_File, tomllib.loads(text))


def _holds(name: str, condition: Condition, facts: Mapping[str, Fact]) -> bool:
    """Tell whether one condition of a rule holds.

    Args:
        name: The name of a fact, perhaps with the ending _at_least or _at_most.
        condition: What the rule asks for.
        facts: Facts by name.
    """
    # A list holds the values that the fact may have.
    fact = facts.get(name)
    if isinstance(condition, list):
        return fact in condition
    if fact is not None:
        return fact == condition
    # No fact has this name, so the name has an ending that says how to compare a number.
    name, _, ending = name.rpartition("_at_")
    number = int(facts[name])
    limit = int(condition)
    if ending == "least":
        return number >= limit
    return number <= limit
