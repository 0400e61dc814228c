"""Joining the results of both sides, so that each task, segment and class can be judged.

What may be put where:

- `comparison.py`: the types of a comparison, that is the scores of both sides and what did not
  match.
- `sides.py`: `compare`, which joins two sides in the form that they share.
- `single_examples.py`: the join of results with one row per example.
- `aggregates.py`: the join of results with one row per task or segment.
- `matching.py`: rows of both sides, matched on task and example id.
- `grouping.py`: matched rows, cut into tasks, segments and classes.
- `one_sided.py`: examples, tasks, segments and classes that only one side has.
- `contradictions.py`: scores that contradict label and prediction.
- `areas.py`: areas under the ROC curve.
"""

from holdfast.gate.joining.comparison import Comparison, Key, Mean, Pair, Summary
from holdfast.gate.joining.sides import compare

__all__ = ["Comparison", "Key", "Mean", "Pair", "Summary", "compare"]
