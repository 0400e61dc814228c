"""From answers to methods to try: the rules are weighed, and a command is made for each method."""

import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from typing import NamedTuple

from holdfast.advice.answers import Answers, Fact
from holdfast.advice.rules import MethodEntry, Rule, method_entry, rules

SCRIPT = "pretrained.py"  # see `pretrained_script`
DIGITS = "digits"
# One short epoch of the defaults is little for a data set as small as the digits.
FOR_DIGITS = ("--epochs 5", "--batch-size 32")
ARCHITECTURE = {  # by scenario
    "task": "one head per task, which the task id selects (--head separate)",
    "domain": "one head whose outputs all tasks share (--head fixed)",
    "class": "one head that grows with the classes (--head growing) and scores all classes so far",
}
# For each answer that may rule out methods, the value that rules out the fewest.
EASIEST: dict[str, Fact] = {
    "private": False,
    "store": 500,
    "time": "ample",
    "boundaries": True,
    "labels": True,
    "pretrained": True,
}


@dataclass(frozen=True)
class Trial:
    """What commands try methods on.

    Args:
        data: The data set, as `holdfast run --data` takes it.
        backbone: The pretrained network, as `--backbone` takes it. None: the one that the script of
            `pretrained_script` makes.
        factory: The function that makes it, as `--backbone-factory` takes it, if it needs one.
    """

    data: str = DIGITS
    backbone: str | None = None
    factory: str | None = None


@dataclass(frozen=True)
class Suggestion:
    """A method to try.

    Args:
        method: Name of the method.
        spec: Its spec, with arguments that fit the answers.
        because: The rules that speak for it.
        command: A command that tries it.
    """

    method: str
    spec: str
    because: tuple[Rule, ...]
    command: str


class Relaxation(NamedTuple):
    """Another value of one answer, and the methods that would then fit."""

    answer: str
    value: Fact
    methods: tuple[str, ...]


@dataclass(frozen=True)
class Advice:
    """What is recommended for a problem.

    Args:
        scenario: "task", "domain" or "class".
        architecture: The head that the network needs.
        suggestions: Methods to try, best first.
        against: The rules that exclude other methods.
        notes: The rules with advice that holds whatever the method is.
        relax: If no method fits: single answers whose other value would leave some.
    """

    scenario: str
    architecture: str
    suggestions: tuple[Suggestion, ...]
    against: tuple[Rule, ...]
    notes: tuple[Rule, ...]
    relax: tuple[Relaxation, ...] = ()


def advise(answers: Answers, most: int = 3, trial: Trial | None = None) -> Advice:
    """Recommend methods for a problem.

    Args:
        answers: What is known about the problem.
        most: The most methods to suggest, at least 1.
        trial: The data and the pretrained network that commands name. None: the digits, and a small
            network that has learnt turned digits.

    Returns:
        The advice. The methods with the most weight behind them come first; among equals, those
        whose rules come first in `rules.toml`.

    Example:
        >>> advice = advise(Answers(task_id=False, new_classes=True, store=500))
        >>> advice.scenario, [suggestion.spec for suggestion in advice.suggestions]
        ('class', ['ER(500)', 'iCaRL(500)', 'DERpp(500)'])
    """
    trial = trial or Trial()
    holding, methods = _weighed(answers)
    if trial.backbone is not None and trial.factory is None:
        methods = [method for method in methods if not method_entry(method).get("layers")]
    suggestions = [_suggestion(method, answers, holding, trial) for method in methods[:most]]
    # If some method fits, no answer needs to change.
    relax: tuple[Relaxation, ...] = ()
    if not suggestions:
        relax = tuple(_relaxed(answers, most))
    return Advice(
        scenario=answers.scenario,
        architecture=ARCHITECTURE[answers.scenario],
        suggestions=tuple(suggestions),
        against=tuple(rule for rule in holding if rule.exclude),
        notes=tuple(rule for rule in holding if rule.note),
        relax=relax,
    )


def pretrained_script() -> str:
    """Return the text of a Python script that makes a pretrained network for `--backbone`.

    Its network learns turned digits. Users put their own network and training in its place.

    Returns:
        The script.

    Example:
        >>> pretrained_script().splitlines()[2].strip()
        'python pretrained.py'
    """
    return files("holdfast.advice").joinpath(f"{SCRIPT}.txt").read_text(encoding="utf-8")


def _weighed(answers: Answers) -> tuple[list[Rule], list[str]]:
    """Find the rules that hold, and the methods that they leave, most weight first."""
    facts = answers.facts()
    holding = [rule for rule in rules() if rule.holds(facts)]
    # One rule is enough to exclude a method, whatever others say for it.
    excluded = {method for rule in holding for method in rule.exclude}
    weights: dict[str, float] = {}
    for rule in holding:
        for method in rule.prefer:
            if method not in excluded:
                weights[method] = weights.get(method, 0.0) + rule.weight
    # Sorting keeps the order of the rules among methods of equal weight.
    return holding, sorted(weights, key=lambda method: -weights[method])


def _relaxed(answers: Answers, most: int) -> Iterator[Relaxation]:
    """Find single answers whose easiest value would leave some method."""
    # Two answers at once are not tried: such advice would rarely be of use.
    given = answers.model_dump()
    for name, value in EASIEST.items():
        if given[name] == value:
            continue
        _, methods = _weighed(answers.model_copy(update={name: value}))
        if methods:
            yield Relaxation(name, value, tuple(methods[:most]))


def _suggestion(method: str, answers: Answers, holding: list[Rule], trial: Trial) -> Suggestion:
    """Fill in the spec of a method, and make the command that tries it."""
    entry = method_entry(method)
    spec = entry["spec"].format(store=answers.store, tasks=answers.tasks)
    return Suggestion(
        method=method,
        spec=spec,
        because=tuple(rule for rule in holding if method in rule.prefer),
        command=_command(spec, _options(entry, answers), answers, trial),
    )


def _options(entry: MethodEntry, answers: Answers) -> list[str]:
    """List the options of a command that belong to a method or follow from the answers."""
    options = [entry.get("options", "")]
    if answers.scenario == "class":
        options.append(entry.get("class", ""))
    if answers.pretrained:
        options.append(entry.get("pretrained", ""))
    # Some methods train for a number of epochs of their own, on what they have stored.
    if answers.time == "tight" and "--epochs" not in options[0]:
        options.append("--epochs 1")
    # In the other scenarios, a change of the classes or of the task id is a boundary.
    if answers.scenario == "domain" and not answers.boundaries:
        options.append(entry.get("no_boundaries", "--boundaries never"))
    return options


def _command(spec: str, options: list[str], answers: Answers, trial: Trial) -> str:
    """Make the command that tries a method."""
    words = [f"holdfast run --data {shlex.quote(trial.data)}"]
    if answers.pretrained:
        words = [_pretrained(trial, words[0])]
        given = " ".join(options)
        if trial.data == DIGITS:
            # A method that reads frozen features reads them once.
            words += [o for o in FOR_DIGITS if o.split()[0] not in given and "frozen" not in given]
    # Other data have their own classes or tasks, and digits have the same ones in all tasks only if
    # the images change. Permuted pixels would be strange to a pretrained network.
    if answers.scenario == "domain" and trial.data == DIGITS:
        words.append(f"--stream {'rotated' if answers.pretrained else 'permuted'}")
    # Classes are cut into as many tasks as the user expects. Only they know the tasks of a domain.
    if answers.scenario != "domain" and trial.data != DIGITS:
        words.append(f"--tasks {answers.tasks}")
    words += [f"--scenario {answers.scenario}", f'--method "{spec}"', *options]
    return " ".join(word for word in words if word)


def _pretrained(trial: Trial, command: str) -> str:
    """Begin a command with the pretrained network of a trial."""
    if trial.backbone is None:
        module = SCRIPT.removesuffix(".py")
        begun = f"holdfast advise --script {SCRIPT} && python {SCRIPT} && {command}"
        return f"{begun} --backbone {module}.pt --backbone-factory {module}:make"
    words = [command, f"--backbone {shlex.quote(trial.backbone)}"]
    if trial.factory is not None:
        words.append(f"--backbone-factory {trial.factory}")
    return " ".join(words)
