"""An optimizer that the user made, with parameter groups of its own.

The tests check which group new parameters join, and which parameters the optimizer holds.
"""

import pytest
import torch
from torch import nn

from helpers import HEADS, learner, stream
from holdfast import HoldfastError
from holdfast.methods import parse_method
from holdfast.models import mlp
from holdfast.training import Learner

KINDS = {
    "sgd": lambda groups: torch.optim.SGD(groups, lr=0.01, momentum=0.9),
    "adam": lambda groups: torch.optim.Adam(groups, lr=0.001),
    "adamw": lambda groups: torch.optim.AdamW(groups, lr=0.001, weight_decay=0.1),
}


def network(s):
    return mlp(s.shape, HEADS[s.scenario], s.outputs, hidden=(32, 16), seed=0)


def two_groups(model, kind="sgd"):
    head = {"params": list(model.head.parameters()), "lr": 0.05, "weight_decay": 0.0}
    return KINDS[kind]([{"params": list(model.backbone.parameters())}, head])


def three_groups(model, kind="sgd"):
    """The head's group stands between two of the backbone."""
    first, second, *rest = model.backbone.parameters()
    head = {"params": list(model.head.parameters()), "lr": 0.05}
    return KINDS[kind]([{"params": [first, second]}, head, {"params": rest, "lr": 0.002}])


def begun(model, opt, s, tasks=3, method="FineTune()", **options):
    ours = Learner(model, parse_method(method), opt, scenario=s.scenario, batch_size=32, **options)
    return ours.train(*s.tasks[:tasks])


def homes(ours):
    """Name of each trainable parameter → number of its group."""
    names = {id(p): n for n, p in ours.model.named_parameters()}
    groups = enumerate(ours.state.optimizers.required.param_groups)
    return {names[id(p)]: k for k, g in groups for p in g["params"] if p.requires_grad}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("scenario", "made"), [(s, m) for s in HEADS for m in (two_groups, three_groups)]
)
def test_new_outputs_join_the_group_of_the_head(scenario, made, kind):
    s = stream(scenario)
    model = network(s)
    found = homes(begun(model, made(model, kind), s))
    assert {k for n, k in found.items() if n.startswith("head.")} == {1}
    assert 1 not in {k for n, k in found.items() if not n.startswith("head.")}
    assert found.keys() == {n for n, _ in model.named_parameters()}


@pytest.mark.parametrize("scenario", ["task", "class"])
def test_the_options_of_a_group_hold_for_new_outputs(scenario):
    s = stream(scenario)
    model = network(s)
    opt = two_groups(model)
    opt.param_groups[1]["lr"] = 0.0
    ours = begun(model, opt, s, tasks=1)
    ours.begin(s[1])
    before = [p.clone() for p in model.head.parameters()]
    for batch in ours.view.batches():
        ours.step(batch)
    assert all(torch.equal(a, b) for a, b in zip(before, model.head.parameters(), strict=True))


def test_weights_and_biases_of_new_outputs_join_groups_of_their_kind():
    s = stream("task")
    model = network(s)
    weights, biases = (
        [p for p in model.parameters() if (p.dim() > 1) is matrix] for matrix in (True, False)
    )
    ours = begun(
        model,
        torch.optim.SGD([{"params": weights, "weight_decay": 0.1}, {"params": biases}], lr=0.01),
        s,
    )
    assert all(k == n.endswith("bias") for n, k in homes(ours).items())
    assert len(homes(ours)) == len(list(model.parameters()))


def test_rows_that_grow_keep_their_momentum_in_the_group_of_the_head():
    s = stream("class")
    model = network(s)
    ours = begun(model, two_groups(model), s, tasks=1)
    before = ours.state.optimizers.required.state[model.head.linear.weight][
        "momentum_buffer"
    ].clone()
    assert before.any()
    ours.begin(s[1])
    after = ours.state.optimizers.required.state[model.head.linear.weight]["momentum_buffer"]
    assert torch.equal(after[:2], before)
    assert not after[2:].any()


@pytest.mark.parametrize(
    ("method", "scenario"),
    [("PNN()", "task"), ("SeparateNetworks()", "task"), ("OLoRA(2)", "class"), ("LoRA(2)", "task")],
)
def test_columns_and_adapters_join_the_group_of_the_layer_beside_them(method, scenario):
    s = stream(scenario)
    model = network(s)
    ours = begun(model, three_groups(model), s, tasks=3, method=method)
    found = homes(ours)
    assert found.keys() == {n for n, p in ours.model.named_parameters() if p.requires_grad}
    for name, group in found.items():
        part, _, inside = name.partition(".")
        if part == "head":
            assert group == 1
        elif part != "laterals":
            number = int(inside.split(".")[0 if part == "backbone" else 1])
            assert group == (
                0 if number == (1 if part in ("backbone", "networks") else 0) else 2
            ), name


def test_what_a_method_adds_to_the_network_is_trained():
    s = stream("task")
    model = network(s)
    ours = Learner(model, parse_method("HAT()"), two_groups(model), scenario="task", batch_size=32)
    ours.begin(s[0])
    assert homes(ours).keys() == {n for n, p in ours.model.named_parameters() if p.requires_grad}


def test_parameters_that_were_left_out_stay_out():
    s = stream("class")
    model = network(s)
    first = list(model.backbone.parameters())[:2]
    rest = [p for p in model.parameters() if not any(p is q for q in first)]
    before = [p.clone() for p in first]
    ours = begun(model, torch.optim.SGD(rest, lr=0.1), s)
    assert all(torch.equal(a, b) for a, b in zip(before, first, strict=True))
    assert any(n.startswith("head.") for n in homes(ours))


@pytest.mark.parametrize("scenario", ["task", "class"])
def test_freezing_and_unfreezing_keeps_the_groups(scenario):
    s = stream(scenario)
    model = network(s)
    ours = begun(model, three_groups(model), s, tasks=1)
    before = {n: k for n, k in homes(ours).items() if not n.startswith("head.")}
    model.backbone.requires_grad_(False)
    kept = [p.clone() for p in model.backbone.parameters()]
    ours.train(s[1])
    assert all(torch.equal(a, b) for a, b in zip(kept, model.backbone.parameters(), strict=True))
    assert set(homes(ours).values()) == {1}
    model.backbone.requires_grad_(True)
    ours.train(s[2])
    assert {n: k for n, k in homes(ours).items() if not n.startswith("head.")} == before
    assert not any(
        torch.equal(a, b) for a, b in zip(kept, model.backbone.parameters(), strict=True)
    )


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("scenario", ["task", "class"])
@pytest.mark.parametrize("named", [False, True])
def test_groups_and_bits_survive_a_checkpoint(tmp_path, scenario, kind, named):
    s = stream(scenario)

    def make():
        model = network(s)
        parts = (model.backbone, model.head)
        groups = [
            {"params": list(m.named_parameters() if named else m.parameters())} for m in parts
        ]
        groups[1]["lr"] = 0.02
        if named and scenario == "task":  # PyTorch refuses an empty group beside named ones
            groups = list(model.named_parameters())
        return Learner(model, None, KINDS[kind](groups), scenario=scenario, batch_size=32)

    whole = make().train(*s.tasks[:2])
    whole.save(tmp_path / "a.safetensors")
    whole.train(s[2])
    loaded = make()
    loaded.load(tmp_path / "a.safetensors", s.tasks)
    loaded.train(s[2])
    assert homes(loaded) == homes(whole)
    assert all(
        torch.equal(a, b)
        for a, b in zip(whole.model.parameters(), loaded.model.parameters(), strict=True)
    )
    for group in loaded.state.optimizers.required.param_groups if named else ():
        assert len(group["param_names"]) == len(group["params"])


def test_an_optimizer_of_another_network_is_refused():
    s = stream("class")
    ours = Learner(
        network(s), None, torch.optim.SGD(network(s).parameters(), lr=0.1), scenario="class"
    )
    with pytest.raises(HoldfastError, match="holds none of the model's trainable parameters"):
        ours.begin(s[0])


def test_a_parameter_that_belongs_to_nobody_is_named_when_saving(tmp_path):
    s = stream("class")
    model, extra = network(s), nn.Parameter(torch.zeros(()))
    ours = begun(model, torch.optim.SGD([*model.parameters(), extra], lr=0.1), s, tasks=1)
    with pytest.raises(HoldfastError, match="belongs neither to the model nor to the method"):
        ours.save(tmp_path / "a.safetensors")


def test_a_function_that_makes_groups_is_called_once_the_head_has_outputs():
    s = stream("task")
    model = network(s)
    ours = begun(model, lambda _: two_groups(model), s)
    assert {k for n, k in homes(ours).items() if n.startswith("head.")} == {1}
    assert learner(s).view.task_number == -1
