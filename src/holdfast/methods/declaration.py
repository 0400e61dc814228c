"""What a method declares: where it can be used, what it needs, and what it costs."""

from dataclasses import dataclass
from typing import Any

from holdfast.advice import reason
from holdfast.streams.task import SCENARIOS

# Why penalties are weak in the class scenario. Several methods declare it.
PENALTY_IN_CLASS = reason("penalty-in-class")


@dataclass(frozen=True)
class Passes:
    """What a method's equation must compute in a step, in multiples of the new rows of the batch.

    No implementation can do without these passes. `benchmarks/overhead.py` divides the time of a
    step by the time that they take.

    Attributes:
        words: The same in words, for tables.
        rows: The rows that the network is trained on. 2 means as many stored rows as new ones.
        forwards: Rows of each further forward pass without gradients.
        gradients: Rows of each further forward and backward pass.
        singles: Steps of plain descent on a single row.
    """

    words: str = "one pass"
    rows: float = 1.0
    forwards: tuple[float, ...] = ()
    gradients: tuple[float, ...] = ()
    singles: int = 0


ONE_PASS = Passes()


@dataclass(frozen=True)
class Declaration:
    """What a method assumes, needs and costs.

    The compatibility table, refusals, warnings, the advice and the conformance laws come from this.
    "Growth" is one of "none", "constant", "linear" and "quadratic", and is meant with the number of
    tasks: none is nothing at all, constant is the same however many tasks there were, and linear is
    the same amount again for each task.

    Attributes:
        family: The kind of method, such as "replay". Tables group by it.
        paper: Authors and year, or "–".
        summary: What the method does, in less than a line and without its name.
        scenarios: Where the method can be used: of "task", "domain" and "class".
        refused: Pairs (scenario, reason) for scenarios that it cannot be used in. The reason ends
            the error message and says what to use instead.
        weak: Pairs (scenario, reason) for scenarios in which it runs, but reports warn of it.
        task_id: Whether it needs the task id at test time.
        boundaries: Whether it needs to know where one task ends and the next begins.
        labels: Whether it needs labels.
        stores_examples: Whether it keeps training examples, in any form.
        restarts: Whether it trains from the initial weights again for every task.
        trains: Whether an optimizer takes steps. Methods on frozen features only read.
        isolates: Whether each task has weights of its own, which no later task changes. Such a
            method stands alone, because replay and penalties beside it have nothing to protect.
        edits_weights: Whether `consolidate` changes θ. It then runs before the other parts of a sum
            look at the weights.
        own_weights: Whether it answers by weights of its own, which a change of θ at a boundary
            does not reach. Such a method refuses parts that edit weights or restart.
        distils: Whether it teaches the network an earlier model's answers to the rows of the
            batch, to those without labels as well.
        unlabelled: Whether it adds rows without labels, which need a part that distils.
        raw_gradient: Whether the method reads `step.raw_gradient`, the gradient without penalties.
        delta: Whether the method reads `step.delta`, the change of θ.
        memory: The growth of its state. "none" also promises that there is no state.
        parameters: The growth of what it adds to the network.
        time: The growth of the time that training one task takes.
        neutral: Pairs (argument, value) for which the method equals FineTune bit for bit.
        needs: What the network or the inputs must be, in words. Empty: any. The method refuses
            others before the first step, and the message lists methods that take them.
        classification_only: Why it works with one label per example alone, as the end of a sentence
            that begins with "it". Empty: it takes any objective.
        not_for_texts: Why it does not work with objective="language", in which a row has an answer
            per token, in the same form. Empty: it does, if it takes any objective.
        ignores: Settings of a run that it replaces by its own: "training.lr", or only one value of
            a setting: "training.outputs=current".
        keeps: What it remembers of old tasks, for the table of methods.
        passes: What a step of the typical spec must compute.
        small: Specs for small problems that together reach its branches. The laws of `checks` and
            the golden check build them. Default: the method with its defaults.
        typical: A spec for a usual problem, whose cost and time are measured. Default: the method
            with its defaults.
        unused: Hooks that the class fills, but in which an instance with its arguments does
            nothing. Set it in `declare`.
    """

    family: str
    paper: str
    summary: str
    scenarios: tuple[str, ...] = SCENARIOS
    refused: tuple[tuple[str, str], ...] = ()
    weak: tuple[tuple[str, str], ...] = ()
    task_id: bool = False
    boundaries: bool = True
    labels: bool = True
    stores_examples: bool = False
    restarts: bool = False
    trains: bool = True
    isolates: bool = False
    edits_weights: bool = False
    own_weights: bool = False
    distils: bool = False
    unlabelled: bool = False
    raw_gradient: bool = False
    delta: bool = False
    memory: str = "constant"
    parameters: str = "none"
    time: str = "constant"
    neutral: tuple[tuple[str, object], ...] = ()
    needs: str = ""
    classification_only: str = ""
    not_for_texts: str = ""
    ignores: tuple[str, ...] = ()
    keeps: str = "–"
    passes: Passes = ONE_PASS
    small: tuple[str, ...] = ()
    typical: str = ""
    unused: tuple[str, ...] = ()


def only_with_task(rule: str) -> dict[str, Any]:
    """The fields of the declaration of a method that needs the task id at test time.

    Args:
        rule: The rule of the advice that gives the reason.

    Returns:
        Keyword arguments for `Declaration`.

    Example:
        >>> only_with_task("gates-need-task")["scenarios"]
        ('task',)
    """
    return {
        "scenarios": ("task",),
        "refused": (("domain", reason(rule)), ("class", reason(rule))),
        "task_id": True,
    }
