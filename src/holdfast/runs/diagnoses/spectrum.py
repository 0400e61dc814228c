"""Spectrum: how many directions of θ matter to the last task, and in which layer they lie."""

from holdfast.diagnostics import fisher_spectrum
from holdfast.results import Finding
from holdfast.runs.kept import KeptRun

MOST_EIGENVALUES = 20
LOWERED = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")


def spectrum(run: KeptRun) -> Finding:
    """Compute the largest eigenvalues of the exact Fisher information of the last task.

    Args:
        run: A run that kept its learners.
    """
    learner = run.last
    # The iterative solver needs more directions than it finds.
    top = min(MOST_EIGENVALUES, learner.view.space.numel - 1)
    rows = run.rows(learner, run.stream[run.tasks - 1])
    fisher = fisher_spectrum(learner.view.space, rows, top=top)
    heaviest = max(fisher.layers, key=lambda layer: fisher.layers[layer])
    sentence = (
        f"Of {fisher.parameters} directions the top {top} hold {100 * fisher.share:.0f} % of the "
        f"Fisher's trace (N = {fisher.examples}, λ₁ = {fisher.eigenvalues[0]:.3g}, "
        f"λ{str(top).translate(LOWERED)} = {fisher.eigenvalues[-1]:.2g}); their mass lies mostly "
        f"in {heaviest} ({100 * fisher.layers[heaviest]:.0f} %), so that is where a quadratic "
        "penalty on this task holds most."
    )
    numbers = {
        "eigenvalues": fisher.eigenvalues.tolist(),
        "trace": fisher.trace,
        "examples": fisher.examples,
        "parameters": fisher.parameters,
        "layers": fisher.layers,
        "share": fisher.share,
    }
    return Finding.of("spectrum", sentence, numbers)
