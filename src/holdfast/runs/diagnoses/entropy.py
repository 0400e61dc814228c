"""Entropy: does the network become less sure of the tasks that it forgets?"""

import numpy as np

from holdfast.diagnostics import output_entropy
from holdfast.results import Finding
from holdfast.runs.kept import KeptRun

LITTLE = 0.02  # share of right answers below which little is forgotten
CLEARLY_LARGER = 1.5  # times the entropy on a task just learned
AT_LEAST = 0.05  # nats, so that a tiny entropy that becomes a little larger is no warning


def entropy(run: KeptRun) -> Finding:
    """Measure the output entropy on every task seen, after each task.

    Args:
        run: A run that kept its learners.
    """
    table = _entropies(run)
    fresh = float(np.mean([row[place] for place, row in enumerate(table)]))
    # A run of one task has no old task, and nothing can have been forgotten.
    old = fresh
    if run.tasks > 1:
        old = float(np.mean(table[-1][:-1]))
    lost = _lost(run)
    sentence = (
        f"On a task just learnt the outputs have {fresh:.2f} nats of entropy, on old tasks in the "
        f"end {old:.2f}: {_meaning(fresh, old, lost)}."
    )
    # Tasks that had not come yet have no entropy.
    padded = [row + [None] * (run.tasks - len(row)) for row in table]
    numbers = {"tasks": run.task_names, "table": padded, "lost": lost}
    return Finding.of("entropy", sentence, numbers)


def _entropies(run: KeptRun) -> list[list[float]]:
    """The entropy after each task, on each task up to this one."""
    table = []
    for number in range(run.tasks):
        learner = run.learner(number + 1)
        seen = run.stream.tasks[: number + 1]
        table.append([output_entropy(learner.model, run.rows(learner, task)) for task in seen])
    return table


def _lost(run: KeptRun) -> float:
    """The mean loss of right answers on the old tasks since each was learned."""
    losses = []
    for number, task in enumerate(run.stream.tasks[: run.tasks - 1]):
        then = run.learner(number + 1)
        now = run.last
        score_then = run.rows(then, task).accuracy(then.model)
        score_now = run.rows(now, task).accuracy(now.model)
        losses.append(score_then - score_now)
    if not losses:
        return 0.0
    return float(np.mean(losses))


def _meaning(fresh: float, old: float, lost: float) -> str:
    """Say whether the entropy warns of what was forgotten."""
    if lost < LITTLE:
        return f"little was forgotten ({100 * lost:.1f} points)"
    forgotten = f"{100 * lost:.1f} points were forgotten"
    # A network that is confidently wrong gives no sign that it has forgotten.
    if old < CLEARLY_LARGER * fresh + AT_LEAST:
        return f"{forgotten} and the network is as sure as ever, so its entropy does not warn"
    return f"{forgotten} and the network is less sure there, so its entropy tells"
