"""Both sides of a comparison, joined in the form that they share."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from holdfast.errors import HoldfastError
from holdfast.gate.joining.aggregates import join_aggregates
from holdfast.gate.joining.comparison import SCORE, Comparison
from holdfast.gate.joining.facts import notes_on_facts, refuse_changed_facts, unscored_in_words
from holdfast.gate.joining.repairing import note_on, repaired_ids, repaired_tasks
from holdfast.gate.joining.repeats import with_examples_as_units
from holdfast.gate.joining.single_examples import MeasureOf, join_examples
from holdfast.gate.measures import Measure
from holdfast.gate.names import apart, canonical, listed, refuse_lookalikes, renaming
from holdfast.gate.reading import Side, scores_of
from holdfast.metrics.releases import Standing

if TYPE_CHECKING:
    import pandas as pd

ROUNDING = 1e-9  # of sums of scores
DIGITS = 12  # of a sum, so that rounding does not lift a loss above the limit that it meets


def plain_score(task: str) -> Measure:
    """Give the column `score` as what the scores of every task are."""
    return SCORE


def compare(
    champion: Side,
    candidate: Side,
    measure_of: MeasureOf = plain_score,
    costs: Collection[str] = (),
    allow_changed: Collection[str] = (),
    repair_ids: bool = False,
) -> Comparison:
    """Join the results of two models, so that each task, segment and class can be judged.

    The champion's results decide how the candidate is tested. Columns that only the candidate has
    (clusters, segments, labels, standard deviations) are ignored with a note, and columns of both
    sides must be equal.

    Args:
        champion: The results of the model that is in use, from `read_side`.
        candidate: The results of the model that may replace it, in the same form.
        measure_of: Gives what the scores of a task are. By default they are the column `score`.
        costs: Columns of costs to compare.
        allow_changed: Names of facts, such as "prompt", that may differ between the sides.
        repair_ids: Whether ids and tasks are matched that differ only by case, white space or
            Unicode form.

    Returns:
        The scores of both sides on the same examples, and what did not match.

    Raises:
        HoldfastError: The sides have different forms, have no task in common, name the same example
            differently, share no example of a task, or disagree on the cluster, segment or label of
            an example.

    Example:
        >>> import pandas as pd
        >>> from holdfast.gate.reading import read_side
        >>> old = pd.DataFrame({"task": "a", "example_id": [1, 2], "score": [1, 0]})
        >>> new = pd.DataFrame({"task": "a", "example_id": [2.0, 1.0], "score": [1, 1]})
        >>> compare(read_side(old), read_side(new)).tasks["a"].means
        (0.5, 1.0)
    """
    aggregated = "examples" in champion.rows
    if aggregated != ("examples" in candidate.rows):
        raise _different_forms(aggregated)
    refuse_changed_facts(champion, candidate, allow_changed)
    if not aggregated:
        champion = with_examples_as_units(champion, "champion", measure_of)
        candidate = with_examples_as_units(candidate, "candidate", measure_of)
    # Give the candidate's tasks the champion's names before anything is compared.
    new_names = _task_names(champion.rows, candidate.rows, repair_ids)
    candidate_rows = candidate.rows
    if new_names:
        candidate_rows = candidate_rows.assign(task=candidate_rows["task"].replace(new_names))
    notes_on_ids: list[str] = []
    if repair_ids and not aggregated:
        candidate_rows, new_ids = repaired_ids(champion.rows, candidate_rows)
        notes_on_ids = note_on("example id", new_ids)
    if aggregated:
        comparison = join_aggregates(champion.rows, candidate_rows)
    else:
        comparison = join_examples(champion.rows, candidate_rows, measure_of, costs)
    # What is true of both sides is said once.
    notes_on_sides = dict.fromkeys((*champion.notes, *candidate.notes))
    return replace(
        comparison,
        notes=(
            *notes_on_sides,
            *notes_on_facts(champion, candidate),
            *_renamed(new_names),
            *notes_on_ids,
            *comparison.notes,
        ),
        standings=(champion.standing, _limited_standing(champion, candidate, new_names)),
        names=(champion.name or "champion", candidate.name or "candidate"),
        unscored=unscored_in_words(champion, candidate),
    )


def _renamed(new_names: Mapping[str, str]) -> list[str]:
    """Say which tasks were matched although the sides write their names differently."""
    numbers: list[str] = []
    repaired: list[tuple[str, str]] = []
    for name, new_name in new_names.items():
        if canonical(name) != canonical(new_name):
            repaired.append((name, new_name))
            continue
        numbers.append(
            f"Task {apart(name)} of the candidate was matched with {apart(new_name)} of the "
            "champion, which is the same number."
        )
    return [*numbers, *note_on("task", repaired)]


def _different_forms(champion_is_aggregated: bool) -> HoldfastError:
    """Make the error for one side with single examples and another with aggregated results."""
    single = "champion"
    aggregated = "candidate"
    if champion_is_aggregated:
        single = "candidate"
        aggregated = "champion"
    return HoldfastError(
        f"the {single}'s results have one row per example, but the {aggregated}'s are aggregated; "
        "give both in the same form, preferably with one row per example"
    )


def _task_names(
    champion: "pd.DataFrame", candidate: "pd.DataFrame", repair: bool
) -> dict[str, str]:
    """Find the candidate's tasks that are the champion's in another form of a number.

    With `repair`, also those that differ by case, white space or Unicode form.

    Raises:
        HoldfastError: The sides have no task in common, or two tasks look the same.
    """
    champion_tasks = [str(task) for task in champion["task"].unique()]
    candidate_tasks = [str(task) for task in candidate["task"].unique()]
    new_names = renaming(champion_tasks, candidate_tasks)
    if repair:
        new_names |= repaired_tasks(champion_tasks, candidate_tasks)
    candidate_tasks = [new_names.get(task, task) for task in candidate_tasks]

    common = set(champion_tasks) & set(candidate_tasks)
    only_champion = set(champion_tasks) - common
    only_candidate = [task for task in candidate_tasks if task not in common]
    # "North" and "north" would silently become a lost task and a new one.
    refuse_lookalikes("task", only_champion, only_candidate, can_be_repaired=True)
    if not common:
        raise HoldfastError(
            f"champion and candidate have no task in common: the champion's tasks are "
            f"{listed(champion_tasks)}, the candidate's {listed(candidate_tasks)}; check the "
            "column task of both, and give each task the same name on both sides"
        )
    return new_names


def _limited_standing(
    champion: Side, candidate: Side, new_names: dict[str, str]
) -> Standing | None:
    """Return the candidate's standing, in which no task lost less than the two sides show.

    Its own accuracy matrix says how well it knew a task when it was learnt, and a low figure there
    would hide a loss. What it lost is therefore at least what the champion had lost, plus what the
    candidate lost against the champion. (A ledger holds both sides to baselines of its own.)
    """
    before = champion.standing
    after = candidate.standing
    if before is None or after is None:
        return after
    lost = {new_names.get(task, task): drop for task, drop in after.forgetting.items()}
    # A named release comes from a ledger, whose baselines the candidate cannot choose.
    if champion.release:
        return replace(after, forgetting=lost)

    champion_scores, _ = scores_of(champion.rows)
    candidate_scores: dict[str, float] = {}
    for task, score in scores_of(candidate.rows)[0].items():
        candidate_scores[new_names.get(task, task)] = score

    # Raise every loss that is smaller than what the sides show together.
    raised = False
    learnt_before = before.forgetting.keys() | lost.keys()
    for task in champion_scores.keys() & candidate_scores.keys() & learnt_before:
        earlier = before.forgetting.get(task, 0.0)
        least = round(earlier + champion_scores[task] - candidate_scores[task], DIGITS)
        if task not in lost or least > lost[task] + ROUNDING:
            lost[task] = least
            raised = True
    # If nothing was raised, BWT stays as the matrix gives it.
    if not raised:
        return replace(after, forgetting=lost)
    transfer = round(-sum(lost.values()) / len(lost), DIGITS)
    return replace(after, forgetting=lost, transfer=transfer)
