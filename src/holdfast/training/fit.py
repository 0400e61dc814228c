"""Training over a whole stream with an evaluation after every task: matrix, curves and cost of a run."""

import resource
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch

from holdfast.errors import HoldfastError
from holdfast.metrics import AccuracyMatrix, Curves
from holdfast.streams.task import Stream, Task

if TYPE_CHECKING:
    from holdfast.training.learner import Learner


@dataclass
class Run:
    """What a run gives: the accuracy matrix, scores during training where asked for, and the cost."""

    matrix: AccuracyMatrix
    curves: Curves | None = None
    cost: dict[str, Any] = field(default_factory=dict)
    outputs_exist: bool = True  # False where a task's outputs did not exist before it was trained: FWT is NaN


def fit(
    learner: "Learner",
    stream: Stream,
    *,
    evaluate_every: int | None = None,
    untrained: bool | None = None,
    keep_results: bool = False,
    progress: Callable[[Task, int, int], None] | None = None,
) -> Run:
    """Trains `learner` on each task of `stream` in order; goes on where a loaded learner stopped (rows before are then not evaluated).

    After each task every task is scored whose outputs exist: those seen, and in the domain scenario (where all share the outputs) the
    future ones and the untrained model too (`untrained=False` switches that row off). `evaluate_every` steps: scores of the tasks begun so
    far, for anytime metrics. `keep_results`: keeps the score of each example. `progress(task, step, steps)` is called after every step.
    """
    if learner.scenario != stream.scenario:
        raise HoldfastError(f"the stream is for the {stream.scenario} scenario, the learner for {learner.scenario}; build both for one")
    if learner.augment is None:
        learner.augment = stream.augment
    ahead = stream.scenario == "domain"
    matrix = AccuracyMatrix([t.name for t in stream], score_range=(0.0, 1.0) if learner.scorer.__name__ == "accuracy" else (-1e30, 1e30))
    steps: list[int] = []
    scores: list[list[float]] = []
    ends: list[int] = []
    done = 0
    state_bytes: list[int] = []

    def row(after: str | None, tasks: list[Task]) -> None:
        for t in tasks:
            results = learner.evaluate(t).numpy()
            matrix.record(t.name, after=after, results=results) if keep_results else matrix.record(
                t.name, after=after, score=float(results.astype("float64").mean()), examples=len(results)
            )

    tasks = [t.to(learner.device) for t in stream]
    if ahead and untrained is not False and not learner.names:
        learner.head.opened = learner.head.width
        row(None, tasks)
    for k, task in enumerate(tasks):
        if k < len(learner.names) - learner.active:
            done += learner.order(task).steps
            ends.append(done)
            continue
        learner.begin(task)
        total = learner.order(learner.training_task).steps
        with learner.randomness():  # once a task rather than once a step
            for batch in learner.batches():
                learner.step(batch)
                if progress is not None:
                    progress(task, learner.task_steps, total)
                if evaluate_every and (learner.task_steps % evaluate_every == 0 or learner.task_steps == total):
                    steps.append(done + learner.task_steps)
                    known = [float(learner.evaluate(t).mean()) for t in tasks[: k + 1]]
                    scores.append(known + [float("nan")] * (len(tasks) - k - 1))
        done += total
        ends.append(done)
        learner.end()
        state_bytes.append(learner.method.state_bytes())
        row(task.name, tasks if ahead else tasks[: k + 1])
    curves = Curves(matrix.tasks, steps, scores, ends) if steps else None
    return Run(matrix, curves, cost(learner, state_bytes), outputs_exist=ahead)


def cost(learner: "Learner", state_bytes: list[int]) -> dict[str, Any]:
    """Seconds by kind, parameters, bytes of the method's state (after each task too) and of the optimizer's, peak memory of the process."""
    held: list[torch.Tensor] = []
    for opt in [learner._optimizer, *learner._own_optimizers.values()]:
        for state in opt.state.values() if opt is not None else ():
            held += [v for v in state.values() if isinstance(v, torch.Tensor)]
    if learner.device.type == "cuda":
        peak = torch.cuda.max_memory_allocated(learner.device)
    else:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return {
        "seconds": {k: round(v, 4) for k, v in learner.seconds.items()},
        "parameters": sum(p.numel() for p in learner.model.parameters()),
        "method_bytes": learner.method.state_bytes(),
        "method_bytes_by_task": state_bytes,
        "optimizer_bytes": sum(t.numel() * t.element_size() for t in held),
        "peak_bytes": int(peak),
    }
