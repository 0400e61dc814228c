"""Suite files that start from another suite.

A file with `extends = "NAME"` has all settings of the suite of that name, which is a shipped suite
or another file. What the file gives itself comes before that.

- Tables of settings (`data`, `model`, `training` and those of `only`) are merged key by key.
- Lists (`methods`, `scenarios`, `seeds`, `memory`) are replaced. The word "inherited" among the
  methods stands for those of the other suite.
- `name` and `description` are never inherited, because they would name other runs.
"""

import tomllib
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path

from holdfast.errors import HoldfastError, reading, unknown

EXTENDS = "extends"
EXTENDS_MEANING = (
    "Suite that this one starts from: the name of a shipped suite, or the path of a TOML file "
    "relative to this one. Everything but its name and description is inherited, and what this "
    "file gives comes first."
)
INHERITED = "inherited"  # among the methods of a suite: those of the suite that it extends
SHIPPED = "shipped"  # the folder of the package that holds the suites
NEVER_INHERITED = ("name", "description")
# Settings that belong to another one. A file that changes that one does not inherit them, because
# they would contradict it or have no effect.
BELONG_TO: dict[str, dict[str, tuple[str, ...]]] = {
    "data": {
        "stream": ("pieces", "then", "sizes", "order"),
        "sizes": ("tasks",),
        "pieces": ("tasks", "name"),
        "then": ("tasks",),
        "name": ("features", "group_column"),
    },
    "model": {
        "name": ("hidden", "init"),
        "backbone": (
            *("name", "hidden", "init", "backbone_factory", "old_output", "output_layer"),
            *("pooling", "max_length"),
        ),
    },
    "training": {"steps": ("epochs",), "epochs": ("steps",), "optimizer": ("momentum",)},
}
Values = dict[str, object]


def shipped() -> list[str]:
    """List the names of the suites in the package.

    Example:
        >>> "demo" in shipped()
        True
    """
    names = [file.name for file in files("holdfast.bench").joinpath(SHIPPED).iterdir()]
    return sorted(name.removesuffix(".toml") for name in names if name.endswith(".toml"))


def read_suite(name: str) -> Values:
    """Read a suite with everything that it inherits, as plain values that are not checked yet.

    Args:
        name: The name of a suite in the package, or the path of a TOML file.

    Returns:
        The values, without `extends`.

    Raises:
        HoldfastError: There is no such suite, it is not readable as TOML, or suites extend each
            other in a circle.
    """
    return _read(name, None, ())


def _read(name: str, folder: Path | None, chain: tuple[str, ...]) -> Values:
    """Read a suite that the last suite of a chain extends, or the first one of all."""
    # The names of shipped suites have no suffix, so a file can never be taken for one of them.
    if not name.endswith(".toml"):
        if name not in shipped():
            raise unknown("suite", name, shipped())
        content = files("holdfast.bench").joinpath(SHIPPED, f"{name}.toml").read_bytes()
        key, folder = name, None
    else:
        path = Path(name)
        # Relative to the file that extends it, so that both can be moved together.
        if folder is not None:
            path = folder / path
        content = _bytes_of(path)
        key, folder = str(path.resolve()), path.parent
    if key in chain:
        names = " → ".join(Path(one).name for one in (*chain[chain.index(key) :], key))
        raise HoldfastError(f"suites extend each other in a circle: {names}; remove one extends")
    with reading(f"suite {name}", "TOML"):
        values: Values = tomllib.loads(content.decode())
    base = values.pop(EXTENDS, None)
    if base is None:
        return values
    if not isinstance(base, str):
        raise HoldfastError(
            f"extends must be the name of one suite or the path of a TOML file, got {base!r}"
        )
    return merged(_read(base, folder, (*chain, key)), values)


def _bytes_of(path: Path) -> bytes:
    """Read a file of the user, or say which suites need no file."""
    if not path.is_file():
        raise HoldfastError(
            f"there is no suite file {path}; shipped suites: {', '.join(shipped())}"
        )
    with reading(f"suite {path}", "TOML"):
        return path.read_bytes()


def merged(base: Mapping[str, object], own: Mapping[str, object]) -> Values:
    """Give a suite what it inherits.

    Args:
        base: The values of the suite that it extends.
        own: Its own values, which come first.

    Returns:
        The values of both.

    Example:
        >>> base = {"name": "a", "seeds": [1], "training": {"lr": 0.1, "epochs": 5}}
        >>> merged(base, {"name": "b", "training": {"steps": 100}})
        {'seeds': [1], 'training': {'lr': 0.1, 'steps': 100}, 'name': 'b'}
    """
    values = {key: value for key, value in base.items() if key not in NEVER_INHERITED}
    for key, value in own.items():
        values[key] = _merged_value(key, values.get(key), value)
    return values


def _merged_value(key: str, base: object, own: object) -> object:
    """Merge one value of a suite with the one that is inherited."""
    if key == "methods" and isinstance(own, list) and isinstance(base, list):
        return _merged_methods(base, own)
    # What is no table is wrong or a list, and the check of the suite says which.
    if not isinstance(own, Mapping) or not isinstance(base, Mapping):
        return own
    # The tables of `only` are by scenario, and those of a scenario by part.
    if key not in BELONG_TO:
        tables = dict(base)
        for name, value in own.items():
            tables[name] = _merged_value(name, base.get(name), value)
        return tables
    changed = [name for name, value in own.items() if base.get(name) != value]
    dropped = {other for name in changed for other in BELONG_TO[key].get(name, ())}
    kept = {name: value for name, value in base.items() if name not in dropped}
    return kept | dict(own)


def _merged_methods(base: list[object], own: list[object]) -> list[object]:
    """Put the methods of the other suite in the place of the word that stands for them."""
    if INHERITED not in own:
        return own
    labels = [_label(entry) for entry in own]
    methods: list[object] = []
    for entry in own:
        if entry != INHERITED:
            methods.append(entry)
            continue
        for inherited in base:
            label = _label(inherited)
            # An own method of the same label is meant to take the place of the inherited one.
            if label is None or label not in labels:
                methods.append(inherited)
    return methods


def _label(entry: object) -> object:
    """The label of a method, or None if it has none."""
    if isinstance(entry, Mapping):
        return entry.get("label")
    return None
