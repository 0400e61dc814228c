"""Training over a whole stream with an evaluation after every task: matrix, curves and cost of a run. Goes on where it was killed."""

import contextlib
import copy
import resource
import sys
from collections.abc import Callable, Hashable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from holdfast.errors import HoldfastError
from holdfast.metrics import AccuracyMatrix, Curves
from holdfast.streams.task import Stream, Task
from holdfast.training import records
from holdfast.training.checkpoint import Checkpoints, make_ready
from holdfast.training.preflight import check_run
from holdfast.training.scoring import accuracy, range_of, rehearse
from holdfast.training.succession import check_begun, check_left

if TYPE_CHECKING:
    from holdfast.training.learner import Learner


@dataclass
class Run:
    """What a run gives: the accuracy matrix, scores during training where asked for, and the cost."""

    matrix: AccuracyMatrix
    curves: Curves | None = None
    cost: dict[str, Any] = field(default_factory=dict)
    outputs_exist: bool = (
        True  # False where a task's outputs did not exist before it was trained: FWT is NaN
    )
    validation: AccuracyMatrix | None = (
        None  # the same on the validation parts, where the stream has them
    )
    zero_shot: list[float] = field(
        default_factory=list
    )  # with curves: score on each task once its outputs exist, before its first step


@dataclass
class Log:
    """What a run has found so far: plain values, kept in its checkpoints."""

    cells: list[list[Any]] = field(
        default_factory=list
    )  # part, task, after, segment, score, examples, scores of each example
    steps: list[int] = field(default_factory=list)
    scores: list[list[float | None]] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)
    zero_shot: list[float] = field(default_factory=list)
    by_task: list[dict[str, float]] = field(default_factory=list)  # cost after each task
    peak: int = 0

    def evaluate(
        self,
        learner: "Learner",
        stream: Stream,
        after: str | None,
        chosen: Sequence[Task],
        segments: bool = False,
        whole: bool = False,
    ) -> None:
        """Scores the chosen tasks: a row of the matrix."""
        means: dict[str, dict[str, float]] = {}
        for t in chosen:
            for part in ("test",) if t.validation is None else ("test", "validation"):
                scores, y = learner.scores(t, part)
                self.cells.append([part, t.name, after, None, *_cell(scores, whole)])
                means.setdefault("score" if part == "test" else part, {})[t.name] = self.cells[-1][
                    4
                ]
                for k in y.unique().tolist() if segments and part == "test" else ():
                    name = str(stream.label_of(t, k))
                    self.cells.append([part, t.name, after, name, *_cell(scores[y == k], whole)])
        if after is not None:
            records.evaluated(learner, means)

    def matrix(self, stream: Stream, part: str, empty: AccuracyMatrix) -> AccuracyMatrix | None:
        """The cells of one part (test or validation) in a copy of an empty matrix; None where there are none."""
        m = copy.deepcopy(empty)
        for of, task, after, segment, score, examples, results in self.cells:
            if of == part:
                given = (
                    {"results": results}
                    if results is not None
                    else {"score": score, "examples": examples}
                )
                m.record(task, after=after, segment=segment, **given)
        return m if m.cells else None


def fit(
    learner: "Learner",
    stream: Stream,
    *,
    evaluate_every: int | Sequence[int] | None = None,
    untrained: bool | None = None,
    keep_results: bool = False,
    segments: bool = False,
    progress: Callable[[Task, int, int], None] | None = None,
    checkpoints: str | Path | Checkpoints | None = None,
    keep: str | Path | None = None,
) -> Run:
    """Trains `learner` on each task of `stream` in order; goes on where a loaded learner stopped (rows before are then not evaluated).

    After each task every task is scored whose outputs exist: those seen, and in the domain scenario (where all share the outputs) the
    future ones and the untrained model too (`untrained=False` switches that row off). `evaluate_every` steps (one number, or one a
    task): scores of the tasks begun so far, for anytime metrics. `keep_results`: keeps the score of each example. `segments`: the score
    of each class of a task as well. `progress(task, step, steps)` is called after every step. `checkpoints`: a folder; killed at any
    moment, the same call on a fresh learner goes on from the newest checkpoint there to the same bits. They stay until
    `Checkpoints(folder).clear()`. `keep`: a folder in which the learner is kept as it was after every task (`kept`), for diagnostics.
    """
    check(learner, stream, evaluate_every)
    ahead = stream.scenario == "domain"
    if untrained and not ahead:
        raise HoldfastError(
            f"untrained=True has no effect in the {stream.scenario} scenario, where an untrained model has no outputs for "
            "any task yet; leave it out"
        )
    saves = Checkpoints(checkpoints) if isinstance(checkpoints, str | Path) else checkpoints
    log = _begun(learner, stream, saves, keep)
    tasks = [t.to(learner.device) for t in stream]
    reset_peak(learner.device)

    def row(after: str | None, chosen: Sequence[Task]) -> None:
        log.evaluate(learner, stream, after, chosen, segments, keep_results)

    def score_now(k: int) -> list[float]:
        found = {t.name: float(learner.evaluate(t).mean()) for t in tasks[: k + 1]}
        records.evaluated(learner, {"score": found})
        return list(found.values())

    def note() -> dict[str, Any]:
        log.peak = max(log.peak, peak(learner.device))
        return asdict(log)

    if ahead and untrained is not False and not learner.names:
        learner.head.opened = learner.head.width
        row(None, tasks)
    done, first = log.ends[-1] if log.ends else 0, len(learner.names) - learner.active
    for k, task in enumerate(tasks):
        if k < first:
            if k >= len(log.ends):  # trained before this call
                done += learner.order(task).steps
                log.ends.append(done)
            continue
        learner.begin(task)
        if k == first:
            rehearse(learner, task)
        total = learner.order(learner.training_task).steps
        every = evaluate_every[k] if isinstance(evaluate_every, Sequence) else evaluate_every
        if every and not learner.task_steps:
            log.zero_shot.append(score_now(k)[-1])
        with learner.randomness():  # once a task rather than once a step
            for batch in learner.batches():
                learner.step(batch)
                if progress is not None:
                    progress(task, learner.task_steps, total)
                if every and (learner.task_steps % every == 0 or learner.task_steps == total):
                    log.steps.append(done + learner.task_steps)
                    log.scores.append([*score_now(k), *[None] * (len(tasks) - k - 1)])
                if saves is not None and saves.due():
                    saves.write(learner, note())
        done += total
        log.ends.append(done)
        learner.end()
        if keep is not None:
            learner.save(kept(Path(keep), k + 1))
        row(task.name, tasks if ahead else tasks[: k + 1])
        log.by_task.append(cost_now(learner, total))
        if saves is not None and saves.due():
            saves.write(learner, note())
    note()
    return _result(learner, stream, log)


def _begun(
    learner: "Learner", stream: Stream, saves: Checkpoints | None, keep: str | Path | None
) -> Log:
    """Get a learner and its folders ready, and return what a checkpoint says was found so far."""
    for folder in [*([saves.folder] if saves else []), *([Path(keep)] if keep is not None else [])]:
        make_ready(folder)
    if learner.augment is None:
        learner.augment = stream.augment
    before = saves.resume(learner, list(stream.tasks)) if saves else None
    if before:
        check_begun(learner, stream)
    else:
        check_left(learner, stream)
    return Log(**before or {})


def _result(learner: "Learner", stream: Stream, log: Log) -> Run:
    """What a finished run gives."""
    empty = empty_matrix(learner, stream)
    curves = (
        Curves([t.name for t in stream], log.steps, _rows(log.scores), log.ends)
        if log.steps
        else None
    )
    return Run(
        log.matrix(stream, "test", empty) or empty,
        curves,
        cost(learner, log),
        outputs_exist=stream.scenario == "domain",
        validation=log.matrix(stream, "validation", empty),
        zero_shot=log.zero_shot,
    )


def empty_matrix(learner: "Learner", stream: Stream) -> AccuracyMatrix:
    """A matrix of the stream's tasks; for accuracies it knows what guessing among the outputs in play would score."""
    guessed: dict[Hashable, float] | None = None
    if learner.scorer is accuracy:
        guessed = {t.name: 1 / len(range(*t.outputs)) for t in stream}
    return AccuracyMatrix(
        [t.name for t in stream], score_range=range_of(learner.scorer), chance=guessed
    )


def kept(folder: Path, tasks: int) -> Path:
    """Where the learner is kept as it was after so many tasks."""
    return folder / f"after-{tasks}.safetensors"


def check(learner: "Learner", stream: Stream, evaluate_every: int | Sequence[int] | None) -> None:
    """Refuses, before the first step, what would stop the run at a later task."""
    if learner.scenario != stream.scenario:
        raise HoldfastError(
            f"the stream is for the {stream.scenario} scenario, the learner for {learner.scenario}; build both for one"
        )
    if isinstance(evaluate_every, Sequence) and len(evaluate_every) != len(stream):
        raise HoldfastError(
            f"evaluate_every lists {len(evaluate_every)} numbers for {len(stream)} tasks; give one number, or one a task"
        )
    range_of(learner.scorer)
    check_begun(learner, stream)
    learner.head.check_width(learner.model, stream.outputs)
    with learner.random.aside("check"):
        check_run(learner, stream)


def _cell(scores: Tensor, whole: bool) -> tuple[float, int, list[float] | None]:
    return float(scores.double().mean()), len(scores), scores.tolist() if whole else None


def _rows(scores: list[list[float | None]]) -> list[list[float]]:
    return [[float("nan") if v is None else v for v in row] for row in scores]


def reset_peak(device: torch.device) -> None:
    """Starts the measurement of peak memory anew, so that a process may train many runs (Linux and CUDA; elsewhere the process counts)."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    elif sys.platform == "linux":
        with contextlib.suppress(
            OSError
        ):  # where it is not allowed, the peak is that of the whole process
            Path("/proc/self/clear_refs").write_text("5")


def peak(device: torch.device) -> int:
    """Peak memory in bytes: of the device, else resident memory of this process."""
    if device.type == "cuda":
        return int(torch.cuda.max_memory_allocated(device))
    if sys.platform == "linux":
        line = next(
            line
            for line in Path("/proc/self/status").read_text().splitlines()
            if line.startswith("VmHWM")
        )
        return int(line.split()[1]) * 1024
    return int(
        resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        * (1 if sys.platform == "darwin" else 1024)
    )


def cost_now(learner: "Learner", steps: int) -> dict[str, float]:
    """Cost so far; steps are those of the task that ended."""
    seconds = {k: round(v, 5) for k, v in learner.seconds.items()}
    size = sum(p.numel() for p in learner.model.parameters())
    return seconds | {
        "steps": steps,
        "parameters": size,
        "method_bytes": learner.method.state_bytes(),
        "peak_bytes": peak(learner.device),
    }


def cost(learner: "Learner", log: Log) -> dict[str, Any]:
    """Seconds by kind, parameters, bytes of the method's state and of the optimizer's, peak memory of the run; and after each task."""
    held: list[torch.Tensor] = []
    for opt in [learner._optimizer, *learner._own_optimizers.values()]:
        for state in opt.state.values() if opt is not None else ():
            held += [v for v in state.values() if isinstance(v, torch.Tensor)]
    return {
        "seconds": {k: round(v, 4) for k, v in learner.seconds.items()},
        "parameters": sum(p.numel() for p in learner.model.parameters()),
        "method_bytes": learner.method.state_bytes(),
        "optimizer_bytes": sum(t.numel() * t.element_size() for t in held),
        "peak_bytes": log.peak,
        "by_task": log.by_task,
    }
