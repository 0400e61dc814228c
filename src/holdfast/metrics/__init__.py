"""The accuracy matrix and every number that is read from it. Needs no PyTorch.

What may be put where:

    matrix.py              the matrix itself: writing, reading, and its other forms
    cells.py               one cell, and the checks of its values
    values.py              checks of single values from outside: numbers, names, ranges
    forms.py               reading and writing the records of a matrix as tuples, arrays, CSV, JSON
    accuracy.py            mean scores of a matrix
    transfer.py            backward and forward transfer of a matrix
    retention.py           forgetting and intransigence of a matrix
    criteria.py            the criteria of Díaz-Rodríguez et al.
    overview.py            which of these numbers tables show, and under which names
    rows.py                helpers of the metrics above
    learning_speed.py      transfer between two learning curves
    anytime.py             metrics of scores during training
    learnt.py              which tasks were learnt at all, and the warning about the others
    detection.py           how well a detector finds task boundaries
    releases.py            transfer over releases that were tested on some of the tasks
    intervals.py           the interval type, and intervals over seeds
    bounded.py             the interval over seeds that stays inside the range of a score
    transfer_intervals.py  the interval of one task's transfer over test examples
    examples.py            the interval of any metric over test examples
    unchanged.py           what noise alone would show
    resampling.py          random reweightings of test examples
    units.py               what is independent in a test set: examples or clusters
    distributions.py       normal, beta and Student distributions, without SciPy

A metric is a pure function of a matrix. Its docstring has the formula, an example that runs, and
the paper. Add it to `__all__` below and to the table in docs/metrics.md.
"""

from holdfast.metrics.accuracy import (
    average_accuracy,
    average_incremental_accuracy,
    learning_accuracy,
)
from holdfast.metrics.anytime import (
    Curves,
    average_anytime_accuracy,
    min_acc,
    windowed_forgetting,
    windowed_plasticity,
    worst_case_accuracy,
)
from holdfast.metrics.bounded import bounded_seed_interval
from holdfast.metrics.criteria import diaz_rodriguez, diaz_rodriguez_stability
from holdfast.metrics.examples import example_interval
from holdfast.metrics.intervals import (
    Interval,
    paired_seed_interval,
    seed_interval,
    wilson_interval,
)
from holdfast.metrics.learning_speed import learning_speed_transfer
from holdfast.metrics.learnt import (
    UNLEARNT_ADVICE,
    UNLEARNT_MEANS,
    Unlearnt,
    unlearnt,
    unlearnt_sentence,
)
from holdfast.metrics.matrix import UNTRAINED, AccuracyMatrix
from holdfast.metrics.overview import summary
from holdfast.metrics.retention import (
    forgetting,
    intransigence,
    mean_intransigence,
    task_forgetting,
    worst_forgetting,
)
from holdfast.metrics.token_losses import TokenLosses
from holdfast.metrics.transfer import (
    backward_transfer,
    backward_transfer_after,
    cumulative_gain,
    forward_transfer,
    segment_transfer,
    task_transfer,
    zero_shot_accuracy,
)
from holdfast.metrics.transfer_intervals import transfer_interval
from holdfast.metrics.unchanged import expected_worst_forgetting

__all__ = [
    "UNLEARNT_ADVICE",
    "UNLEARNT_MEANS",
    "UNTRAINED",
    "AccuracyMatrix",
    "Curves",
    "Interval",
    "TokenLosses",
    "Unlearnt",
    "average_accuracy",
    "average_anytime_accuracy",
    "average_incremental_accuracy",
    "backward_transfer",
    "backward_transfer_after",
    "bounded_seed_interval",
    "cumulative_gain",
    "diaz_rodriguez",
    "diaz_rodriguez_stability",
    "example_interval",
    "expected_worst_forgetting",
    "forgetting",
    "forward_transfer",
    "intransigence",
    "learning_accuracy",
    "learning_speed_transfer",
    "mean_intransigence",
    "min_acc",
    "paired_seed_interval",
    "seed_interval",
    "segment_transfer",
    "summary",
    "task_forgetting",
    "task_transfer",
    "transfer_interval",
    "unlearnt",
    "unlearnt_sentence",
    "wilson_interval",
    "windowed_forgetting",
    "windowed_plasticity",
    "worst_case_accuracy",
    "worst_forgetting",
    "zero_shot_accuracy",
]
