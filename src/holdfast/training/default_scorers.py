"""Which scorer a learner takes if you name none."""

from holdfast.engine.objectives import Custom, Objective
from holdfast.training.scoring import Scorer, accuracy
from holdfast.training.set_scores import R2, MeanAP
from holdfast.training.text_scores import TextAccuracy


def default_scorer(objective: Objective) -> Scorer:
    """Return the usual scorer of an objective.

    Args:
        objective: What the network is trained for.

    Returns:
        Accuracy for classification, the mean average precision for multilabel, R² for regression,
        exact match or the right choice for language models, and that of what its outputs are for a
        loss of your own.

    Example:
        >>> from holdfast.engine.objectives import Multilabel
        >>> default_scorer(Multilabel())
        MeanAP()
    """
    meaning = objective.meaning if isinstance(objective, Custom) else objective
    if meaning.sequences:
        return TextAccuracy()
    if meaning.takes_labels:
        return accuracy
    if meaning.name == "multilabel":
        return MeanAP()
    return R2()
