"""What a verdict was made of: digests of its inputs and of its policy, and versions."""

import hashlib
import json
import platform
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from holdfast import __version__
from holdfast.gate.reading.origins import Origin, digest_of_rows

if TYPE_CHECKING:
    from holdfast.gate.reading import Side

PATIENCE = 5  # seconds for each answer of git


@dataclass(frozen=True)
class Provenance:
    """What a verdict was made of.

    Attributes:
        champion: Where the champion's results came from.
        candidate: Where the candidate's results came from.
        policy_sha256: Digest of the policy's text. A policy without a file counts as the JSON of
            its fields.
        versions: Versions of Holdfast, Python, NumPy and pandas.
        commit: The git commit of the working directory, or "" if there is none.
        dirty: Whether tracked files differed from that commit, or None without a commit.
        options: Options of the command line that say how inputs were read and judged.
    """

    champion: Origin
    candidate: Origin
    policy_sha256: str
    versions: Mapping[str, str]
    commit: str = ""
    dirty: bool | None = None
    options: Mapping[str, str] = field(default_factory=dict)


def provenance_of(champion: "Side", candidate: "Side", policy_sha256: str) -> Provenance:
    """Tell what a verdict is made of.

    Args:
        champion: The champion's results.
        candidate: The candidate's results.
        policy_sha256: Digest of the policy's text.

    Returns:
        The provenance, without options.
    """
    commit, dirty = _commit(str(Path.cwd()))
    return Provenance(
        champion=origin_of_side(champion),
        candidate=origin_of_side(candidate),
        policy_sha256=policy_sha256,
        versions=versions(),
        commit=commit,
        dirty=dirty,
    )


def origin_of_side(side: "Side") -> Origin:
    """Return where a side came from. If it came from no file, its rows are digested."""
    if side.origin is not None:
        return side.origin
    return Origin("rows", side.name, digest_of_rows(side.rows))


def versions() -> dict[str, str]:
    """Return the versions of what decides."""
    import numpy as np
    import pandas as pd

    return {
        "holdfast": __version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "pandas": pd.__version__,
    }


def digest_of_text(text: str) -> str:
    """Return the SHA-256 digest of a text in hexadecimal digits."""
    return hashlib.sha256(text.encode()).hexdigest()


def digest_of_verdict(values: Mapping[str, object]) -> str:
    """Digest a verdict.

    Args:
        values: The content of a `verdict.json`. Its own entry "digest" does not count.

    Returns:
        The SHA-256 digest of its canonical JSON: sorted keys, and no white space.

    Example:
        >>> digest_of_verdict({"b": 1, "a": 2.0, "digest": "?"})[:12]
        '594a76bcdcf0'
    """
    content = {key: value for key, value in values.items() if key != "digest"}
    return digest_of_text(json.dumps(content, sort_keys=True, separators=(",", ":")))


@lru_cache(maxsize=16)
def _commit(folder: str) -> tuple[str, bool | None]:
    """Ask git for the commit of a folder, and whether tracked files were changed since."""
    place = Path(folder)
    # Most folders without a repository need no process to find that out.
    if not any((parent / ".git").exists() for parent in (place, *place.parents)):
        return "", None
    commit = _git(folder, "rev-parse", "HEAD")
    if not commit:
        return "", None
    # A search for untracked files can take minutes in a folder with data.
    changes = _git(folder, "status", "--porcelain", "--untracked-files=no")
    if changes is None:
        return commit, None
    return commit, bool(changes)


def _git(folder: str, *arguments: str) -> str | None:
    """Return what a command of git prints, or None if git is missing, fails or takes too long."""
    command = ["git", "-C", folder, *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
    except (OSError, subprocess.SubprocessError):
        return None
    if done.returncode:
        return None
    return done.stdout.strip()
