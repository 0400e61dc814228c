"""Measures of numbers: the root mean squared error, and R²."""

import numpy as np

from holdfast.gate.measures.answers import Answers
from holdfast.gate.measures.columns import true_and_predicted_numbers
from holdfast.gate.measures.confusion import sklearn_metrics
from holdfast.gate.measures.measure import Estimate, Measure, Unmeasurable


class RootMeanSquaredError(Measure):
    """The root of the mean squared error m: T = √m.

    The influence of an example with the error e is (e² - m) / 2T.
    """

    name = "rmse"
    higher_is_better = False
    high = None
    open_ended = True

    def estimate(self, answers: Answers) -> Estimate:
        """Compute the error and influences; see `Measure`."""
        true, predicted = true_and_predicted_numbers(answers, self.name)
        squared = (true - predicted) ** 2
        mean = float(squared @ answers.weights) / answers.count
        value = mean**0.5
        if not value > 0:  # nothing is wrong at all
            return Estimate(0.0, np.zeros(answers.count), 0.0, 0.0)
        influence = (squared - mean) / (2 * value)
        # An error of 0 lowers the value most. How much one can raise it, only the data tell.
        return Estimate(value, influence, -value / 2, float(influence.max()))


class RSquared(Measure):
    """The share of the variance that is explained: T = 1 - m / V, at most 1.

    The influence of an example is m (y - ȳ)² / V² - e² / V.
    """

    name = "r2"
    low = None
    open_ended = True

    def estimate(self, answers: Answers) -> Estimate:
        """Compute R² and influences; see `Measure`."""
        true, predicted = true_and_predicted_numbers(answers, self.name)
        weights = answers.weights
        squared = (true - predicted) ** 2
        centred = (true - float(true @ weights) / answers.count) ** 2
        variance = float(centred @ weights) / answers.count
        if not variance > 0:
            raise Unmeasurable("all of its true values are equal, so that R² is not defined")
        value = float(sklearn_metrics().r2_score(true, predicted, sample_weight=weights))
        explained = (1 - value) * centred / variance
        influence = explained - squared / variance
        # Numbers have no known range, so both ends come from the examples at hand.
        lowest = -float(squared.max()) / variance
        return Estimate(value, influence, lowest, float(explained.max()))
