"""Networks and heads: growth, masks, foreign backbones."""

import pytest
import torch
from torch import nn

from holdfast import HoldfastError
from holdfast.models import MODELS, classifier_from, make_head, mlp


@pytest.mark.parametrize("name", MODELS)
def test_every_network_gives_logits_and_the_same_weights_for_a_seed(name):
    shape, state = (3, 16, 16), torch.get_rng_state()
    inputs = {"image": shape} if name == "branches" else shape
    a, b, c = (MODELS[name](inputs, "fixed", 4, seed=k) for k in (0, 0, 1))
    assert torch.equal(state, torch.get_rng_state())
    x = torch.rand(2, *shape)
    assert a.eval()(x).shape == (2, 4)
    assert torch.equal(a(x), b.eval()(x))
    assert not torch.equal(a(x), c.eval()(x))


def test_a_growing_head_keeps_old_rows_to_the_bit():
    head = make_head("growing", 6)
    h = torch.rand(3, 6)
    head.open(0, 0, 2)
    before, z = head.linear.weight.clone(), head(h)
    head.open(1, 0, 5)
    assert torch.equal(head.linear.weight[:2], before)
    assert torch.allclose(head(h)[:, :2], z)
    assert head(h).shape == (3, 5)


def test_a_masked_head_lets_only_the_tasks_outputs_through():
    head = make_head("masked", 6, 10)
    for t in range(2):
        head.open(t, 3 * t, 3 * t + 3)
    h = torch.rand(4, 6)
    for t in range(2):
        finite = torch.isfinite(head(h, t)).all(0).nonzero().flatten().tolist()
        assert finite == [3 * t, 3 * t + 1, 3 * t + 2]
    assert torch.isfinite(head(h)).all(0).sum() == 6
    mixed = head(h, torch.tensor([0, 1, 0, 1]))
    for k, t in enumerate((0, 1, 0, 1)):
        assert torch.equal(mixed[k], head(h, t)[k])


def test_separate_heads_give_each_row_its_own_task():
    head = make_head("separate", 6)
    for t in range(3):
        head.open(t, 2 * t, 2 * t + 2)
    h = torch.rand(5, 6)
    tasks = torch.tensor([2, 0, 1, 0, 2])
    mixed = head(h, tasks)
    for k, t in enumerate(tasks.tolist()):
        assert torch.allclose(mixed[k], head(h, t)[k])
    assert mixed.argmax(1).div(2, rounding_mode="floor").tolist() == tasks.tolist()
    mixed[torch.isfinite(mixed)].sum().backward()
    assert all(layer.weight.grad is not None for layer in head.layers)


@pytest.mark.parametrize("kind", ["growing", "masked", "fixed", "separate"])
def test_a_foreign_backbone_keeps_its_trained_layer(kind):
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.body, self.fc = nn.Linear(4, 8), nn.Linear(8, 3)

        def forward(self, x):
            return self.fc(torch.relu(self.body(x)))

    net, x = Net(), torch.rand(2, 4)
    expected = net(x)
    model = classifier_from(net, head="fc", kind=kind)
    model.head.open(0, 0, 3)
    assert torch.equal(model(x, 0), expected)
    if kind in ("growing", "separate"):
        model.head.open(1, *((0, 5) if kind == "growing" else (3, 5)))
        torch.testing.assert_close(model(x, 0)[:, :3], expected)  # a wider product rounds otherwise


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: mlp(4, "gowing"), "did you mean 'growing'"),
        (lambda: mlp(4, "masked"), "needs the number of outputs"),
        (lambda: make_head("masked", 4, 2).open(0, 0, 3), "build it with outputs=3"),
        (lambda: make_head("masked", 4, 2).open(1, 0, 2), "expected task 0"),
        (lambda: make_head("separate", 4)(torch.zeros(1, 4), 0), "begin it first"),
        (
            lambda: classifier_from(nn.Sequential(nn.Linear(2, 2)), head="fc", kind="growing"),
            "unknown linear layer",
        ),
    ],
)
def test_wrong_use_says_what_is_wrong(make, message):
    with pytest.raises(HoldfastError, match=message):
        make()
