"""The measure that a name stands for."""

from collections.abc import Callable
from types import MappingProxyType

from holdfast.errors import HoldfastError, unknown
from holdfast.gate.measures.averages import Accuracy, Brier, LogLoss, MeanAbsoluteError, Recall
from holdfast.gate.measures.confusion import F1, BalancedAccuracy, MacroF1, Precision
from holdfast.gate.measures.measure import Measure
from holdfast.gate.measures.ranking import AveragePrecision, RocArea
from holdfast.gate.measures.regression import RootMeanSquaredError, RSquared

WHOLE: MappingProxyType[str, Callable[[], Measure]] = MappingProxyType(
    {
        "accuracy": Accuracy,
        "balanced_accuracy": BalancedAccuracy,
        "f1_macro": MacroF1,
        "brier": Brier,
        "log_loss": LogLoss,
        "mae": MeanAbsoluteError,
        "rmse": RootMeanSquaredError,
        "r2": RSquared,
    }
)
OF_A_CLASS: MappingProxyType[str, Callable[[str], Measure]] = MappingProxyType(
    {
        "f1": F1,
        "precision": Precision,
        "recall": Recall,
        "auc": RocArea,
        "ap": AveragePrecision,
    }
)
MEASURES = (*WHOLE, *OF_A_CLASS)


def measure_named(name: str) -> Measure | None:
    """Return the measure of a name, or None if there is none.

    Args:
        name: A name of `MEASURES`. Those of a class may end in @ and the class.

    Raises:
        HoldfastError: A class is named for a measure that is not of a class, or that is unknown.

    Example:
        >>> measure_named("recall@fraud").name, measure_named("rmse").higher_is_better
        ('recall@fraud', False)
        >>> measure_named("my_column") is None
        True
    """
    kind, at_sign, class_name = name.partition("@")
    # An @ without a class is a slip, and must not mean the positive class.
    if kind in OF_A_CLASS and (class_name or not at_sign):
        return OF_A_CLASS[kind](class_name)
    if at_sign and kind in WHOLE:
        raise HoldfastError(
            f"metric {kind} is not one of a single class, so it takes no @; those of a class are: "
            f"{', '.join(OF_A_CLASS)}"
        )
    if at_sign:
        raise unknown("metric", name, [f"{known}@CLASS" for known in OF_A_CLASS])
    if kind in WHOLE:
        return WHOLE[kind]()
    return None
