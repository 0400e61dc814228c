"""All diagnostics by name, in the order in which commands and pages show them."""

from collections.abc import Callable

from holdfast.results import Finding
from holdfast.runs.diagnoses.entropy import entropy
from holdfast.runs.diagnoses.interference import interference
from holdfast.runs.diagnoses.landscape import landscape
from holdfast.runs.diagnoses.layers import layers
from holdfast.runs.diagnoses.plasticity import plasticity
from holdfast.runs.diagnoses.saturation import saturation
from holdfast.runs.diagnoses.spectrum import spectrum
from holdfast.runs.diagnoses.stability_gap import stability_gap
from holdfast.runs.kept import KeptRun

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
