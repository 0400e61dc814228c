"""The arguments of methods' constructors: kept for repr and spec, and checked with a sentence."""

import functools
import inspect
from collections.abc import Callable
from typing import Any

from holdfast.errors import HoldfastError, unknown


def remembering(init: Callable[..., None]) -> Callable[..., None]:
    """Wrap a constructor so that it keeps its arguments, and refuses wrong ones with a sentence.

    Args:
        init: The constructor of a method's class.

    Returns:
        The constructor. It sets `arguments`, a dict of all arguments by name, defaults included.

    Raises:
        HoldfastError: When it is called: an argument is unknown or missing.

    Example:
        >>> class Point:
        ...     @remembering
        ...     def __init__(self, x: int, y: int = 0) -> None:
        ...         self.sum = x + y
        >>> Point(1).arguments
        {'x': 1, 'y': 0}
    """
    signature = inspect.signature(init)
    known = [name for name in signature.parameters if name != "self"]

    @functools.wraps(init)
    def wrapped(self: Any, *args: Any, **kwargs: Any) -> None:
        name = type(self).__name__
        for key in kwargs:
            if key not in known:
                raise unknown(f"argument of {name}", key, known)
        try:
            bound = signature.bind(self, *args, **kwargs)
        except TypeError as error:
            raise HoldfastError(
                f"{name}: {error}; its arguments are {', '.join(known) or 'none'}"
            ) from None
        bound.apply_defaults()
        init(self, *args, **kwargs)
        # A base class's constructor runs inside this one; only the outermost is what was called.
        if type(self).__init__ is wrapped:
            self.arguments = {key: v for key, v in bound.arguments.items() if key != "self"}

    return wrapped


def at_least(name: str, value: float, lowest: float) -> float:
    """Check an argument that is a number with a lower bound.

    Args:
        name: What the argument is called in the message.
        value: The argument.
        lowest: The least value that is allowed.

    Returns:
        `value`, unchanged.

    Raises:
        HoldfastError: It is below `lowest`, NaN, or no number.

    Example:
        >>> at_least("strength", 0.5, 0)
        0.5
    """
    if not is_number(value) or not value >= lowest:
        raise HoldfastError(f"{name} must be a number of at least {lowest}, got {value!r}")
    return value


def is_number(value: object) -> bool:
    """Say whether an argument is a number, which True and False are not.

    Example:
        >>> is_number(0.5), is_number(True), is_number("0.5")
        (True, False, False)
    """
    return isinstance(value, int | float) and not isinstance(value, bool)
