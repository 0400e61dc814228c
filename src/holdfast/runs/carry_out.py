"""Many runs, one after another or over worker processes. What is finished stays and is skipped."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from holdfast.errors import HoldfastError
from holdfast.results.file_names import RESULT, SETTINGS
from holdfast.results.storage import write_json, write_result
from holdfast.runs.config import RunConfig
from holdfast.runs.execute import CHECKPOINT_EVERY, Tell, execute
from holdfast.runs.folders import check_writable, finished, outdated, run_folder
from holdfast.runs.preflight import refuse_early
from holdfast.runs.pulses import over_watched_workers

if TYPE_CHECKING:
    from holdfast.training.display import Moment


# Called with the label and the settings of a run, and with the moment that it has reached.
TellRun = Callable[[str, RunConfig, "Moment"], None]


@dataclass(frozen=True)
class Conditions:
    """Where and how runs are carried out, as far as their results do not depend on it.

    Args:
        out: The folder of all runs.
        data_dir: The folder of data sets. None: that of the environment.
        device: The device to train on.
        checkpoint_every: The time between checkpoints, in seconds.
        keep: Whether the learner is kept after every task.
        examples: Whether the score of each test example after the last task is kept.
    """

    out: Path
    data_dir: str | None
    device: str
    checkpoint_every: float
    keep: bool
    examples: bool = False

    def are_met(self, config: RunConfig) -> bool:
        """Check whether a run is finished, with the learners and on the data of today."""
        if not finished(self.out, config, self.keep, self.examples):
            return False
        return not outdated(self.out, config, self.data_dir)


@dataclass(frozen=True)
class Job:
    """One run to carry out, as a worker process gets it."""

    label: str
    config: RunConfig
    conditions: Conditions


@dataclass(frozen=True)
class Outcome:
    """What became of a job.

    Args:
        job: The job.
        seconds: How long training, consolidation and evaluation took. 0 if the run failed.
        mistake: Why the run failed. Empty if it did not.
    """

    job: Job
    seconds: float = 0.0
    mistake: str = ""


def run_all(
    runs: Sequence[tuple[str, RunConfig]],
    out: Path,
    *,
    jobs: int = 1,
    data_dir: str | None = None,
    device: str = "cpu",
    tell: TellRun | None = None,
    checkpoint_every: float = CHECKPOINT_EVERY,
    keep: bool = False,
    examples: bool = False,
) -> Iterator[tuple[str, RunConfig, float]]:
    """Carry out the runs that are not finished.

    A run that was killed continues from its newest checkpoint. A run that fails does not stop the
    others.

    Args:
        runs: The label and the settings of each run.
        out: The folder for results. Each run has a folder in it.
        jobs: The number of worker processes, each with one thread. With 1, this process trains.
        data_dir: The folder of data sets. None: that of the environment.
        device: The device to train on.
        tell: Called from time to time with a run and the moment that it has reached.
        checkpoint_every: The time between checkpoints, in seconds.
        keep: Whether the learner is kept after every task in the folder of the run, for `diagnose`.
        examples: Whether the score of each test example after the last task is kept there, for
            exports.

    Yields:
        The label, the settings and the seconds of each run, as it ends.

    Raises:
        HoldfastError: The folder cannot be written, a run cannot be built, or, in the end, a run
            failed.
    """
    check_writable(out)
    conditions = Conditions(out, data_dir, device, checkpoint_every, keep, examples)
    waiting = []
    for label, config in runs:
        if not conditions.are_met(config):
            waiting.append(Job(label, config, conditions))
    # Only training needs PyTorch, which takes seconds to load.
    if waiting:
        refuse_early([job.config for job in waiting], data_dir)
        yield from _finished_runs(waiting, jobs, tell)


def _finished_runs(
    waiting: Sequence[Job], jobs: int, tell: TellRun | None
) -> Iterator[tuple[str, RunConfig, float]]:
    """Carry out jobs; raise the mistakes of those that failed when all have ended."""
    mistakes = []
    for outcome in _outcomes(waiting, jobs, tell):
        label = outcome.job.label
        config = outcome.job.config
        # A mistake in one run says nothing about the others, so they are carried out first.
        if outcome.mistake:
            run = f"{label}, {config.scenario} scenario, seed {config.seed}"
            mistakes.append(f"{run}: {outcome.mistake}")
        else:
            yield label, config, outcome.seconds
    if mistakes:
        raise _first_of(mistakes, waiting[0].conditions.out)


def _first_of(mistakes: Sequence[str], out: Path) -> HoldfastError:
    """Make one error of the mistakes of several runs. Most often all have the same cause."""
    others = ""
    if len(mistakes) > 1:
        others = f" (and {len(mistakes) - 1} more)"
    return HoldfastError(
        f"{mistakes[0]}{others}; finished runs are kept in {out}, and the same command continues "
        "with the rest"
    )


def _outcomes(waiting: Sequence[Job], jobs: int, tell: TellRun | None) -> Iterator[Outcome]:
    """Carry out jobs in this process or over worker processes."""
    if tell is None:
        yield from over_watched_workers(_carried_out, waiting, jobs, None)
        return

    def told(job: Job, moment: "Moment") -> None:
        tell(job.label, job.config, moment)

    yield from over_watched_workers(_carried_out, waiting, jobs, told)


def _carried_out(job: Job, tell: Tell | None = None) -> Outcome:
    """Carry out one run. A mistake is part of the outcome, so that it does not stop the others."""
    from holdfast.runs.own_faults import blaming_own_method
    from holdfast.runs.processes import settled
    from holdfast.training.checkpoint import Checkpoints

    conditions = job.conditions
    folder = run_folder(conditions.out, job.config)
    try:
        with settled(), blaming_own_method(job.config):
            # While a run is not finished, this file says which run the checkpoints are of.
            write_json(folder / SETTINGS, job.config.plain())
            result = execute(
                job.config,
                job.label,
                data_dir=conditions.data_dir,
                device=conditions.device,
                tell=tell,
                folder=folder,
                checkpoint_every=conditions.checkpoint_every,
                keep=conditions.keep,
                examples=conditions.examples,
            )
            write_result(folder / RESULT, result)
    except HoldfastError as error:
        return Outcome(job, mistake=str(error))
    # The result has everything now. It is written before the checkpoints go, so that a process
    # killed in between loses nothing.
    Checkpoints(folder).clear()
    (folder / SETTINGS).unlink(missing_ok=True)
    return Outcome(job, seconds=result.cost.seconds.total)
