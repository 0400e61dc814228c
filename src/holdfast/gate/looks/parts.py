"""The tasks, segments and classes of a planned test set."""

from dataclasses import dataclass

import numpy as np

from holdfast.gate.joining.matching import codes_of
from holdfast.gate.joining.one_sided import MOST_CLASSES
from holdfast.gate.looks.look import Part
from holdfast.gate.looks.progress import Progress


@dataclass(frozen=True)
class Parts:
    """The tasks, segments and classes of a planned test set.

    Attributes:
        names: The parts.
        positions: For each column that names parts, the position in `names` of every row, shape
            (R,), or the number of names if the row belongs to none.
    """

    names: list[Part]
    positions: list[np.ndarray]

    def counts(self, rows: np.ndarray) -> np.ndarray:
        """Count the rows of each part among some rows.

        Args:
            rows: Whether each row is counted, shape (R,).

        Returns:
            The counts, shape of `names`.
        """
        total = np.zeros(len(self.names) + 1, dtype=int)
        for position in self.positions:
            total += np.bincount(position[rows], minlength=len(total))
        return total[:-1]


def parts_of(progress: Progress) -> Parts:
    """Return the tasks, segments and classes of the champion's rows.

    Args:
        progress: The champion's rows. Segments and labels that are empty are unknown, and so many
            labels as ids have are no classes.
    """
    names: list[Part] = [(task, "", "") for task in progress.names]
    positions: list[np.ndarray] = [progress.task]
    for column in ("segment", "label"):
        if column not in progress.rows:
            continue
        values = codes_of(progress.rows[column])
        # Task and value become one number, so that one sort finds all parts of all tasks.
        keys, inverse = np.unique(
            progress.task * len(values.values) + values.codes, return_inverse=True
        )
        tasks, codes = np.divmod(keys, len(values.values))
        too_many = np.bincount(tasks, minlength=len(progress.names)) > MOST_CLASSES
        place = np.full(len(keys), -1)
        for key, (task, code) in enumerate(zip(tasks.tolist(), codes.tolist(), strict=True)):
            text = values.values[code]
            if not text or (column == "label" and too_many[task]):
                continue
            place[key] = len(names)
            part = (progress.names[task], text, "")
            if column == "label":
                part = (progress.names[task], "", text)
            names.append(part)
        positions.append(place[inverse])
    # Only now is the number of parts known, which stands for "none".
    return Parts(names, [np.where(rows < 0, len(names), rows) for rows in positions])
