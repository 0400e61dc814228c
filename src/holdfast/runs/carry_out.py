"""Many runs, one after another or over worker processes; what is finished stays and is skipped."""

import json
import sys
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from holdfast.errors import HoldfastError
from holdfast.results.file_names import RESULT, SETTINGS
from holdfast.results.storage import write_json, write_result
from holdfast.runs.config import RunConfig
from holdfast.runs.execute import CHECKPOINT_EVERY, Tell, execute
from holdfast.runs.folders import check_writable, finished, outdated, run_folder
from holdfast.runs.workers import over_workers
from holdfast.validation import validated


def _settle_process() -> None:
    """One thread; numbers below 1e-38, which decaying averages of Adam leave behind, count as 0; freed memory is kept for the next step."""
    import ctypes

    import torch

    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    if sys.platform == "linux" and hasattr(libc := ctypes.CDLL(None), "mallopt"):
        for option in (
            -1,
            -3,
        ):  # M_TRIM_THRESHOLD, M_MMAP_THRESHOLD: else every gradient is mapped, zeroed page by page, and unmapped
            libc.mallopt(option, 1 << 30)


def _worker(
    label: str,
    values: dict[str, Any],
    out: str,
    data_dir: str | None,
    device: str,
    checkpoint_every: float,
    keep: bool,
    tell: Tell | None = None,
) -> tuple[str, RunConfig, float | str]:
    """Carries out one run; a mistake comes back as its message, so that it does not stop the others."""
    import torch

    from holdfast.training.checkpoint import Checkpoints

    _settle_process()
    config = validated(RunConfig, **values)
    folder = run_folder(Path(out), config)
    about = folder / SETTINGS
    try:
        write_json(about, config.plain())
        result = execute(config, label, data_dir, device, tell, folder, checkpoint_every, keep)
        write_result(folder / RESULT, result)
    except HoldfastError as error:
        return label, config, str(error)
    finally:
        torch.set_flush_denormal(False)  # where the run was in the caller's own process
    Checkpoints(folder).clear()
    about.unlink(missing_ok=True)
    return label, config, result.cost.seconds.total


def run_all(
    runs: Sequence[tuple[str, RunConfig]],
    out: Path,
    *,
    jobs: int = 1,
    data_dir: str | None = None,
    device: str = "cpu",
    tell: Tell | None = None,
    checkpoint_every: float = CHECKPOINT_EVERY,
    keep: bool = False,
) -> Iterator[tuple[str, RunConfig, float]]:
    """Runs what is not finished, over `jobs` worker processes of one thread each; yields (label, config, seconds) as each ends.

    A run that was killed goes on from its newest checkpoint, written every `checkpoint_every` seconds. A run that fails does not stop the
    others; its message is the error in the end. `keep`: leaves the learner after every task in the run's folder, for `diagnose`.
    """
    check_writable(out)
    waiting = [
        (label, config)
        for label, config in runs
        if not finished(out, config, keep) or outdated(out, config, data_dir)
    ]
    if not waiting:
        return
    _refuse_early([c for _, c in waiting], data_dir)
    tasks = [
        (label, config.model_dump(mode="json"), str(out), data_dir, device, checkpoint_every, keep)
        for label, config in waiting
    ]
    failed: list[str] = []
    for label, config, outcome in _carried_out(tasks, jobs, tell):
        if isinstance(outcome, str):
            failed.append(f"{label}, {config.scenario} scenario, seed {config.seed}: {outcome}")
        else:
            yield label, config, outcome
    if failed:
        others = f" (and {len(failed) - 1} more)" if len(failed) > 1 else ""
        raise HoldfastError(
            f"{failed[0]}{others}; finished runs are kept in {out}, and the same command goes on with the rest"
        )


def _carried_out(
    tasks: Sequence[tuple], jobs: int, tell: Tell | None
) -> Iterator[tuple[str, RunConfig, float | str]]:
    if jobs == 1:
        yield from (partial(_worker, tell=tell)(*t) for t in tasks)
        return
    yield from over_workers(_worker, tasks, jobs)


def _refuse_early(configs: Sequence[RunConfig], data_dir: str | None) -> None:
    """Builds every kind of run once, before any worker starts: decodes the data, and finds mistakes while nothing is lost."""
    from holdfast.runs.build import build_learner, build_stream
    from holdfast.training.fit import check

    streams: dict[str, Any] = {}
    for config in {c.model_copy(update={"seed": 0}).hash: c for c in configs}.values():
        key = json.dumps(config.data.model_dump()) + config.scenario
        if key not in streams:
            streams[key] = build_stream(config, data_dir)
            _refuse_other_count(config, len(streams[key]))
        learner = build_learner(config, streams[key])
        check(learner.view, streams[key], config.training.evaluate_every)


def _refuse_other_count(config: RunConfig, tasks: int) -> None:
    """Numbers that the user gave have to agree with the tasks that the stream has."""
    data, epochs = config.data, config.training.epochs
    given = "tasks" in data.model_fields_set and not data.task_order
    if given and data.stream == "grouped" and data.tasks != tasks:
        raise HoldfastError(
            f"data.tasks is {data.tasks}, but the labels of {data.name} have {tasks} groups, and "
            "stream='grouped' makes a task of each; leave data.tasks out"
        )
    if isinstance(epochs, list) and len(epochs) != tasks:
        raise HoldfastError(
            f"training.epochs lists {len(epochs)} numbers, but the stream has {tasks} tasks; "
            "give one number for all of them, or one number per task"
        )
