"""Methods of other packages, which make them known by name through entry points.

    [project.entry-points."holdfast.methods"]
    PullToStart = "mine.methods:PullToStart"

A package with these lines in its `pyproject.toml` makes `PullToStart(0.1)` a spec.
"""

from functools import cache
from importlib.metadata import EntryPoint, entry_points

from holdfast.errors import HoldfastError
from holdfast.own_code import import_own

GROUP = "holdfast.methods"


@cache
def registered() -> dict[str, list[EntryPoint]]:
    """List the methods that installed packages register, read once per process.

    Returns:
        The entry points by name. A name has several if several packages register it.
    """
    by_name: dict[str, list[EntryPoint]] = {}
    for entry in sorted(entry_points(group=GROUP), key=_order):
        by_name.setdefault(entry.name, []).append(entry)
    return by_name


def _order(entry: EntryPoint) -> tuple[str, str, str]:
    """Sort entry points in the same way in every process."""
    return (entry.name, package_of(entry), entry.value)


def package_of(entry: EntryPoint) -> str:
    """Name the package that an entry point belongs to."""
    if entry.dist is None:
        return entry.module
    return str(entry.dist.name)


def refuse_clash(name: str, built_in: bool) -> None:
    """Refuse a name that says not clearly which method is meant.

    Args:
        name: The name of a method.
        built_in: Whether a method of Holdfast has the name, too.

    Raises:
        HoldfastError: A package registers a name of Holdfast, or two packages register one name.
    """
    entries = registered().get(name, [])
    if len(entries) + built_in < 2:
        return
    owners = [f"the package {package_of(entry)}" for entry in entries]
    if built_in:
        owners.insert(0, "Holdfast")
    raise HoldfastError(
        f"the method name {name!r} belongs to {' and '.join(owners)}; name the class as "
        f"{entries[0].value}, or uninstall the package that you don't need"
    )


def registered_name(kind: type) -> str | None:
    """Find the name under which a package registers a class.

    Args:
        kind: A class of no package of Holdfast.

    Returns:
        The name. None: no package does, or the name is not the class's alone.
    """
    package = kind.__module__.partition(".")[0]
    for name, entries in registered().items():
        entry = entries[0]
        # Other packages are not imported: their classes cannot be this one.
        if len(entries) > 1 or entry.module.partition(".")[0] != package:
            continue
        try:
            found: object = import_own(entry.module)
            for step in entry.attr.split("."):
                found = getattr(found, step)
        except (HoldfastError, AttributeError):
            # It is reported when its name is used.
            continue
        if found is kind:
            return name
    return None
