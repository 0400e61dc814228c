"""Settings of runs that learn the tasks of a suite in an order that the planner asks for."""

from collections.abc import Sequence

from holdfast.bench.suites import Suite
from holdfast.errors import HoldfastError
from holdfast.runs.config import RunConfig
from holdfast.validation import validated


def base_config(
    suite: Suite,
    scenario: str | None = None,
    method: str | None = None,
    *,
    epochs: int | None = None,
    steps: int | None = None,
    fraction: float = 1.0,
) -> RunConfig:
    """Take the settings of one run from a suite, and shorten its training for a probe.

    Args:
        suite: The suite.
        scenario: One of its scenarios. None: its first.
        method: One of its methods, or the spec of another one. None: its first.
        epochs: Epochs per task, in place of those of the suite.
        steps: Steps per task, in place of the epochs of the suite.
        fraction: The share of the training examples to use, above 0 and up to 1.

    Returns:
        The settings of the run.

    Raises:
        HoldfastError: The suite has no such scenario, epochs and steps are both given, the
            fraction is out of range, or the tasks change with the seed.
    """
    if epochs is not None and steps is not None:
        raise HoldfastError("give epochs or steps, not both")
    if not 0 < fraction <= 1:
        raise HoldfastError(
            f"fraction is the share of the training examples used, in (0, 1], got {fraction}"
        )
    # A method that the suite does not have is the spec of another one.
    methods = None
    if method is not None and suite.has_method(method):
        methods = [method]
    chosen = suite.only_these(methods, [scenario] if scenario is not None else None)
    _, config = next(chosen.runs())
    values = config.model_dump(mode="json", exclude_unset=True)
    if method is not None:
        values["method"] = method
    if epochs is not None or steps is not None:
        # The number of epochs is ignored if steps are given, but it must be a valid one.
        values["training"] = values.get("training", {}) | {"epochs": epochs or 1, "steps": steps}
    if fraction < 1:
        values["data"] = values.get("data", {}) | {"fraction": fraction}
    shortened = validated(RunConfig, **values)
    _refuse_tasks_of_a_seed(shortened)
    return shortened


def _refuse_tasks_of_a_seed(config: RunConfig) -> None:
    """Refuse tasks that change with the seed: transfer between them means nothing over seeds."""
    data = config.data
    if data.stream in ("permuted", "rotated") or data.order == "seed" or data.blurry:
        kind: str = data.stream
        if data.order == "seed":
            kind += ", order seed"
        raise HoldfastError(
            f"the tasks of this stream ({kind}) change with the seed, so there is no transfer "
            "between them to measure; fix them: stream='mixture', pieces such as "
            "ylecun/mnist:rotate=90, or list the classes"
        )
    # A run of the probe sets it, and would overwrite the choice of the suite.
    if data.task_order:
        raise HoldfastError(
            "data.task_order is what the planner chooses; leave it out of the suite"
        )


def with_order(
    config: RunConfig, order: Sequence[int], seed: int, validation: float | None = None
) -> RunConfig:
    """Change which tasks a run learns, and in which order.

    Args:
        config: The settings of the run.
        order: The numbers of the tasks.
        seed: The seed of the run.
        validation: The share of the training examples to set aside if the run sets none aside.

    Returns:
        The changed settings.

    Example:
        >>> with_order(RunConfig(), [2, 0], seed=1).data.task_order
        [2, 0]
    """
    data = config.data.model_dump(exclude_unset=True) | {"task_order": list(order)}
    if validation is not None and not config.data.validation:
        data["validation"] = validation
    training = config.training.model_dump(exclude_unset=True)
    changes = {"data": data, "training": training, "seed": seed}
    return validated(RunConfig, **config.model_dump(exclude_unset=True) | changes)


def task_names(config: RunConfig, data_dir: str | None) -> list[str]:
    """Read the data of a run, and name its tasks in their own order.

    Args:
        config: The settings of the run.
        data_dir: The folder of data sets. None: that of the environment.
    """
    from holdfast.runs.build import build_stream

    return [task.name for task in build_stream(config, data_dir)]
