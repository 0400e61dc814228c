"""Methods of the user's own: found by `module:Class`, and checked before anything is trained."""

from types import ModuleType

from holdfast.errors import HoldfastError, unknown
from holdfast.methods.declaration_checks import check_declaration
from holdfast.methods.method import Method
from holdfast.methods.naming import is_built_in, spec_name
from holdfast.methods.own_imports import imported_digests
from holdfast.methods.registered import package_of, registered
from holdfast.own_code import import_own, is_library, source_digest


def own_class(name: str) -> type[Method]:
    """Find a class by the module that defines it.

    Args:
        name: The name of the module, a colon, and the name of the class.

    Returns:
        The class, whose declaration was checked.

    Raises:
        HoldfastError: There is no such module or class, the module cannot be imported, or the class
            is no method or declares something that does not exist.

    Example:
        >>> own_class("holdfast.methods:ER").__name__
        'ER'
    """
    module, _, path = name.partition(":")
    return _checked(_found(import_own(module), path), name)


def registered_class(name: str) -> type[Method]:
    """Find a class that a package registers.

    Args:
        name: A name in `registered()`, which belongs to one package.

    Returns:
        The class, whose declaration was checked.

    Raises:
        HoldfastError: The package has no such class, or one as in `own_class`. The message names
            the package.
    """
    entry = registered()[name][0]
    try:
        return _checked(_found(import_own(entry.module), entry.attr), name)
    except HoldfastError as error:
        raise HoldfastError(
            f"the package {package_of(entry)} registers the method {name!r} as {entry.value}, "
            f"which cannot be used: {error}"
        ) from error


def _found(module: ModuleType, path: str) -> object:
    """Look up what a module calls by a name, which may be that of a class inside a class."""
    found: object = module
    for step in path.split("."):
        if not hasattr(found, step):
            raise unknown(f"class of the module {_place(module)}", path, _methods_in(module))
        found = getattr(found, step)
    return found


def _place(module: ModuleType) -> str:
    """Name a module with its file, because another one of that name may have been found."""
    file = getattr(module, "__file__", None)
    if file is None:
        return module.__name__
    return f"{module.__name__} ({file})"


def _methods_in(module: ModuleType) -> list[str]:
    """List the methods that a module defines."""
    names = []
    for name, value in vars(module).items():
        is_method = isinstance(value, type) and issubclass(value, Method)
        if is_method and not is_built_in(value):
            names.append(name)
    return names


def _checked(found: object, name: str) -> type[Method]:
    """Refuse what is no method, or declares what does not exist."""
    from holdfast.methods import METHODS

    if not isinstance(found, type):
        raise HoldfastError(
            f"{name} is a {type(found).__name__}; expected a class that derives from "
            "holdfast.methods.Method"
        )
    if not issubclass(found, Method):
        raise HoldfastError(
            f"{name} is a class, but no method: derive it from holdfast.methods.Method"
        )
    # What remains of Holdfast's own are bases and sums.
    if is_built_in(found) and found not in METHODS.values():
        raise HoldfastError(f"{name} is a base of methods and does nothing by itself")
    check_declaration(found, name)
    return found


def check_built(method: Method) -> None:
    """Refuse an instance whose base classes were not set up.

    Args:
        method: The instance, which was just made.

    Raises:
        HoldfastError: Its constructor does not call that of its base class.
    """
    if "host" not in vars(method):
        raise HoldfastError(
            f"the constructor of {spec_name(type(method))} does not set up its base class; call "
            "super().__init__() in its first line"
        )


def code_of(parts: list[Method]) -> dict[str, str]:
    """Compute what the source of methods is known by.

    Args:
        parts: The parts of a method.

    Returns:
        A digest for each module that defines an own part or a base class of one, and for each
        module that these import from their folder or their package. Modules of Holdfast, of PyTorch
        and of Python itself are left out.

    Raises:
        HoldfastError: A module has no source.

    Example:
        >>> from holdfast.methods import ER, LwF
        >>> code_of([ER(200), LwF()])
        {}
    """
    digests: dict[str, str] = {}
    for part in parts:
        if is_built_in(type(part)):
            continue
        for kind in type(part).__mro__:
            if kind is type(part) or not is_library(kind.__module__):
                # A module that defines a class is known by the source that runs.
                digests = imported_digests(kind) | digests
                digests[kind.__module__] = source_digest(kind)
    return dict(sorted(digests.items()))
