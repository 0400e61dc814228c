"""Settings that have no effect beside others: refused, or named.

What a user sets and no run can use is refused before the first step, because the user would
otherwise believe in an effect that is not there. The rules are declared in `holdfast.runs.rules`.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from holdfast.errors import HoldfastError
from holdfast.runs.config import RunConfig
from holdfast.runs.facts import Facts, value_of
from holdfast.runs.rules import ARGUMENTS, NOTES, OFF, RULES


def given_settings(config: RunConfig) -> set[str]:
    """List the settings of a run that were given rather than left at their defaults.

    Example:
        >>> from holdfast.runs.config import TrainingConfig
        >>> given_settings(RunConfig(training=TrainingConfig(lr=0.1)))
        {'training.lr'}
    """
    names = set()
    for part in ("data", "model", "training"):
        if part in config.model_fields_set:
            names |= {f"{part}.{name}" for name in getattr(config, part).model_fields_set}
    return names


def refuse_idle(configs: Sequence[RunConfig], settings: Collection[str] | None = None) -> None:
    """Refuse settings that none of some runs can use.

    Args:
        configs: The runs. A setting of a suite may be idle in some of them, such as momentum if a
            method is trained by Adam. It is refused if it is idle in every run that has it.
        settings: What to judge, such as "training.lr" or "LwF.outputs". None: all that is given.

    Raises:
        HoldfastError: A setting has no effect in any run that has it.

    Example:
        >>> from holdfast.runs.config import TrainingConfig
        >>> training = TrainingConfig(optimizer="adam", momentum=0.5)
        >>> refuse_idle([RunConfig(training=training)])  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        ...
        holdfast.errors.HoldfastError: training.momentum=0.5 has no effect here: ...
    """
    used: set[str] = set()
    idle: dict[str, str] = {}
    for config in configs:
        for judged in _judged(config):
            if settings is not None and judged.name not in settings:
                continue
            # One run that uses a setting is reason enough to give it.
            if judged.needs is None:
                used.add(judged.name)
            else:
                idle[judged.name] = (
                    f"{judged.name}={judged.value!r} has no effect here: "
                    f"it has one only {judged.needs}"
                )
    refused = [text for name, text in sorted(idle.items()) if name not in used]
    if not refused:
        return
    advice = "Leave them out"
    if len(refused) == 1:
        advice = "Leave it out, or change what it depends on"
    raise HoldfastError(f"{'. '.join(refused)}. {advice}")


@dataclass(frozen=True)
class Judged:
    """A setting or an argument in one run.

    Args:
        name: Its full name, such as "training.lr" or "LwF.outputs".
        value: Its value.
        needs: What it lacks to have an effect. None: it has one.
    """

    name: str
    value: object
    needs: str | None


def _judged(config: RunConfig) -> Iterator[Judged]:
    """Judge each setting and each argument of a method that was given."""
    facts = Facts(config)
    for setting in given_settings(config):
        yield Judged(setting, value_of(config, setting), missing(facts, setting))
    for part in facts.parts:
        for rule in ARGUMENTS:
            if not rule.concerns(part):
                continue
            needs = None
            if not rule.holds(part.arguments, facts):
                needs = rule.needs
            yield Judged(f"{part.name}.{rule.name}", part.arguments[rule.name], needs)


def missing(facts: Facts, setting: str) -> str | None:
    """Say what a setting of a run would need to have an effect.

    Args:
        facts: The facts of the run.
        setting: The full name of the setting.

    Returns:
        The end of a sentence after "has an effect only". None: it has an effect.
    """
    if setting in OFF and value_of(facts.config, setting) == OFF[setting]:
        return None
    # The first rule that is broken says enough: the user has to change something anyway.
    for rule in RULES:
        if rule.broken(facts, setting):
            return rule.needs
    return facts.replaced(setting)


def notes(configs: Sequence[RunConfig]) -> list[str]:
    """Say what some runs do not do although their settings may suggest it.

    Args:
        configs: The runs.

    Returns:
        One line each, without repetition.
    """
    # A dictionary keeps the order and drops repetitions.
    lines: dict[str, None] = {}
    for config in configs:
        facts = Facts(config)
        parts = " + ".join(part.name for part in facts.parts)
        for note in NOTES:
            if note.applies(facts):
                lines[note.text.format(parts=parts)] = None
    return list(lines)
