"""Checks of single arguments that many functions share: whole numbers and shares."""

import numpy as np

from holdfast.errors import HoldfastError


def whole(what: str, value: object, least: int = 0) -> int:
    """Return `value` as an int after checking that it is a whole number.

    Args:
        what: What messages call the argument.
        value: The argument, a Python or NumPy integer.
        least: The smallest value that is allowed.

    Returns:
        The same number as a Python int.

    Raises:
        HoldfastError: The value is not an integer, or it is smaller than `least`.

    Example:
        >>> whole("tasks", np.int64(5))
        5
    """
    # Python counts True and False among the integers, but nobody means a number by them.
    if isinstance(value, int | np.integer) and not isinstance(value, bool):
        number = int(value)
        if number >= least:
            return number
    raise HoldfastError(f"{what} must be a whole number of at least {least}, got {value!r}")


def check_validation(share: float) -> None:
    """Refuse a share of validation examples that would leave nothing to train on."""
    if not 0 <= share < 1:
        raise HoldfastError(
            f"validation must be a share in [0, 1), got {share}; for example, pass 0.1 to set "
            "aside a tenth of the training examples"
        )
