"""The accuracy matrix and every number read from it. No PyTorch."""

from holdfast.metrics.anytime import (
    Curves,
    average_anytime_accuracy,
    min_acc,
    windowed_forgetting,
    windowed_plasticity,
    worst_case_accuracy,
)
from holdfast.metrics.intervals import (
    Interval,
    example_interval,
    expected_worst_forgetting,
    paired_seed_interval,
    seed_interval,
    transfer_interval,
    wilson_interval,
)
from holdfast.metrics.matrix import UNTRAINED, AccuracyMatrix
from holdfast.metrics.transfer import (
    average_accuracy,
    average_incremental_accuracy,
    backward_transfer,
    backward_transfer_after,
    cumulative_gain,
    diaz_rodriguez,
    diaz_rodriguez_stability,
    forgetting,
    forward_transfer,
    intransigence,
    learning_accuracy,
    learning_speed_transfer,
    mean_intransigence,
    segment_transfer,
    summary,
    task_forgetting,
    task_transfer,
    worst_forgetting,
    zero_shot_accuracy,
)

__all__ = [
    "UNTRAINED", "AccuracyMatrix", "Curves", "Interval", "average_accuracy", "average_anytime_accuracy", "average_incremental_accuracy",
    "backward_transfer", "backward_transfer_after", "cumulative_gain", "diaz_rodriguez", "diaz_rodriguez_stability", "example_interval",
    "expected_worst_forgetting", "forgetting", "forward_transfer", "intransigence", "learning_accuracy", "learning_speed_transfer",
    "mean_intransigence", "min_acc", "paired_seed_interval", "seed_interval", "segment_transfer", "summary", "task_forgetting",
    "task_transfer", "transfer_interval", "wilson_interval", "windowed_forgetting", "windowed_plasticity", "worst_case_accuracy",
    "worst_forgetting", "zero_shot_accuracy",
]
