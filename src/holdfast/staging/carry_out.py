"""Many trainings: shared beginnings are trained once, finished ones are skipped.

All trainings of one stage come before those of two, because these begin where the former end.
Thus a killed command loses at most the trainings that were in progress.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from holdfast.errors import HoldfastError
from holdfast.runs.pulses import over_watched_workers
from holdfast.staging.execution import Conditions, Job, Outcome, execute, is_saved, read_scores
from holdfast.staging.training import Training
from holdfast.training.display import Moment

TellTraining = Callable[[str, Training, Moment], None]
Ended = Iterator[tuple[str, Training, float]]


@dataclass(frozen=True)
class Wanted:
    """A training whose scores are asked for.

    Args:
        training: The training.
        part: The part of the examples that is scored.
        saves: The folder for the trained model. None: it is not kept.
        signals: Whether it is measured how sure the model is.
        general: Whether the losses of the general text are measured, if there is such a text.
    """

    training: Training
    part: str
    saves: Path | None = None
    signals: bool = False
    general: bool = False


def is_finished(wanted: Wanted, conditions: Conditions) -> bool:
    """Tell whether what is asked for is there and whole.

    Args:
        wanted: The training.
        conditions: Where the results are.
    """
    if wanted.saves is not None and not is_saved(wanted.training, wanted.saves):
        return False
    try:
        scores = read_scores(conditions.files.scores(wanted.training, wanted.part))
    except HoldfastError:
        return False
    # Scores of an earlier command may lack what was not asked for then.
    if wanted.signals and not scores.signals:
        return False
    return scores.general is not None or not _follows_general(wanted, conditions)


def _follows_general(wanted: Wanted, conditions: Conditions) -> bool:
    """Tell whether the losses of general text are asked for, and there is such a text."""
    return wanted.general and conditions.places.general is not None


def jobs_of(wanted: Sequence[Wanted], conditions: Conditions) -> list[Job]:
    """List what has to be carried out, shorter trainings first.

    Args:
        wanted: The trainings whose scores are asked for, all on the same part of the examples.
        conditions: Where the results are.

    Returns:
        One job per training that has to be trained or scored.
    """
    jobs: dict[str, Job] = {}
    for one in wanted:
        if not is_finished(one, conditions):
            key = one.training.hash
            jobs[key] = _job(one, conditions, jobs.get(key))
    # From the end to the beginning, because a training needs the state of the one before.
    # A training of one stage begins at the untrained model, which needs no state.
    deepest = max((len(job.training.stages) for job in jobs.values()), default=0)
    for depth in range(deepest, 1, -1):
        for job in [one for one in jobs.values() if len(one.training.stages) == depth]:
            if conditions.files.state(job.training).is_file():
                continue
            before = job.training.parent
            known = jobs.get(before.hash)
            if known is not None:
                jobs[before.hash] = replace(known, keeps_state=True)
            elif not conditions.files.state(before).is_file():
                jobs[before.hash] = Job(before, None, True, None, conditions)
    return sorted(jobs.values(), key=lambda job: len(job.training.stages))


def _job(wanted: Wanted, conditions: Conditions, known: Job | None) -> Job:
    """Make a job of what is asked for, and of what was asked of the same training before."""
    if known is None:
        return Job(
            wanted.training,
            wanted.part,
            keeps_state=False,
            saves=wanted.saves,
            conditions=conditions,
            signals=wanted.signals,
            general=wanted.general,
        )
    return replace(
        known,
        saves=known.saves or wanted.saves,
        signals=known.signals or wanted.signals,
        general=known.general or wanted.general,
    )


def carry_out(jobs: Sequence[Job], workers: int, tell: TellTraining | None = None) -> Ended:
    """Carry out trainings.

    Args:
        jobs: What `jobs_of` lists.
        workers: The number of worker processes. With 1, this process trains.
        tell: Called from time to time with a training and the moment that it has reached.

    Yields:
        The label, the training and the seconds of each, as it ends.

    Raises:
        HoldfastError: A training failed. The others of as many stages are finished first.
    """

    def told(job: Job, moment: Moment) -> None:
        if tell is not None:
            tell(job.training.label, job.training, moment)

    depths = sorted({len(job.training.stages) for job in jobs})
    for depth in depths:
        # All of one depth may be trained at the same time.
        level = [job for job in jobs if len(job.training.stages) == depth]
        mistakes = []
        for outcome in over_watched_workers(execute, level, workers, told):
            if outcome.mistake:
                mistakes.append(outcome)
            else:
                yield outcome.job.training.label, outcome.job.training, outcome.seconds
        if mistakes:
            raise _error(mistakes)
        _forget(level)


def _forget(level: Sequence[Job]) -> None:
    """Remove the states that finished trainings began at; those of a large model are large."""
    for job in level:
        files = job.conditions.files
        # A state that was left by an interrupted command is of no use either.
        ended = [job.training.parent] if job.keeps_state else [job.training.parent, job.training]
        for training in ended:
            with suppress(OSError):
                files.state(training).unlink(missing_ok=True)


def _error(mistakes: Sequence[Outcome]) -> HoldfastError:
    """Make one error of several. Most often all have the same cause."""
    first = mistakes[0]
    others = ""
    if len(mistakes) > 1:
        others = f" (and {len(mistakes) - 1} more)"
    training = first.job.training
    return HoldfastError(f"{training.label}, seed {training.seed}: {first.mistake}{others}")
