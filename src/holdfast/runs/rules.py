"""When a setting has an effect: the rules that `holdfast.runs.options` applies.

`RULES` are about settings of a run, `ARGUMENTS` about arguments of methods, `NOTES` about
combinations that run, but do less than their names promise. Methods declare themselves which settings
they replace (`Declaration.ignores`).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from holdfast.methods import Method, parse_method
from holdfast.runs.config import IMAGES, RunConfig

KEEPS_STATE = ("adam", "adamw")  # optimizers with state whatever their settings
OFF: dict[str, Any] = {  # values that say what happens anyway, so that nobody is misled by them
    "data.blurry": 0,
    "data.order": "sorted",
    "data.sizes": [],
    "model.frozen": False,
    "model.init": "default",
    "training.accumulate": 1,
    "training.clip": None,
    "training.drop_last": False,
    "training.groups": "joint",
    "training.momentum": 0,
    "training.outputs": "seen",
    "training.renew_optimizer": False,
    "training.schedule": "constant",
    "training.shuffle": True,
    "training.steps": None,
    "training.weight_decay": 0,
}


def value_of(config: RunConfig, setting: str) -> Any:
    """The value of a setting such as "training.momentum"."""
    part, _, name = setting.partition(".")
    return getattr(getattr(config, part), name)


class Facts:
    """What the rules ask of a run."""

    def __init__(self, config: RunConfig) -> None:
        self.config = config
        self.data, self.model, self.training = config.data, config.model, config.training

    @cached_property
    def parts(self) -> list[Method]:
        """The methods of the sum."""
        return parse_method(self.config.method).parts

    @property
    def trains(self) -> bool:
        """Whether an optimizer takes steps (methods on frozen features only read)."""
        return all(p.declaration.trains for p in self.parts)

    @property
    def replays(self) -> bool:
        """Whether rows of old tasks join the batch."""
        drawing = [p for p in self.parts if p.uses("draw")]
        return any("training.groups" not in p.declaration.ignores for p in drawing)

    def replaced(self, setting: str) -> str | None:
        """What a setting would need if a method does itself what the setting is for."""
        named = {setting, f"{setting}={value_of(self.config, setting)}"}
        by = [p.name for p in self.parts if named & set(p.declaration.ignores)]
        if not by:
            return None
        return f"with methods that leave this to the learner; {by[0]} does it its own way"

    @property
    def stores(self) -> list[str]:
        """The names of memories, one for each part that gives one."""
        found = [p.arguments.get("store") for p in self.parts]
        return [name for name in found if name is not None]

    @property
    def restarts(self) -> bool:
        """Whether every task starts from fresh weights and a fresh optimizer."""
        return any(p.declaration.restarts for p in self.parts)

    @property
    def needs_boundaries(self) -> bool:
        """Whether a method does something when a task ends."""
        return any(p.declaration.boundaries for p in self.parts)

    @property
    def one_task(self) -> bool:
        """Whether the stream certainly has one task."""
        return (len(self.data.task_order) or self.data.tasks) == 1 and self.data.stream != "grouped"

    @property
    def keeps_state(self) -> bool:
        """Whether the optimizer remembers earlier steps."""
        return self.training.optimizer in KEEPS_STATE or self.training.momentum > 0


@dataclass(frozen=True)
class Rule:
    """Some settings have an effect only if something holds.

    Attributes:
        settings: The settings, such as "training.momentum".
        needs: What must hold, to follow "has an effect only".
        holds: Whether it does.
        only: The values that the rule is about (none given: all).
    """

    settings: tuple[str, ...]
    needs: str
    holds: Callable[[Facts], bool]
    only: tuple[Any, ...] = ()

    def broken(self, facts: Facts, setting: str) -> bool:
        """Whether a setting has no effect by this rule."""
        about = setting in self.settings
        if about and self.only:
            about = value_of(facts.config, setting) in self.only
        return about and not self.holds(facts)


RULES = (
    Rule(
        ("data.name",),
        "if the stream reads that data set; the tasks of a mixture are those of data.pieces",
        lambda f: f.data.name in f.data.sets,
    ),
    Rule(
        ("data.sizes", "data.order"),
        "with data.stream='split'; other streams have classes of their own",
        lambda f: f.data.stream == "split",
    ),
    Rule(
        ("data.order",),
        "with a seed above 0, because seed 0 leaves the classes sorted",
        lambda f: f.config.seed > 0,
        only=("seed",),
    ),
    Rule(
        ("data.features",),
        "with a data set of texts",
        lambda f: not f.data.sets <= set(IMAGES),
    ),
    Rule(
        ("data.group_column",),
        "with data.validation above 0, where it says which examples stay together",
        lambda f: f.data.validation > 0,
    ),
    Rule(
        ("data.blurry",),
        "with two tasks or more",
        lambda f: not f.one_task,
    ),
    Rule(
        ("model.hidden", "model.init"),
        "with model.name='mlp'",
        lambda f: f.model.name == "mlp",
    ),
    Rule(
        ("training.momentum",),
        "with training.optimizer='sgd'; Adam has momentum of its own",
        lambda f: f.training.optimizer == "sgd",
    ),
    Rule(
        ("training.epochs",),
        "without training.steps, which takes its place",
        lambda f: f.training.steps is None,
    ),
    Rule(
        (
            "training.optimizer",
            "training.lr",
            "training.momentum",
            "training.weight_decay",
            "training.steps",
            "training.shuffle",
            "training.drop_last",
            "training.renew_optimizer",
            "training.schedule",
            "training.clip",
            "training.accumulate",
            "training.outputs",
        ),
        "with methods that train weights; this one reads the features of each example once",
        lambda f: f.trains,
    ),
    Rule(
        ("training.epochs",),
        "with methods that train weights; this one reads the features of each example once",
        lambda f: f.trains or f.training.epochs == 1,
    ),
    Rule(
        ("training.renew_optimizer",),
        "with an optimizer that keeps state (momentum above 0, or Adam)",
        lambda f: f.keeps_state,
    ),
    Rule(
        ("training.renew_optimizer",),
        "with two tasks or more",
        lambda f: not f.one_task,
    ),
    Rule(
        ("training.renew_optimizer",),
        "with methods that continue from task to task; this one always makes a new optimizer",
        lambda f: not f.restarts,
    ),
    Rule(
        ("training.renew_optimizer",),
        "if boundaries are known or detected",
        lambda f: f.training.boundaries != "never",
    ),
    Rule(
        ("training.schedule",),
        "with training.boundaries='known', because a schedule needs to know how long a task is",
        lambda f: f.training.boundaries == "known",
    ),
    Rule(
        ("training.outputs",),
        "in the class scenario",
        lambda f: f.config.scenario == "class",
    ),
    Rule(
        ("training.outputs",),
        "with model.head='masked'; a growing head has no outputs but those of the tasks so far",
        lambda f: f.model.head == "masked" or f.config.scenario != "class" or f.data.blurry > 0,
        only=("all",),
    ),
    Rule(
        ("training.groups",),
        "with methods that add stored examples to the batch",
        lambda f: f.replays,
    ),
)


@dataclass(frozen=True)
class Argument:
    """An argument of a method has an effect only if something holds.

    Attributes:
        method: The method ("": every method that has the argument).
        name: The argument.
        needs: What must hold, to follow "has an effect only".
        holds: Whether it does, from the method's arguments and the facts of the run.
    """

    method: str
    name: str
    needs: str
    holds: Callable[[Mapping[str, Any], Facts], bool]

    def about(self, part: Method) -> bool:
        """Whether a method has the argument, with another value than its default."""
        if self.method not in ("", part.name) or self.name not in part.signature():
            return False
        return bool(part.arguments[self.name] != part.signature()[self.name].default)


ARGUMENTS = (
    Argument(
        "GenerativeReplay",
        "temperature",
        "with labels='soft'",
        lambda given, _: given["labels"] == "soft",
    ),
    Argument(
        "LwF",
        "outputs",
        "in the class scenario",
        lambda _, f: f.config.scenario == "class",
    ),
    Argument(
        "PackNet",
        "share",
        "without tasks, from which the share of each task follows",
        lambda given, _: given["tasks"] is None,
    ),
    Argument(
        "",
        "store",
        "if another part of the sum has the same store",
        lambda given, f: f.stores.count(given["store"]) > 1,
    ),
)


@dataclass(frozen=True)
class Note:
    """A combination that runs, and a line that says what it does not do."""

    text: str
    applies: Callable[[Facts], bool]


NOTES = (
    Note(
        "a stream of one task: nothing can be forgotten, so BWT and forgetting are not defined",
        lambda f: f.one_task,
    ),
    Note(
        "boundaries='never' ends no task, so what {parts} does at the end of a task never happens",
        lambda f: f.training.boundaries == "never" and f.needs_boundaries,
    ),
    Note(
        "boundaries are detected and reported, but {parts} does not use them",
        lambda f: f.training.boundaries not in ("known", "never") and not f.needs_boundaries,
    ),
    Note(
        "runs with unannounced boundaries write no checkpoints; a run that is killed starts again",
        lambda f: f.training.boundaries != "known",
    ),
)
