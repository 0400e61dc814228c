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
        given: What the source was known by when the run was made. Empty: there is no run yet.
        functions: Names of a loss and of a scorer. Those without a colon are not the user's own.

    Returns:
        A digest for each module of own classes, by its name, and for each file or folder of own
        data that the method reads. Empty for most built-in methods.

    Raises:
        HoldfastError: A module has other source than then, or no source at all.

    Example:
        >>> checked_code("ER(200)", {})
        {}
    """
    # Methods need PyTorch, and `holdfast run --help` reads settings without it.
    from holdfast.methods import code_of, parse_method
    from holdfast.methods.own_imports import imported_digests

    parts = parse_method(spec).parts
    code = code_of(parts)
    for part in parts:
        code |= part.data_digests()
    for name in functions:
        if name is not None and ":" in name:
            function = import_function(name)
            code = imported_digests(function) | code
            code[name.partition(":")[0]] = source_digest(function)
    # Runs of earlier versions do not know the modules that the method's own module imports.
    changed = [name for name in sorted(given) if code.get(name) != given[name]]
    if changed:
        raise HoldfastError(
            f"the source of {', '.join(changed)} is no longer the one that the run of {spec} was "
            "made with; restore it, or run again with the source of today"
        )
    return dict(given) or code
