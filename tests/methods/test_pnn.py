"""PNN against its equation written out, the published counts, and what must not move."""

import pytest
import torch
from tests.helpers import ADAMW, learner, stream

from holdfast.errors import HoldfastError
from holdfast.models import convnet, mlp
from holdfast.models.progressive import Progressive

COUNTS = {
    "below": (267_266, 600_580, 999_942, 1_465_352, 1_996_810),
    "same": (267_266, 665_604, 1_195_014, 1_855_496, 2_647_050),
}


def grown(
    lateral: str, tasks: int, inputs: int = 784, hidden: tuple[int, ...] = (256, 256)
) -> Progressive:
    net = Progressive(mlp(inputs, "separate", hidden=hidden, seed=0), lateral)
    for k in range(tasks):
        net.head.open(k, 2 * k, 2 * k + 2)
    return net


@pytest.mark.parametrize("lateral", COUNTS)
def test_parameters_count_as_in_the_formulas(lateral):
    for k, expected in enumerate(COUNTS[lateral], 1):
        found = grown(lateral, k).capacity()
        before = COUNTS[lateral][k - 2] if k > 1 else 0
        assert found == {
            "columns": k,
            "parameters": expected,
            "frozen": before,
            "trainable": expected - before,
        }


@pytest.mark.parametrize("lateral", COUNTS)
def test_activities_follow_the_equation_summed_column_by_column(lateral):
    net, x = grown(lateral, 3, inputs=5, hidden=(4, 3)), torch.randn(7, 5)
    h: dict[tuple[int, int], torch.Tensor] = {(k, 0): x for k in range(3)}
    for layer in (1, 2):
        for k in range(3):
            z = net.columns[k][layer - 1](h[k, layer - 1])
            for j in range(k):
                width = (4, 3)[layer - 1] if lateral == "same" else (5, 4)[layer - 1]
                if lateral == "below" and layer == 1:
                    continue
                u = net.laterals[k][layer - (1 if lateral == "same" else 2)].weight[
                    :, j * width : (j + 1) * width
                ]
                z = z + h[j, layer if lateral == "same" else layer - 1] @ u.T
            h[k, layer] = z.clamp(min=0)
    out = net.head.layers[2]
    if lateral == "same":
        expected = h[2, 2] @ out.weight.T + out.bias
    else:
        expected = sum(h[j, 2] @ out.weight[:, 3 * j : 3 * j + 3].T for j in range(3)) + out.bias
    torch.testing.assert_close(net(x, 2)[:, 4:6], expected)
    assert torch.isinf(net(x, 2)[:, :4]).all()


@pytest.mark.parametrize("lateral", COUNTS)
def test_frozen_columns_keep_their_bytes_under_adam_with_decay(lateral):
    s = stream("task", 5)
    ours = learner(s, f"PNN({lateral!r})", ADAMW)
    ours.train(*s.tasks[:2])
    before = {n: p.detach().clone() for n, p in ours.model.named_parameters()}
    scores = [ours.predict(s[k].test.fetch(torch.arange(30))[0], k) for k in range(2)]
    ours.train(*s.tasks[2:])
    after = dict(ours.model.named_parameters())
    for name, value in before.items():
        assert value.numpy().tobytes() == after[name].detach().numpy().tobytes(), name
    for k, was in enumerate(scores):
        now = ours.predict(s[k].test.fetch(torch.arange(30))[0], k)
        assert torch.equal(was[:, : 2 * k + 2], now[:, : 2 * k + 2])
    assert ours.model.capacity()["columns"] == 5
    held = {p for group in ours.state.optimizers.required.param_groups for p in group["params"]}
    moved = [p for p in held if p.requires_grad]
    assert sum(p.numel() for p in moved) == ours.model.capacity()["trainable"]
    assert set(ours.state.optimizers.required.state) <= set(moved), (
        "what is frozen has no moments any more"
    )
    assert all(p.grad is None for p in held - set(moved))


def test_a_batch_of_several_tasks_and_none():
    net, x = grown("below", 3, inputs=5, hidden=(4, 3)), torch.randn(6, 5)
    which = torch.tensor([2, 0, 1, 1, 0, 2])
    mixed = net(x, which)
    for row, t in enumerate(which.tolist()):
        torch.testing.assert_close(mixed[row : row + 1], net(x[row : row + 1], t))
    everything = net(x)
    for t in range(3):
        torch.testing.assert_close(
            everything[:, 2 * t : 2 * t + 2], net(x, t)[:, 2 * t : 2 * t + 2]
        )


def test_what_it_cannot_grow_is_refused():
    with pytest.raises(HoldfastError, match=r"use holdfast\.models\.mlp"):
        Progressive(convnet((1, 8, 8), "separate"), "below")
    with pytest.raises(HoldfastError, match="expected head 'separate', got 'masked'"):
        Progressive(mlp(4, "masked", 4), "below")
    with pytest.raises(HoldfastError, match="use the task scenario"):
        learner(stream("class"), "PNN")
