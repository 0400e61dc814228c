"""What the rest of the library relies on.

The engine computes what a bare loop computes, a saved learner resumes bit for bit, and a sum of
loss terms does not depend on their order.
"""

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from forked import ended
from helpers import ADAMW, SGD, learner, same, stream, weights
from holdfast.models import mlp
from holdfast.streams import BatchOrder, to_float
from holdfast.training import Learner


class ThreeHeads(nn.Module):
    """What a user without Holdfast would write."""

    def __init__(self, backbone: nn.Module, heads: list[nn.Module]) -> None:
        super().__init__()
        self.backbone, self.heads = backbone, nn.ModuleList(heads)

    def forward(self, x: torch.Tensor, t: int) -> torch.Tensor:
        return self.heads[t](self.backbone(x))


@pytest.mark.parametrize("make", [SGD, ADAMW], ids=["sgd", "adamw"])
@pytest.mark.parametrize(
    "method", ["FineTune", "EWC(1e-12)"], ids=["plain", "with gradient vector"]
)
def test_the_engine_equals_a_bare_loop_bit_for_bit_over_three_heads(make, method):
    s = stream("task", 5)
    ours = learner(s, method, make)
    ours.view.head.open(0, 0, 2)
    for t in (1, 2):
        ours.view.head.open(t, 2 * t, 2 * t + 2)
    import copy

    bare = ThreeHeads(
        copy.deepcopy(ours.model.backbone), copy.deepcopy(list(ours.view.head.layers))
    )
    ours.view.head.open = lambda *a: (
        None
    )  # the same three heads from the start, as in the bare loop
    opt = make(bare.parameters())
    for task in s.tasks[:3]:
        ours.begin(task)
        if method != "FineTune":
            ours.method.strength = 0.0  # the vector is collected, nothing is added
        for batch in ours.view.batches():
            ours.step(batch)
        ours.end()
        order = BatchOrder(len(task.train), 32, 0, task.index, epochs=2)
        for index, _ in order:
            x, y, _ = task.train.fetch(index)
            opt.zero_grad()
            F.cross_entropy(bare(to_float(x), task.index), y - 2 * task.index).backward()
            opt.step()
    got, expected = list(ours.model.parameters()), list(bare.parameters())
    assert len(got) == len(expected) == 10
    for a, b in zip(got, expected, strict=True):
        assert torch.equal(a, b)


def test_heads_of_other_tasks_do_not_move_under_momentum_and_decay():
    s = stream("task", 5)
    ours = learner(s, "EWC(100)", ADAMW)
    ours.begin(s[0])
    for b in ours.view.batches():
        ours.step(b)
    ours.end()
    before = weights(ours.view.head.layers[0])
    ours.begin(s[1])
    for b in ours.view.batches():
        ours.step(b)
    assert same(before, weights(ours.view.head.layers[0]))


CONTINUE = """
import sys, torch
torch.set_num_threads(1)
sys.path.insert(0, {tests!r})
from helpers import learner, stream
s = stream("class")
l = learner(s, {method!r}, accumulate=1)
l.load({path!r}, tasks=s.tasks[: {begun}])
l.begin(s[1]) if l.state.active else None
for b in l.view.batches(): l.step(b)
l.end()
l.begin(s[2])
for b in l.view.batches(): l.step(b)
l.end()
l.save({out!r})
"""


@pytest.mark.parametrize(
    "method", ["ER(50) + LwF(alpha=1.0) + EWC(10)", "AGEM(60) + EWC(10)", "Joint()"]
)
def test_a_grown_composed_learner_goes_on_to_the_same_bits_in_another_process(
    method, tmp_path: Path
):
    s = stream("class")
    ours = learner(s, method)
    ours.begin(s[0])
    for b in ours.view.batches():
        ours.step(b)
    ours.end()
    ours.begin(s[1])
    for k, b in enumerate(ours.view.batches()):
        if k == 7:  # in the middle of the first epoch of the second task
            ours.save(tmp_path / "half.safetensors")
        ours.step(b)
    ours.end()
    ours.begin(s[2])
    for b in ours.view.batches():
        ours.step(b)
    ours.end()
    code = CONTINUE.format(
        tests=str(Path(__file__).parents[1]),
        method=method,
        path=str(tmp_path / "half.safetensors"),
        begun=2,
        out=str(tmp_path / "there.safetensors"),
    )
    there = ended(script=code)
    assert there.returncode == 0, there.stderr
    there = learner(s, method)
    there.load(tmp_path / "there.safetensors", tasks=s.tasks[:3])
    assert same(weights(ours.model), weights(there.model))
    assert same(weights(ours.method), weights(there.method))
    assert torch.equal(ours.state.random.state()["host"], there.state.random.state()["host"])


@pytest.mark.parametrize(
    "pair", [("AGEM(60)", "EWC(5)"), ("ER(50)", "LwF()"), ("ER(50)", "AGEM(60)")]
)
def test_a_sum_does_not_depend_on_how_it_is_written(pair):
    s = stream("class")
    results = []
    for spec in (" + ".join(pair), " + ".join(reversed(pair))):
        ours = learner(s, spec)
        ours.train(*s.tasks[:3])
        results.append(weights(ours.model))
    assert same(*results)
    assert not same(results[0], _alone(s, pair[0])), "the second part must have acted"


def _alone(s, spec):
    ours = learner(s, spec)
    ours.train(*s.tasks[:3])
    return weights(ours.model)


def test_dropout_in_a_hand_written_loop_follows_the_seed_of_the_learner():
    # AGEM computes a gradient on stored rows while the gradient of the step is edited.
    s = stream("class", tasks=5)
    trained = []
    for by_hand in (False, True):
        model = mlp(s.shape, "masked", s.outputs, hidden=(32, 16), seed=0)
        model.backbone.append(torch.nn.Dropout(0.5))
        made = Learner(model, "AGEM(40)", SGD, scenario="class", batch_size=32)
        for task in s.tasks[:2]:
            made.begin(task)
            for b in made.view.batches():
                if not by_hand:
                    made.step(b)
                    continue
                torch.rand(3)  # what the program draws does not matter
                made.view.space.zero_grad()
                made.loss(b).backward()
                made.edit_gradient()
                made.state.optimizers.required.step()
                made.after_step()
            made.end()
        trained.append(weights(made.model))
    assert same(*trained)


def test_the_learner_a_hand_written_loop_and_the_users_own_optimizer_give_the_same_weights():
    s = stream("class", tasks=5)
    method = "AGEM(40) + EWC(5)"
    whole = learner(s, method, head="masked")
    whole.train(*s.tasks[:2])

    finer = learner(s, method, head="masked")
    for task in s.tasks[:2]:
        finer.begin(task)
        for b in finer.view.batches():
            finer.view.space.zero_grad()
            finer.loss(b).backward()
            finer.edit_gradient()
            finer.state.optimizers.required.step()
            finer.after_step()
        finer.end()

    model = mlp(s.shape, "masked", s.outputs, hidden=(32, 16), seed=0)
    own = SGD(model.parameters())
    from holdfast.methods import parse_method

    users = Learner(model, parse_method(method), own, scenario="class", batch_size=32, epochs=2)
    for task in s.tasks[:2]:
        users.begin(task)
        for index, _ in BatchOrder(len(task.train), 32, 0, task.index, epochs=2):
            x, y, _ = task.train.fetch(index)
            own.zero_grad()
            users.loss((x, y)).backward()
            users.edit_gradient()
            own.step()
            users.after_step()
        users.end()
    assert same(weights(whole.model), weights(finer.model))
    assert same(weights(whole.model), weights(users.model))
