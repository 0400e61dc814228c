"""Settings that have no effect beside others: refused, or named.

What a user sets and no run can use is refused before the first step, because the user would
otherwise believe in an effect that is not there. The rules are declared in `holdfast.runs.rules`.
"""

from collections.abc import Collection, Iterator, Sequence
from typing import Any

from holdfast.errors import HoldfastError
from holdfast.runs.config import RunConfig
from holdfast.runs.rules import ARGUMENTS, NOTES, OFF, RULES, Facts, value_of


def given(config: RunConfig) -> set[str]:
    """The settings of a run that were given rather than left at their defaults."""
    return {
        f"{part}.{name}"
        for part in ("data", "model", "training")
        if part in config.model_fields_set
        for name in getattr(config, part).model_fields_set
    }


def refuse_idle(configs: Sequence[RunConfig], settings: Collection[str] | None = None) -> None:
    """Refuse settings that none of some runs can use.

    Args:
        configs: The runs. A setting of a suite may be idle in some of them, such as momentum where a
            method is trained by Adam. It is refused if it is idle in every run that has it.
        settings: What to judge, such as "training.lr" or "LwF.outputs" (default: all that is given).

    Raises:
        HoldfastError: A setting has no effect in any run that has it.

    Example:
        >>> from holdfast.validation import validated
        >>> refuse_idle([validated(RunConfig, training={"optimizer": "adam", "momentum": 0.5})])
        Traceback (most recent call last):
        holdfast.errors.HoldfastError: training.momentum=0.5 has no effect here: it has one only with \
training.optimizer='sgd'; Adam has momentum of its own. Leave it out, or change what it depends on
    """
    used, idle = set[str](), dict[str, str]()
    for config in configs:
        for setting, value, needs in _judged(config):
            if settings is not None and setting not in settings:
                continue
            if needs is None:
                used.add(setting)
            else:
                idle[setting] = f"{setting}={value!r} has no effect here: it has one only {needs}"
    refused = [text for setting, text in sorted(idle.items()) if setting not in used]
    if refused:
        them = "it out, or change what it depends on" if len(refused) == 1 else "them out"
        raise HoldfastError(f"{'. '.join(refused)}. Leave {them}")


def _judged(config: RunConfig) -> Iterator[tuple[str, Any, str | None]]:
    """Each setting and argument that was given, its value, and what it lacks to have an effect."""
    facts = Facts(config)
    for setting in given(config):
        yield setting, value_of(config, setting), missing(facts, setting)
    for part in facts.parts:
        for rule in ARGUMENTS:
            if rule.about(part):
                needs = None if rule.holds(part.arguments, facts) else rule.needs
                yield f"{part.name}.{rule.name}", part.arguments[rule.name], needs


def missing(facts: Facts, setting: str) -> str | None:
    """What a setting of a run would need to have an effect; None if it has one."""
    if setting in OFF and value_of(facts.config, setting) == OFF[setting]:
        return None
    for rule in RULES:
        if rule.broken(facts, setting):
            return rule.needs
    return facts.replaced(setting)


def notes(configs: Sequence[RunConfig]) -> list[str]:
    """What some runs do not do although their settings may suggest it, one line each."""
    found = dict[str, None]()
    for config in configs:
        facts = Facts(config)
        for note in NOTES:
            if note.applies(facts):
                parts = " + ".join(p.name for p in facts.parts)
                found[note.text.format(parts=parts)] = None
    return list(found)
