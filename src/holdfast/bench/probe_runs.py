"""The runs of a probe, which measure how learning one task changes another.

Runs of two tasks give R_{k→i}: the scores after task k was learned and then task i. From all of
them follow the backward transfer B and the forward transfer Fw, by which the planner orders tasks.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from holdfast.bench.probe_settings import with_order
from holdfast.errors import HoldfastError
from holdfast.metrics import AccuracyMatrix
from holdfast.planning import Probe
from holdfast.planning.probe_files import FILE
from holdfast.results.file_names import RESULT
from holdfast.results.storage import read_result, write_json
from holdfast.runs.config import RunConfig
from holdfast.runs.folders import run_folder

# The share of the training examples on which transfer is measured if the suite sets none aside. The
# test examples are kept for the verification of the plan.
VALIDATION = 0.2


@dataclass(frozen=True)
class ProbeRuns:
    """The runs that measure the transfer between tasks.

    Args:
        config: The settings of a run, apart from the order of its tasks and the seed.
        full: The settings with which `verify --transfer-to full` trains.
        names: The names of the tasks.
        seeds: The seeds.
        estimator: "pairwise": a run of two tasks for each ordered pair and seed, measured on
            validation examples. "base": one short run per task, measured on training examples; see
            `holdfast.diagnostics.signals`.
    """

    config: RunConfig
    full: RunConfig
    names: tuple[str, ...]
    seeds: tuple[int, ...]
    estimator: str = "pairwise"

    def runs(self) -> list[tuple[str, RunConfig]]:
        """List the label and the settings of each run. The base estimator has none of these."""
        if self.estimator == "base":
            return []
        runs = []
        for seed in self.seeds:
            for first, first_name in enumerate(self.names):
                for second, second_name in enumerate(self.names):
                    # A task is never learned after itself.
                    if first != second:
                        label = f"{first_name} → {second_name}"
                        runs.append((label, _pair_config(self.config, first, second, seed)))
        return runs

    def assemble(self, out: Path, signals: Mapping[int, Mapping[str, object]]) -> Probe:
        """Make the probe from finished runs, and write it to probe.json.

        Args:
            out: The folder of the runs, to which the probe is written.
            signals: The signals of every seed, by name. Empty: they were not measured.

        Returns:
            The probe.

        Raises:
            HoldfastError: A run is not finished, or the file could not be written.
        """
        backward, forward = self._transfer(out, signals)
        # Every seed has the same signals. The base estimate is the transfer itself.
        kinds = [kind for kind in next(iter(signals.values()), {}) if kind != "base"]
        probe = Probe(
            names=self.names,
            backward=backward,
            forward=forward,
            estimator=self.estimator,
            signals={kind: _over_seeds(signals, self.seeds, kind) for kind in kinds},
            about={
                "config": self.config.model_dump(mode="json"),
                "full": self.full.model_dump(mode="json"),
                "seeds": list(self.seeds),
            },
        )
        write_json(out / FILE, probe.to_json())
        return probe

    def _transfer(
        self, out: Path, signals: Mapping[int, Mapping[str, object]]
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """B and Fw, (S, K, K). The base estimator measures no forward transfer."""
        if self.estimator == "base":
            backward = _over_seeds(signals, self.seeds, "base").astype(float)
            # The change of a task by itself is no transfer.
            diagonal = np.arange(len(self.names))
            backward[:, diagonal, diagonal] = np.nan
            return backward, None
        of_seeds = [_pairwise_transfer(self.config, self.names, seed, out) for seed in self.seeds]
        return (
            np.array([backward for backward, _ in of_seeds]),
            np.array([forward for _, forward in of_seeds]),
        )


def _over_seeds(
    signals: Mapping[int, Mapping[str, object]], seeds: Sequence[int], kind: str
) -> np.ndarray:
    """One signal of all seeds, with the seeds as first axis."""
    return np.array([signals[seed][kind] for seed in seeds])


def _pair_config(config: RunConfig, first: int, second: int, seed: int) -> RunConfig:
    """The settings of a run of two tasks."""
    return with_order(config, [first, second], seed, VALIDATION)


def _pairwise_transfer(
    config: RunConfig, names: Sequence[str], seed: int, out: Path
) -> tuple[np.ndarray, np.ndarray]:
    """B[i, k] = R_{k→i}[k] − R_k[k] and Fw[k, i] = R_{k→i}[i] − R_i[i] of one seed, (K, K)."""
    tasks = range(len(names))
    shape = (len(names), len(names))
    after = np.full(shape, np.nan)
    alone = np.full(shape, np.nan)
    gained = np.full(shape, np.nan)
    for k in tasks:
        for i in tasks:
            if k == i:
                continue
            # The same settings as in `runs` give the same folder.
            path = run_folder(out, _pair_config(config, k, i, seed)) / RESULT
            matrix = _validation_of_pair(path)
            first, second = matrix.tasks
            after[i, k] = matrix.score(first, after=second)
            alone[k, i] = matrix.score(first, after=first)
            gained[k, i] = matrix.score(second, after=second)
    # R_k[k] is the same in every run that begins with task k.
    own = np.nanmean(alone, 1)
    return after - own[None], gained - own[None]


def _validation_of_pair(path: Path) -> AccuracyMatrix:
    """Read the scores of a run of two tasks on validation examples."""
    matrix = read_result(path).validation
    if matrix is None or len(matrix.tasks) != 2:
        raise HoldfastError(
            f"{path} must be the result of a run of two tasks with validation examples; "
            "delete it and run again"
        )
    return matrix
