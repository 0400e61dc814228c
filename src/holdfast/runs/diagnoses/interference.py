"""Interference: do the gradients of a new task oppose those of the old ones, and at what cost?"""

import numpy as np

from holdfast.diagnostics import watch_interference
from holdfast.results import Finding
from holdfast.runs.diagnoses.training_again import train_again
from holdfast.runs.kept import KeptRun

STEPS = 100  # of each later task; interference is largest at its beginning
EVERY = 5  # steps between measurements, each of which takes two more gradients
CLEAR = 0.1  # mean cosine from which gradients are said to help or to oppose each other


def interference(run: KeptRun) -> Finding:
    """Measure the cosine of new and old gradients in the first steps of each later task.

    It also compares the change of the old loss to first order with the measured one.

    Args:
        run: A run with at least two kept tasks.

    Raises:
        HoldfastError: The run kept one task only.
    """
    run.need_a_boundary("interference")
    boundaries: list[dict[str, object]] = []
    cosines: list[float] = []
    predicted: list[float] = []
    measured: list[float] = []
    for number in range(1, run.tasks):
        again = train_again(run, number)
        watched = watch_interference(
            again.learner.view.space,
            again.step,
            new=run.rows(again.learner, run.stream[number]),
            old=[run.rows(again.learner, task) for task in run.stream.tasks[:number]],
            steps=min(again.steps, STEPS),
            every=EVERY,
        )
        # All boundaries count together, each with as many steps as were measured.
        cosines += watched.cosine
        predicted += watched.predicted
        measured += watched.measured
        boundaries.append(
            {
                "task": run.stream[number].name,
                "steps": watched.steps,
                "cosine": watched.cosine,
                "predicted": watched.predicted,
                "measured": watched.measured,
            }
        )
    mean_cosine = float(np.mean(cosines))
    correlation = _correlation(predicted, measured)
    opposing = np.mean(np.array(cosines) < 0)
    sentence = (
        f"In the first steps of a later task its gradients {_effect(mean_cosine)} the old ones "
        f"(mean cosine {mean_cosine:+.2f}, {100 * opposing:.0f} % of the measured steps below 0); "
        f"first-order and measured change of the old loss correlate with {correlation:.2f}."
    )
    numbers = {"boundaries": boundaries, "mean_cosine": mean_cosine, "correlation": correlation}
    return Finding.of("interference", sentence, numbers)


def _effect(cosine: float) -> str:
    """Say what gradients of a mean cosine do to each other, as a verb."""
    if cosine < -CLEAR:
        return "work against"
    if cosine > CLEAR:
        return "help"
    return "are almost independent of"


def _correlation(predicted: list[float], measured: list[float]) -> float:
    """Correlate two lists. NaN if one of them is constant."""
    # A correlation divides by both spreads.
    if not np.std(predicted) or not np.std(measured):
        return float("nan")
    return float(np.corrcoef(predicted, measured)[0, 1])
