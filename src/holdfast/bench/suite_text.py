"""Suites as text: the effective settings of one, and a new file to start from."""

import json
import re
from importlib.resources import files
from pathlib import Path

from holdfast.bench.suites import LONGEST_NAME, Suite
from holdfast.errors import HoldfastError
from holdfast.files import write_text
from holdfast.runs.config import PARTS
from holdfast.text import safe_name
from holdfast.validation import Strict

TEMPLATE = "new_suite.toml"
NAME = "NAME-OF-THE-SUITE"  # what the name in the template is replaced by
BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")


def write_new(path: Path) -> None:
    """Write a short suite with comments, which runs in about a minute as it is.

    Args:
        path: The TOML file. It must not exist yet. The suite is called like it.

    Raises:
        HoldfastError: The file exists, its name does not end in .toml, or it could not be written.
    """
    name = safe_name(str(path))
    if path.suffix != ".toml":
        raise HoldfastError(f"a suite is a TOML file, so its name must end in .toml; got {name}")
    if path.exists() or path.is_symlink():
        raise HoldfastError(f"{name} exists already; delete it, or name another file after --new")
    template = files("holdfast.bench").joinpath(TEMPLATE).read_text(encoding="utf-8")
    suite_name = path.stem[:LONGEST_NAME].strip(". ") or "suite"
    write_text(path, template.replace(f'"{NAME}"', toml_value(suite_name)))


def effective(suite: Suite) -> str:
    """Write a suite as TOML with every setting: what it gives, what it inherits, and defaults.

    Args:
        suite: The suite.

    Returns:
        A suite file that makes the same runs. Defaults are comments.

    Example:
        >>> from holdfast.bench.suites import load_suite
        >>> print(effective(load_suite("demo")).splitlines()[0])
        name = "demo"
    """
    lines = []
    for key in ("name", "description", "scenarios", "seeds", "memory"):
        value = getattr(suite, key)
        # What is not set would only be noise.
        if value not in ("", []):
            lines.append(f"{key} = {toml_value(value)}")
    lines.append("methods = [")
    for entry in suite.methods:
        given = entry.model_dump(exclude_unset=True, by_alias=True)
        lines.append(f"    {toml_value(given)},")
    lines.append("]")
    for part, kind in PARTS.items():
        lines += ["", f"[{part}]", *_settings(getattr(suite, part), kind)]
    for scenario, parts in suite.only.items():
        for part, settings in parts.items():
            lines += ["", f"[only.{scenario}.{part}]"]
            lines += [f"{name} = {toml_value(value)}" for name, value in settings.items()]
    return "\n".join(lines) + "\n"


def _settings(part: Strict, kind: type[Strict]) -> list[str]:
    """One line per setting. Defaults are comments, so that they stay defaults."""
    lines = []
    for name in kind.model_fields:
        value = getattr(part, name)
        if name in part.model_fields_set:
            lines.append(f"{name} = {toml_value(value)}")
        elif value is None:
            lines.append(f"# {name} is not set")
        else:
            lines.append(f"# {name} = {toml_value(value)}")
    return lines


def toml_value(value: object) -> str:
    """Write a value of TOML in one line.

    Args:
        value: A text, a number, a truth value, or a list or table of them.

    Example:
        >>> toml_value({"label": "a", "memory": [1, 2], "training": {"lr": 0.1}})
        '{ label = "a", memory = [1, 2], training = { lr = 0.1 } }'
    """
    if isinstance(value, dict):
        pairs = [f"{_key(str(name))} = {toml_value(inner)}" for name, inner in value.items()]
        return f"{{ {', '.join(pairs)} }}" if pairs else "{}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(toml_value(inner) for inner in value)}]"
    if isinstance(value, str):
        # JSON and TOML write texts alike, except for one control character.
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, bool):
        return str(value).lower()
    return repr(value)


def _key(name: str) -> str:
    """Write a key, with quotes if it needs them."""
    if BARE_KEY.fullmatch(name):
        return name
    return toml_value(name)
