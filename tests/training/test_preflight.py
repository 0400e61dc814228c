"""What would stop a run is refused before its first step, or handled in every step."""

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from helpers import weights
from holdfast import HoldfastError, Learner, parse_method
from holdfast.models import classifier_from, mlp
from holdfast.models.seeding import seeded
from holdfast.streams import Stream, digits, from_arrays, split
from holdfast.streams.task import ArrayPart
from holdfast.training import optimizer

RNG = np.random.default_rng(0)
FLOATS = (torch.float64, torch.float32, torch.bfloat16, torch.float16)


def arrays(n: int = 130, scenario: str = "class", x: object = None) -> Stream:
    """Two tasks of two classes, 8 numbers per row."""
    y = np.arange(n) % 4
    inputs = RNG.random((n, 8)).astype(np.float32) if x is None else x
    return from_arrays(inputs, y if scenario != "domain" else y % 2, (y >= 2).astype(int), scenario)


def network(norm: bool = False, **options: object) -> nn.Sequential:
    layer = nn.BatchNorm1d(16, **options) if norm else nn.Identity()
    with seeded(0):
        return nn.Sequential(nn.Linear(8, 16), layer, nn.ReLU(), nn.Linear(16, 4))


def learner(
    net: nn.Module, method: str = "FineTune()", head: str = "3", **options: object
) -> Learner:
    settings = {"scenario": "class", "batch_size": 16} | options
    return Learner(classifier_from(net, head, "growing"), parse_method(method), **settings)


def refused(ours: Learner, stream: Stream, message: str) -> None:
    """The run is refused, and nothing has happened to the learner."""
    before, steps = weights(ours.model), []
    state = torch.get_rng_state(), np.random.get_state()[1].tolist()  # noqa: NPY002
    with pytest.raises(HoldfastError, match=message):
        ours.fit(stream, progress=lambda *a: steps.append(a))
    assert not steps
    assert not ours.state.progress.names
    assert all(torch.equal(v, before[k]) for k, v in ours.model.state_dict().items())
    assert torch.equal(state[0], torch.get_rng_state())
    assert state[1] == np.random.get_state()[1].tolist()  # noqa: NPY002


# ---- BatchNorm and single rows


@pytest.mark.parametrize(
    ("method", "options"),
    [
        ("FineTune()", {"batch_size": 51}),  # 52 rows per task
        ("FineTune()", {"batch_size": 1}),
        ("FineTune()", {"batch_size": 6, "accumulate": 4}),
        ("ER(20, ratio=0.1)", {"batch_size": 10, "groups": "separate"}),
        ("MER(20)", {"batch_size": 16}),
        ("Joint()", {"batch_size": 51}),
    ],
)
def test_batchnorm_trains_on_batches_of_one_row_and_says_so(method, options):
    ours = learner(network(norm=True), method, **options)
    with pytest.warns(UserWarning, match="single row.*drop_last=True"):
        ours.fit(arrays())
    assert len(ours.state.progress.names) == 2
    assert ours.model.backbone[1].training
    assert not ours.model.backbone[1]._forward_pre_hooks


def test_a_retraining_phase_with_a_last_batch_of_one_row_is_trained():
    s = arrays(scenario="task")
    model = classifier_from(network(norm=True), "3", "separate")
    ours = Learner(model, parse_method("PackNet(2)"), scenario="task", batch_size=51)
    with pytest.warns(UserWarning, match="single row"):
        ours.fit(s)
    assert len(ours.state.progress.names) == 2


def test_a_single_row_leaves_the_running_statistics_and_other_batches_as_they_were():
    s = arrays()
    ours = learner(network(norm=True), batch_size=51)
    with pytest.warns(UserWarning, match="single row"):
        ours.begin(s[0])
    full, single = ours.view.batches()
    ours.step(full)
    norm = ours.model.backbone[1]
    before = norm.running_mean.clone()
    with pytest.warns(UserWarning, match="single row"):
        ours.step(single)
    assert torch.equal(before, norm.running_mean)
    assert norm.num_batches_tracked == 1


def test_a_single_row_without_running_statistics_is_refused_before_the_first_step():
    net = network(norm=True, track_running_stats=False)
    refused(learner(net, batch_size=51), arrays(), "without running statistics.*drop_last=True")
    learner(network(norm=True, track_running_stats=False), batch_size=51, drop_last=True).fit(
        arrays()
    )


# ---- accumulation


def test_a_last_batch_that_accumulate_does_not_divide_takes_the_step_of_the_whole_batch():
    s, net = arrays(206), network()
    runs = [learner(copy.deepcopy(net), batch_size=32, accumulate=k) for k in (1, 4)]
    for ours in runs:
        ours.train(*s)
    a, b = (weights(ours.model) for ours in runs)
    assert all(torch.allclose(v, b[k], atol=1e-5) for k, v in a.items())


def test_a_memory_is_offered_every_row_of_an_accumulated_step():
    s = arrays(206)
    ours = learner(network(), "ER(1000)", batch_size=32, accumulate=4).train(*s)
    memory = ours.method.memory
    assert len(memory) == sum(len(t.train) for t in s)


# ---- inputs


@pytest.mark.parametrize(
    "method", ["ER(20)", "EWC(1.0)", "LwF()", "OGD(5)", "iCaRL(20)", "KFACEWC(1.0)"]
)
@pytest.mark.parametrize("dtype", FLOATS)
def test_a_model_of_any_floating_type_takes_any_floating_input(dtype, method):
    for given in (torch.float64, torch.float32):
        x = torch.rand(80, 8, generator=torch.Generator().manual_seed(0)).to(given)
        small = optimizer("sgd", lr=1e-3)
        model = mlp((8,), "growing", hidden=(8,), seed=0).to(dtype)
        ours = Learner(model, parse_method(method), small, scenario="class")
        run = ours.fit(arrays(80, x=x))
        assert np.isfinite(run.matrix.score("0", after="1"))
        assert ours.predict(x[:2]).dtype in (dtype, torch.float32)


def test_bytes_become_numbers_from_0_to_1_in_the_models_type():
    ours = Learner(mlp((4,), "growing", seed=0).double(), scenario="class")
    x = ours.view.prepare(torch.tensor([[0, 51, 102, 255]], dtype=torch.uint8))
    assert x.dtype == torch.float64
    assert x.tolist() == [[0.0, 0.2, 0.4, 1.0]]


class Bag(nn.Module):
    """Token ids → the mean of their embeddings → logits."""

    def __init__(self) -> None:
        super().__init__()
        self.e, self.fc = nn.Embedding(50, 16), nn.Linear(16, 4)

    def forward(self, x):
        return self.fc(self.e(x).mean(1))


class Table(nn.Module):
    """As Bag, with a table of its own and no embedding layer."""

    def __init__(self) -> None:
        super().__init__()
        self.table, self.fc = nn.Parameter(torch.randn(50, 16)), nn.Linear(16, 4)

    def forward(self, x):
        return self.fc(self.table[x].mean(1))


@pytest.mark.parametrize("net", [Bag, Table])
@pytest.mark.parametrize("method", ["ER(20)", "LwF()", "EWC(1.0)", "Joint()"])
def test_integers_stay_integers_up_to_a_model_that_takes_them(net, method):
    ids = RNG.integers(0, 50, (80, 6))
    ours = learner(net(), method, head="fc")
    ours.fit(arrays(80, x=ids))
    assert ours.view.prepare(torch.tensor([[2**40]])).tolist() == [[2**40]]


def test_integers_are_numbers_for_a_model_of_linear_layers():
    counts = RNG.integers(0, 50, (80, 8))
    ours = learner(network(), "ER(20)")
    ours.fit(arrays(80, x=counts))
    assert ours.view.prepare(torch.tensor([[3]])).dtype == torch.float32
    assert ours.method.memory.everything().x.dtype == torch.int64
    counts[7, 3] = 2**24 + 1
    refused(learner(network()), arrays(80, x=counts), "float32")


# ---- refusals


def test_what_does_not_fit_is_refused_before_the_first_step():
    s = arrays()
    narrow = classifier_from(nn.Sequential(nn.Linear(8, 2)), "0", "masked", 3)
    refused(Learner(narrow, scenario="class"), s, "4 outputs.*masked head has 3.*outputs=4")
    refused(
        learner(nn.Sequential(nn.Linear(5, 9), nn.Linear(9, 4)), head="1"),
        s,
        r"\(8,\).*float32.*shapes",
    )
    with pytest.raises(HoldfastError, match=r"batch_size must be a whole number, got 2\.5"):
        learner(network(), batch_size=2.5)
    with pytest.raises(HoldfastError, match=r"epochs\.1 must be at least 0, got -1"):
        learner(network(), epochs=[1, -1])
    refused(learner(network(), f"ER({2**39})"), s, "a memory of .* examples takes .* bytes")
    refused(learner(network(norm=True), "KFACEWC(1.0)"), s, "KFACEWC treats linear layers")


def test_a_model_that_returns_no_tensor_or_no_rows_of_features_is_refused():
    class Named(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body, self.fc = nn.Linear(8, 16), nn.Linear(16, 4)

        def forward(self, x):
            return {"logits": self.fc(self.body(x))}

    refused(learner(Named(), head="fc"), arrays(), "the network returned dict")
    sequence = nn.Sequential(nn.Unflatten(1, (2, 4)), nn.Linear(4, 16), nn.Linear(16, 4))
    refused(learner(sequence, head="2"), arrays(), r"must have shape \(rows, 16\).*\(2, 2, 16\)")


def test_a_model_that_was_moved_elsewhere_is_refused():
    ours = learner(network())
    ours.model.to("meta")
    with pytest.raises(HoldfastError, match="is on meta, the learner trains on cpu"):
        ours.begin(arrays()[0])


def with_parts(s: Stream, task: int, **parts: object) -> Stream:
    tasks = list(s)
    tasks[task] = replace(tasks[task], **parts)
    return replace(s, tasks=tuple(tasks))


def test_labels_and_inputs_of_a_later_task_or_part_are_looked_at_first():
    s = arrays()
    part = s[1].train
    strange = ArrayPart(part.fetch(torch.arange(4))[0], torch.tensor([0, 1, 2, 9]), 1)
    refused(learner(network()), with_parts(s, 1, test=strange), "labels of task '1' .test.* 0 to 9")
    narrow = ArrayPart(torch.zeros(4, 5), torch.tensor([2, 3, 2, 3]), 1)
    refused(
        learner(network()),
        with_parts(s, 1, test=narrow),
        r"test inputs of task '1' are of shape \(5,\)",
    )
    refused(
        learner(network()),
        with_parts(s, 1, train=narrow, test=narrow),
        r"cannot take.*'1', of shape \(5,\)",
    )
    pixels = ArrayPart(torch.zeros(4, 8, dtype=torch.uint8), torch.tensor([2, 3, 2, 3]), 1)
    refused(
        learner(network()),
        with_parts(s, 1, train=pixels, test=pixels),
        "are bytes.*are floats|one type",
    )


def test_a_frozen_model_without_anything_to_train_is_refused():
    model = classifier_from(network(), "3", "masked", 4)
    model.requires_grad_(False)
    refused(Learner(model, scenario="class"), arrays(), "no trainable parameter")


@pytest.mark.parametrize(
    ("batch", "message"),
    [
        (torch.zeros(4, 8), "pair of tensors.*a Tensor alone"),
        ((torch.zeros(4, 8),), "a tuple of Tensor"),
        ((torch.zeros(4, 8), None), "a tuple of Tensor, NoneType"),
        ((torch.zeros(4, 8), torch.zeros(3, dtype=torch.long)), "one label for each"),
        ((torch.zeros(4, 8), torch.zeros(4, 2, dtype=torch.long)), "one label for each"),
        ((torch.zeros(0, 8), torch.zeros(0, dtype=torch.long)), "at least one row"),
        ((torch.zeros(2, 8), torch.tensor([0.5, 1.0])), "whole output indices"),
        ((torch.zeros(2, 8), torch.tensor([0, 2])), "from 0 to 1, got 0 to 2"),
        ((torch.zeros(2, 8), torch.tensor([-1, 1])), "from 0 to 1, got -1 to 1"),
    ],
)
def test_a_batch_of_your_own_that_is_no_pair_of_inputs_and_labels_is_refused(batch, message):
    ours = learner(network())
    ours.begin(arrays()[0])
    with pytest.raises(HoldfastError, match=message):
        ours.step(batch)


# ---- evaluation by bytes


def test_evaluation_reads_large_rows_in_small_chunks_and_small_rows_as_before():
    seen: list[int] = []

    class Wide(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body, self.fc = nn.Conv2d(1, 32, 1), nn.Linear(32, 4)

        def forward(self, x):
            seen.append(len(x))
            return self.fc(self.body(x).mean((2, 3)))

    images = torch.zeros(80, 1, 256, 256, dtype=torch.uint8)  # 8 MiB of activations per row
    s = arrays(80, x=images)
    ours = learner(Wide(), head="fc", batch_size=4)
    ours.begin(s[0])
    seen.clear()
    ours.evaluate(s[0], "train")
    assert 1 < max(seen) <= 32
    assert sum(seen[1:]) == len(s[0].train)
    small = learner(network())
    small.begin(arrays()[0])
    assert small.view.forward.rows_at_once(arrays()[0], "train", arrays()[0].train) == 2048


@pytest.mark.parametrize(
    ("scenario", "options", "message"),
    [
        ("class", {"steps": 3, "epochs": 2}, "epochs beside steps has no effect"),
        ("class", {"steps": 3, "epochs": [1, 2]}, "epochs beside steps has no effect"),
        ("task", {"outputs": "all"}, "outputs='all' has no effect: it chooses among classes"),
        ("domain", {"outputs": "current"}, "outputs='current' has no effect"),
        ("class", {"outputs": "all"}, "a growing head has no outputs beyond"),
        ("class", {"optimizer": None, "schedule": "cosine"}, "schedule='cosine' has no effect"),
        (
            "class",
            {"optimizer": None, "renew_optimizer": True},
            "renew_optimizer=True has no effect",
        ),
    ],
)
def test_arguments_that_can_change_nothing_are_refused(scenario, options, message):
    s = split(digits(), 5, scenario)
    head = {"task": "separate", "domain": "fixed", "class": "growing"}[scenario]
    with pytest.raises(HoldfastError, match=message):
        Learner(mlp(s.shape, head, s.outputs, seed=0), scenario=scenario, **options)


def test_an_untrained_row_where_there_can_be_none_is_refused():
    s = split(digits(), 5, "class")
    with pytest.raises(HoldfastError, match="untrained=True has no effect in the class scenario"):
        Learner(mlp(s.shape, "growing", seed=0), scenario="class").fit(s, untrained=True)
