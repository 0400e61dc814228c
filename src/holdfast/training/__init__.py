"""Training: the learner, its checkpoints, and whole runs."""

from holdfast.training.fit import Run, fit
from holdfast.training.learner import Learner, accuracy
from holdfast.training.optimizers import optimizer

__all__ = ["Learner", "Run", "accuracy", "fit", "optimizer"]
