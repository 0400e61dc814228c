"""Diagnostics of a run that kept its learner after every task: numbers, and one sentence each that says what they mean for this run."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from holdfast.diagnostics import (
    Sample,
    Saturation,
    dormant_units,
    effective_rank,
    fisher_spectrum,
    losses_on_line,
    losses_on_plane,
    output_entropy,
    random_label_loss,
    restore_layers,
    watch_interference,
    watch_stability_gap,
    weight_norm,
)
from holdfast.diagnostics.sample import Forward
from holdfast.diagnostics.stability_gap import evaluation_steps
from holdfast.errors import HoldfastError
from holdfast.runs.build import build_learner, build_stream
from holdfast.runs.config import RunConfig
from holdfast.runs.kept import KeptRun
from holdfast.streams.task import Subset, Task
from holdfast.training import Learner
from holdfast.validation import validated


@dataclass(frozen=True)
class Finding:
    """What a diagnostic found: one sentence for this run, and its numbers (plain values)."""

    what: str
    sentence: str
    numbers: dict[str, Any]

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {"what": self.what, "sentence": self.sentence, "numbers": self.numbers}


def interference(run: KeptRun) -> Finding:
    """Cosine of new and old gradients in the first steps of each later task, and first-order against measured change of the old loss."""
    run.need_a_boundary("interference")
    found = []
    for k in range(1, run.tasks):
        learner, step, steps = _resumed(run, k)
        old = [run.rows(learner, t) for t in run.stream.tasks[:k]]
        watched = watch_interference(
            learner.view.space,
            step,
            run.rows(learner, run.stream[k]),
            old,
            min(steps, 100),
            every=5,
        )
        found.append({"task": run.stream[k].name, **watched.__dict__})
    cosines = np.concatenate([f["cosine"] for f in found])
    predicted, measured = (
        np.concatenate([f[key] for f in found]) for key in ("predicted", "measured")
    )
    told = (
        "work against"
        if cosines.mean() < -0.1
        else "help"
        if cosines.mean() > 0.1
        else "are almost independent of"
    )
    agree = (
        float(np.corrcoef(predicted, measured)[0, 1])
        if predicted.std() and measured.std()
        else float("nan")
    )
    sentence = (
        f"In the first steps of a later task its gradients {told} the old ones (mean cosine {cosines.mean():+.2f}, "
        f"{100 * (cosines < 0).mean():.0f} % of the measured steps below 0); first-order and measured change of the old loss correlate "
        f"with {agree:.2f}."
    )
    return Finding(
        "interference",
        sentence,
        {"boundaries": found, "mean_cosine": float(cosines.mean()), "correlation": agree},
    )


def _resumed(run: KeptRun, k: int) -> tuple[Learner, Callable[[], object], int]:
    """The learner that begins task k (from 0) again, a function that trains one more step, and the number of steps."""
    learner = run.learner(k)
    learner.begin(run.stream[k])
    batches = learner.view.batches()
    return (
        learner,
        lambda: learner.step(next(batches)),
        learner.view.order(learner.view.need_task()).steps,
    )


def spectrum(run: KeptRun) -> Finding:
    """The largest eigenvalues of the exact Fisher of the last task."""
    learner = run.last
    top = min(20, learner.view.space.numel - 1)
    found = fisher_spectrum(
        learner.view.space, run.rows(learner, run.stream[run.tasks - 1]), top=top
    )
    where = max(found.layers, key=lambda n: found.layers[n])
    sentence = (
        f"Of {found.parameters} directions the top {top} hold {100 * found.share:.0f} % of the Fisher's trace (N = {found.examples}, "
        f"λ₁ = {found.eigenvalues[0]:.3g}, λ{str(top).translate(LOWERED)} = {found.eigenvalues[-1]:.2g}); their mass lies mostly in "
        f"{where} ({100 * found.layers[where]:.0f} %), so that is where a quadratic penalty on this task holds most."
    )
    numbers = {
        "eigenvalues": found.eigenvalues.tolist(),
        "trace": found.trace,
        "examples": found.examples,
        "parameters": found.parameters,
    }
    return Finding("spectrum", sentence, numbers | {"layers": found.layers, "share": found.share})


LOWERED = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")


def layers(run: KeptRun) -> Finding:
    """For each old task, what comes back when one layer gets its weights of then back."""
    run.need_a_boundary("layers")
    learner, tasks = run.last, list[dict[str, Any]]()
    for k in range(run.tasks - 1):
        task = run.stream[k].to(learner.view.device)
        before = run.learner(k + 1)
        old = {n: v.clone() for n, v in before.model.state_dict().items()}

        def score(task: Task = task) -> float:
            return float(learner.evaluate(task).mean())

        then, now = float(before.evaluate(task).mean()), score()
        tasks.append(
            {
                "task": task.name,
                "then": then,
                "now": now,
                "recovered": restore_layers(learner.model, old, score),
            }
        )
    names = list(tasks[0]["recovered"])
    mean = {n: float(np.mean([t["recovered"].get(n, 0.0) for t in tasks])) for n in names}
    lost = float(np.mean([t["then"] - t["now"] for t in tasks]))
    best = max(mean, key=lambda n: mean[n])
    sentence = (
        f"Old tasks lost {100 * lost:.1f} points on average; with the old weights of {best} alone {100 * mean[best]:+.1f} points come back"
        + (
            ", more than with any other layer."
            if lost > 0.01 and mean[best] > 0.01
            else ": no single layer brings them back."
        )
    )
    return Finding("layers", sentence, {"tasks": tasks, "mean": mean, "lost": lost})


def saturation(run: KeptRun) -> Finding:
    """Share of parameters whose running Fisher is above a hundredth (and less) of one task's largest entry; and the learning accuracy."""
    running, shares, strength, learnt = (
        Saturation(),
        list[list[float]](),
        list[float](),
        list[float](),
    )
    for k in range(run.tasks):
        learner = run.learner(k + 1)
        own = torch.Generator().manual_seed(k)
        fisher = learner.view.fisher(
            learner.view.tasks[-1], samples=min(run.examples, 256), labels="exact", generator=own
        )
        shares.append(running.add(fisher, learner.view.space.layout))
        strength.append(running.strength)
        learnt.append(float(learner.evaluate(learner.view.tasks[-1]).mean()))
    related = (
        float(np.corrcoef(strength, learnt)[0, 1])
        if len(learnt) > 2 and np.std(learnt) and np.std(strength)
        else float("nan")
    )
    share = [row[0] for row in shares]
    relation = (
        ""
        if np.isnan(related)
        else f"; correlation of the anchors' strength with it {related:+.2f}"
    )
    sentence = (
        f"{100 * share[0]:.0f} % of the parameters hold more than a hundredth of the first task's largest importance, "
        f"{100 * share[-1]:.0f} % after all {run.tasks} tasks; the score of a task right after it was learnt went from "
        f"{100 * learnt[0]:.1f} to {100 * learnt[-1]:.1f} %{relation}."
    )
    names = [t.name for t in run.stream.tasks[: run.tasks]]
    numbers = {"tasks": names, "share": share, "strength": strength, "learnt": learnt}
    by_threshold = {f"{t:g}": [row[k] for row in shares] for k, t in enumerate(running.thresholds)}
    return Finding("saturation", sentence, numbers | {"by_threshold": by_threshold})


def landscape(run: KeptRun) -> Finding:
    """Losses of the first two tasks on the line and the plane through θ_A, θ_B and θ_joint, with the path of training."""
    run.need_a_boundary("landscape")
    learner, step, steps = _resumed(run, 1)
    a, path = learner.view.space.theta.clone(), []
    for k in range(steps):
        if k % max(1, steps // 40) == 0:
            path.append(learner.view.space.theta.clone())
        step()
    learner.end()
    b = learner.view.space.theta.clone()
    joint = _joint(run)
    tasks = [run.rows(learner, t) for t in run.stream.tasks[:2]]
    at, line = losses_on_line(learner.view.space, a, b, tasks)
    plane = losses_on_plane(learner.view.space, a, b, joint, tasks, [*path, b])
    barrier = float(line[0].max() - max(line[0, 0], line[0, -1]))
    sentence = (
        f"From the solution of {run.stream[0].name} to that after {run.stream[1].name} the first task's loss goes from {line[0, 0]:.2f} to "
        f"{line[0, -1]:.2f}"
        + (
            f" over a ridge of {barrier:.2f}"
            if barrier > 0.05 * max(line[0, -1], 0.1)
            else " without a ridge in between"
        )
        + f"; the joint solution has {_at(plane.losses[0], plane):.2f} on it and {_at(plane.losses[1], plane):.2f} on the second. "
        + f"{100 * plane.outside:.0f} % of the path's squared length leaves the plane."
    )
    names = [t.name for t in run.stream.tasks[:2]]
    flat = {
        "x": plane.x.tolist(),
        "y": plane.y.tolist(),
        "losses": plane.losses.tolist(),
        "points": plane.points,
        "path": plane.path.tolist(),
    }
    numbers = {
        "tasks": names,
        "line": {"at": at.tolist(), "losses": line.tolist()},
        "plane": flat,
        "outside": plane.outside,
        "barrier": barrier,
    }
    return Finding("landscape", sentence, numbers)


def _at(losses: np.ndarray, plane: Any) -> float:
    """The loss at the grid point nearest to the joint solution."""
    x, y = plane.points["joint"]
    return float(losses[np.abs(plane.y - y).argmin(), np.abs(plane.x - x).argmin()])


def _joint(run: KeptRun) -> Tensor:
    """θ of a network that was trained on both first tasks together, from the same start, in the layout that it has after two tasks."""
    chosen = run.config.data.task_order or list(range(len(run.stream)))
    data = run.config.data.model_dump(exclude_unset=True) | {"task_order": chosen[:2]}
    config: RunConfig = validated(
        RunConfig, **run.config.model_dump(exclude_unset=True) | {"data": data, "method": "Joint()"}
    )
    stream = build_stream(config, run.data_dir)
    learner = build_learner(config, stream, run.device)
    learner.train(*stream)
    mine = _joined_layout(run)
    if [s.name for s in learner.view.space.layout.slots] != mine:
        raise HoldfastError(
            "the landscape needs a network that Joint can train too; this run's method adds parameters of its own to it"
        )
    return learner.view.space.theta.clone()


def _joined_layout(run: KeptRun) -> list[str]:
    return [s.name for s in run.learner(2).view.space.layout.slots]


def plasticity(run: KeptRun) -> Finding:
    """After each task: dormant units, effective rank of the features, weight norm, loss on fresh random labels."""
    keys = ("dormant", "rank", "norm", "random_loss")
    table: dict[str, list[float]] = {k: [] for k in keys}
    outputs = run.stream[0].outputs[1] - run.stream[0].outputs[0]
    for k in range(run.tasks + 1):
        learner = run.learner(k)
        if not k:
            learner.begin(run.stream[0])
        task = run.stream[max(k - 1, 0)]
        rows = run.rows(learner, task)
        known = task.index if learner.view.scenario == "task" else None
        with torch.no_grad():
            features = learner.model.features(rows.x, known)  # type: ignore[operator]
        first = run.rows(learner, run.stream[0])  # the same inputs and as many outputs each time

        def narrow(module: nn.Module, x: Tensor, forward: Forward = first.forward) -> Tensor:
            return forward(module, x)[:, :outputs]

        reached = random_label_loss(learner.model, Sample(first.x, first.y, narrow))
        values = (
            dormant_units(learner.model, rows),
            effective_rank(features),
            weight_norm(learner.model),
            reached,
        )
        for key, value in zip(keys, values, strict=True):
            table[key].append(value)
    worse = table["random_loss"][-1] - table["random_loss"][0]
    told = "as well as" if worse < 0.05 * math.log(outputs) else "worse than"
    (loss, loss_now), (units, units_now), (rank, rank_now) = (
        (table[k][0], table[k][-1]) for k in ("random_loss", "dormant", "rank")
    )
    sentence = (
        f"After {run.tasks} tasks the network still learns random labels {told} when it was fresh (loss {loss:.2f} then, {loss_now:.2f} "
        f"now); dormant units went from {100 * units:.0f} to {100 * units_now:.0f} %, the effective rank of the features from {rank:.0f} "
        f"to {rank_now:.0f}."
    )
    names = ["fresh", *(t.name for t in run.stream.tasks[: run.tasks])]
    return Finding("plasticity", sentence, {"after": names, **table})


def entropy(run: KeptRun) -> Finding:
    """Output entropy on every task seen, after each task."""
    table: list[list[float | None]] = []
    for k in range(run.tasks):
        learner = run.learner(k + 1)
        row: list[float | None] = [
            output_entropy(learner.model, run.rows(learner, t)) for t in run.stream.tasks[: k + 1]
        ]
        table.append(row + [None] * (run.tasks - k - 1))
    fresh = float(np.mean([table[k][k] for k in range(run.tasks)]))
    old = float(np.mean([v for v in table[-1][:-1] if v is not None])) if run.tasks > 1 else fresh
    learners = [run.learner(k + 1) for k in range(run.tasks)]
    scores = [
        [run.rows(m, t).accuracy(m.model) for m in (learners[k], run.last)]
        for k, t in enumerate(run.stream.tasks[: run.tasks - 1])
    ]
    lost = float(np.mean([then - now for then, now in scores])) if scores else 0.0
    if lost < 0.02:
        told = f"little was forgotten ({100 * lost:.1f} points)"
    elif old < 1.5 * fresh + 0.05:
        told = f"{100 * lost:.1f} points were forgotten and the network is as sure as ever, so its entropy does not warn"
    else:
        told = f"{100 * lost:.1f} points were forgotten and the network is less sure there, so its entropy tells"
    sentence = f"On a task just learnt the outputs have {fresh:.2f} nats of entropy, on old tasks in the end {old:.2f}: {told}."
    return Finding(
        "entropy",
        sentence,
        {"tasks": [t.name for t in run.stream.tasks[: run.tasks]], "table": table, "lost": lost},
    )


def stability_gap(run: KeptRun) -> Finding:
    """Mean score of the old tasks on fixed test examples, step by step after every boundary."""
    run.need_a_boundary("stability-gap")
    found: list[dict[str, Any]] = []
    for k in range(1, run.tasks):
        learner, step, steps = _resumed(run, k)
        old = [_limited(t.to(learner.view.device), run.examples) for t in run.stream.tasks[:k]]

        def score(learner: Learner = learner, old: list[Task] = old) -> float:
            return float(np.mean([float(learner.evaluate(t).mean()) for t in old]))

        gap = watch_stability_gap(step, score, evaluation_steps(steps))
        found.append(
            {
                "task": run.stream[k].name,
                "steps": list(gap.steps),
                "scores": list(gap.scores),
                "depth": gap.depth,
                "at": gap.lowest_at,
            }
        )
    worst = max(found, key=lambda f: f["depth"])
    sentence = (
        f"Right after the boundary to {worst['task']} the old tasks fall {100 * worst['depth']:.1f} points below where they end (lowest at "
        f"step {worst['at']}); over all boundaries {100 * np.mean([f['depth'] for f in found]):.1f} points on average."
    )
    return Finding("stability-gap", sentence, {"boundaries": found})


def _limited(task: Task, examples: int) -> Task:
    """A task with some of its test examples, always the same."""
    chosen = torch.randperm(len(task.test), generator=torch.Generator().manual_seed(task.index))[
        :examples
    ]
    return replace(task, test=Subset(task.test, chosen))


DIAGNOSTICS: dict[str, Callable[[KeptRun], Finding]] = {
    "interference": interference,
    "spectrum": spectrum,
    "layers": layers,
    "saturation": saturation,
    "landscape": landscape,
    "plasticity": plasticity,
    "entropy": entropy,
    "stability-gap": stability_gap,
}
