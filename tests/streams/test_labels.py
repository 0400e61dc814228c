"""One label is one output for the whole stream, and what can't be a label is refused at once."""

import itertools

import numpy as np
import pandas as pd
import pytest
import torch
from torch.utils.data import TensorDataset

from holdfast import HoldfastError, Learner, parse_method
from holdfast.models import mlp
from holdfast.streams import Source, from_arrays, from_datasets, from_frame, sequence, split
from holdfast.streams.labels import label_array
from holdfast.streams.outputs import number_outputs


def outputs_of_labels(stream, labels):
    """For each task, label → output, read from the rows: input column k is 1 for label number k."""
    by_task = []
    for task in stream:
        pairs = set()
        for part in (task.train, task.test, task.validation):
            if part is None:
                continue
            x, y, _ = part.fetch(torch.arange(len(part)))
            for number, output in zip(x.argmax(1), y, strict=True):
                pairs.add((labels[int(number)], int(output)))
        assert len(dict(pairs)) == len(pairs), "a label has two outputs within a task"
        by_task.append(dict(pairs))
    return by_task


@pytest.mark.parametrize(
    "names", [[0, 1, 2, 3], ["ham", "spam", "phish", "other"], [7, -2, 1000, 3]]
)
@pytest.mark.parametrize("scenario", ["domain", "class"])
def test_a_label_has_one_output_whatever_subset_and_order_a_task_has(names, scenario):
    subsets = (
        [(0, 1), (2, 1), (3, 0, 1), (1, 3, 2)] if scenario == "domain" else [(1, 0), (1, 2), (3, 2)]
    )
    index = np.array([k for chosen in subsets for k in list(chosen) * 10])
    months = np.repeat([f"month {m}" for m in range(len(subsets))], [10 * len(c) for c in subsets])
    x = np.eye(4, dtype=np.float32)[index]
    y = np.array(names)[index]
    parts = [
        (torch.from_numpy(x[months == m]), y[months == m].tolist()) for m in dict.fromkeys(months)
    ]
    sets = [(list(zip(*p, strict=True)), list(zip(*p, strict=True))) for p in parts]
    frame = pd.DataFrame(x).assign(month=months, y=y)
    streams = [
        from_arrays(x, y, months, scenario, validation=0.2),
        from_frame(frame, scenario, task="month", label="y", validation=0.2),
        from_datasets(sets, scenario, validation=0.2),
    ]
    for stream in streams:
        found = outputs_of_labels(stream, names)
        assert [set(f) for f in found] == [{names[k] for k in chosen} for chosen in subsets]
        together = dict(itertools.chain.from_iterable(f.items() for f in found))
        assert all(f[v] == together[v] for f in found for v in f)
        assert [stream.labels[together[v]] for v in together] == list(together)
        for task, f in zip(stream, found, strict=True):
            assert {v: stream.label_of(task, o) for v, o in f.items()} == {v: v for v in f}
            assert task.labels == tuple(sorted(f, key=f.get))


def test_a_month_without_a_rare_class_trains():
    rng = np.random.default_rng(0)
    y = np.concatenate([np.repeat([0, 1], 40), np.repeat([0, 1, 2], 30), np.repeat([0, 1], 40)])
    x = np.eye(3, dtype=np.float32)[y] + 0.1 * rng.normal(size=(len(y), 3)).astype(np.float32)
    s = from_arrays(x, y, np.repeat([1, 2, 3], [80, 90, 80]), "domain")
    learner = Learner(mlp(s.shape, "fixed", s.outputs, seed=0), scenario="domain", epochs=20)
    assert learner.fit(s, segments=True).matrix.score("2", after="3", segment="1") > 0.9


def test_labels_are_numbered_by_position_if_one_says_so():
    x, y, t = np.eye(4)[[0, 1, 2, 3] * 5], [0, 1, 2, 3] * 5, [1, 1, 2, 2] * 5
    s = from_arrays(x, y, t, "domain", numbering="position")
    assert (s.outputs, s.labels) == (2, ("0 / 2", "1 / 3"))
    assert [s.label_of(s[1], k) for k in range(2)] == [2, 3]
    assert from_arrays(x, y, t, "domain").outputs == 4


def test_a_split_stream_of_the_domain_scenario_asks_which_of_a_pair():
    from holdfast.streams import digits

    assert split(digits(), 5, "domain").outputs == 2
    assert split(digits(), 5, "domain", numbering="label").outputs == 10


def test_every_task_of_the_task_scenario_has_outputs_of_its_own():
    numbers = number_outputs([("a", [0, 1]), ("b", [1, 2])], "task")
    assert numbers.lookups == [{0: 0, 1: 1}, {1: 2, 2: 3}]


def test_renaming_the_labels_changes_no_number():
    y = np.array([3, 1, 2, 1, 3, 2] * 8)
    x = np.eye(4, dtype=np.float32)[y]
    a = from_arrays(x, y, [0] * 24 + [1] * 24, "domain", validation=0.2)
    b = from_arrays(x, y * 10, [0] * 24 + [1] * 24, "domain", validation=0.2)
    for s, t in zip(a, b, strict=True):
        for one, two in ((s.train, t.train), (s.validation, t.validation), (s.test, t.test)):
            assert all(
                map(
                    torch.equal,
                    one.fetch(torch.arange(len(one)))[:2],
                    two.fetch(torch.arange(len(two)))[:2],
                )
            )


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (np.linspace(0, 1, 8), "measurement, pass objective=.regression"),
        (torch.linspace(0, 1, 8), "measurement, pass objective=.regression"),
        (pd.Series(np.linspace(0, 1, 8)), "measurement, pass objective=.regression"),
        ([1.5, 2, 3, 4] * 2, "got the number 1.5 .example 0."),
        (np.array([1.5, 2, 3, 4] * 2, dtype=object), "got the number 1.5 .example 0."),
        ([1, 2, 3, float("inf")] * 2, "got the number inf .example 3."),
        ([1e17, 1, 2, 3] * 2, "too large for a float"),
        (np.eye(8), r"one label per example.*got shape \(8, 8\).*argmax"),
        (torch.ones(8, 2, 2), r"got shape \(8, 2, 2\)"),
        ([[1], [1, 2]] * 4, "rows of different lengths"),
        ([0, 1, None, 1] * 2, "the label of example 2 is missing"),
        (pd.array([0, 1, pd.NA, 1] * 2, dtype="Int64"), "the label of example 2 is missing"),
        (["a", "b", float("nan"), "a"] * 2, "the label of example 2 is missing"),
        ([0, 1, float("nan"), 1] * 2, "the label of example 2 is missing"),
        (["a", "b", 1, "a"] * 2, "mix text and numbers: example 0 is 'a', example 2 is 1"),
        (
            np.array(["2026-01-01"] * 8, dtype="datetime64[D]"),
            "expected whole numbers, booleans or text",
        ),
        ([{"a": 1}] * 8, "got dict .example 0"),
        (np.ones(8, dtype=complex), "got values of dtype complex128"),
    ],
)
def test_what_cannot_be_a_label_is_refused(y, message):
    with pytest.raises(HoldfastError, match=message):
        from_arrays(np.ones((8, 2)), y, [0] * 4 + [1] * 4, "domain")


@pytest.mark.parametrize(
    ("y", "expected"),
    [
        ([True, False], [1, 0]),
        (torch.tensor([[3.0], [1.0]]), [3, 1]),
        (np.array([2**63, 5], dtype=np.uint64), [2**63, 5]),
        (pd.Categorical(["b", "a"]), ["b", "a"]),
        (np.array([b"x", b"y"]), ["x", "y"]),
        ([np.int8(3), 4], [3, 4]),
        (torch.tensor([1, 2], dtype=torch.bfloat16), [1, 2]),
    ],
)
def test_labels_of_every_whole_kind_are_taken(y, expected):
    assert label_array(y).tolist() == expected


def test_labels_that_occur_once_raise_a_question():
    y = np.concatenate([np.arange(30), [0, 1, 2, 3]])
    with pytest.warns(
        UserWarning, match=r"labels occur only once; if they are a measurement, set objective"
    ):
        from_arrays(np.ones((34, 2)), y, [0] * 34, "class", test=np.arange(34) >= 30)


def pairs(y):
    return TensorDataset(torch.ones(len(y), 2), torch.tensor(y))


@pytest.mark.parametrize("scenario", ["class", "domain", "task"])
def test_test_labels_that_training_never_had_are_refused_when_the_stream_is_built(scenario):
    with pytest.raises(HoldfastError, match=r"'task 1'.*label 7, which no training example"):
        from_datasets([(pairs([0, 1]), pairs([0, 1])), (pairs([2, 3]), pairs([2, 3, 7]))], scenario)
    mask = np.array([False, False, False, False, True, True])
    with pytest.raises(HoldfastError, match="label 7, which no training example"):
        from_arrays(np.ones((6, 1)), [0, 1, 0, 1, 0, 7], [0] * 6, scenario, test=mask)
    broken = Source(torch.ones(2, 1), np.array([0, 1]), torch.ones(2, 1), np.array([0, 7]))
    with pytest.raises(HoldfastError, match=r"label '?(data:)?7'?, which no training example"):
        sequence([broken], scenario)


def test_a_test_label_may_be_trained_in_another_month_of_the_domain_scenario_alone():
    parts = [(pairs([0, 1]), pairs([0, 1, 2])), (pairs([0, 2]), pairs([0, 2]))]
    assert from_datasets(parts, "domain").outputs == 3
    for scenario in ("class", "task"):
        with pytest.raises(
            HoldfastError, match=r"'task 0'.*label 2, which no training example of this task"
        ):
            from_datasets(parts, scenario)


def test_a_period_of_known_classes_keeps_their_outputs():
    y = [0, 1] * 10 + [2, 3] * 10 + [0, 1] * 10
    s = from_arrays(np.eye(4, dtype=np.float32)[y], y, np.repeat([1, 2, 3], 20), "class")
    assert s.outputs == 4
    assert [task.outputs for task in s] == [(0, 2), (0, 4), (0, 4)]
    assert s["3"].competing.tolist() == [0, 1]
    learner = Learner(mlp(s.shape, "growing", seed=0), parse_method("ER(20)"), scenario="class")
    assert learner.fit(s).matrix.tasks == ("1", "2", "3")


def test_periods_that_never_bring_a_new_class_are_refused_with_advice_that_works():
    y = [0, 1] * 20
    t = np.repeat([1, 2], 20)
    x = np.eye(2, dtype=np.float32)[y]
    with pytest.raises(HoldfastError, match=r"'1'. has all of them.*scenario='domain'"):
        from_arrays(x, y, t, "class")
    s = from_arrays(x, y, t, "domain")
    assert s.outputs == 2
    assert Learner(mlp(s.shape, "fixed", 2, seed=0), scenario="domain").fit(s).matrix.tasks == (
        "1",
        "2",
    )
    assert (
        len(
            from_arrays(
                np.eye(4)[[*y, 2, 2, 3, 3]], [*y, 2, 2, 3, 3], [*t, 3, 3, 3, 3], "class", test=0.5
            )
        )
        == 3
    )
