"""The cheap signals of a probe, which need one short run per task in place of one per pair."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from pydantic import JsonValue

from holdfast.bench.probe_settings import with_order
from holdfast.errors import HoldfastError
from holdfast.results.storage import read_json, write_json
from holdfast.runs.config import RunConfig
from holdfast.runs.pulses import over_watched_workers

if TYPE_CHECKING:
    from holdfast.runs.carry_out import TellRun
    from holdfast.training import Learner
    from holdfast.training.display import Moment, Watch

LABEL = "signals"  # what progress calls the measurement of a seed
# Shows progress: it gets what starts the measurements, the number of all, and how many are done.
Follow = Callable[
    [Callable[["TellRun | None"], Iterator[tuple[str, RunConfig, float]]], int, int], None
]


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
    follow: Follow | None = None,
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
        follow: Shows how far the measurements are. None: nothing is shown.

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
    waiting = [job for job in all_jobs.values() if not job.path.exists()]

    def start(tell: "TellRun | None") -> Iterator[tuple[str, RunConfig, float]]:
        def told(job: SignalJob, moment: "Moment") -> None:
            if tell is not None:
                tell(LABEL, job.config, moment)

        # The workers write the files. Nothing else has to be collected.
        for job, seconds in over_watched_workers(_measure, waiting, jobs, told):
            yield LABEL, job.config, seconds

    if follow is None:
        list(start(None))
    else:
        follow(start, len(all_jobs), len(all_jobs) - len(waiting))
    return {seed: _read_signals(job.path) for seed, job in all_jobs.items()}


def _measure(job: SignalJob, tell: "Callable[[Moment], None] | None") -> tuple[SignalJob, float]:
    """Measure the signals of one seed, and write them to its file. Returns the seconds as well."""
    import torch

    from holdfast.diagnostics.signals import signals
    from holdfast.runs.build import build_learner, build_stream
    from holdfast.training.display import Pulse, Silent

    began = time.monotonic()
    # As for other runs: results must not depend on the number of cores.
    torch.set_num_threads(1)
    stream = build_stream(job.config, job.data_dir)
    untrained = build_learner(job.config, stream, job.device)
    watch: Watch = Silent()
    if tell is not None:
        watch = Pulse(tell, {task.index: untrained.view.order(task).steps for task in stream})

    def learn(task: int) -> "Learner":
        # The learner begins at the same weights for every task.
        alone = build_stream(with_order(job.config, [task], job.config.seed), job.data_dir)
        learner = build_learner(job.config, alone, job.device)
        learner.begin(alone[0])
        steps = learner.view.order(alone[0]).steps
        with learner.state.random.active():
            for number, batch in enumerate(learner.view.batches(), 1):
                learner.step(batch)
                watch.step(stream[task], number, steps)
        learner.end()
        # What is measured of the learner now takes no steps.
        watch.phase(stream[task], LABEL)
        return learner

    measured = signals(untrained, stream, learn)
    write_json(job.path, {name: np.asarray(value).tolist() for name, value in measured.items()})
    return job, time.monotonic() - began


def _read_signals(path: Path) -> dict[str, JsonValue]:
    """Read the signals of one seed."""
    signals = read_json(path)
    if not isinstance(signals, dict):
        raise HoldfastError(f"{path} does not hold the signals of a probe; delete it and run again")
    return signals
