"""Errors of methods of the user's own, which are no faults of Holdfast."""

from collections.abc import Iterator
from contextlib import contextmanager

from holdfast.errors import HoldfastError
from holdfast.own_code import explained
from holdfast.runs.config import RunConfig


@contextmanager
def blaming_own_method(config: RunConfig) -> Iterator[None]:
    """Turn an error in the block into a sentence if the method of a run is the user's own.

    Args:
        config: The settings of the run.

    Yields:
        Nothing.

    Raises:
        HoldfastError: The method failed. The message names the line in its file.
    """
    try:
        yield
    except HoldfastError:
        raise
    except Exception as error:
        # Built-in methods are tested, so an error beside them is a fault of Holdfast.
        if not config.code:
            raise
        raise HoldfastError(f"the method {config.method} failed: {explained(error)}") from error
