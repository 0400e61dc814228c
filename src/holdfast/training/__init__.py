"""Training: the learner, its checkpoints, and whole runs.

- `learner`: what users call. `stepping` and `update`: one step. `opening`: the beginning of a task.
- `setup`, `state`, `progress`, `initial_weights`: the arguments of a learner, and what training
  changes.
- `view`, `forward`, `batches`, `evaluation`: what a learner computes, and reads.
- `checkpoint`, `checkpoint_file`, `saved`, `undo`: checkpoints.
- `contents`, `method_checks`: what checkpoints may hold.
- `optimizers`, `optimizer_set`, `optimizer_state`, `optimizer_checks`: what moves the weights.
- `compatibility`, `preflight`, `dry_run`, `looking`, `own_batch`, `succession`: refusals before the
  first step.
- `fit`, `boundary_free`, `recorder`, `records`, `cost`: whole runs, and what they measure.
- `run`, `causes`, `guessing`: what a run gives back, and why tasks were not learnt.
- `display`, `showing`, `describing`: how far a run has come, for the person who waits.
- `rate_search`, `parameter_homes`: `lr="auto"`, and where new parameters join an optimizer.
- `randomness`, `scoring`, `watch`: random streams, scores, and losses that are not finite.
"""

from holdfast.training.fit import fit
from holdfast.training.learner import Learner
from holdfast.training.optimizers import optimizer
from holdfast.training.run import Run
from holdfast.training.scoring import accuracy

__all__ = ["Learner", "Run", "accuracy", "fit", "optimizer"]
