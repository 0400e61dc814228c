"""What the rules about settings without effect ask of a run."""

from functools import cached_property

from holdfast.methods import Method, parse_method
from holdfast.runs.config import RunConfig

# Optimizers that keep state whatever their settings.
KEEPS_STATE = ("adam", "adamw")


def value_of(config: RunConfig, setting: str) -> object:
    """Look up a setting by its full name.

    Example:
        >>> value_of(RunConfig(), "training.momentum")
        0.9
    """
    part, _, name = setting.partition(".")
    value: object = getattr(getattr(config, part), name)
    return value


class Facts:
    """What the rules ask of a run.

    Args:
        config: The settings of the run.
    """

    def __init__(self, config: RunConfig) -> None:
        self.config = config
        self.data = config.data
        self.model = config.model
        self.training = config.training

    @cached_property
    def parts(self) -> list[Method]:
        """The methods of the sum."""
        return parse_method(self.config.method).parts

    @property
    def trains(self) -> bool:
        """Whether an optimizer takes steps (methods on frozen features only read)."""
        return all(part.declare().trains for part in self.parts)

    @property
    def replays(self) -> bool:
        """Whether rows of old tasks join the batch."""
        drawing = [part for part in self.parts if part.uses("draw")]
        # A method that passes stored rows through the network by itself adds none to the batch.
        return any("training.groups" not in part.declare().ignores for part in drawing)

    def replaced(self, setting: str) -> str | None:
        """Say what a setting would need if a method does by itself what the setting is for.

        Args:
            setting: The full name of a setting.

        Returns:
            The end of a sentence after "has an effect only". None: no method replaces the setting.
        """
        # A method may replace a setting as such, or only one value of it.
        names = {setting, f"{setting}={value_of(self.config, setting)}"}
        for part in self.parts:
            if names & set(part.declare().ignores):
                return (
                    f"with methods that leave this to the learner; {part.name} does it its own way"
                )
        return None

    @property
    def stores(self) -> list[str]:
        """The names of memories, one for each part that gives one."""
        names = [part.arguments.get("store") for part in self.parts]
        return [name for name in names if name is not None]

    @property
    def restarts(self) -> bool:
        """Whether every task starts from fresh weights and a fresh optimizer."""
        return any(part.declare().restarts for part in self.parts)

    @property
    def needs_boundaries(self) -> bool:
        """Whether a method does something when a task ends."""
        return any(part.declare().boundaries for part in self.parts)

    @property
    def keeps_features(self) -> bool:
        """Whether the features of a frozen backbone are computed once and kept."""
        # Building needs PyTorch and all of training, which rules of other runs need not load.
        from holdfast.runs.backbones import reads_features

        return reads_features(self.config)

    @property
    def one_task(self) -> bool:
        """Whether the stream certainly has one task."""
        # The labels of a grouped stream decide how many tasks it has, and so do rows.
        if self.data.stream == "grouped" or self.data.by_rows:
            return False
        return (len(self.data.task_order) or self.data.tasks) == 1

    @property
    def keeps_state(self) -> bool:
        """Whether the optimizer remembers earlier steps."""
        return self.training.optimizer in KEEPS_STATE or self.training.momentum > 0
