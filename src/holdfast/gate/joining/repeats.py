"""Several rows of one example on a side: epochs, seeds or reruns."""

from dataclasses import replace
from typing import TYPE_CHECKING

from holdfast.gate.joining.single_examples import MeasureOf
from holdfast.gate.measures import Score
from holdfast.gate.reading import Side
from holdfast.gate.reading.repeats import average_repeats

if TYPE_CHECKING:
    import pandas as pd


def with_examples_as_units(side: Side, name: str, measure_of: MeasureOf) -> Side:
    """Make the example the unit of results in which examples occur several times.

    Scores are averaged by example. Other measures, such as F1, are not means of what single runs
    say about an example, so their rows stay, and the rows of an example form a cluster.

    Args:
        side: The results of one model.
        name: What they are called in messages.
        measure_of: Gives what the scores of a task are.

    Raises:
        HoldfastError: The repeats of an example differ in its cluster, segment or label.
    """
    import pandas as pd

    rows = side.rows
    if "repeat" not in rows:
        return side
    averaged = [task for task in rows["task"].unique() if isinstance(measure_of(task), Score)]
    of_scores = rows["task"].isin(averaged)
    parts: list[pd.DataFrame] = []
    notes: tuple[str, ...] = ()
    if bool(of_scores.any()):
        part, notes = average_repeats(rows[of_scores].reset_index(drop=True), name)
        parts.append(part)
    if not bool(of_scores.all()):
        parts.append(_numbered(rows[~of_scores]))
    return replace(side, rows=pd.concat(parts, ignore_index=True), notes=(*side.notes, *notes))


def _numbered(rows: "pd.DataFrame") -> "pd.DataFrame":
    """Give each repeat an id of its own, and make the repeats of an example a cluster."""
    numbered = rows.drop(columns="repeat")
    # Clusters that the results name hold all repeats of their examples already.
    if "cluster" not in rows:
        numbered["cluster"] = rows["example_id"]
    numbered["example_id"] = rows["example_id"] + " (repeat " + rows["repeat"] + ")"
    return numbered
