"""A matrix as a small table: its units, its rows, and what it leaves out."""

import numpy as np

from holdfast.metrics import AccuracyMatrix
from holdfast.metrics.tables import as_html, as_text


def test_accuracies_are_shown_as_points_and_other_scores_as_they_are():
    m = AccuracyMatrix(["a", "b"])
    m.record("a", after=None, score=0.05)
    m.record("a", after="a", score=0.875)
    m.record("b", after="b", score=1.0)
    assert as_text(m).splitlines() == [
        "AccuracyMatrix: 2 tasks, points on each after each",
        "after         a      b",
        "untrained   5.0",
        "a          87.5",
        "b                100.0",
    ]
    other = AccuracyMatrix(["a"], score_range=(-10, 0))
    other.record("a", after="a", score=-3.25)
    assert as_text(other).splitlines() == [
        "AccuracyMatrix: 1 task, scores on each after each",
        "after      a",
        "a      -3.25",
    ]
    assert ">87.5</td>" in as_html(m)


def test_a_matrix_of_many_tasks_shows_the_last_twelve():
    for tasks in (12, 13):
        m = AccuracyMatrix.from_array(
            np.full((tasks + 1, tasks), 0.5), orientation="after-by-task", untrained=True
        )
        heading, names, *rows = as_text(m).splitlines()
        assert len(names.split()) == 1 + 12
        assert (", the last 12," in heading) == (tasks == 13)
        # The untrained model is before the first of all tasks, which is left out with it.
        assert [row.split()[0] for row in rows][:1] == ["untrained" if tasks == 12 else "1"]
        assert len(rows) == {12: 13, 13: 12}[tasks]


def test_names_of_more_than_fourteen_characters_are_cut():
    m = AccuracyMatrix(["a" * 14, "b" * 15])
    assert as_text(m).splitlines()[1].split() == ["after", "a" * 14, "b" * 13 + "…"]
