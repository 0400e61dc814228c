"""From answers to a scenario, an architecture and methods, by the rules of `rules.toml`."""

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from holdfast.errors import HoldfastError, unknown

SCRIPT = "pretrained.py"  # see `pretrained_script`
ARCHITECTURE = {
    "task": "one head for each task: the task id selects it (--head separate)",
    "domain": "one head for all tasks, which share its outputs (--head fixed)",
    "class": "one head that grows with the classes (--head growing), scored over all classes seen so far",
}


class Answers(BaseModel):
    """What is known about a problem. `store` counts examples that may be kept."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    task_id: bool = Field(
        False, description="Is it known at test time which task an input belongs to?"
    )
    new_classes: bool = Field(
        True,
        description="Do later tasks bring new classes (rather than the same classes in other inputs)?",
    )
    store: int = Field(500, ge=0, description="How many examples may be stored (0: none)?")
    private: bool = Field(
        False, description="Are inputs private, so that none may be kept as it is?"
    )
    tasks: int = Field(5, ge=1, description="How many tasks will there be?")
    labels: bool = Field(True, description="Do the new data have labels?")
    boundaries: bool = Field(
        True, description="Is it known when one task ends and the next begins?"
    )
    memory: Literal["tight", "ample"] = Field(
        "ample", description="May the network grow (ample), or must it keep its size (tight)?"
    )
    time: Literal["tight", "ample"] = Field(
        "ample", description="Is there time for several passes (ample), or for one (tight)?"
    )
    pretrained: bool = Field(
        False, description="Does the network come pretrained with good features?"
    )

    @property
    def scenario(self) -> str:
        """task, domain or class."""
        return "task" if self.task_id else "class" if self.new_classes else "domain"

    def facts(self) -> dict[str, Any]:
        """The answers and what follows from them, as rules name them."""
        stored = self.store > 0
        return self.model_dump() | {
            "scenario": self.scenario,
            "stored": stored,
            "raw": stored and not self.private,
            "boundaries": self.boundaries or self.task_id,  # a task id that changes is a boundary
            "announced": self.boundaries,
        }


@dataclass(frozen=True)
class Rule:
    """One piece of advice with its source."""

    id: str
    when: dict[str, Any]
    reason: str
    source: str
    prefer: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    weight: float = 1.0
    note: str = ""

    def holds(self, facts: dict[str, Any]) -> bool:
        """Whether every condition holds."""
        return all(_holds(name, wanted, facts) for name, wanted in self.when.items())


@dataclass(frozen=True)
class Suggestion:
    """A method to try: its spec, the rules that speak for it, and the command."""

    method: str
    spec: str
    because: tuple[Rule, ...]
    command: str


@dataclass(frozen=True)
class Advice:
    """What is advised: best method first; `against` are the rules that exclude others, `notes` hold in any case."""

    scenario: str
    architecture: str
    suggestions: tuple[Suggestion, ...]
    against: tuple[Rule, ...]
    notes: tuple[Rule, ...]
    relax: tuple[
        tuple[str, Any, tuple[str, ...]], ...
    ] = ()  # where nothing fits: (answer, other value, methods that would then fit)


def _holds(name: str, wanted: Any, facts: dict[str, Any]) -> bool:
    for ending, compare in (("_at_least", lambda a, b: a >= b), ("_at_most", lambda a, b: a <= b)):
        if name.endswith(ending):
            return bool(compare(facts[name.removesuffix(ending)], wanted))
    return facts[name] in wanted if isinstance(wanted, list) else facts[name] == wanted


_SWEEP = re.compile(r"--sweep \S+ --validation \S+")


@cache
def _file() -> dict[str, Any]:
    return tomllib.loads(
        files("holdfast.advice").joinpath("rules.toml").read_text(encoding="utf-8")
    )


def _plain(rule: dict[str, Any]) -> dict[str, Any]:
    return {k: tuple(v) if isinstance(v, list) else v for k, v in rule.items()}


@cache
def rules() -> tuple[Rule, ...]:
    """All rules, in the order of the file."""
    found: list[dict[str, Any]] = _file()["rules"]
    return tuple(Rule(**_plain(r)) for r in found)


def reason(rule: str) -> str:
    """The sentence of a rule, for refusals and warnings.

    >>> reason("lwf-in-class")
    'without stored examples old and new classes are never compared; use ER or ER + LwF'
    """
    for r in rules():
        if r.id == rule:
            return r.reason
    raise unknown("rule", rule, [r.id for r in rules()])


def methods() -> dict[str, dict[str, str]]:
    """Methods that rules may name: spec and options."""
    return _file()["methods"]


def advise(answers: Answers, most: int = 3) -> Advice:
    """Up to `most` methods for a problem, those with the most weight behind them first.

    >>> found = advise(Answers(task_id=False, new_classes=True, store=500))
    >>> found.scenario, [s.spec for s in found.suggestions]
    ('class', ['ER(500)', 'iCaRL(500)', 'DERpp(500)'])
    """
    holding, best = _weighed(answers)
    best = best[:most]
    relax = () if best else tuple(_relaxed(answers, most))
    return Advice(
        answers.scenario,
        ARCHITECTURE[answers.scenario],
        tuple(_suggestion(m, answers, tuple(r for r in holding if m in r.prefer)) for m in best),
        tuple(r for r in holding if r.exclude),
        tuple(r for r in holding if r.note),
        relax,
    )


def _relaxed(answers: Answers, most: int) -> Iterator[tuple[str, Any, tuple[str, ...]]]:
    """Single answers whose other value would leave some method."""
    easier = {
        "private": False,
        "store": 500,
        "time": "ample",
        "boundaries": True,
        "labels": True,
        "pretrained": True,
    }
    for name, value in easier.items():
        if getattr(answers, name) != value:
            _, fitting = _weighed(answers.model_copy(update={name: value}))
            if fitting:
                yield name, value, tuple(fitting[:most])


def _weighed(answers: Answers) -> tuple[list[Rule], list[str]]:
    """The rules that hold, and the methods they leave, most weight first."""
    facts = answers.facts()
    holding = [r for r in rules() if r.holds(facts)]
    excluded = {m for r in holding for m in r.exclude}
    score: dict[str, float] = {}
    for r in holding:
        for m in r.prefer:
            if m not in excluded:
                score[m] = score.get(m, 0.0) + r.weight
    return holding, sorted(score, key=lambda m: -score[m])


def _suggestion(method: str, answers: Answers, because: tuple[Rule, ...]) -> Suggestion:
    about = methods()[method]
    spec = about["spec"].format(store=answers.store, tasks=answers.tasks)
    options = [about.get("options", ""), about.get(answers.scenario, "")]
    if answers.time == "tight" and "--epochs" not in options[0]:
        options.append("--epochs 1")
    if not answers.boundaries and answers.scenario == "domain":
        options.append(about.get("no_boundaries", "--boundaries never"))
    scenario = f"--scenario {answers.scenario}"
    if answers.pretrained:  # which no option of `holdfast run` brings
        start = [f"holdfast advise --script {SCRIPT} && python {SCRIPT}", f'"{spec}"', scenario]
        options = [_SWEEP.sub("", o).strip() for o in options]
    else:
        stream = "--stream permuted" if answers.scenario == "domain" else ""
        start = ["holdfast run --data digits", stream, scenario, f'--method "{spec}"']
    return Suggestion(method, spec, because, " ".join(g for g in [*start, *options] if g))


def pretrained_script() -> str:
    """The text of a Python script that trains any method on a pretrained network.

    Its network has learnt digits that are turned by 90 degrees; the user's own takes its place.

    >>> pretrained_script().splitlines()[2].strip()
    'python pretrained.py "RanPAC()" --scenario class --frozen'
    """
    return files("holdfast.advice").joinpath(f"{SCRIPT}.txt").read_text(encoding="utf-8")


def check_rules() -> None:
    """Error where a rule names a method without a spec, or an answer that does not exist."""
    known = Answers().facts()
    for r in rules():
        for m in (*r.prefer, *r.exclude):
            if m not in methods():
                raise unknown(f"method of rule {r.id}", m, methods())
        for name in r.when:
            if name.removesuffix("_at_least").removesuffix("_at_most") not in known:
                raise unknown(f"answer of rule {r.id}", name, known)
        if not (r.reason and r.source):
            raise HoldfastError(f"rule {r.id} needs a reason and a source")
