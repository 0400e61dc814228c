"""What a ledger returns: releases and verdicts; and the checks of names, reasons and labels."""

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

from holdfast.errors import HoldfastError
from holdfast.text import without_secrets

if TYPE_CHECKING:
    import pandas as pd

Outcome = Literal["recorded", "unchanged", "amended"]  # what recording a release did

LONGEST_NAME = 200  # characters of the name of a model or a release
FEWEST_LETTERS = 12  # of a reason that is a single word
# NUL and half of a surrogate pair: PostgreSQL refuses both in text.
UNSTORABLE = re.compile(r"[\0\ud800-\udfff]")


@dataclass(frozen=True)
class Release:
    """One release of a model in its newest revision.

    Args:
        model: Name of the model.
        release: Name of the release.
        revision: 0 for the results that were recorded first, then one more for each amendment.
        recorded: When the revision was recorded, in UTC, as ISO 8601.
        trained_on: The tasks that the release was trained on.
        scores: Mean score by task, in [0, 1].
        examples: Number of examples by task; 0 if it is not known.
        override: The reason for recording it despite objections; "" if there were none.
        segments: Mean score by task and segment, in [0, 1].
        number: Place of the revision in the order in which the ledger recorded all revisions; 0 if
            it is not recorded.
        earlier: Earlier revisions, oldest first.

    Example:
        >>> release = Release("fraud", "2026-11", 0, "", (), {"card": 0.9}, {"card": 100})
        >>> release.score("card"), release.score("wallet")
        (0.9, None)
    """

    model: str
    release: str
    revision: int
    recorded: str
    trained_on: tuple[str, ...]
    scores: dict[str, float]
    examples: dict[str, int]
    override: str = ""
    segments: dict[tuple[str, str], float] = field(default_factory=dict)
    number: int = 0
    earlier: tuple["Release", ...] = ()

    @property
    def revisions(self) -> tuple["Release", ...]:
        """All revisions of the release, oldest first."""
        return (*self.earlier, self)

    def score(self, task: str, segment: str = "") -> float | None:
        """Return the score on a task or on one of its segments.

        Args:
            task: The task.
            segment: The segment; "" for the task as a whole.

        Returns:
            The mean score, in [0, 1]; None if the release was not tested on it.
        """
        if segment:
            return self.segments.get((task, segment))
        return self.scores.get(task)


@dataclass(frozen=True)
class Judgement:
    """The gate's verdict on a candidate, as a ledger keeps it.

    Args:
        candidate: Name of the release that the candidate would be.
        champion: The release that it was judged against.
        decision: "pass", "fail" or "inconclusive".
        passed: Whether the candidate may replace the champion.
        recorded: When the verdict was recorded, in UTC, as ISO 8601.
        verdict: The whole verdict, as `Verdict.to_json` returned it.
    """

    candidate: str
    champion: str
    decision: str
    passed: bool
    recorded: str
    verdict: dict[str, Any]


def checked_name(kind: str, name: str) -> str:
    """Check a name that is about to be stored or looked up.

    Args:
        kind: What it names, for messages, such as "model".
        name: The name.

    Returns:
        The name as it was given.

    Raises:
        HoldfastError: The name is blank, longer than 200 characters, not text that both databases
            can store, or it looks like a secret.

    Example:
        >>> checked_name("release", "2026-11")
        '2026-11'
    """
    if not isinstance(name, str) or not name.strip():
        raise HoldfastError(f"the name of the {kind} is empty; give it a name, such as 2026-11")
    if len(name) > LONGEST_NAME:
        raise HoldfastError(
            f"the name of the {kind} has {len(name)} characters, but a ledger stores at most "
            f"{LONGEST_NAME}; shorten it: {name[:40]}…"
        )
    if UNSTORABLE.search(name):
        raise HoldfastError(
            f"the name of the {kind} holds characters that a database cannot store as UTF-8 text: "
            f"{name!a}; leave them out"
        )
    # Unlike a reason, a name is not changed silently: it is looked up again as it was given.
    if without_secrets(name) != name:
        raise HoldfastError(
            f"the name of the {kind} holds what looks like a password or a token, and everyone who "
            "reads the ledger sees its names; give it another name"
        )
    return name


def checked_reason(reason: str) -> str:
    """Check the reason for overriding an objection.

    Args:
        reason: The reason, in words.

    Returns:
        The reason with single spaces between its words, and without secrets.

    Raises:
        HoldfastError: The text does not consist of words.

    Example:
        >>> checked_reason("  the loss on wallet is accepted ")
        'the loss on wallet is accepted'
    """
    reason = " ".join(reason.split())
    words = re.findall(r"\w*[^\W\d_]\w*", reason)
    letters = sum(character.isalpha() for character in reason)
    # A single long word is enough in languages that put no spaces between words.
    if len(words) < 2 and letters < FEWEST_LETTERS:
        raise HoldfastError(
            f"--override takes a reason in words, but got {reason!r}; write at least two words, "
            "because the ledger keeps the reason and shows it with the release"
        )
    if UNSTORABLE.search(reason):
        raise HoldfastError(
            "the reason of --override holds characters that a database cannot store as UTF-8 "
            f"text: {reason!a}; leave them out"
        )
    return without_secrets(reason)


def checked_text(results: "pd.DataFrame") -> None:
    """Refuse labels that a database cannot store.

    Args:
        results: Results, of which all columns of text are checked.

    Raises:
        HoldfastError: A task, segment, id or other label holds NUL or half of a surrogate pair.
    """
    for column in results.select_dtypes(exclude="number"):
        # A column of objects may hold numbers as well, which every database stores.
        for value in results[column].unique():
            if isinstance(value, str) and UNSTORABLE.search(value):
                raise HoldfastError(
                    f"results: {column} {value!a} holds characters that a database cannot store as "
                    "UTF-8 text; leave them out"
                )


def joined(revisions: list[Release]) -> list[Release]:
    """Join revisions to releases.

    Args:
        revisions: All revisions of some releases, in the order of their recording.

    Returns:
        The newest revision of each release, with the earlier ones and with the reasons that were
        given for any of them, in the order in which the releases were first recorded.
    """
    by_release: dict[str, list[Release]] = {}
    for revision in revisions:
        by_release.setdefault(revision.release, []).append(revision)
    releases = []
    for group in by_release.values():
        *earlier, newest = group
        # A reason stays with its release, even if a later amendment needed none.
        reasons = dict.fromkeys(revision.override for revision in group if revision.override)
        releases.append(replace(newest, earlier=tuple(earlier), override="; ".join(reasons)))
    return releases
