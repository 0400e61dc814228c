"""Numbers as the text of cells, and tables that are wider than a terminal."""

import math

import pytest

from holdfast.cli import printing
from holdfast.cli.printing import print_in_parts
from holdfast.metrics import Interval
from holdfast.reports.cells import change_in_points, with_bounds


@pytest.mark.parametrize(
    ("low", "estimate", "high", "text"),
    [
        (91.2, 91.8, 92.4, "91.8 ± 0.6"),
        (91.21, 91.8, 92.35, "91.8 ± 0.6"),
        (8.1, 23.0, 50.2, "23.0 [8.1, 50.2]"),
        (-99.8, -45.0, 98.6, "−45.0 [−99.8, 98.6]"),
        (100.0, 100.0, 100.0, "100.0 (equal)"),
        (math.nan, 23.0, math.nan, "23.0"),
        (math.nan, math.nan, math.nan, "–"),
        (-0.3, -0.01, 0.28, "0.0 ± 0.3"),
    ],
)
def test_a_cell_shows_half_or_both_bounds(low, estimate, high, text):
    assert with_bounds(Interval(estimate, low, high, 0.95, "seeds", 3), ".1f") == text


def test_a_change_has_a_sign_in_front_of_each_bound():
    interval = Interval(0.1, -0.05, 0.5, 0.95, "seeds", 2)
    assert change_in_points(interval) == "+10.0 [−5.0, +50.0]"
    assert change_in_points(Interval(0.1, 0.08, 0.12, 0.95, "seeds", 2)) == "+10.0 ± 2.0"


def test_a_wide_table_continues_below_with_the_names_of_its_rows(monkeypatch, capsys):
    headings = ["method", "rank", "ACC", "BWT"]
    rows = [["ER", "1", "87.2 [50.6, 97.8]", "−9.7 ± 26.5"]]
    monkeypatch.setattr(printing, "LOG_WIDTH", 60)
    print_in_parts(headings, rows, "title", named=2)
    assert capsys.readouterr().out.count("ER") == 1
    monkeypatch.setattr(printing, "LOG_WIDTH", 45)
    print_in_parts(headings, rows, "title", named=2)
    out = capsys.readouterr().out
    assert out.count("ER") == 2
    assert "…" not in out
    assert all(len(line) <= 45 for line in out.splitlines())
    assert out.index("97.8") < out.index("BWT")
    # Even if nothing fits, every column is printed once.
    monkeypatch.setattr(printing, "LOG_WIDTH", 10)
    print_in_parts(headings, rows, "", named=2)
    assert capsys.readouterr().out.count("┏") == 2
