"""Both sides of a comparison, task by task and segment by segment, joined on the example."""

from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from holdfast.errors import HoldfastError
from holdfast.gate.reading import Side
from holdfast.metrics.releases import Standing

if TYPE_CHECKING:
    import pandas as pd

Key = tuple[str, str]  # task, segment; an empty segment is the task as a whole


@dataclass(frozen=True)
class Pair:
    """Scores of both sides on the same examples. `cluster`: what each example belongs to, where given."""

    champion: np.ndarray  # (N,)
    candidate: np.ndarray  # (N,)
    cluster: np.ndarray | None = None

    @property
    def means(self) -> tuple[float, float]:
        """Mean score of both sides."""
        return float(self.champion.mean()), float(self.candidate.mean())

    @property
    def binary(self) -> bool:
        """Whether every score is 0 or 1."""
        return all(bool(((s == 0) | (s == 1)).all()) for s in (self.champion, self.candidate))

    @property
    def examples(self) -> int:
        """How many."""
        return len(self.champion)


@dataclass(frozen=True)
class Mean:
    """A mean score, its standard deviation (None: unknown) and number of examples (0: unknown)."""

    score: float
    sd: float | None
    examples: int

    @property
    def share(self) -> bool:
        """Whether it can be the share of right answers: some whole number of the examples shows it at its digits.

        >>> Mean(0.9125, None, 1234).share, Mean(0.9123, None, 1234).share
        (True, False)
        """
        digits = len(repr(self.score).partition(".")[2])
        return abs(round(round(self.score * self.examples) / max(self.examples, 1), digits) - self.score) < 1e-12


@dataclass(frozen=True)
class Summary:
    """Aggregated scores of both sides."""

    champion: Mean
    candidate: Mean

    @property
    def means(self) -> tuple[float, float]:
        """Mean score of both sides."""
        return self.champion.score, self.candidate.score

    @property
    def examples(self) -> int:
        """Those of the smaller side; 0: unknown."""
        return min(self.champion.examples, self.candidate.examples)


@dataclass(frozen=True)
class Comparison:
    """What a gate judges: what both sides have, tasks of one side only, ids that did not match, and where both stand."""

    tasks: dict[str, Pair | Summary]
    segments: dict[Key, Pair | Summary]
    only_champion: dict[Key, float]  # → mean score
    only_candidate: dict[str, tuple[float, int]]  # task → mean score, examples
    unmatched: dict[str, int]
    standings: tuple[Standing | None, Standing | None] = (None, None)
    names: tuple[str, str] = field(default=("champion", "candidate"))

    @property
    def all(self) -> dict[Key, Pair | Summary]:
        """Tasks and segments."""
        return {(t, ""): s for t, s in self.tasks.items()} | self.segments


def compare(champion: Side, candidate: Side) -> Comparison:
    """Both sides, task by task. Results of single examples are joined on the id."""
    aggregated = "examples" in champion.rows
    if aggregated != ("examples" in candidate.rows):
        raise HoldfastError("one side has results of single examples, the other aggregated ones; give both in the same form")
    found, unmatched = _aggregates(champion.rows, candidate.rows) if aggregated else _pairs(champion.rows, candidate.rows)
    a, b = ({key: _mean(rows) for key, rows in _parts(side.rows)} for side in (champion, candidate))
    gone = {key: mean.score for key, mean in a.items() if key not in b and (aggregated or not key[1])}
    new = {t: (mean.score, mean.examples) for (t, s), mean in b.items() if (t, s) not in a and not s}
    tasks = {t: scores for (t, s), scores in found.items() if not s}
    segments = {key: scores for key, scores in found.items() if key[1]}
    names = (champion.name or "champion", candidate.name or "candidate")
    return Comparison(tasks, segments, gone, new, unmatched, (champion.standing, candidate.standing), names)


def _parts(rows: "pd.DataFrame") -> Iterator[tuple[Key, "pd.DataFrame"]]:
    """Tasks as a whole, then segments of those."""
    segmented = "segment" in rows
    if "examples" in rows:
        for key, part in rows.groupby(["task", "segment"] if segmented else ["task"], sort=False):
            yield (str(key[0]), str(key[1]) if segmented else ""), part
        return
    for task, part in rows.groupby("task", sort=False):
        yield (str(task), ""), part
    for labels, part in rows.groupby(["task", "segment"], sort=False) if segmented else ():
        yield (str(labels[0]), str(labels[1])), part


def _mean(rows: "pd.DataFrame") -> Mean:
    if "examples" not in rows:
        return Mean(float(rows["score"].mean()), None, len(rows))
    first = rows.iloc[0]
    sd = float(first["sd"]) if "sd" in rows and not np.isnan(first["sd"]) else None
    return Mean(float(first["score"]), sd, int(first["examples"]))


def _aggregates(a: "pd.DataFrame", b: "pd.DataFrame") -> tuple[dict[Key, Pair | Summary], dict[str, int]]:
    other = dict(_parts(b))
    return {key: Summary(_mean(rows), _mean(other[key])) for key, rows in _parts(a) if key in other}, {}


def _pairs(a: "pd.DataFrame", b: "pd.DataFrame") -> tuple[dict[Key, Pair | Summary], dict[str, int]]:
    found: dict[Key, Pair | Summary] = {}
    unmatched: dict[str, int] = {}
    other: dict[Hashable, pd.DataFrame] = dict(iter(b.groupby("task", sort=False)))
    for task, rows in a.groupby("task", sort=False):
        if task not in other:
            continue
        both = rows.merge(other[task], on="example_id", suffixes=("", "_b"), sort=False)
        if n := len(rows) + len(other[task]) - 2 * len(both):
            unmatched[str(task)] = n
        found[str(task), ""] = _pair(both)
        if "segment" not in both:
            continue
        if "segment_b" in both and bool((differ := both["segment"] != both["segment_b"]).any()):
            example = both["example_id"][differ].iloc[0]
            raise HoldfastError(
                f"task {str(task)!r}: example {example!r} is in another segment on each side; the test set must be the same"
            )
        found |= {(str(task), str(s)): _pair(part) for s, part in both.groupby("segment", sort=False)}
    return found, unmatched


def _pair(both: "pd.DataFrame") -> Pair:
    cluster = both["cluster"].to_numpy() if "cluster" in both else None
    return Pair(both["score"].to_numpy(), both["score_b"].to_numpy(), cluster)
