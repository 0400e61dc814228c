"""What can be said of the columns and rows of a user's table before anything is trained on it."""

from collections import defaultdict
from dataclasses import dataclass

import numpy as np

from holdfast.streams.own_data.encoding import category_texts, known_categories
from holdfast.streams.own_data.examples import Examples
from holdfast.streams.own_data.roles import TARGET
from holdfast.streams.own_data.values import missing_in
from holdfast.text import shown

NEARLY = 0.95  # share of distinct values from which on a column looks like an identifier
FEWEST = 20  # rows below which no such thing can be said
UNSEEN = 0.1  # share of rows with categories that the first task lacks, from which on it is said
FEW_VALUES = 50  # distinct values up to which a column may tell the label
INPUTS = ("number", "boolean", "category", "date", "text")


@dataclass(frozen=True)
class ColumnFacts:
    """What is known of a column.

    Args:
        name: The column.
        role: What it is used for.
        reason: Why.
        missing: The number of rows without a value.
        distinct: The number of different values.
        data: The name of the data set that has the column.
    """

    name: str
    role: str
    reason: str
    missing: int
    distinct: int
    data: str


def column_facts(examples: Examples) -> tuple[ColumnFacts, ...]:
    """Count missing and different values of each column, over all rows that were read."""
    facts = []
    for name, role in examples.roles.items():
        values = examples.read.column(name)
        missing = missing_in(values, role.kind)
        texts = {str(value) for value in values[~missing]}
        facts.append(
            ColumnFacts(
                name,
                role.kind,
                role.reason,
                missing=int(missing.sum()),
                distinct=len(texts),
                data=examples.table.name,
            )
        )
    return tuple(facts)


def row_warnings(examples: Examples, columns: tuple[ColumnFacts, ...], refused: bool) -> list[str]:
    """Say what is wrong with the columns and rows of a table.

    Args:
        examples: The data.
        columns: What is known of the columns.
        refused: Whether a run would refuse missing values and unreadable images.

    Returns:
        Whole sentences.
    """
    said = list(examples.notes)
    if refused:
        said = _about_refusals(examples, columns) + said
    for column in columns:
        if column.role in INPUTS:
            said += _about_column(examples, column)
    said += _about_labels(examples)
    return said


def _about_refusals(examples: Examples, columns: tuple[ColumnFacts, ...]) -> list[str]:
    """Say what a run would refuse."""
    said = []
    # Where a target is missing, a row may have no label, or nothing may be known of it.
    allowed = ("unused", TARGET)
    lacking = [column for column in columns if column.missing and column.role not in allowed]
    if lacking:
        named = ", ".join(f"{shown(column.name)} ({column.missing})" for column in lacking)
        said.append(
            f"some values are missing: {named}. A run refuses them unless you say --missing drop, "
            "as is shown here, or --missing flag"
        )
    if examples.unreadable:
        said.append(
            f"{len(examples.unreadable)} images can't be read. A run refuses them unless you say "
            "--missing drop, as is shown here"
        )
    return said


def _about_column(examples: Examples, column: ColumnFacts) -> list[str]:
    """Say what is wrong with an input column."""
    rows = len(examples)
    name = shown(column.name)
    if column.distinct <= 1:
        return [f"column {name} has one value in all rows, so it says nothing"]
    said = []
    if column.distinct >= NEARLY * rows and rows >= FEWEST and _may_identify(examples, column):
        said.append(
            f"column {name} has {column.distinct} different values in {rows} rows, so it looks "
            f"like an identifier, from which nothing general can be learned. Leave it out with "
            f"--roles {name}=unused"
        )
    elif column.role == "category":
        said += _about_unseen(examples, column)
    if column.distinct <= min(FEW_VALUES, rows / 4) and _tells_label(examples, column):
        said.append(
            f"column {name} alone tells the label of every row, so it may be known only after the "
            f"fact. If it is, leave it out with --roles {name}=unused"
        )
    return said


def _may_identify(examples: Examples, column: ColumnFacts) -> bool:
    """Whether the values can be identifiers: short texts or whole numbers."""
    if column.role == "category":
        return True
    if column.role != "number":
        return False
    from holdfast.streams.own_data.values import numbers

    values = numbers(examples.table, column.name)
    return bool((np.rint(values) == values).all())


def _about_unseen(examples: Examples, column: ColumnFacts) -> list[str]:
    """Say that later tasks have categories without an input of their own."""
    if examples.tasks is None:
        return []
    texts = category_texts(examples.table, column.name)
    in_first = examples.tasks.of_row == examples.tasks.names[0]
    known = set(known_categories(texts[in_first & ~examples.tested]))
    later = texts[~in_first]
    if not len(later):
        return []
    share = float(np.mean([text not in known for text in later]))
    if share < UNSEEN:
        return []
    name = shown(column.name)
    return [
        f"column {name}: {share:.0%} of the rows of later tasks have a value that the first task "
        f"lacks, and all of these share one input. Use --roles {name}=text if the values should "
        "stay apart"
    ]


def _tells_label(examples: Examples, column: ColumnFacts) -> bool:
    """Whether every value of a column occurs with one label only."""
    labels_of: dict[str, set[object]] = defaultdict(set)
    for value, label in zip(
        examples.table.column(column.name), examples.labels.tolist(), strict=True
    ):
        labels_of[str(value)].add(label)
    several = len({label for labels in labels_of.values() for label in labels}) > 1
    return several and all(len(labels) == 1 for labels in labels_of.values())


def _about_labels(examples: Examples) -> list[str]:
    """Say which labels differ only in capital letters or spaces."""
    spellings: dict[str, set[str]] = defaultdict(set)
    for label in {str(label) for label in examples.labels.tolist()}:
        spellings["".join(label.lower().split())].add(label)
    said = []
    for names in spellings.values():
        if len(names) > 1:
            listed = " and ".join(repr(shown(name)) for name in sorted(names))
            said.append(
                f"the labels {listed} differ only in capital letters or spaces, and count as "
                "different classes"
            )
    return said
