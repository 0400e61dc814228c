"""Check which features a tool has, inside the tool's own environment.

python -m duel.run_shown MODULE PACKAGE PATTERNS OUT

It runs each function of `duel.shown.MODULE` in an empty folder, and searches the sources and the
description of the installed PACKAGE for the patterns of the features that it should lack.
"""

import importlib
import importlib.metadata
import importlib.util
import json
import re
import sys
import tempfile
import traceback
from pathlib import Path


def shown(module: object) -> dict[str, dict]:
    """Which functions work, with what their docstring says."""
    found = {}
    for name, function in vars(module).items():
        if name.startswith("_") or getattr(function, "__module__", "") != module.__name__:
            continue
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            error = ""
            try:
                function(Path(folder))
            except Exception:
                error = traceback.format_exc()
        found[name] = {
            "error": error,
            "note": " ".join((function.__doc__ or "").split()),
            "partly": name in getattr(module, "PARTLY", ()),
        }
    return found


def sources(package: str) -> list[tuple[str, str]]:
    """The Python files of an installed package, and its description."""
    distribution = importlib.metadata.distribution(package)
    files = [Path(distribution.locate_file(file)) for file in distribution.files or ()]
    wanted = [path for path in files if path.suffix == ".py" or path.name == "METADATA"]
    if not any(path.suffix == ".py" for path in wanted):
        # An editable installation lists no sources, so they are where the module is found.
        spec = importlib.util.find_spec(package)
        wanted += [p for home in spec.submodule_search_locations for p in Path(home).rglob("*.py")]
    return [
        (path.name, path.read_text(encoding="utf-8", errors="replace"))
        for path in wanted
        if path.exists()
    ]


def mentioned(texts: list[tuple[str, str]], pattern: str) -> list[str]:
    """Up to three lines that match a pattern, with their files."""
    expression = re.compile(pattern, re.IGNORECASE)
    lines = []
    for name, text in texts:
        for line in text.splitlines():
            if expression.search(line):
                lines.append(f"{name}: {line.strip()[:160]}")
                break
        if len(lines) == 3:
            break
    return lines


def main() -> None:
    name, package, patterns, out = sys.argv[1:]
    texts = sources(package)
    asked = json.loads(patterns)
    result = {
        "version": importlib.metadata.version(package),
        "shown": shown(importlib.import_module(f"duel.shown.{name}")),
        "mentioned": {key: mentioned(texts, pattern) for key, pattern in asked.items()},
    }
    Path(out).write_text(json.dumps(result, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
