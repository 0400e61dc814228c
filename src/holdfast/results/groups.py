"""Results of several seeds as one group, with an interval over seeds for every number."""

import json
import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from holdfast.errors import HoldfastError
from holdfast.metrics import (
    AccuracyMatrix,
    Interval,
    forward_transfer,
    segment_transfer,
    summary,
    task_transfer,
)
from holdfast.results.learnt import learning_warning
from holdfast.results.measures import MEASURES, interval_over_seeds
from holdfast.results.record import RunResult
from holdfast.results.run_settings import SCENARIOS, Scenario

MIN_INITIALISATIONS = 5  # seeds from which their mean is a better baseline than chance


@dataclass(frozen=True)
class Group:
    """The runs of one method in one scenario that differ in their seeds alone.

    Args:
        scenario: The scenario.
        label: The method as tables call it.
        method: The method, as a specification such as "ER(200)".
        results: The runs, one per seed.
        values: Each of `MEASURES` with its interval over seeds.
        rows: Each of `MEASURES` for each run.
    """

    scenario: Scenario
    label: str
    method: str
    results: tuple[RunResult, ...]
    values: dict[str, Interval]
    rows: tuple[dict[str, float], ...]

    @property
    def matrices(self) -> list[AccuracyMatrix]:
        """The accuracy matrix of each run."""
        return [result.matrix for result in self.results]

    @property
    def mean_matrix(self) -> np.ndarray:
        """The mean matrix over seeds, shape (T + 1, T), by position; row 0 is untrained."""
        mean: np.ndarray = np.mean([matrix.to_array() for matrix in self.matrices], 0)
        return mean

    @property
    def task_names(self) -> list[str]:
        """The name of each task; "" for a position at which seeds have different tasks."""
        names = []
        # With classes shuffled by the seed, a position holds another task for each seed.
        for at_place in zip(*(matrix.tasks for matrix in self.matrices), strict=True):
            same = len(set(at_place)) == 1
            names.append(str(at_place[0]) * same)
        return names

    @property
    def by_seed(self) -> dict[int, dict[str, float]]:
        """The numbers of each run, by its seed."""
        seeds = [result.seed for result in self.results]
        return dict(zip(seeds, self.rows, strict=True))

    @property
    def transfers(self) -> list[Interval]:
        """The transfer of each task but the last, by position, over seeds.

        It is the score after the last task minus the score when the task was learnt.
        """
        # By position and not by name, for the same reason as in `task_names`.
        by_run = np.array([list(task_transfer(matrix).values()) for matrix in self.matrices])
        first = self.results[0]
        return [interval_over_seeds(of_task, "change", first) for of_task in by_run.T]

    @property
    def segment_transfers(self) -> dict[str, Interval]:
        """The transfer of each segment, such as a class, over the runs that have one.

        In a run it is the mean over the tasks that have the segment. Without segments it is empty.
        """
        by_segment: dict[str, list[float]] = {}
        for matrix in self.matrices:
            in_run: dict[str, list[float]] = {}
            for (_, segment), transfer in segment_transfer(matrix).items():
                in_run.setdefault(segment, []).append(transfer)
            for segment, transfers in in_run.items():
                by_segment.setdefault(segment, []).append(float(np.mean(transfers)))
        intervals = {}
        for name, means in sorted(by_segment.items()):
            intervals[name] = interval_over_seeds(means, "change", self.results[0])
        return intervals

    @property
    def unlearnt(self) -> str:
        """A warning that names the tasks that were not learnt; "" if all were."""
        warning = learning_warning(self.results)
        if not warning:
            return ""
        return f"{self.label}, {self.scenario} scenario: {warning}"

    @property
    def causes(self) -> list[str]:
        """Why tasks were probably not learnt, in the first run that says something of it."""
        # Other seeds have the same causes with other figures.
        of_runs = [result.causes for result in self.results if result.causes]
        return of_runs[0] if of_runs else []

    @property
    def found_rates(self) -> str:
        """The learning rates that were found, if the setting was "auto"; "" otherwise."""
        rates = {f"{result.found_lr:g}" for result in self.results if result.found_lr is not None}
        return ", ".join(sorted(rates))

    @property
    def weak(self) -> list[str]:
        """What speaks against the method in this scenario."""
        # Every seed repeats the same remarks.
        remarks = [remark for result in self.results for remark in result.weak]
        return list(dict.fromkeys(remarks))


def same_settings(first: Group, second: Group) -> bool:
    """Tell whether two groups differ in nothing but their methods and their seeds."""
    return first.scenario == second.scenario and _settings(first.results[0]) == _settings(
        second.results[0]
    )


def summarise(results: Sequence[RunResult], confidence: float = 0.95) -> list[Group]:
    """Put runs that differ in their seeds alone into groups.

    Args:
        results: The runs.
        confidence: Confidence of the intervals, in (0, 1).

    Returns:
        One group for each scenario, settings, label and method, ordered by scenario and then by
        falling ACC.

    Raises:
        HoldfastError: Two results claim to be the same run but differ.
    """
    members_of: dict[tuple[str, str, str, str], list[RunResult]] = {}
    # Sorted first, so that groups do not depend on the order in which files were read.
    for result in sorted(_told_apart(results), key=_place):
        key = (result.scenario, _settings(result), result.label, result.method)
        members_of.setdefault(key, []).append(result)
    # All methods together know the untrained scores best, so this is not done within a group.
    baselines = _baselines(results)
    groups = []
    for (_, settings, label, method), members in members_of.items():
        runs = _one_per_seed(label, members)
        _refuse_other_tasks(label, runs)
        rows = tuple(_numbers(run, baselines[settings]) for run in runs)
        values = {}
        for name, measure in MEASURES.items():
            of_runs = [row[name] for row in rows]
            values[name] = interval_over_seeds(of_runs, measure.kind, runs[0], confidence)
        groups.append(
            Group(
                scenario=runs[0].scenario,
                label=label,
                method=method,
                results=tuple(runs),
                values=values,
                rows=rows,
            )
        )
    return sorted(groups, key=rank_in_tables)


def _told_apart(results: Sequence[RunResult]) -> list[RunResult]:
    """Give versions of an own method labels of their own, if it was edited between runs."""
    versions: dict[tuple[str, str], set[str]] = {}
    for result in results:
        versions.setdefault((result.label, result.method), set()).add(result.config.version)
    labelled = []
    for result in results:
        if len(versions[result.label, result.method]) > 1:
            label = f"{result.label}, source {result.config.version}"
            result = result.model_copy(update={"label": label})
        labelled.append(result)
    return labelled


def found_rates(groups: Sequence[Group]) -> list[str]:
    """Say which learning rates lr="auto" found.

    Args:
        groups: All groups of a table.

    Returns:
        One sentence without a full stop for each scenario and rate; none without a search.
    """
    labels_of: dict[tuple[Scenario, str], list[str]] = {}
    for group in groups:
        if group.found_rates:
            labels_of.setdefault((group.scenario, group.found_rates), []).append(group.label)
    lines = []
    for (scenario, rates), labels in labels_of.items():
        # All methods of a seed have the same rate, so mostly there is one line.
        named = ", ".join(dict.fromkeys(labels))
        lines.append(f"{scenario} scenario: lr=auto found {rates} ({named})")
    return lines


def by_scenario(groups: Sequence[Group]) -> dict[Scenario, list[Group]]:
    """Split groups by scenario, in the order in which scenarios first appear."""
    members: dict[Scenario, list[Group]] = {}
    for group in groups:
        members.setdefault(group.scenario, []).append(group)
    return members


def _place(result: RunResult) -> tuple[int, str, int]:
    """Order runs by scenario, label and seed."""
    return (SCENARIOS.index(result.scenario), result.label, result.seed)


def rank_in_tables(group: Group) -> tuple[int, float]:
    """Order groups by scenario and falling ACC; an ACC that is not known comes last."""
    accuracy = group.values["ACC"].estimate
    if math.isnan(accuracy):
        accuracy = -math.inf
    return (SCENARIOS.index(group.scenario), -accuracy)


def _settings(result: RunResult) -> str:
    """Describe what compared runs have in common, as text that can be a key."""
    # Streams of another version hold other examples, although the settings are the same.
    values = result.config.shared() | {"streams": result.streams}
    return json.dumps(values, sort_keys=True)


def _one_per_seed(label: str, results: Sequence[RunResult]) -> list[RunResult]:
    """Keep one result per seed, since a run that lies in two folders is no second seed."""
    by_seed: dict[int, RunResult] = {}
    for result in results:
        first = by_seed.setdefault(result.seed, result)
        # One of the two is of another version of Holdfast, or its file was edited.
        if first.matrix.to_json() != result.matrix.to_json():
            raise HoldfastError(
                f"there are two results of {label} with the same settings and seed {result.seed}, "
                "but with other scores; give one of their folders alone, or run again"
            )
    return list(by_seed.values())


def _refuse_other_tasks(label: str, results: Sequence[RunResult]) -> None:
    """Raise an error if runs with the same settings have different numbers of tasks."""
    counts = sorted({len(result.matrix.tasks) for result in results})
    if len(counts) > 1:
        raise HoldfastError(
            f"runs of {label} have the same settings but {counts[0]} and {counts[-1]} tasks; "
            "one of their result files was altered: delete it and run again"
        )


def _baselines(results: Sequence[RunResult]) -> dict[str, np.ndarray | float | None]:
    """Compute the baseline of forward transfer for each of the settings."""
    alike: dict[str, list[RunResult]] = {}
    for result in results:
        alike.setdefault(_settings(result), []).append(result)
    return {settings: _baseline(runs) for settings, runs in alike.items()}


def _baseline(results: Sequence[RunResult]) -> np.ndarray | float | None:
    """Compute b, the score of an untrained model on each task, by position.

    Every method starts from the same initialisation for the same seed, so all of them count.

    Returns:
        The mean of five initialisations or more, else the chance level. None if outputs do not
        exist before their task is trained, because an untrained score has no meaning then.
    """
    if not all(result.outputs_exist for result in results):
        return None
    by_seed = {result.seed: result.matrix.to_array()[0] for result in results}
    untrained = [row for row in by_seed.values() if not np.isnan(row).any()]
    if len(untrained) < MIN_INITIALISATIONS:
        return float(results[0].chance)
    mean: np.ndarray = np.mean(untrained, 0)
    return mean


def _numbers(result: RunResult, baseline: np.ndarray | float | None) -> dict[str, float]:
    """Compute every measure of one run."""
    matrix = result.matrix
    untrained: dict[Hashable, float] | float | None
    # Baselines are by position, but the metric asks for them by the names of this run's tasks.
    if isinstance(baseline, np.ndarray):
        untrained = dict(zip(matrix.tasks, baseline.tolist(), strict=True))
    else:
        untrained = baseline
    return summary(matrix) | {
        "FWT": forward_transfer(matrix, untrained),
        "parameters": float(result.cost.parameters),
        "bytes": float(result.cost.method_bytes),
        "seconds": result.cost.seconds.learning,
    }
