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
- `randomness`, `scoring`, `watch`: random streams, scores, and losses that are not finite.
"""

from holdfast.training.fit import Run, fit
from holdfast.training.learner import Learner
from holdfast.training.optimizers import optimizer
from holdfast.training.scoring import accuracy

__all__ = ["Learner", "Run", "accuracy", "fit", "optimizer"]
