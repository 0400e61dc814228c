"""Training: the learner, its checkpoints, and whole runs.

- `learner`: what users call. `stepping` and `update`: one step. `opening`: the beginning of a task.
- `setup`, `state`, `progress`: what a learner was told, what training changes, how far it has come.
- `view`, `forward`, `batches`, `evaluation`: what a learner computes, and reads.
- `saved`, `checkpoint`, `contents`, `undo`: checkpoints, what they hold, and their checks.
- `optimizers`, `optimizer_set`, `optimizer_state`, `optimizer_checks`: what moves the weights.
- `preflight`, `dry_run`, `looking`, `idle`, `succession`: refusals before the first step.
- `fit`, `boundary_free`, `recorder`, `records`, `cost`: whole runs, and what they tell.
- `randomness`, `scoring`, `watch`: random streams, scores, and losses that are no numbers.
"""

from holdfast.training.fit import Run, fit
from holdfast.training.learner import Learner
from holdfast.training.optimizers import optimizer
from holdfast.training.scoring import accuracy

__all__ = ["Learner", "Run", "accuracy", "fit", "optimizer"]
