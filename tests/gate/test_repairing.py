"""Ids and tasks that both sides write differently: named, refused, or repaired if asked for."""

import pandas as pd
import pytest
from test_judge import judge

from holdfast.errors import HoldfastError


def table(ids, task="shop", score=1) -> pd.DataFrame:
    return pd.DataFrame({"task": task, "example_id": ids, "score": score})


NUMBERS = [str(k) for k in range(100)]
NAMES = [f"Card {k}" for k in range(100)]


def test_numbers_in_another_form_match_and_are_named():
    verdict = judge(table([f"{k}.0" for k in range(100)]), table(NUMBERS))
    assert verdict.tasks[0].examples == 100
    note = "Example ids were matched as numbers: the champion writes '0' and the candidate '0.0'"
    assert note in verdict.warnings
    assert note not in judge(table(NUMBERS), table(NUMBERS)).warnings


def test_tasks_that_are_numbers_in_another_form_are_named():
    verdict = judge(table(NUMBERS, task="1.0"), table(NUMBERS, task="1"))
    assert "Task '1.0' of the candidate was matched with '1' of the champion" in verdict.warnings[0]


@pytest.mark.parametrize("ids", [[name.lower() for name in NAMES], [f" {name} " for name in NAMES]])
def test_other_spellings_are_refused_with_the_option_and_repaired_by_it(ids):
    with pytest.raises(HoldfastError, match="pass --repair-ids"):
        judge(table(ids), table(NAMES))
    verdict = judge(table(ids), table(NAMES), repair_ids=True)
    assert verdict.tasks[0].examples == 100
    assert verdict.warnings[0].startswith("100 example ids were repaired, for example: ")


def test_tasks_are_repaired_like_ids():
    with pytest.raises(HoldfastError, match="pass --repair-ids"):
        judge(table(NUMBERS, task="Shop"), table(NUMBERS))
    verdict = judge(table(NUMBERS, task="Shop"), table(NUMBERS), repair_ids=True)
    assert [row.task for row in verdict.tasks] == ["shop"]
    assert verdict.warnings[0] == "1 task was repaired: 'Shop' is 'shop' of the champion"


@pytest.mark.parametrize(
    ("champion", "candidate", "side"),
    [(["a", "A"], ["a", "A "], "candidate"), (["a ", "A"], ["b", "a"], "champion")],
)
def test_ids_that_would_become_equal_are_refused(champion, candidate, side):
    with pytest.raises(HoldfastError, match=f"of the {side} would become equal by --repair-ids"):
        judge(table(candidate), table(champion), repair_ids=True)


def test_repair_changes_nothing_where_everything_matches():
    both = table(["a", "A", *NUMBERS])
    plain = judge(both, both)
    repaired = judge(both, both, repair_ids=True)
    assert repaired.tasks == plain.tasks
    assert repaired.warnings == plain.warnings
