"""Why models forget: numbers for any model and data, on PyTorch. `holdfast diagnose` runs them on a run."""

from holdfast.diagnostics.interference import Interference, cosine, watch_interference
from holdfast.diagnostics.landscape import Plane, losses_on_line, losses_on_plane
from holdfast.diagnostics.layers import restore_layers
from holdfast.diagnostics.plasticity import (
    dormant_units,
    effective_rank,
    output_entropy,
    random_label_loss,
    weight_norm,
)
from holdfast.diagnostics.rows import Rows, gradient
from holdfast.diagnostics.saturation import Saturation
from holdfast.diagnostics.spectrum import Spectrum, fisher_spectrum
from holdfast.diagnostics.stability_gap import StabilityGap, watch_stability_gap

__all__ = [
    "Interference",
    "Plane",
    "Rows",
    "Saturation",
    "Spectrum",
    "StabilityGap",
    "cosine",
    "dormant_units",
    "effective_rank",
    "fisher_spectrum",
    "gradient",
    "losses_on_line",
    "losses_on_plane",
    "output_entropy",
    "random_label_loss",
    "restore_layers",
    "watch_interference",
    "watch_stability_gap",
    "weight_norm",
]
