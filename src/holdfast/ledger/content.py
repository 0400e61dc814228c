"""The results of a release as bytes, and the scores that are stored beside them."""

import hashlib
import io
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from holdfast.errors import HoldfastError, reading
from holdfast.gate.reading import scores_of

if TYPE_CHECKING:
    import pandas as pd


class TaskScore(NamedTuple):
    """The mean score of a task, and the number of its examples (0: unknown)."""

    task: str
    score: float
    examples: int


class SegmentScore(NamedTuple):
    """The mean score of a segment of a task, and the number of its examples."""

    task: str
    segment: str
    score: float
    examples: int


@dataclass(frozen=True)
class Content:
    """What a ledger stores of the results of a release.

    Args:
        results: The results as a Parquet file.
        tasks: The score of each task.
        segments: The score of each segment.
    """

    results: bytes
    tasks: tuple[TaskScore, ...]
    segments: tuple[SegmentScore, ...]

    @property
    def fingerprint(self) -> str:
        """The SHA-256 digest of the Parquet file."""
        return hashlib.sha256(self.results).hexdigest()


def content_of(results: "pd.DataFrame") -> Content:
    """Compute what a ledger stores of results.

    Call it before the ledger is locked, so that other writers wait less.

    Args:
        results: The results, checked.

    Returns:
        The Parquet file and the scores.

    Raises:
        HoldfastError: The results hold values that Parquet cannot hold.
    """
    buffer = io.BytesIO()
    with reading("the results", "values that Parquet can hold"):
        results.to_parquet(buffer, index=False, compression="zstd")
    # numpy's numbers would not be written as JSON, so plain ones are made here.
    scores, examples = scores_of(results)
    tasks = [TaskScore(task, float(score), int(examples[task])) for task, score in scores.items()]
    return Content(buffer.getvalue(), tuple(tasks), tuple(segment_scores(results)))


def results_from(parquet: bytes, source: str) -> "pd.DataFrame":
    """Read stored results.

    Args:
        parquet: The Parquet file.
        source: What the file holds, for messages.

    Returns:
        The results.

    Raises:
        HoldfastError: The bytes are damaged.
    """
    import pandas as pd

    with reading(source, "Parquet"):
        return pd.read_parquet(io.BytesIO(parquet))


def segment_scores(results: "pd.DataFrame") -> list[SegmentScore]:
    """Compute the mean score and the number of examples of every segment.

    Args:
        results: The results, checked.

    Returns:
        The scores of the segments, in the order in which the results name them.
    """
    if "segment" not in results:
        return []
    # Examples without a segment only count for their task.
    segmented = results[results["segment"].notna() & (results["segment"] != "")]
    if "examples" in segmented:
        table = segmented  # aggregated results have one row per segment already
    else:
        groups = segmented.groupby(["task", "segment"], sort=False)["score"]
        table = groups.agg(score="mean", examples="size").reset_index()
    columns = (table[name] for name in ("task", "segment", "score", "examples"))
    return [
        SegmentScore(str(task), str(segment), float(score), int(examples))
        for task, segment, score, examples in zip(*columns, strict=True)
    ]


def trained_on_from(stored: str, source: str) -> tuple[str, ...]:
    """Read the stored list of the tasks that a release was trained on.

    Args:
        stored: A JSON list of names.
        source: Whose list it is, for messages.

    Returns:
        The tasks.

    Raises:
        HoldfastError: The text is damaged.
    """
    with reading(source, "a list of tasks"):
        # JSON that is no list of texts is damage too, although it can be read.
        names = json.loads(stored)
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise HoldfastError(
                f"{source} is damaged: its list of tasks is not a list of names; "
                "restore the ledger from a backup"
            )
        return tuple(names)
