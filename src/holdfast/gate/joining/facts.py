"""What must be equal on both sides, so that their scores are comparable."""

from collections import Counter
from collections.abc import Collection, Iterator

from holdfast.errors import HoldfastError
from holdfast.gate.names import apart
from holdfast.gate.reading import Side

LONGEST = 60  # characters of a value that a message shows


def refuse_changed_facts(champion: Side, candidate: Side, allowed: Collection[str]) -> None:
    """Stop if both sides were not evaluated in the same way, for example with other prompts.

    Args:
        champion: The champion's results.
        candidate: The candidate's results.
        allowed: Names of facts that may differ.

    Raises:
        HoldfastError: A fact of a common task differs.
    """
    for task, name, before, after in _differences(champion, candidate):
        if name not in allowed:
            raise HoldfastError(
                f"task {apart(task)}: the {name} differs: {_short(before)} (champion) and "
                f"{_short(after)} (candidate), so the scores do not compare the models alone; "
                f'evaluate both in the same way, or pass --allow-changed "{name}"'
            )


def notes_on_facts(champion: Side, candidate: Side) -> Iterator[str]:
    """Note facts that differ and are allowed to, and rows without a score."""
    tasks: dict[str, list[str]] = {}
    for task, name, _, _ in _differences(champion, candidate):
        tasks.setdefault(name, []).append(task)
    for name, changed in tasks.items():
        yield f"The {name} differs between the sides in {len(changed)} tasks, which is allowed."
    for title, side in (("champion", champion), ("candidate", candidate)):
        by_reason: Counter[str] = Counter()
        for (_, reason), count in side.unscored.items():
            by_reason[reason] += count
        for reason, count in by_reason.items():
            yield (
                f"{count:,} rows of the {title}'s results have no score ({reason}); they were left "
                "out and do not count as 0."
            )


def unscored_in_words(champion: Side, candidate: Side) -> dict[str, str]:
    """Say by task which rows have no score and why, so that a missing example is explained.

    Args:
        champion: The champion's results.
        candidate: The candidate's results.
    """
    parts: dict[str, list[str]] = {}
    for title, side in (("champion", champion), ("candidate", candidate)):
        for (task, reason), count in side.unscored.items():
            parts.setdefault(task, []).append(
                f"{count:,} rows of the {title} have no score: {_short(reason)}"
            )
    return {task: "; ".join(texts) for task, texts in parts.items()}


def _differences(champion: Side, candidate: Side) -> Iterator[tuple[str, str, str, str]]:
    """Yield task, name and both values of each fact that both sides know and that differs."""
    for task, facts in champion.facts.items():
        others = candidate.facts.get(task, {})
        for name, value in facts.items():
            # Tools differ in what they write down, so a fact of one side alone is no difference.
            if name in others and others[name] != value:
                yield task, name, value, others[name]


def _short(value: str) -> str:
    """Cut a value that is too long for a message."""
    if len(value) <= LONGEST:
        return value
    return f"{value[:LONGEST]}…"
