"""Tests of a change against what is allowed: does the candidate lose less than that, or more?

Every test is for scores in [0, 1] and holds its level whatever their distribution is: 0 or 1, real
numbers, a few large losses among many examples without change, clusters of any sizes. A test that
estimates the spread from a few units assumes that what did not happen in the sample never happens.
Therefore no spread is estimated here. Instead, each sample is completed by one more unit with the
worst possible outcome, and all units are weighted at random:

- One sample of differences (the same examples on both sides): the bound of Gaffke (2005) for the
  mean of bounded variables. For 0/1 variables it is the exact bound of Clopper and Pearson.
- Two samples with known means (aggregated scores): the bounds of both are combined by melding (Fay,
  Proschan and Brittain 2015).

Gaffke's bound is proven for special cases and not in general, but no counterexample is known.
`benchmarks/gate_levels.py` measures the level of both on a grid of hard cases.

A *change* is the candidate's mean score minus the champion's, in [-1, 1]. Below 0 the candidate is
worse. A *loss* is minus the change.

What may be put where:

- `evidence.py`: what every kind of evidence offers, and the search for the ends of an interval.
- `paired.py`: evidence from scores of the same examples.
- `aggregated.py`: evidence from mean scores.
- `relative.py`: evidence about a loss that is relative to the champion's score.
- `units.py`: the independent units of a paired sample, examples or clusters.
- `gaffke.py`: the p-value of a mean loss of such units.
- `gamma_sums.py`: the distribution that this p-value needs; numerical integration only.
- `sample_size.py`: how many units would be needed.
- `melding.py`: the p-value of a difference of two means that are known by their summaries.
- `multiple_testing.py`: the correction for several hypotheses.
- `spending.py`: the level of each of several looks at growing data.
- `sequential.py`: evidence at one of these looks.
- `anytime.py`: evidence that stays valid however often one looks.
- `betting.py`: the bets behind it.
- `reruns.py`: how much two runs of the same model differ.
"""

from holdfast.gate.statistics.aggregated import Aggregated
from holdfast.gate.statistics.anytime import Anytime
from holdfast.gate.statistics.evidence import Evidence
from holdfast.gate.statistics.multiple_testing import Corrected, holm
from holdfast.gate.statistics.paired import Paired
from holdfast.gate.statistics.relative import Relative
from holdfast.gate.statistics.sequential import AtLook
from holdfast.gate.statistics.spending import Spending

__all__ = [
    "Aggregated",
    "Anytime",
    "AtLook",
    "Corrected",
    "Evidence",
    "Paired",
    "Relative",
    "Spending",
    "holm",
]
