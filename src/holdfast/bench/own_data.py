"""Suites on other data than their own, such as the user's."""

from collections.abc import Mapping

from holdfast.bench.suites import Suite
from holdfast.errors import HoldfastError
from holdfast.runs.data_config import DataConfig
from holdfast.validation import validated


def with_data(suite: Suite, settings: Mapping[str, object]) -> Suite:
    """Give the runs of a suite other data.

    Args:
        suite: The suite.
        settings: Settings of `DataConfig`, as options of a command give them. Empty: the suite
            keeps its data.

    Returns:
        The suite, whose methods, networks and training stay as they are.

    Raises:
        HoldfastError: The settings name no data, or are wrong.

    Example:
        >>> from holdfast.bench.suites import load_suite
        >>> with_data(load_suite("demo"), {"name": "digits", "tasks": 2}).data.tasks
        2
    """
    if not settings:
        return suite
    if "name" not in settings:
        first = next(iter(settings)).replace("_", "-")
        raise HoldfastError(
            f"--{first} describes other data than those of the suite; name them with --data"
        )
    # What scenarios say about the old data is about nothing now.
    only = {}
    for scenario, parts in suite.only.items():
        only[scenario] = {part: some for part, some in parts.items() if part != "data"}
    data = validated(DataConfig, **settings)
    return suite.model_copy(update={"data": data, "only": only})
