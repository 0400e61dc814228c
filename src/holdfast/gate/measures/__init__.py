"""What the score of a task is: a mean of scores per example, F1, the area under a curve, an error.

Every measure is brought into one form, so that the tests of `holdfast.gate.statistics` judge all of
them. A mean of scores per example is in that form already. Any other measure T is linearised: each
example gets the *pseudo-value* T + IF, where IF is its influence on T (how T changes if the example
gets slightly more weight). The mean of the pseudo-values is T, and their spread, by example or by
cluster, is that of T. For the area under the ROC curve these are the placements of DeLong et al.
(1988). scikit-learn computes the value of T itself.

What may be put where:

- `answers.py`: what one model answered, as arrays.
- `measure.py`: what every measure offers, and its pseudo-values.
- `averages.py`: measures that are means of scores per example.
- `confusion.py`: measures of right and wrong classes.
- `ranking.py`: areas under the ROC curve and the precision-recall curve.
- `regression.py`: measures of numbers.
- `naming.py`: the measure that a name such as "recall@fraud" stands for.

References:
    E. R. DeLong, D. M. DeLong, D. L. Clarke-Pearson (1988), Comparing the areas under two or more
    correlated receiver operating characteristic curves. Biometrics 44(3).
    F. R. Hampel (1974), The influence curve and its role in robust estimation. Journal of the
    American Statistical Association 69(346).
"""

from holdfast.gate.measures.answers import Answers
from holdfast.gate.measures.averages import Column, Score
from holdfast.gate.measures.measure import Measure, Unmeasurable, Values
from holdfast.gate.measures.naming import MEASURES, measure_named

__all__ = [
    "MEASURES",
    "Answers",
    "Column",
    "Measure",
    "Score",
    "Unmeasurable",
    "Values",
    "measure_named",
]
