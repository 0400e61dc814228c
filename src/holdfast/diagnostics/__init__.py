"""Diagnostics: why a model forgets, as numbers, for any PyTorch model and any data.

`holdfast diagnose` applies them to a finished run.
"""

# Where new code belongs:
#
# sample          labelled examples and the gradient on them, which the other files share
# interference    whether steps on new data raise the loss on old data
# landscape       losses on lines and planes between solutions
# layers          which layer forgets
# plasticity      whether the network can still learn: units, features, weights, random labels
# saturation      how much of the network is held by what it has learned
# spectrum        eigenvalues of the Fisher information
# stability_gap   how far old tasks fall right after a task boundary
# signals         cheap signals for planning a task order; needs a learner, so it isn't exported

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
from holdfast.diagnostics.sample import Sample, gradient
from holdfast.diagnostics.saturation import Saturation
from holdfast.diagnostics.spectrum import Spectrum, fisher_spectrum
from holdfast.diagnostics.stability_gap import StabilityGap, watch_stability_gap

__all__ = [
    "Interference",
    "Plane",
    "Sample",
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
