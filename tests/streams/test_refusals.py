"""Mistakes in building a stream are refused with a sentence that says what is wrong."""

import numpy as np
import pandas as pd
import pytest
import torch

from helpers import stream
from holdfast import HoldfastError
from holdfast.streams import (
    BatchOrder,
    Source,
    crop_and_flip,
    digits,
    from_arrays,
    from_datasets,
    from_frame,
    named,
    permuted,
    rotated,
    sequence,
    split,
)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: split(digits(), 3, "class"), "must be one of"),
        (
            lambda: split(digits(), 2.0, "class"),
            "tasks must be a whole number of at least 1, got 2.0",
        ),
        (
            lambda: split(digits(), [5.0, 5], "class"),
            "number of classes of a task must be a whole number",
        ),
        (
            lambda: split(digits(), 5, "class", order=-1),
            "order as a seed must be a whole number of at least 0, got -1",
        ),
        (
            lambda: split(digits(), 5, "class", seed=-1),
            "seed must be a whole number of at least 0, got -1",
        ),
        (
            lambda: split(digits(), 5, "class", task_order=[0.5]),
            "a number in task_order must be a whole number",
        ),
        (lambda: permuted(digits(), 2, seed=1.5), "seed must be a whole number"),
        (lambda: rotated(digits(), 0), "tasks must be a whole number of at least 1"),
        (
            lambda: sequence([digits()] * 2, "class", names=["a"]),
            "names must list one entry per data set: expected 2, got 1",
        ),
        (lambda: sequence([], "class"), "at least one data set"),
        (lambda: digits().limited(5, 0), "has 10 classes, so at least as many examples"),
        (
            lambda: crop_and_flip()(torch.ones(3, 4), torch.Generator()),
            r"for images .N, C, H, W., got inputs of shape .3, 4.",
        ),
        (
            lambda: from_arrays(np.ones((4, 1)), [0, 1] * 2, [0] * 4, "class", seed=-1),
            "seed must be a whole number",
        ),
        (lambda: split(digits(), 10, "task"), "at least 2 classes per task"),
        (lambda: split(digits(), 5, "class", order=[0, 1]), "each class once"),
        (lambda: split(digits(), 5, "klass"), "did you mean 'class'"),
        (lambda: split(digits(), 5, "class", validation=1.0), r"in \[0, 1\)"),
        (lambda: permuted(digits(), 3, "class"), "no new classes"),
        (lambda: rotated(digits(), 3, degrees=[1]), "expected 3 angles"),
        (
            lambda: from_arrays([[1.0], [float("nan")]], [0, 1], [0, 0], "class"),
            "NaN, infinity.*first at example 1",
        ),
        (lambda: from_arrays([[1.0]], [0, 1], [0], "class"), "equal lengths"),
        (lambda: from_arrays(np.zeros((0, 2)), [], [], "class"), "no examples"),
        (lambda: from_arrays([["a"], ["b"]], [0, 1], [0, 0], "class"), "must be numbers"),
        (
            lambda: from_arrays(np.zeros((8, 1)), [0, 1] * 4, [0] * 4 + [1] * 4, "class"),
            "first task .'0'. has all of them",
        ),
        (
            lambda: from_arrays(
                np.zeros((9, 1)),
                [0, 1, 2] + [0, 1] * 3,
                [0] * 3 + [1] * 6,
                "domain",
                numbering="position",
            ),
            "same number of classes",
        ),
        (lambda: from_arrays(np.zeros((4, 1)), [0, None, 1, 1], [0] * 4, "class"), "missing"),
        (lambda: from_arrays(np.zeros((2, 1)), [0, 1], [0, 0], "class"), "no test examples"),
        (
            lambda: from_frame(pd.DataFrame({"t": [1], "y": [0]}), "class", task="tt", label="y"),
            "unknown column 'tt': did you mean 't'",
        ),
        (
            lambda: from_frame(
                pd.DataFrame({"t": [1], "y": [0], "x": ["a"]}), "class", task="t", label="y"
            ),
            "must be numeric",
        ),
        (lambda: from_datasets([(iter([]), iter([]))], "class"), "map-style"),
        (lambda: from_datasets([([], [])], "class"), "no training examples"),
        (
            lambda: from_datasets(
                [([(torch.ones(1), 7)], [(torch.ones(1), 7)])], "class", labels=[[0, 1]]
            ),
            "label 7 is not among",
        ),
        (
            lambda: sequence(
                [
                    digits(),
                    Source(
                        torch.zeros(2, 3), np.array([0, 1]), torch.zeros(2, 3), np.array([0, 1])
                    ),
                ],
                "domain",
            ),
            "one shape",
        ),
        (
            lambda: Source(torch.zeros(2, 3), np.zeros(3), torch.zeros(1, 3), np.zeros(1)),
            "one label per training example",
        ),
        (lambda: named("ylecun/mnst", "/nowhere"), "does not exist"),
        (lambda: BatchOrder(3, 4, 0, 0, drop_last=True), "leaves no batch"),
        (lambda: BatchOrder(3, 4, 0, 0, 1, 5), "not both"),
        (lambda: stream()["9+9"], "unknown task"),
    ],
)
def test_wrong_input_says_what_is_wrong(make, message):
    with pytest.raises(HoldfastError, match=message):
        make()
