"""Runs configs: one after another or over worker processes; what is finished stays and is skipped."""

import json
import os
import platform
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any

from holdfast import __version__
from holdfast.bench.config import STREAMS, RunConfig
from holdfast.bench.workers import over_workers
from holdfast.errors import HoldfastError, reading
from holdfast.files import write_text
from holdfast.validation import validated

FORMAT = 1
CHECKPOINT_EVERY = 30.0  # seconds
MOST_SEGMENTS = 50  # classes, counted in every task, up to which each gets scores of its own
Tell = Callable[
    [str, float, int], None
]  # label of the run in progress, tasks done (with a fraction), tasks in all


def run_folder(out: Path, config: RunConfig) -> Path:
    """Where a run's result lies."""
    return out / config.hash


def finished(out: Path, config: RunConfig, keep: bool = False) -> bool:
    """Whether the run's result is there and readable, and with `keep` the learner after its last task."""
    folder = run_folder(out, config)
    try:
        with reading("the result", "JSON of a result"):
            result = read_result(folder / "result.json")
            there = (
                not keep
                or (folder / f"after-{len(result['matrix']['tasks'])}.safetensors").exists()
            )
            return bool(result["hash"] == config.hash) and there
    except HoldfastError:
        return False


def outdated(out: Path, config: RunConfig, data_dir: str | None) -> bool:
    """Whether a finished run was trained on other data than its data sets have now in the data folder."""
    then = read_result(run_folder(out, config) / "result.json").get("data")
    return then is not None and then != contents(config, data_dir)


def contents(config: RunConfig, data_dir: str | None) -> dict[str, str]:
    """Data set → digest of its files, for the data sets of a run that lie in the data folder."""
    found = {name: _content(name, data_dir) for name in sorted(config.data.sets)}
    return {name: digest for name, digest in found.items() if digest is not None}


@cache
def _content(name: str, data_dir: str | None) -> str | None:
    from holdfast.streams.sources import content_of

    return content_of(name, data_dir)


def read_json(path: Path) -> Any:
    """A JSON file of a run."""
    try:
        with reading("it", "JSON"):
            return json.loads(path.read_text(encoding="utf-8"))
    except HoldfastError as error:
        raise HoldfastError(
            f"{path} is not a whole file of a run: {error}; delete it and run again"
        ) from None


def read_result(path: Path) -> dict[str, Any]:
    """A result file; refuses formats it does not know."""
    result = read_json(path)
    if not isinstance(result, dict) or result.get("format") != FORMAT:
        raise HoldfastError(f"{path} is not a result file of format {FORMAT}")
    return result


def write_json(path: Path, value: Any) -> None:
    """Write a JSON file as one step, so that a crash leaves no half file."""
    try:
        write_text(path, json.dumps(value, indent=1))
    except HoldfastError as error:
        raise HoldfastError(f"{error}; choose another folder with --out") from None


def check_writable(out: Path) -> None:
    """Fails before the first run where results could not be kept."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=out):
            pass
    except OSError as error:
        raise HoldfastError(
            f"the output folder {out} cannot be written: {error.strerror}; choose another with --out"
        ) from None


def execute(
    config: RunConfig,
    label: str,
    data_dir: str | None,
    device: str,
    tell: Tell | None = None,
    folder: Path | None = None,
    checkpoint_every: float = CHECKPOINT_EVERY,
    keep: bool = False,
) -> dict[str, Any]:
    """Trains and evaluates one run in this process; returns its result. Goes on from the newest checkpoint in `folder`, where given.

    `keep`: leaves the learner there as it was after every task.
    """
    import numpy
    import torch

    from holdfast.bench.build import build_learner, build_stream
    from holdfast.streams.drift import Detector
    from holdfast.training.boundary_free import fit_boundary_free
    from holdfast.training.checkpoint import Checkpoints, checksum

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        stream = build_stream(config, data_dir)
        learner = build_learner(config, stream, device)
        progress = (
            None
            if tell is None
            else (lambda task, step, steps: tell(label, task.index + step / steps, len(stream)))
        )
        saves = (
            Checkpoints(folder, checkpoint_every, notes=lambda: _messages(caught))
            if folder
            else None
        )
        if (boundaries := config.training.boundaries) == "known":
            run = learner.fit(
                stream,
                evaluate_every=config.training.evaluate_every,
                segments=sum(len(t.labels) for t in stream) <= MOST_SEGMENTS,
                progress=progress,
                checkpoints=saves,
                keep=folder if keep else None,
            )
        else:
            run = fit_boundary_free(
                learner,
                stream,
                None if boundaries == "never" else Detector(boundaries),
                progress=progress,
            )
    said = _messages(caught)
    for message in said:
        if "checkpoint" in message:
            print(f"holdfast: {message}", file=sys.stderr, flush=True)
    said = [
        m
        for m in dict.fromkeys([*(saves.noted or () if saves else ()), *said])
        if "checkpoint" not in m
    ]
    return {
        "format": FORMAT,
        "hash": config.hash,
        "streams": STREAMS if config.data.versioned else 1,
        "label": label,
        "config": config.plain(),
        "data": contents(config, data_dir),
        "declared": _declared(learner.method.parts),
        "arguments": {p.name: p.arguments for p in learner.method.parts},
        "seed": config.seed,
        "versions": {
            "holdfast": __version__,
            "torch": torch.__version__,
            "numpy": numpy.__version__,
            "python": platform.python_version(),
        },
        "machine": {
            "processor": platform.machine(),
            "cores": os.cpu_count(),
            "threads": torch.get_num_threads(),
            "device": device,
        },
        "chance": 1 / max(1, stream.tasks[0].outputs[1] - stream.tasks[0].outputs[0]),
        "outputs_exist": run.outputs_exist,
        "matrix": run.matrix.to_json(),
        "validation": run.validation.to_json() if run.validation else None,
        "curves": _curves(run),
        "cost": run.cost,
        "weights": checksum({k: v.cpu() for k, v in learner.model.state_dict().items()}),
        "weak": weaknesses(config),
        "detection": _detection(run),
        "warnings": sorted(said),
    }


def _curves(run: Any) -> dict[str, Any] | None:
    """Scores during training as JSON; None where there are none."""
    if run.curves is None:
        return None
    scores = [[None if v != v else v for v in row] for row in run.curves.scores]
    return {
        "steps": list(run.curves.steps),
        "scores": scores,
        "ends": list(run.curves.ends),
        "zero_shot": run.zero_shot,
    }


def _detection(run: Any) -> dict[str, Any] | None:
    """How boundaries were found; None where they were announced."""
    from holdfast.training.boundary_free import BoundaryFreeRun

    if not isinstance(run, BoundaryFreeRun):
        return None
    found = run.detection
    return {
        "declared": run.declared,
        "true": run.true,
        "delays": list(found.delays),
        "false_alarms": found.false_alarms,
        "online_accuracy": run.online,
    }


def _messages(caught: Sequence[warnings.WarningMessage]) -> list[str]:
    return [str(w.message) for w in caught if issubclass(w.category, UserWarning)]


def _declared(parts: Sequence[Any]) -> dict[str, str]:
    """How the method says that its cost grows with the number of tasks: of its parts, the fastest growth."""
    order = ("none", "constant", "linear", "quadratic")
    return {
        k: max((getattr(p.declare(), k) for p in parts), key=order.index)
        for k in ("memory", "parameters", "time")
    }


def weaknesses(config: RunConfig) -> list[str]:
    """What speaks against a result: features that know later tasks, and what the method declares of this scenario."""
    from holdfast.methods import parse_method

    found = []
    if config.data.features == "tfidf-all-tasks":
        found.append(
            "the features of texts were fitted on all tasks, so they know words of tasks that had not come yet"
        )
    parts = parse_method(config.method).parts
    if len(parts) == 1 and config.scenario in (weak := dict(parts[0].declare().weak)):
        found.append(f"{parts[0].name}: {weak[config.scenario]}")
    return found


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
    about = folder / "config.json"  # of a run that is not finished; the result has it too
    try:
        write_json(about, config.plain())
        result = execute(config, label, data_dir, device, tell, folder, checkpoint_every, keep)
        write_json(folder / "result.json", result)
    except HoldfastError as error:
        return label, config, str(error)
    finally:
        torch.set_flush_denormal(False)  # where the run was in the caller's own process
    Checkpoints(folder).clear()
    about.unlink(missing_ok=True)
    return label, config, sum(result["cost"]["seconds"].values())


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
    from holdfast.bench.build import build_learner, build_stream
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
