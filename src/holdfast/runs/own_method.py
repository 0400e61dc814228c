"""Whether a method of the user's own still has the source with which a run was made."""

from collections.abc import Mapping, Sequence

from holdfast.errors import HoldfastError
from holdfast.own_code import import_function, source_digest


def checked_code(
    spec: str, given: Mapping[str, str], functions: Sequence[str | None] = ()
) -> dict[str, str]:
    """Compute what the source of a method is known by, and compare it with that of a run.

    Args:
        spec: The method.
        functions: Names of a loss and of a scorer. Those without a colon are not the user's own.
        given: What the source was known by when the run was made. Empty: there is no run yet.

    Returns:
        A digest for each module of own classes, by its name. Empty for built-in methods.

    Raises:
        HoldfastError: A module has other source than then, or no source at all.

    Example:
        >>> checked_code("ER(200)", {})
        {}
    """
    # Methods need PyTorch, and `holdfast run --help` reads settings without it.
    from holdfast.methods import code_of, parse_method

    code = code_of(parse_method(spec).parts)
    for name in functions:
        if name is not None and ":" in name:
            code[name.partition(":")[0]] = source_digest(import_function(name))
    if given and code != given:
        names = sorted(code.keys() | given.keys())
        changed = [name for name in names if code.get(name) != given.get(name)]
        raise HoldfastError(
            f"the source of {', '.join(changed)} is no longer the one that the run of {spec} was "
            "made with; restore it, or run again with the source of today"
        )
    return code
