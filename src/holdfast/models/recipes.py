"""How a network was made: the name of a function and its arguments, as plain values.

A learner on disk holds the weights of its network. Another process needs the network itself, and a
pickle of it could run any code. Therefore each function that makes networks notes its own name and
its arguments in what it returns, and `build` calls it again.
"""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import wraps
from numbers import Integral, Real
from typing import Any, ParamSpec, TypeVar

import torch
from torch import nn

from holdfast.errors import HoldfastError, first_line
from holdfast.own_code import import_own

PACKAGE = "holdfast"
NOTED = "holdfast_recipe"  # the attribute of a network that holds its recipe
MARK = "holdfast_rebuildable"  # the attribute of a function whose calls are noted
NESTED = "$network"  # the key of a network among the arguments
Arguments = ParamSpec("Arguments")
Made = TypeVar("Made", bound=nn.Module)


class _NotPlainError(Exception):
    """An argument that JSON cannot hold."""


@dataclass(frozen=True)
class Recipe:
    """The call that made a network.

    Args:
        factory: The function: a name in `holdfast.models`, or `module:function`.
        positional: Its positional arguments, as JSON holds them.
        named: Its other arguments.
        obstacle: Why the call cannot be repeated in another process. Empty: it can.
    """

    factory: str
    positional: list[Any]
    named: dict[str, Any]
    obstacle: str = ""


def rebuildable(make: Callable[Arguments, Made]) -> Callable[Arguments, Made]:
    """Let a function that makes networks note how it was called, so that it can be called again.

    Decorate a function of your own with it, and `Learner.load(path)` makes your network by itself.

    Args:
        make: A function at the top level of a module. Its arguments are numbers, texts, truth
            values, lists and dicts of them, or networks that such functions have made.

    Returns:
        The same function. What it returns remembers the call.

    Raises:
        HoldfastError: `make` is a class.

    Example:
        >>> @rebuildable
        ... def narrow(width: int) -> nn.Module:
        ...     return nn.Linear(width, 2)
        >>> recipe_of(narrow(3)).positional
        [3]
    """
    if inspect.isclass(make):
        raise HoldfastError(
            f"rebuildable decorates functions, got the class {make.__name__}; decorate a function "
            "that returns an object of it"
        )
    signature = inspect.signature(make)

    @wraps(make)
    def noting(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Made:
        # Before the call, which may change a network among its arguments.
        try:
            bound = signature.bind(*args, **kwargs)
        except TypeError:
            return make(*args, **kwargs)  # which says what is wrong
        bound.apply_defaults()  # a later version may have other defaults
        recipe = _recipe(make, bound)
        made = make(*args, **kwargs)
        setattr(made, NOTED, recipe)
        return made

    setattr(noting, MARK, True)
    return noting


def note(network: nn.Module, make: Callable[..., nn.Module], **arguments: object) -> None:
    """Let a network remember a call that makes one like it.

    Args:
        network: The network.
        make: A `rebuildable` function.
        **arguments: Its arguments.
    """
    bound = inspect.signature(make).bind(**arguments)
    bound.apply_defaults()
    setattr(network, NOTED, _recipe(make, bound))


def recipe_of(network: nn.Module) -> Recipe | None:
    """Return how a network was made, or None if no `rebuildable` function has made it."""
    recipe = getattr(network, NOTED, None)
    if isinstance(recipe, Recipe):
        return recipe
    return None


def build(recipe: Recipe) -> nn.Module:
    """Make a network as a recipe says. Its weights are drawn anew.

    Args:
        recipe: The recipe, perhaps of a file from elsewhere.

    Raises:
        HoldfastError: The function does not exist, is not `rebuildable`, or fails.

    Example:
        >>> from holdfast.models import mlp
        >>> build(recipe_of(mlp(4, "fixed", 2, hidden=[3]))).backbone[1]
        Linear(in_features=4, out_features=3, bias=True)
    """
    make = _function(recipe.factory)
    positional = [_network_or_value(value) for value in recipe.positional]
    named = {name: _network_or_value(value) for name, value in recipe.named.items()}
    try:
        # Weights without a seed come from the global generator, which is the user's.
        with torch.random.fork_rng(devices=[]):
            made: object = make(*positional, **named)
    except HoldfastError:
        raise
    except Exception as error:  # a function of the user fails in any way
        raise HoldfastError(
            f"{recipe.factory} failed with the arguments that it had then: {first_line(error)}; "
            "restore the function as it was"
        ) from error
    if not isinstance(made, nn.Module):
        raise HoldfastError(f"{recipe.factory} returned {type(made).__name__}, not a network")
    return made


def _recipe(make: Callable[..., nn.Module], bound: inspect.BoundArguments) -> Recipe:
    """Write down a call."""
    name = make.__name__
    obstacle = ""
    if make.__module__.partition(".")[0] != PACKAGE:
        name = f"{make.__module__}:{make.__qualname__}"
        if make.__module__ == "__main__" or "<locals>" in make.__qualname__:
            obstacle = (
                f"{make.__name__} is not in a module that another process can import; move it to "
                "the top level of a file of its own"
            )
    try:
        positional = [_plain(value) for value in bound.args]
        named = {key: _plain(value) for key, value in bound.kwargs.items()}
    except _NotPlainError as error:
        return Recipe(name, [], {}, f"an argument of {make.__name__} is {error}")
    return Recipe(name, positional, named, obstacle)


def _plain(value: object) -> object:
    """Write an argument as JSON holds it."""
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, Real):
        return float(value)
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, Mapping) and all(isinstance(key, str) for key in value):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, nn.Module):
        return {NESTED: _nested(value)}
    raise _NotPlainError(f"of type {type(value).__name__}, which a file cannot hold as text")


def _nested(network: nn.Module) -> dict[str, object]:
    """Write a network among the arguments as the call that made it."""
    recipe = recipe_of(network)
    if recipe is None:
        raise _NotPlainError(
            f"a {type(network).__name__} of your own; make it in a function with the decorator "
            "holdfast.models.rebuildable"
        )
    if recipe.obstacle:
        raise _NotPlainError(f"a network that cannot be made again: {recipe.obstacle}")
    return {"factory": recipe.factory, "positional": recipe.positional, "named": recipe.named}


def _network_or_value(value: object) -> object:
    """Read an argument: a network is made first, everything else is itself."""
    if isinstance(value, Mapping) and value.keys() == {NESTED}:
        return build(Recipe(**value[NESTED]))
    return value


def _function(name: str) -> Callable[..., object]:
    """Find a function by its name. A file must not be able to call any other function."""
    module, colon, path = name.partition(":")
    if not colon:
        import holdfast.models as home

        found: object = getattr(home, name, None)
    else:
        found = import_own(module)
        for step in path.split("."):
            found = getattr(found, step, None)
    if not callable(found) or not getattr(found, MARK, False):
        raise HoldfastError(
            f"there is no function {name!r} with the decorator holdfast.models.rebuildable; "
            "restore it, or pass the network with model="
        )
    return found
