"""The cheap signals of a probe, which need one short run per task in place of one per pair."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from pydantic import JsonValue

from holdfast.bench.probe_settings import with_order
from holdfast.errors import HoldfastError
from holdfast.results.storage import read_json, write_json
from holdfast.runs.config import RunConfig
from holdfast.runs.workers import over_workers

if TYPE_CHECKING:
    from holdfast.training import Learner


@dataclass(frozen=True)
class SignalJob:
    """The measurement of one seed, as a worker process gets it."""

    config: RunConfig
    path: Path
    data_dir: str | None
    device: str


def measure_signals(
    config: RunConfig,
    names: Sequence[str],
    seeds: Sequence[int],
    out: Path,
    jobs: int,
    data_dir: str | None,
    device: str,
) -> dict[int, dict[str, JsonValue]]:
    """Measure the signals of every seed that has not been measured.

    Args:
        config: The settings of a run, apart from the order of its tasks and the seed.
        names: The names of the tasks.
        seeds: The seeds.
        out: The folder in which each seed has a file, so that nothing is measured twice.
        jobs: The number of worker processes.
        data_dir: The folder of data sets. None: that of the environment.
        device: The device to train on.

    Returns:
        The signals of each seed by name, see `holdfast.diagnostics.signals`.

    Raises:
        HoldfastError: A file is damaged or could not be written, or the scenario is not "domain".
    """
    all_jobs = {}
    for seed in seeds:
        of_seed = with_order(config, range(len(names)), seed)
        path = out / f"signals-{of_seed.hash}.json"
        all_jobs[seed] = SignalJob(of_seed, path, data_dir, device)
    waiting = [(job,) for job in all_jobs.values() if not job.path.exists()]
    # The workers write the files. Nothing else has to be collected.
    for _ in over_workers(_measure, waiting, jobs):
        pass
    return {seed: _read_signals(job.path) for seed, job in all_jobs.items()}


def _measure(job: SignalJob) -> None:
    """Measure the signals of one seed, and write them to its file."""
    import torch

    from holdfast.diagnostics.signals import signals
    from holdfast.runs.build import build_learner, build_stream

    # As for other runs: results must not depend on the number of cores.
    torch.set_num_threads(1)
    stream = build_stream(job.config, job.data_dir)

    def learn(task: int) -> "Learner":
        # The learner begins at the same weights for every task.
        alone = build_stream(with_order(job.config, [task], job.config.seed), job.data_dir)
        return build_learner(job.config, alone, job.device).train(alone[0])

    untrained = build_learner(job.config, stream, job.device)
    measured = signals(untrained, stream, learn)
    write_json(job.path, {name: np.asarray(value).tolist() for name, value in measured.items()})


def _read_signals(path: Path) -> dict[str, JsonValue]:
    """Read the signals of one seed."""
    signals = read_json(path)
    if not isinstance(signals, dict):
        raise HoldfastError(f"{path} does not hold the signals of a probe; delete it and run again")
    return signals
