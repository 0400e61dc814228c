"""Networks that a function of the user's makes, named as `module:function`."""

from collections.abc import Callable

import torch
from torch import nn

from holdfast.errors import HoldfastError, unknown
from holdfast.own_code import current_folder_importable, explained, import_own

FORM = "module:function, such as mynet:make for the function make in mynet.py"


def made_by(factory: str | Callable[[], nn.Module]) -> nn.Module:
    """Make a network by calling a function without arguments.

    Random numbers that it draws change nothing outside.

    Args:
        factory: The function, or its name as `module:function`.

    Returns:
        The network.

    Raises:
        HoldfastError: There is no such function, it fails, or it returns something else. The
            message names the line that failed.
    """
    name = str(factory)
    if isinstance(factory, str):
        function = named_function(factory)
    else:
        function = factory
        name = getattr(factory, "__name__", name)
    try:
        # Its weights are replaced, so what it draws must not depend on what was drawn before.
        with torch.random.fork_rng(devices=[]), current_folder_importable():
            torch.default_generator.manual_seed(0)
            made = function()
    except Exception as error:
        raise HoldfastError(f"the factory {name} failed: {explained(error)}") from error
    if not isinstance(made, nn.Module):
        raise HoldfastError(
            f"the factory {name} returned {type(made).__name__}; expected the network, an "
            "nn.Module, into which the weights are loaded"
        )
    return made


def named_function(factory: str) -> Callable[[], object]:
    """Find the function of a name such as mynet:make.

    Raises:
        HoldfastError: There is no such module or function, or the name has another form.
    """
    module, colon, path = factory.partition(":")
    if not (module and colon and path):
        raise HoldfastError(f"the factory {factory!r} cannot be read; expected {FORM}")
    with current_folder_importable():
        found: object = import_own(module)
    for part in path.split("."):
        if not hasattr(found, part):
            public = [name for name in dir(found) if not name.startswith("_")]
            raise unknown(f"function of {module}", path, public)
        found = getattr(found, part)
    if not callable(found):
        raise HoldfastError(f"{factory} is {type(found).__name__}, not a function; expected {FORM}")
    return found
