"""Judging a candidate before all of its examples are evaluated, to decide as soon as possible.

The champion's results are the whole planned test set. The candidate is evaluated on the first
examples of each task, in the champion's order, up to one of the planned looks. `at_look` limits
both sides to these examples, and the `Look` that it returns makes the decision count all looks.

What may be put where:

- `schedule.py`: when a candidate is judged.
- `progress.py`: how far the candidate has got.
- `order.py`: whether the champion's rows are in a random order.
- `parts.py`: the tasks, segments and classes of the planned test set.
- `look.py`: one look, and how a decision at it counts the others.
- `limiting.py`: `at_look`.
- `expected.py`: how much of the test set is used.
"""

from holdfast.gate.looks.expected import ExpectedUse, expected_use
from holdfast.gate.looks.limiting import at_look
from holdfast.gate.looks.look import Look
from holdfast.gate.looks.schedule import Looks

__all__ = ["ExpectedUse", "Look", "Looks", "at_look", "expected_use"]
