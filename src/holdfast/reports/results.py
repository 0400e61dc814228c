"""Result files → one group for each method and scenario, every number with its interval over seeds."""

import json
import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from holdfast.errors import HoldfastError, reading
from holdfast.metrics import (
    AccuracyMatrix,
    Interval,
    forward_transfer,
    seed_interval,
    segment_transfer,
    summary,
    task_transfer,
)
from holdfast.reports.learnt import learning_warning
from holdfast.reports.schema import check_result

DIAGNOSTICS = "diagnostics.json"
COLUMNS: dict[str, tuple[str, str]] = {  # key → (heading, what it is)
    "ACC": ("ACC", "mean accuracy over tasks after the last one"),
    "BWT": (
        "BWT",
        "backward transfer: mean change of a task's accuracy since it was learnt (below 0: lost)",
    ),
    "FWT": (
        "FWT",
        "forward transfer: accuracy on a task just before it is trained, above the baseline",
    ),
    "forgetting": ("F", "forgetting: mean drop from each task's best accuracy since it was learnt"),
    "worst forgetting": (
        "worst",
        "worst forgetting: the largest drop of one task since it was learnt",
    ),
    "seconds": ("time", "seconds of training and consolidation"),
    "parameters": ("parameters", "parameters of the model at the end"),
    "bytes": ("bytes", "bytes that the method keeps: stored examples, teachers, importances"),
}
MIN_INITIALISATIONS = 5


@dataclass(frozen=True)
class Group:
    """The runs of one method in one scenario that differ in their seeds alone."""

    scenario: str
    label: str
    method: str
    results: tuple[dict[str, Any], ...]
    matrices: tuple[AccuracyMatrix, ...]
    values: dict[str, Interval]
    rows: tuple[dict[str, float], ...]  # the numbers of each run

    @property
    def mean_matrix(self) -> np.ndarray:
        """Mean over seeds by position, (T + 1, T), untrained row first."""
        return np.mean([m.to_array() for m in self.matrices], 0)

    @property
    def by_seed(self) -> dict[int, dict[str, float]]:
        """The numbers of each run, by its seed."""
        return {r["seed"]: row for r, row in zip(self.results, self.rows, strict=True)}

    @property
    def transfers(self) -> list[Interval]:
        """Transfer of each task but the last, by position: last score minus the score when learnt, over seeds."""
        per_seed = np.array([list(task_transfer(m).values()) for m in self.matrices])
        return [seed_interval(column) for column in per_seed.T]

    @property
    def segment_transfers(self) -> dict[str, Interval]:
        """Transfer of each segment (a class, say), mean over the tasks that have it, over the runs where it has one; empty without any."""
        found: dict[str, list[float]] = {}
        for m in self.matrices:
            of_run: dict[str, list[float]] = {}
            for (_, segment), value in segment_transfer(m).items():
                of_run.setdefault(segment, []).append(value)
            for segment, values in of_run.items():
                found.setdefault(segment, []).append(float(np.mean(values)))
        return {k: seed_interval(v) for k, v in sorted(found.items())}

    @property
    def unlearnt(self) -> str:
        """The warning that names tasks which were not learnt, with label and scenario; empty if there are none."""
        said = learning_warning(self.results, self.matrices)
        return said and f"{self.label}, {self.scenario} scenario: {said}"

    @property
    def weak(self) -> list[str]:
        """Warnings about the method in this scenario."""
        return list(dict.fromkeys(w for r in self.results for w in r.get("weak", [])))


def load_results(folders: Iterable[str | Path]) -> list[dict[str, Any]]:
    """Read every `result.json` below some folders.

    Args:
        folders: Folders with finished runs, such as the `--out` of `holdfast bench`.

    Returns:
        The results, each with the findings that `holdfast diagnose` left beside it.

    Raises:
        HoldfastError: A folder does not exist or holds no result, or a file cannot be read; the
            message names the file.
    """
    out = []
    for folder in map(Path, folders):
        if not folder.is_dir():
            raise HoldfastError(
                f"there is no folder {folder}; give the --out of a finished run or suite"
            )
        for path in sorted(folder.rglob("result.json")):
            found = read_result(path)
            out.append(found | {"diagnostics": read_findings(path.parent)})
    if not out:
        raise HoldfastError("no result.json found; run `holdfast run` or `holdfast bench` first")
    return out


def read_result(path: Path) -> dict[str, Any]:
    """Read one result file and check all that tables and pages need of it."""
    with _named(path, "delete it and run again"), reading("it", "JSON of a result"):
        result = json.loads(path.read_text(encoding="utf-8"))
        check_result(result)
    return dict(result)


@contextmanager
def _named(path: Path, remedy: str) -> Iterator[None]:
    try:
        yield
    except HoldfastError as error:
        raise HoldfastError(f"{path} is not a whole result file: {error}; {remedy}") from None


def read_findings(folder: Path) -> list[dict[str, Any]]:
    """The findings that `holdfast diagnose` left in a run's folder; none where there are none."""
    path = folder / DIAGNOSTICS
    if not path.exists():
        return []
    with (
        _named(path, "delete it and run holdfast diagnose again"),
        reading("it", "JSON of findings"),
    ):
        findings = json.loads(path.read_text(encoding="utf-8"))["findings"]
        for f in findings:
            if not isinstance(f["numbers"], dict) or not all(
                isinstance(f[k], str) for k in ("what", "sentence")
            ):
                raise HoldfastError("a finding has what, sentence and numbers")
    return list(findings)


def _order(result: dict[str, Any]) -> tuple:
    return (
        ("task", "domain", "class").index(result["config"]["scenario"]),
        result["label"],
        result["seed"],
    )


def _settings(result: dict[str, Any]) -> str:
    """What runs that are compared have in common: all settings but seed and method, and how the stream was built."""
    values = {k: v for k, v in result["config"].items() if k not in ("seed", "method")}
    return json.dumps(values | {"streams": result.get("streams", 1)}, sort_keys=True)


def summarise(results: Sequence[dict[str, Any]], confidence: float = 0.95) -> list[Group]:
    """Groups by scenario, settings, label and method, by scenario and then by descending ACC."""
    buckets: dict[tuple[str, str, str, str], list[dict[str, Any]]] = {}
    for r in sorted(results, key=_order):
        buckets.setdefault(
            (r["config"]["scenario"], _settings(r), r["label"], r["config"]["method"]), []
        ).append(r)
    matrices = {id(r): AccuracyMatrix.from_json(r["matrix"]) for r in results}
    groups = []
    for (scenario, settings, label, method), found in buckets.items():
        members = _one_per_seed(label, found)
        _of_one_stream(label, [matrices[id(r)] for r in members])
        alike = [r for r in results if _settings(r) == settings]
        baseline = _baseline(alike, [matrices[id(r)] for r in alike])
        rows = [_numbers(r, matrices[id(r)], baseline) for r in members]
        values = {key: seed_interval([row[key] for row in rows], confidence) for key in COLUMNS}
        groups.append(
            Group(
                scenario,
                label,
                method,
                tuple(members),
                tuple(matrices[id(r)] for r in members),
                values,
                tuple(rows),
            )
        )
    rank = {"task": 0, "domain": 1, "class": 2}
    return sorted(groups, key=lambda g: (rank[g.scenario], -_sortable(g.values["ACC"].estimate)))


def _one_per_seed(label: str, results: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """One result per seed: the same run twice, in two folders say, is no second seed.

    Raises:
        HoldfastError: Two results of one seed have other scores, so one of them is of another version or altered.
    """
    by_seed: dict[int, dict[str, Any]] = {}
    for r in results:
        kept = by_seed.setdefault(r["seed"], r)
        if kept["matrix"] != r["matrix"]:
            raise HoldfastError(
                f"there are two results of {label} with the same settings and seed {r['seed']}, but with other scores; "
                "give one of their folders alone, or run again"
            )
    return list(by_seed.values())


def _of_one_stream(label: str, matrices: Sequence[AccuracyMatrix]) -> None:
    """Refuses runs that claim the same settings but have other numbers of tasks."""
    counts = sorted({len(m.tasks) for m in matrices})
    if len(counts) > 1:
        raise HoldfastError(
            f"runs of {label} have the same settings but {counts[0]} and {counts[-1]} tasks; "
            "one of their result files was altered: delete it and run again"
        )


def _sortable(value: float) -> float:
    return -math.inf if math.isnan(value) else value


def _baseline(
    results: Sequence[dict[str, Any]], matrices: Sequence[AccuracyMatrix]
) -> np.ndarray | float | None:
    """b_j by position: mean of ≥ 5 untrained initialisations, else chance; None where outputs did not exist before their task."""
    if not all(r["outputs_exist"] for r in results):
        return None
    rows = {r["seed"]: m.to_array()[0] for r, m in zip(results, matrices, strict=True)}
    known = [row for row in rows.values() if not np.isnan(row).any()]
    return np.mean(known, 0) if len(known) >= MIN_INITIALISATIONS else float(results[0]["chance"])


def _numbers(
    result: dict[str, Any], m: AccuracyMatrix, baseline: np.ndarray | float | None
) -> dict[str, float]:
    by_task: Any = (
        dict(zip(m.tasks, baseline.tolist(), strict=True))
        if isinstance(baseline, np.ndarray)
        else baseline
    )
    numbers, cost = summary(m), result["cost"]
    return numbers | {
        "FWT": forward_transfer(m, by_task),
        "parameters": float(cost["parameters"]),
        "bytes": float(cost["method_bytes"]),
        "seconds": cost["seconds"]["training"] + cost["seconds"]["consolidation"],
    }


def show(key: str, interval: Interval) -> str:
    """A table cell: points for scores, seconds, counts; an en dash for what is not known."""
    if math.isnan(interval.estimate):
        return "–"
    if key == "parameters":
        return f"{interval.estimate:,.0f}"
    if key == "bytes":
        return show_bytes(interval.estimate)
    return typeset(interval if key == "seconds" else interval.scaled(100), ".1f")


def typeset(interval: Interval, spec: str) -> str:
    """An interval with minus signs in place of hyphens; an en dash if the estimate is not known."""
    return "–" if math.isnan(interval.estimate) else format(interval, spec).replace("-", "−")


def of_seeds(seeds: int) -> str:
    """What the numbers of a table are, for its heading."""
    if seeds == 1:
        return "one seed, so there are no intervals"
    return "± half of the 95 % interval over seeds; equal: all seeds gave this value"


def show_bytes(n: float) -> str:
    """Bytes with a decimal unit.

    >>> show_bytes(1_500_000), show_bytes(0)
    ('1.5 MB', '0')
    """
    for size, unit in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if n >= size:
            return f"{n / size:.1f} {unit}"
    return f"{n:.0f}" + (" B" if n else "")
