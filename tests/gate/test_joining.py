"""Joining two sides: the champion decides on the test, and nothing is dropped unseen."""

import time
from decimal import Decimal

import duckdb
import pandas as pd
import polars as pl
import pytest

from holdfast.errors import HoldfastError
from holdfast.gate.joining import Mean, compare
from holdfast.gate.reading import read_side

BASE = pd.DataFrame(
    {"task": list("aaaabb"), "example_id": [1, 2, 3, 4, 1, 2], "score": [1, 1, 0, 1, 1, 0]}
)


def joined(champion, candidate):
    return compare(read_side(champion, "champion"), read_side(candidate, "candidate"))


def refusal(champion, candidate) -> str:
    with pytest.raises(HoldfastError) as caught:
        joined(champion, candidate)
    assert "\n" not in str(caught.value)
    return str(caught.value)


# ---- the candidate does not decide how it is tested


@pytest.mark.parametrize("column", ["cluster", "segment", "label"])
def test_a_column_that_only_the_candidate_has_is_left_aside_with_a_note(column):
    found = joined(BASE, BASE.assign(**{column: list("xxyyxy")}))
    assert found.tasks["a"].cluster is None
    assert not found.segments
    assert not found.classes
    (note,) = found.notes
    assert note.startswith(f"The candidate's column {column} was ignored, because the champion")


@pytest.mark.parametrize(
    "form", [lambda f: f, lambda f: f.drop(columns=["cluster", "segment", "label"])]
)
def test_columns_of_the_champion_hold_for_both(form):
    more = BASE.assign(cluster=[1, 1, 2, 2, 3, 3], segment=list("xxyyxy"), label=[0, 1, 0, 1, 0, 1])
    found = joined(
        more,
        form(more.assign(cluster=more["cluster"].astype(float))).sample(frac=1, random_state=0),
    )
    assert found.notes == ()
    cluster = found.tasks["a"].cluster
    assert (cluster[0] == cluster[1], cluster[1] == cluster[2]) == (True, False)
    assert {key: pair.champion.tolist() for key, pair in found.segments.items()} == {
        ("a", "x"): [1, 1],
        ("a", "y"): [0, 1],
        ("b", "x"): [1],
        ("b", "y"): [0],
    }
    assert found.shares == dict.fromkeys(found.segments, 0.5)
    assert found.classes["a", "0"].champion.tolist() == [1, 0]
    assert found.class_shares["b", "1"] == 0.5
    assert set(found.all) == {("a", ""), ("b", "")} | set(found.segments)


@pytest.mark.parametrize("column", ["cluster", "segment", "label"])
def test_columns_of_both_that_differ_are_refused_with_the_example_and_both_values(column):
    mine, theirs = BASE.assign(**{column: list("xxyyxy")}), BASE.assign(**{column: list("xxzyxy")})
    message = refusal(mine, theirs)
    assert (
        f"task 'a': example '3' has a different {column} on each side: 'y' (champion) and 'z'"
        in message
    )


def means(score=(0.9, 0.5), **columns) -> pd.DataFrame:
    return pd.DataFrame({"task": ["a", "b"], "score": score, "examples": [100, 200]} | columns)


def test_a_deviation_counts_only_if_the_champion_has_one():
    found = joined(means(sd=[0.3, None]), means(sd=[0.2, 0.4]))
    assert (found.tasks["a"].champion.sd, found.tasks["a"].candidate.sd) == (0.3, 0.2)
    assert (found.tasks["b"].champion.sd, found.tasks["b"].candidate.sd) == (None, None)
    assert "candidate's sd was ignored in 1 rows (the first is that of b)" in found.notes[0]
    kept = joined(means(sd=[0.3, 0.4]), means())
    assert (kept.tasks["a"].champion.sd, kept.tasks["a"].candidate.sd, kept.notes) == (
        0.3,
        None,
        (),
    )


@pytest.mark.parametrize(
    ("champion", "candidate", "unmatched", "thinned"),
    [
        (100, 80, 20, True),
        (100, 130, 30, False),
        (100, 0, 100, True),
        (0, 50, 50, False),
        (0, 0, 0, False),
        (70, 70, 0, False),
    ],
)
def test_other_numbers_of_aggregated_examples_are_unmatched(
    champion, candidate, unmatched, thinned
):
    found = joined(means(examples=[champion, 200]), means(examples=[candidate, 200]))
    assert found.unmatched == ({"a": unmatched} if unmatched else {})
    assert found.thinned == (frozenset("a") if thinned else frozenset())


@pytest.mark.parametrize(("champion", "candidate"), [(5000, 0), (0, 5000)])
def test_an_unknown_number_of_aggregated_examples_is_told_as_such(champion, candidate):
    found = joined(means(examples=[champion, 200]), means(examples=[candidate, 200]))
    unknown = "an unknown number of examples"
    sides = tuple(f"{n:,} examples" if n else unknown for n in (champion, candidate))
    assert found.unknown_counts == {"a": sides}
    told = f"Task 'a' has {sides[0]} in the champion's results and {sides[1]} in the candidate's"
    assert found.notes[0].startswith(told)
    assert joined(means(), means(examples=[90, 200])).unknown_counts == {}


@pytest.mark.parametrize(
    ("mine", "theirs", "widened"),
    [
        ([0.2, 0.3], [0.29, 0.3], set()),
        ([0.2, 0.3], [0.31, 0.3], {"a"}),
        ([0.1, 0.1], [0.3, 0.5], {"a", "b"}),
        ([0.0, 0.3], [0.1, 0.3], {"a"}),
        ([0.1, 0.5], None, {"a"}),  # the largest possible deviation is taken: 0.3 and 0.5
        (None, [0.3, 0.5], set()),
    ],
)
def test_a_deviation_that_grows_by_half_widens_its_task(mine, theirs, widened):
    sides = [means() if sd is None else means(sd=sd) for sd in (mine, theirs)]
    assert joined(*sides).widened == widened


def test_a_deviation_that_grows_in_a_segment_widens_its_task():
    rows = segmented(("a", "", 0.9, 100), ("a", "x", 0.8, 40), ("b", "", 0.9, 100))
    found = joined(rows.assign(sd=0.1), rows.assign(sd=[0.1, 0.3, 0.1]))
    assert found.widened == {"a"}


def segmented(*rows) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["task", "segment", "score", "examples"])


def test_segments_of_aggregated_results_are_those_of_the_champion():
    mine = segmented(("a", "", 0.9, 100), ("a", "x", 0.8, 40), ("a", "y", 0.95, 60))
    theirs = segmented(
        ("a", "", 0.9, 100), ("a", "x", 0.8, 30), ("a", "new", 0.1, 9), ("c", "", 0.7, 5)
    )
    found = joined(mine, theirs)
    assert set(found.segments) == {("a", "x")}
    assert found.shares == {("a", "x"): 0.4}
    assert found.only_champion == {("a", "y"): 0.95}
    assert found.only_candidate == {"c": (0.7, 5)}
    assert (found.unmatched, found.thinned) == ({"a": 10}, frozenset("a"))
    assert "1 segments of the candidate were ignored" in found.notes[0]
    assert "a/new" in found.notes[0]
    unknown = joined(
        segmented(("a", "", 0.9, 0), ("a", "x", 0.8, 0)),
        segmented(("a", "", 0.9, 0), ("a", "x", 0.8, 0)),
    )
    assert unknown.shares == {("a", "x"): 1.0}


def test_both_sides_have_one_form():
    message = refusal(BASE, means())
    assert "the champion's results have one row per example, but the candidate's are" in message


# ---- the same examples


@pytest.mark.parametrize(
    "form",
    [
        lambda f: f.assign(example_id=f["example_id"].astype(float)),
        lambda f: f.assign(example_id=f["example_id"].astype(float).astype(str)),
        lambda f: f.assign(example_id=[f"{i:e}" for i in f["example_id"]]),
        lambda f: f.assign(example_id=[f"{i:.18E}" for i in f["example_id"]]),
        lambda f: f.assign(example_id=[str(i).encode() for i in f["example_id"]]),
        lambda f: f.assign(example_id=[Decimal(i) for i in f["example_id"]]),
        pl.from_pandas,
        lambda f: pl.from_pandas(f).with_columns(
            pl.col("example_id").cast(pl.Float64).cast(pl.String)
        ),
        lambda f: duckdb.from_df(f).select("task, example_id::HUGEINT AS example_id, score"),
        lambda f: duckdb.from_df(f).select("task, example_id::DOUBLE AS example_id, score"),
    ],
)
def test_the_same_ids_in_another_form_are_the_same_examples(form):
    found = joined(BASE, form(BASE.iloc[::-1]))
    assert (found.unmatched, found.tasks["a"].examples, found.tasks["b"].candidate.tolist()) == (
        {},
        4,
        [1, 0],
    )


def test_ids_are_not_brought_to_one_form_where_two_would_become_equal():
    mine = pd.DataFrame({"task": "a", "example_id": ["1", "1.0", "2"], "score": 1})
    found = joined(mine, pd.DataFrame({"task": "a", "example_id": ["1", "2.0"], "score": 1}))
    assert (found.unmatched, found.strangers) == ({"a": 3}, {"a": ("1.0", "2.0")})


def test_ids_in_powers_of_ten_are_whole_numbers_unless_digits_were_cut_off():
    mine = pd.DataFrame({"task": "a", "example_id": [0, 1, 10_000_000, 12345678], "score": 1})
    theirs = mine.assign(example_id=["0.000000e+00", "1.000000e+00", "1.0E7", "1.234568e+07"])
    found = joined(mine, theirs)
    assert found.strangers == {"a": ("12345678", "1.234568e+07")}
    assert (
        joined(mine, mine.assign(example_id=mine["example_id"].map("{:.9e}".format))).unmatched
        == {}
    )


def test_task_and_segment_names_in_another_form_of_number_are_the_same():
    mine = BASE.assign(task=[1] * 4 + [2] * 2, segment=[7] * 6)
    found = joined(mine, mine.assign(task=["1.0"] * 4 + ["2.0"] * 2, segment="7.0"))
    assert set(found.all) == {("1", ""), ("2", ""), ("1", "7"), ("2", "7")}
    rows = segmented(("1", "", 0.9, 9), ("1", "7", 0.9, 9))
    assert set(joined(rows, rows.assign(task="1.0", segment=["", "7.0"])).all) == {
        ("1", ""),
        ("1", "7"),
    }


def test_ids_on_one_side_only_are_counted_and_shown():
    found = joined(BASE, BASE.assign(example_id=[1, 2, 3, 9, 1, 2]).iloc[:5])
    assert found.unmatched == {"a": 2, "b": 1}
    assert found.strangers == {"a": ("4", "9"), "b": ("2", "")}
    assert found.thinned == {"a", "b"}
    assert found.notes == (), "the gate's own warning tells it"
    assert joined(BASE.iloc[:3], BASE.iloc[:4]).thinned == frozenset()


def test_a_task_without_a_common_example_is_refused_with_an_id_of_each_side():
    message = refusal(BASE, BASE.assign(example_id=[f"x{k}" for k in range(6)]))
    assert "task 'a': champion and candidate have no example id in common" in message
    assert "(only the champion has '1', only the candidate has 'x0')" in message


def test_sides_without_a_common_task_are_refused_with_names_of_each():
    mine, cyrillic = BASE.assign(task=[f"t{k}" for k in range(6)]), "\u0430"
    message = refusal(mine, BASE.iloc[:4].assign(task=cyrillic))
    told = "no task in common: the champion's tasks are 't0', 't1', 't2', 't3', 't4' and 1 more, "
    assert told + f"the candidate's {cyrillic!r} ({cyrillic!a}, 1 characters); " in message
    assert "the candidate's 'c', 'd';" in refusal(means(), means(task=["c", "d"]))


def test_tasks_and_segments_of_one_side_are_told():
    mine = BASE.assign(segment=list("xxyyxz"))
    found = joined(mine, BASE.iloc[[0, 1]])
    assert found.only_champion == {
        ("b", ""): 0.5,
        ("a", "y"): 0.5,
        ("b", "x"): 1.0,
        ("b", "z"): 0.0,
    }
    assert joined(BASE.iloc[:4], BASE).only_candidate == {"b": (0.5, 2)}


NFC, NFD = "caf\xe9", "cafe\u0301"


@pytest.mark.parametrize(
    ("mine", "theirs", "cause"),
    [
        (NFC, NFD, r"Unicode normalisation"),
        ("North", "north", "case"),
        ("north", "north ", "white space"),
        ("north east", "north  east", "white space"),
        ("north east", "north\xa0east", "white space"),
        ("north", "\u200bnorth", "invisible characters"),
        ("１", "1", "Unicode compatibility form"),
    ],
)
def test_names_that_differ_only_in_what_nobody_sees_are_refused_with_the_cause(mine, theirs, cause):
    alone = BASE.iloc[:4]
    for column, what in (("task", "task"), ("example_id", "task 'a': example id")):
        rest = alone[column][1:].astype(str)
        message = refusal(*(alone.assign(**{column: [name, *rest]}) for name in (mine, theirs)))
        assert message.startswith(f"{what} ")
        assert f"differ only by {cause}" in message
    rows = [segmented(("a", "", 0.9, 10), ("a", name, 0.9, 10)) for name in (mine, theirs)]
    assert f"differ only by {cause}" in refusal(*rows)


def test_names_that_look_the_same_are_shown_so_that_one_can_tell_them_apart():
    message = refusal(BASE.replace("a", NFC), BASE.replace("a", NFD))
    assert rf"{NFC!r} ('caf\xe9', 4 characters) of the champion" in message
    assert rf"{NFD!r} ('cafe\u0301', 5 characters) of the candidate" in message


def test_names_that_one_side_alone_has_in_two_forms_are_two_names():
    two = BASE.replace("b", "A")
    assert set(joined(two, two).tasks) == {"a", "A"}
    assert joined(two, two.iloc[:4]).only_champion == {("A", ""): 0.5}


# ---- speed


def test_a_hundred_thousand_segments_take_seconds():
    n = 100_000
    mine = pd.DataFrame(
        {"task": "a", "example_id": range(n), "score": 1, "segment": [f"s{k}" for k in range(n)]}
    )
    sides = read_side(mine), read_side(mine.sample(frac=1, random_state=0))
    start = time.perf_counter()
    found = compare(*sides)
    assert len(found.segments) == n
    rows = pd.concat(
        [
            means().iloc[:1],
            pd.DataFrame({"task": "a", "score": 1, "examples": 1, "segment": mine["segment"]}),
        ]
    )
    assert len(joined(rows, rows).segments) == n
    assert time.perf_counter() - start < 20


def test_means_show_whether_they_can_be_shares():
    assert Mean(0.75, None, 4).share
    assert not Mean(0.76, None, 4).share
