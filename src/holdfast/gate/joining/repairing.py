"""Names of the candidate that are the champion's but for what is easily overlooked.

"Card" and "card " are most often one name that two exports wrote differently. They are matched only
if the user asks for it, because they may also be two names.
"""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from holdfast.errors import HoldfastError
from holdfast.gate.names import apart, canonical, folded

if TYPE_CHECKING:
    import pandas as pd

    # The candidate's rows, and each id that was repaired with that of the champion.
    Repaired = tuple[pd.DataFrame, list[tuple[str, str]]]


def repaired_tasks(champion: Iterable[str], candidate: Iterable[str]) -> dict[str, str]:
    """Find the candidate's tasks that are the champion's but for what is easily overlooked.

    Args:
        champion: The champion's tasks.
        candidate: The candidate's tasks.

    Returns:
        The champion's name for each of these tasks.

    Raises:
        HoldfastError: Two tasks of one side would become equal.

    Example:
        >>> repaired_tasks(["Card", "b"], ["card ", "b"])
        {'card ': 'Card'}
    """
    return _new_names("task", champion, candidate)


def repaired_ids(champion: "pd.DataFrame", candidate: "pd.DataFrame") -> "Repaired":
    """Give the candidate's example ids the champion's spelling.

    Args:
        champion: The champion's rows, from `read_side`.
        candidate: The candidate's rows, with the champion's names of tasks.

    Returns:
        The candidate's rows, and the champion's id for one of each that was repaired.

    Raises:
        HoldfastError: Two ids of one task and side would become equal.
    """
    ids = candidate["example_id"].copy()
    new_names: list[tuple[str, str]] = []
    champions = dict(list(champion.groupby("task", sort=False)["example_id"]))
    for task, own in candidate.groupby("task", sort=False)["example_id"]:
        if task not in champions:
            continue
        what = f"task {apart(str(task))}: example id"
        new_ids = _new_names(what, champions[task].unique(), own.unique())
        if new_ids:
            ids.loc[own.index] = own.replace(new_ids)
            new_names += new_ids.items()
    return candidate.assign(example_id=ids), new_names


def _new_names(what: str, champion: Iterable[str], candidate: Iterable[str]) -> dict[str, str]:
    """Find the champion's name for each of the candidate's names that it spells otherwise."""
    champion_names = list(champion)
    candidate_names = list(candidate)
    known = set(champion_names)
    unknown = [name for name in candidate_names if name not in known]
    if not unknown:
        return {}
    # Only what has no counterpart is repaired, so names that match as they are stay apart.
    wanted = {_key(name) for name in unknown}
    by_key: dict[str, str] = {}
    # The champion comes last, because its names must be the ones that stay in the table.
    for side, names in (("candidate", candidate_names), ("champion", champion_names)):
        by_key = {}
        for name in names:
            key = _key(name)
            if key in by_key and key in wanted:
                raise HoldfastError(
                    f"{what} {apart(by_key[key])} and {apart(name)} of the {side} would become "
                    "equal by --repair-ids; give them names that differ in more than that, or "
                    "leave the option out"
                )
            by_key[key] = name
    return {name: by_key[_key(name)] for name in unknown if _key(name) in by_key}


def _key(name: str) -> str:
    """Return what two spellings of one name share."""
    return folded(canonical(name))


def note_on(what: str, new_names: Sequence[tuple[str, str]]) -> list[str]:
    """Say how many names were repaired, with an example.

    Args:
        what: What is named, such as "task".
        new_names: Each name of the candidate with that of the champion.

    Returns:
        A sentence, or none if nothing was repaired.
    """
    if not new_names:
        return []
    count = len(new_names)
    name, new_name = new_names[0]
    first = f"{apart(name)} is {apart(new_name)} of the champion."
    if count == 1:
        return [f"1 {what} was repaired: {first}"]
    return [f"{count:,} {what}s were repaired, for example: {first}"]
