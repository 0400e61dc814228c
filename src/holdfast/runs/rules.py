"""When a setting has an effect: the rules that `holdfast.runs.options` applies.

`RULES` concern settings of a run, `ARGUMENTS` arguments of methods, and `NOTES` combinations that
run, but do less than their names promise. Each method declares by itself which settings it replaces
(`Declaration.ignores`).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from holdfast.methods import Method
from holdfast.methods.naming import spec_name
from holdfast.runs.data_config import IMAGES
from holdfast.runs.facts import Facts, value_of
from holdfast.runs.own_settings import OwnData

# Values that say what happens anyway. Nobody is misled by them, so they are never refused.
OFF: dict[str, object] = {
    "data.blurry": 0,
    "data.order": "sorted",
    "data.sizes": [],
    "model.backbone_lr": None,
    "model.frozen": False,
    "model.init": "default",
    "model.max_length": None,
    "model.pooling": None,
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

# Settings of `OwnData` that other data have, too.
NOT_ONLY_OWN = ("classes", "embeddings", "content")


@dataclass(frozen=True)
class Rule:
    """Some settings have an effect only if something holds.

    Args:
        settings: The full names of the settings, such as "training.momentum".
        needs: What must hold, as the end of a sentence after "has an effect only".
        holds: Whether it does.
        only: The values that the rule concerns. Empty: all.
    """

    settings: tuple[str, ...]
    needs: str
    holds: Callable[[Facts], bool]
    only: tuple[object, ...] = ()

    def broken(self, facts: Facts, setting: str) -> bool:
        """Check whether a setting has no effect by this rule."""
        if setting not in self.settings:
            return False
        if self.only and value_of(facts.config, setting) not in self.only:
            return False
        return not self.holds(facts)


# In the lambdas, `run` stands for the facts of a run.
RULES = (
    # Every piece of a mixture names its own data set.
    Rule(
        ("data.name",),
        "if the stream reads that data set; the tasks of a mixture are those of data.pieces",
        lambda run: run.data.name in run.data.sets,
    ),
    # Only a split stream deals out classes. The others give every task the same ones, or those
    # of its data set.
    Rule(
        ("data.sizes", "data.order"),
        "with data.stream='split'; other streams have classes of their own",
        lambda run: run.data.stream == "split",
    ),
    # `streams.split` leaves the classes sorted for seed 0.
    Rule(
        ("data.order",),
        "with a seed above 0, because seed 0 leaves the classes sorted",
        lambda run: run.config.seed > 0,
        only=("seed",),
    ),
    Rule(
        ("data.features", "data.embeddings"),
        "with a data set of texts",
        lambda run: not run.data.sets <= set(IMAGES),
    ),
    # Without validation examples nothing is held out, so nothing can be kept together. Of own data
    # the test examples are drawn, too.
    Rule(
        ("data.group_column",),
        "with data.validation above 0, where it says which examples stay together",
        lambda run: run.data.validation > 0 or run.data.own,
    ),
    # The data sets of the hub are decoded as they are. Digests are computed, also of embeddings.
    Rule(
        tuple(f"data.{name}" for name in OwnData.model_fields if name not in NOT_ONLY_OWN),
        "with your own data: a folder of images or a table file in data.name",
        lambda run: run.data.own,
    ),
    Rule(
        ("data.every", "data.time_format"),
        "with data.time, a column of dates",
        lambda run: run.data.time is not None,
    ),
    Rule(
        ("data.classes",),
        "with data.stream='split'; other streams have classes of their own",
        lambda run: run.data.stream == "split",
    ),
    Rule(
        ("data.features",),
        "without data.encoder, which takes its place",
        lambda run: run.data.encoder is None,
    ),
    Rule(
        ("data.features", "data.encoder"),
        "without data.embeddings, which take its place",
        lambda run: run.data.embeddings is None,
    ),
    Rule(
        ("data.test",),
        "without data.test_column, which says which rows are test rows",
        lambda run: run.data.test_column is None,
    ),
    # Examples that leave a task need another one to move to.
    Rule(
        ("data.blurry",),
        "with two tasks or more",
        lambda run: not run.one_task,
    ),
    # A language model reads the texts themselves.
    Rule(
        ("data.features", "data.encoder", "data.embeddings"),
        "without a language model in model.backbone, which reads the texts themselves",
        lambda run: not run.model.of_texts,
    ),
    Rule(
        ("model.pooling", "model.max_length"),
        "with a language model in model.backbone, which reads texts",
        lambda run: run.model.of_texts,
    ),
    Rule(
        ("model.name", "model.hidden", "model.init"),
        "without model.backbone, a pretrained network that takes its place",
        lambda run: run.model.backbone is None,
    ),
    # The other networks have fixed layers and draw their weights in one way.
    Rule(
        ("model.hidden", "model.init"),
        "with model.name='mlp'",
        lambda run: run.model.name == "mlp",
    ),
    # A rate of 0 is another way to freeze the backbone, and says nothing new beside it.
    Rule(
        ("model.backbone_lr",),
        "without model.frozen, which keeps the network below the output layer as it is",
        lambda run: not run.model.frozen,
    ),
    Rule(
        ("training.momentum",),
        "with training.optimizer='sgd'; Adam has momentum of its own",
        lambda run: run.training.optimizer == "sgd",
    ),
    Rule(
        ("training.epochs",),
        "without training.steps, which takes its place",
        lambda run: run.training.steps is None,
    ),
    # NCM, SLDA and RanPAC keep sums of features, for which no optimizer takes a step.
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
            "model.backbone_lr",
        ),
        "with methods that train weights; this one reads the features of each example once",
        lambda run: run.trains,
    ),
    # One epoch is what such a method does anyway.
    Rule(
        ("training.epochs",),
        "with methods that train weights; this one reads the features of each example once",
        lambda run: run.trains or run.training.epochs == 1,
    ),
    # Plain SGD remembers nothing, so a new optimizer is the same as the old one.
    Rule(
        ("training.renew_optimizer",),
        "with an optimizer that keeps state (momentum above 0, or Adam)",
        lambda run: run.keeps_state,
    ),
    Rule(
        ("training.renew_optimizer",),
        "with two tasks or more",
        lambda run: not run.one_task,
    ),
    Rule(
        ("training.renew_optimizer",),
        "with methods that continue from task to task; this one always makes a new optimizer",
        lambda run: not run.restarts,
    ),
    # No task is ever announced that could begin with a new optimizer.
    Rule(
        ("training.renew_optimizer",),
        "if boundaries are known or detected",
        lambda run: run.training.boundaries != "never",
    ),
    Rule(
        ("training.schedule",),
        "with training.boundaries='known', because a schedule needs to know how long a task is",
        lambda run: run.training.boundaries == "known",
    ),
    # In the other scenarios the outputs of the task compete, and no choice is left.
    Rule(
        ("training.outputs",),
        "in the class scenario",
        lambda run: run.config.scenario == "class",
    ),
    Rule(
        ("training.outputs",),
        "with model.head='masked'; a growing head has no outputs but those of the tasks so far",
        lambda run: (
            run.model.head == "masked" or run.config.scenario != "class" or run.data.blurry > 0
        ),
        only=("all",),
    ),
    # There is a single group of rows without stored ones.
    Rule(
        ("training.groups",),
        "with methods that add stored examples to the batch",
        lambda run: run.replays,
    ),
)


@dataclass(frozen=True)
class Argument:
    """An argument of a method has an effect only if something holds.

    Args:
        method: The name of the method. Empty: every method that has the argument.
        name: The argument.
        needs: What must hold, as the end of a sentence after "has an effect only".
        holds: Whether it does, from the arguments of the method and the facts of the run.
    """

    method: str
    name: str
    needs: str
    holds: Callable[[Mapping[str, Any], Facts], bool]

    def concerns(self, part: Method) -> bool:
        """Check whether a method has the argument, with another value than its default."""
        # An own class may have the name of a built-in method, and not its arguments.
        if self.method not in ("", spec_name(type(part))) or self.name not in part.signature():
            return False
        return bool(part.arguments[self.name] != part.signature()[self.name].default)


ARGUMENTS = (
    # Hard labels are the largest output at any temperature.
    Argument(
        "GenerativeReplay",
        "temperature",
        "with labels='soft'",
        lambda arguments, _: arguments["labels"] == "soft",
    ),
    Argument(
        "LwF",
        "outputs",
        "in the class scenario",
        lambda _, run: run.config.scenario == "class",
    ),
    Argument(
        "PackNet",
        "share",
        "without tasks, from which the share of each task follows",
        lambda arguments, _: arguments["tasks"] is None,
    ),
    # The name of a memory only serves to share it.
    Argument(
        "",
        "store",
        "if another part of the sum has the same store",
        lambda arguments, run: run.stores.count(arguments["store"]) > 1,
    ),
)


@dataclass(frozen=True)
class Note:
    """A combination that runs, but does less than its settings suggest.

    Args:
        text: A line that says so. `{parts}` stands for the parts of the method.
        applies: Whether a run is such a combination.
    """

    text: str
    applies: Callable[[Facts], bool]


NOTES = (
    Note(
        "the features of the frozen backbone are computed once and kept in the cache",
        lambda run: run.keeps_features,
    ),
    Note(
        "the features of the frozen backbone are computed in every pass, because {parts} or the "
        "precision needs the network itself",
        lambda run: (
            run.model.backbone is not None and run.model.keeps_backbone and not run.keeps_features
        ),
    ),
    Note(
        "a stream of one task: nothing can be forgotten, so BWT and forgetting are not defined",
        lambda run: run.one_task,
    ),
    Note(
        "boundaries='never' ends no task, so what {parts} does at the end of a task never happens",
        lambda run: run.training.boundaries == "never" and run.needs_boundaries,
    ),
    Note(
        "boundaries are detected and reported, but {parts} does not use them",
        lambda run: run.training.boundaries not in ("known", "never") and not run.needs_boundaries,
    ),
    Note(
        "runs with unannounced boundaries write no checkpoints; a run that is killed starts again",
        lambda run: run.training.boundaries != "known",
    ),
)
