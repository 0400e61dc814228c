"""What "old" outputs are: those of the classes of ended tasks.

Which other outputs the head has open makes no difference.
"""

import pytest
import torch
import torch.nn.functional as F

from helpers import learner, stream
from holdfast.methods import parse_method
from holdfast.streams import digits, from_arrays

OPEN = ["seen", "all"]


def after_one_task(spec, outputs):
    """A learner at the first batch of task 2 whose weights are the same for every `outputs`."""
    s = stream("class")
    ours = learner(s, spec, head="masked", outputs=outputs)
    ours.begin(s[0])
    ours.end()
    ours.begin(s[1])
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        ours.view.space.theta += 0.3 * torch.randn(len(ours.view.space.theta), generator=generator)
    return ours, next(ours.view.batches())


def months():
    """Domain scenario, labels {0, 2}, then {1, 2}, then {0, 1, 3}."""
    x, y = digits().train_x[:900], digits().train_y[:900]
    parts = [[0, 2], [1, 2], [0, 1, 3]]
    month = [m for m, part in enumerate(parts) for k, v in enumerate(y) if v in part and k % 3 == m]
    rows = [k for m, part in enumerate(parts) for k, v in enumerate(y) if v in part and k % 3 == m]
    return from_arrays(x[rows], y[rows], month, "domain")


def divergence(z, old, temperature):
    p, q = ((v / temperature).softmax(1) for v in (old, z))
    return (p * (p.log() - q.log())).sum(1).mean()


@pytest.mark.parametrize("outputs", OPEN)
def test_lwf_distils_the_outputs_of_ended_tasks_alone(outputs):
    ours, batch = after_one_task("LwF()", outputs)
    step = ours.view.forward(batch)
    old = ours.method.teacher(ours.model, step.x, None)
    by_hand = 4 * divergence(step.logits[:, :2], old[:, :2], 2.0)
    assert torch.allclose(ours.method.loss(ours.view, step), by_hand)


def test_lwf_over_all_outputs_takes_in_those_that_are_open():
    ours, batch = after_one_task("LwF(outputs='all', t_squared=False)", "all")
    step = ours.view.forward(batch)
    old = ours.method.teacher(ours.model, step.x, None)
    assert torch.allclose(ours.method.loss(ours.view, step), divergence(step.logits, old, 2.0))


@pytest.mark.parametrize("spec", ["LwF()", "ER_LwF(50)", "ER_LwF_EWC(50)"])
def test_new_outputs_get_no_gradient_from_lwf(spec):
    ours, batch = after_one_task(spec, "all")
    lwf = next(p for p in ours.method.parts if p.name == "LwF")
    step = ours.view.forward(batch)
    (g,) = torch.autograd.grad(lwf.loss(ours.view, step), ours.view.head.linear.bias)
    assert bool(g[:2].all())
    assert not bool(g[2:].any())


def test_in_the_domain_scenario_old_outputs_are_the_labels_that_ended_tasks_had():
    s = months()
    ours = learner(s, "LwF(t_squared=False)").train(s[0])
    for task, expected in ((s[1], [0, 2]), (s[2], [0, 1, 2])):
        ours.begin(task)
        with torch.no_grad():
            ours.view.space.theta.mul_(1.2)
        step = ours.view.forward(next(ours.view.batches()))
        old = ours.method.teacher(ours.model, step.x, None)
        loss = ours.method.loss(ours.view, step)
        by_hand = divergence(step.logits[:, expected], old[:, expected], 2.0)
        assert torch.allclose(loss, by_hand, rtol=1e-4, atol=1e-6)
        (g,) = torch.autograd.grad(loss, ours.view.head.linear.bias)
        assert g.nonzero().flatten().tolist() == expected
        ours.end()


@pytest.mark.parametrize("outputs", OPEN)
def test_icarl_keeps_the_old_outputs_and_learns_the_labels_of_the_new(outputs):
    ours, batch = after_one_task("iCaRL(40)", outputs)
    step = ours.view.forward(batch)
    old = ours.method.teacher(ours.model, step.x, None)[:, :2].sigmoid()
    target = torch.cat([old, F.one_hot(step.batch.y, 4)[:, 2:].float()], 1)
    terms = F.binary_cross_entropy_with_logits(step.logits[:, :4], target, reduction="none")
    by_hand = terms.sum(1).mean()
    assert torch.allclose(ours.method.criterion(ours.view, step), by_hand)


@pytest.mark.parametrize("outputs", OPEN)
@pytest.mark.parametrize("labels", ["hard", "soft"])
def test_replayed_inputs_get_labels_of_ended_tasks(labels, outputs):
    ours, batch = after_one_task(f"GenerativeReplay((16,), 4, labels={labels!r})", outputs)
    drawn = ours.method.draw(ours.view, batch)
    assert set(drawn.y[len(batch) :].tolist()) <= {0, 1}
    if labels == "soft":
        logits = drawn.block("GenerativeReplay").payloads["logits"]
        assert logits.isfinite().any(0).nonzero().flatten().tolist() == [0, 1]


def test_replayed_inputs_get_no_label_that_no_ended_task_had():
    s = months()
    ours = learner(s, "GenerativeReplay((16,), 4, labels='soft')").train(s[0])
    ours.begin(s[1])
    with torch.no_grad():
        ours.view.head.linear.bias[[1, 3]] += 100
    # A teacher that prefers outputs without a class.
    ours.method.old.take(ours.model, ours.view.space, 4)
    batch = next(ours.view.batches())
    drawn = ours.method.draw(ours.view, batch)
    assert set(drawn.y[len(batch) :].tolist()) <= {0, 2}
    assert not torch.isfinite(drawn.block("GenerativeReplay").payloads["logits"][:, [1, 3]]).any()
    assert torch.isfinite(ours.step(batch))


def test_the_logits_of_der_are_those_of_every_open_output():
    """DER also stores logits of outputs that are open but new.

    This is no fault, because DER holds new outputs down by these logits.
    """
    for outputs, known in (("seen", 2), ("all", 10)):
        s = stream("class")
        ours = learner(s, "DER(50)", head="masked", outputs=outputs).train(s[0])
        assert set(ours.method.memory.payloads()["logits"].isfinite().sum(1).tolist()) == {known}


@pytest.mark.parametrize("outputs", OPEN)
def test_er_ace_leaves_out_classes_that_were_seen_and_are_not_in_the_batch(outputs):
    s = stream("class")
    ours = learner(s, "ERACE(50)", head="masked", outputs=outputs).train(s[0])
    ours.begin(s[1])
    step = ours.view.forward(next(ours.view.batches()))
    rest = [2, 3] if outputs == "seen" else list(range(2, 10))
    by_hand = F.cross_entropy(step.logits[:, rest], step.batch.y - 2)
    assert torch.allclose(ours.method.criterion(ours.view, step), by_hand)


@pytest.mark.parametrize(
    "spec",
    ["ER(30) + BiC(40)", "ER(30) + WA(lengthen=True)", "LwF()", "GenerativeReplay((16,), 4)"],
)
def test_a_learner_loaded_without_its_tasks_knows_which_outputs_are_new(spec, tmp_path):
    s = stream("class")
    whole = learner(s, spec, head="masked").train(s[0])
    whole.save(tmp_path / "half.safetensors")
    again = learner(s, parse_method(spec), head="masked")
    again.load(tmp_path / "half.safetensors")
    for ours in (whole, again):
        ours.train(s[1])
    assert torch.equal(whole.view.space.theta, again.view.space.theta)
    x = s[1].test.fetch(torch.arange(50))[0]
    assert torch.equal(whole.predict(x), again.predict(x))


def test_a_teacher_keeps_its_answers_when_adapters_are_put_around_its_layers():
    s = stream("task")
    a = learner(s, "OLoRA() + LwF(0.5)", epochs=2).train(s[0])
    x = a.view.prepare(s[0].test.fetch(torch.arange(32))[0])
    with torch.no_grad():
        before = a.model.eval()(x, 0)[:, :2]
    a.begin(s[1])
    for batch in a.view.batches():
        a.step(batch)
    teacher = next(p for p in a.method.parts if p.name == "LwF").teacher
    with torch.no_grad():
        assert torch.allclose(teacher(a.model, x, 0)[:, :2], before, atol=1e-6)
        assert not torch.allclose(a.model.eval()(x, 0)[:, :2], before, atol=1e-3), (
            "the model itself moved"
        )
