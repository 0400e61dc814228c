"""Methods that mask, gate, freeze or adapt parts of the network.

Each must follow the equations of its paper. It must also keep old predictions to the byte, even
under AdamW with weight decay, which moves every parameter that is not protected.
"""

import pytest
import torch

from helpers import ADAMW, learner, stream
from holdfast import HoldfastError
from holdfast.methods import HAT, LoRA, OLoRA, PackNet, SupSup, XdG, parse_method
from holdfast.models import Classifier, convnet, make_head, mlp, slim_resnet18
from holdfast.models.adapted import Adapted
from holdfast.models.attention import Attention, _Attend
from holdfast.models.supermask import Masks, Supermasks
from holdfast.streams import named, permuted
from holdfast.training import Learner, optimizer

NETWORKS = {
    "mlp": lambda **k: mlp((1, 8, 8), hidden=(24, 16), **k),
    "convnet": lambda **k: convnet((1, 8, 8), **k),
}
ISOLATING = [
    "PackNet(3)",
    "HAT()",
    "SupSup()",
    "SeparateNetworks()",
    "LoRA()",
    "LoRA(freeze='start')",
]


def old_predictions(ours, s):
    x, _, _ = s[0].test.fetch(torch.arange(30))
    return ours.predict(x, 0)[:, :2].clone()


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("spec", ISOLATING)
def test_old_predictions_keep_their_bytes_under_adamw_with_decay(spec, network):
    s = stream("task")
    ours = Learner(
        NETWORKS[network](head="separate", seed=0),
        parse_method(spec),
        ADAMW,
        scenario="task",
        batch_size=64,
        epochs=2,
    )
    ours.train(s[0])
    before = old_predictions(ours, s)
    ours.train(s[1], s[2])
    assert torch.equal(before, old_predictions(ours, s))


@pytest.mark.parametrize("spec", ["PackNet(3)", "SeparateNetworks()"])
def test_norm_layers_keep_old_predictions_too(spec):
    s = stream("task")
    net = slim_resnet18((1, 8, 8), "separate", seed=0)
    ours = Learner(net, parse_method(spec), ADAMW, scenario="task", batch_size=64, steps=2).train(
        s[0]
    )
    before = old_predictions(ours, s)
    ours.train(s[1])
    assert torch.equal(before, old_predictions(ours, s))


def test_packnet_gives_equal_shares_and_says_when_none_is_left():
    s = stream("task")
    ours = learner(s, PackNet(3, epochs=1)).train(*s.tasks[:3])
    found = ours.model.capacity()
    assert found["free"] == 0
    assert max(found["tasks"]) - min(found["tasks"]) <= 2 * len(ours.model.names) + 2
    with pytest.raises(HoldfastError, match="no capacity left"):
        ours.begin(s[3])
    with pytest.raises(HoldfastError, match="give tasks=5"):
        learner(s, PackNet(3)).fit(s)


def test_packnet_keeps_the_largest_weights_of_each_layer():
    s = stream("task")
    ours = learner(s, PackNet(5, epochs=0))
    ours.begin(s[0])
    for b in ours.view.batches():
        ours.step(b)
    before = {n: ours.model.backbone.get_parameter(n).detach().clone() for n in ours.model.names}
    ours.end()
    for name, owner in ours.model.owners():
        kept, w = owner == 1, before[name].abs()
        assert abs(int(kept.sum()) - w.numel() / 5) <= 1
        assert float(w[kept].min()) >= float(w[~kept].max())
        assert not ours.model.backbone.get_parameter(name)[~kept].any()


def test_supsup_never_changes_a_weight_and_a_mixture_of_one_mask_is_that_mask():
    s = stream("task")
    ours = learner(s, SupSup())
    before = {
        n: p.detach().clone()
        for n, p in ours.model.named_parameters()
        if n.endswith("layer.weight")
    }
    ours.train(*s.tasks[:2])
    after = dict(ours.model.named_parameters())
    assert all(torch.equal(v, after[n]) and v.unique().numel() == 2 for n, v in before.items())
    bank, x = ours.model.masks[0], torch.rand(5, 64)
    assert isinstance(bank, Masks)
    assert torch.allclose(bank.mixed(x, torch.eye(2)[[1] * 5]), bank.apply_to(x, 1))
    assert float(bank.mask(0).float().mean()) == pytest.approx(0.5, abs=0.01)


@pytest.mark.data
def test_supsup_tells_which_permutation_it_sees(data_dir):
    s = permuted(named("ylecun/mnist", data_dir).limited(4000, 0), 2, "domain", seed=0)
    net = mlp(s.shape, "fixed", s.outputs, hidden=(200, 200), seed=0)
    ours = Learner(
        net, SupSup(), optimizer("adam", lr=1e-3), scenario="domain", epochs=2, batch_size=64
    ).train(*s.tasks)
    assert isinstance(ours.model, Supermasks)
    for t in s:
        x, _, _ = t.test.fetch(torch.arange(200))
        with torch.enable_grad():
            assert (
                float((ours.model.infer_task(ours.view.prepare(x)) == t.index).float().mean()) > 0.8
            )


def test_the_attention_of_hat_has_its_gradient_undone():
    e = torch.tensor([0.3, -1.2], requires_grad=True)
    _Attend.apply(e, 50.0, 400.0).sum().backward()
    a = torch.sigmoid(50 * e.detach())
    expected = (
        50
        * a
        * (1 - a)
        * (400 / 50)
        * (torch.cosh((50 * e.detach()).clamp(-50, 50)) + 1)
        / (torch.cosh(e.detach()) + 1)
    )
    assert torch.allclose(e.grad, expected, rtol=1e-4)


def test_the_scale_of_hat_rises_over_each_epoch():
    """HAT's Equation 3: s = 1 / s_max + (s_max − 1 / s_max) (b − 1) / (B − 1).

    Here b is the number of the batch in its epoch, and B the number of batches per epoch.
    """
    s = stream("task")
    ours = learner(s, HAT(scale=50.0), epochs=2, batch_size=64)
    ours.begin(s[0])
    found = []
    for batch in ours.view.batches():
        ours.step(batch)
        found.append(ours.model.scale)
    batches = ours.view.order(s[0]).per_epoch
    assert batches > 3
    rising = [1 / 50 + (50 - 1 / 50) * b / (batches - 1) for b in range(batches)]
    assert found == pytest.approx(rising * 2)


def test_embeddings_of_hat_stay_within_six_and_those_of_ended_tasks_stay():
    s = stream("task")
    ours = learner(s, HAT()).train(s[0])
    ended = [e.detach().clone() for e in ours.model.embeddings[0]]
    ours.begin(s[1])
    with torch.no_grad():
        for e in ours.model.embeddings[1]:
            e[::2], e[1::2] = 20.0, -20.0
    ours.step(next(ours.view.batches()))
    for e in ours.model.embeddings[1]:
        assert e[::2].tolist() == pytest.approx([6.0] * len(e[::2]))
        assert e[1::2].tolist() == pytest.approx([-6.0] * len(e[1::2]))
    assert all(torch.equal(a, b) for a, b in zip(ended, ours.model.embeddings[0], strict=True))


def test_hat_frees_a_weight_unless_both_its_units_are_taken():
    s = stream("task")
    ours = learner(s, HAT()).train(*s.tasks[:2])
    assert isinstance(ours.model, Attention)
    first, second = ours.model.taken()
    free = ours.model.free()
    by_hand = torch.tensor([[1 - min(i, j) for j in first.tolist()] for i in second.tolist()])
    assert torch.equal(free["backbone.3.weight"], by_hand)
    assert torch.equal(free["backbone.1.weight"], (1 - first)[:, None].expand(-1, 64))


def test_xdg_closes_the_share_it_was_given_and_none_of_it_is_finetune():
    s = stream("task")
    ours = learner(s, XdG(0.5)).train(*s.tasks[:2])
    gates = ours.model.get_buffer("gate_0")
    assert gates.sum(1).tolist() == [16, 16]
    assert not torch.equal(gates[0], gates[1])
    plain, open_ = (learner(s, m).train(*s.tasks[:2]) for m in ("FineTune()", "XdG(0.0)"))
    assert torch.equal(plain.view.space.theta, open_.view.space.theta)


@pytest.mark.parametrize("spec", ["HAT()", "PackNet()", "XdG()", "SeparateNetworks()", "LoRA()"])
@pytest.mark.parametrize("scenario", ["domain", "class"])
def test_without_a_task_id_they_refuse_and_say_what_to_use(spec, scenario):
    with pytest.raises(HoldfastError, match=r"task id selects.*(ER|OLoRA) if"):
        learner(stream(scenario), spec)


def test_an_adapter_is_a_low_rank_change_of_its_layer():
    s = stream("task")
    ours = learner(s, LoRA(rank=3, alpha=6.0)).train(*s.tasks[:2])
    net = ours.model
    assert isinstance(net, Adapted)
    layer = net.layers()[0]
    merged = (
        layer.base_layer.weight
        + 6.0 / 3 * layer.lora_B["task_1"].weight @ layer.lora_A["task_1"].weight
    )
    x = ours.view.prepare(s[1].test.fetch(torch.arange(5))[0])
    expected = torch.relu(x.flatten(1) @ merged.T + layer.base_layer.bias)
    net.features(x, 1)
    assert torch.allclose(torch.relu(layer(x.flatten(1))), expected, atol=1e-5)


def test_o_lora_adds_its_adapters_up_and_pushes_them_apart():
    s = stream("domain")
    ours = learner(s, OLoRA(0.5, rank=2, freeze="start"))
    ours.begin(s[0])
    assert ours.method.loss(ours.view, None) == 0, "the first adapter has none before it"
    ours = learner(s, OLoRA(0.5, rank=2, freeze="start")).train(s[0])
    ours.begin(s[1])
    step = ours.view.forward(next(ours.view.batches()))
    by_hand = sum(
        float((m.lora_A["task_0"].weight @ m.lora_A["task_1"].weight.T).detach().abs().sum())
        for m in ours.model.layers()
    )
    assert float(ours.method.loss(ours.view, step).detach()) == pytest.approx(
        0.5 * by_hand, rel=1e-5
    )
    overlap = {}
    for strength in (0.0, 0.5):
        one = learner(s, OLoRA(strength, rank=2, freeze="start"), ADAMW, epochs=4).train(
            *s.tasks[:2]
        )
        overlap[strength] = float(OLoRA(1.0).loss(one.view, None).detach())
    assert overlap[0.5] < overlap[0.0] / 2


def test_adapters_need_a_linear_layer():
    net = slim_resnet18((1, 8, 8), "separate", seed=0)
    with pytest.raises(HoldfastError, match="linear layers"):
        Learner(net, LoRA(), scenario="task")


def test_adapters_sit_on_a_transformers_linear_layers_in_training_and_in_inference():
    class Encoder(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.up = torch.nn.Linear(8, 16)
            self.layer = torch.nn.TransformerEncoderLayer(16, 2, 32, dropout=0.0, batch_first=True)

        def forward(self, x):
            return self.layer(self.up(x.flatten(1, 2))).mean(1)

    s = stream("task")
    net = Classifier(Encoder(), make_head("separate", 16))
    ours = Learner(net, LoRA(rank=2), ADAMW, scenario="task", epochs=1).train(*s.tasks[:2])
    assert {"up", "layer.linear1", "layer.linear2"} <= set(ours.model.targets)
    before, x = old_predictions(ours, s), ours.view.prepare(s[1].test.fetch(torch.arange(9))[0])
    model = ours.model.eval()
    with torch.no_grad():
        fast = model.features(x, 1)
    assert torch.allclose(fast, model.features(x, 1), atol=1e-5), (
        "torch's shortcut for inference does not pass the adapters by"
    )
    ours.train(s[2])
    assert torch.equal(before, old_predictions(ours, s))


@pytest.mark.parametrize(
    ("spec", "scenario", "second"),
    [
        ("OLoRA() + LatentReplay(20)", "class", "OLoRA"),
        ("OLoRA() + XdG()", "task", "XdG"),
        ("LatentReplay(20) + XdG()", "task", "XdG"),
    ],
)
def test_a_sum_in_which_two_parts_change_the_network_is_refused(spec, scenario, second):
    s = stream(scenario)
    with pytest.raises(HoldfastError, match=f"^{second} changes .* another method has changed"):
        learner(s, spec)
