"""Methods at their edges: before the first boundary, with nothing stored, with a single row."""

import inspect

import pytest
import torch

from helpers import learner, same, stream, weights
from holdfast.errors import HoldfastError
from holdfast.methods import METHODS, Declaration, FineTune, Method, parse_method
from holdfast.methods.teacher import Teacher
from holdfast.methods.view import LearnerView
from holdfast.models import mlp
from holdfast.streams.task import ArrayPart
from holdfast.training import Learner, optimizer
from holdfast.training.view import View

# ---- the base of all methods


def test_the_hooks_of_the_base_change_nothing():
    class Plain(Method):
        declaration = Declaration("baseline", "–", "does nothing")

    s, plain = stream("domain"), Plain()
    ours = learner(s, FineTune())
    ours.begin(s[0])
    batch = next(ours.view.batches())
    step, vector = ours.view.forward(batch), torch.tensor([1.0, -2.0])
    assert plain.attach(ours.model) is ours.model
    assert plain.begin(ours.view, s[0]) is s[0]
    assert plain.draw(ours.view, batch) is batch
    assert plain.loss(ours.view, step) == 0.0
    plain.penalty(ours.view, vector)
    assert plain.gradient(ours.view, step, vector) is vector
    assert plain.update(ours.view, step, vector) is vector
    assert vector.tolist() == [1.0, -2.0]
    assert plain.consolidate(ours.view, s[0]) is None


def test_classes_beside_a_method_hear_of_its_subclasses():
    heard = []

    class Listening:
        def __init_subclass__(cls, **rest):
            super().__init_subclass__(**rest)
            heard.append(cls.__name__)

    class Both(FineTune, Listening):
        pass

    assert heard == ["Both"]
    assert repr(Both()) == "Both()"


def test_the_view_of_methods_is_the_view_of_the_learner():
    """A method is typed against the protocol, so the learner's view must take the same calls."""
    for name, promised in vars(LearnerView).items():
        if inspect.isfunction(promised) and not name.startswith("_"):
            given = inspect.signature(getattr(View, name)).parameters
            for parameter in inspect.signature(promised).parameters.values():
                assert parameter.default == given[parameter.name].default, name
                assert parameter.kind == given[parameter.name].kind, name


# ---- before anything is stored


# GSS has a score for each place of its memory from the start.
@pytest.mark.parametrize("name", [name for name in METHODS if name != "GSS"])
def test_a_new_method_keeps_no_byte(name):
    assert parse_method(METHODS[name].small_specs()[0]).state_bytes() == 0


@pytest.mark.parametrize("spec", ["OLoRA(freeze='start')", "LwF()", "DER(40)", "EWC(5)", "ER(40)"])
def test_the_first_loss_is_that_of_plain_training(spec):
    s, losses = stream("domain"), []
    for method in ("FineTune()", spec):
        ours = learner(s, method)
        ours.begin(s[0])
        losses.append(float(ours.loss(next(ours.view.batches())).detach()))
    assert losses[0] == losses[1]


@pytest.mark.parametrize("spec", ["GenerativeReplay((16,), 4)", "ER(40)", "EWC(1.0)", "LwF()"])
def test_a_learner_that_is_saved_in_its_first_task_resumes_bit_for_bit(spec, tmp_path):
    s = stream("domain")
    ours, resumed = learner(s, spec, steps=4), learner(s, spec, steps=4)
    ours.begin(s[0])
    batches = ours.view.batches()
    ours.step(next(batches))
    ours.save(tmp_path / "first.safetensors")
    for batch in batches:
        ours.step(batch)
    ours.end()
    resumed.load(tmp_path / "first.safetensors", tasks=s.tasks[:1])
    resumed.train(s[0])
    for each in (ours, resumed):
        each.train(s[1])
    assert same(weights(ours.model), weights(resumed.model))


@pytest.mark.parametrize("spec", ["NCM()", "SLDA()", "RanPAC(40)", "iCaRL(40)", "OML(40)"])
def test_a_learner_that_loads_predicts_as_the_one_that_saved(spec, tmp_path):
    """Both have predicted after as many examples and steps, but of other data."""
    x, learners = stream("class")[0].test.fetch(torch.arange(30))[0], []
    for order in (range(10), range(9, -1, -1)):
        s, method = stream("class", order=list(order)), parse_method(spec)
        model = mlp(s.shape, "masked", s.outputs, hidden=(16,), seed=0)
        if not method.declare().trains:
            model.freeze()
        make = optimizer("sgd", lr=0.05)
        learners.append(Learner(model, method, make, scenario="class", steps=5, batch_size=32))
        learners[-1].train(s[0])
        learners[-1].predict(x)
    first, second = learners
    assert not torch.equal(first.predict(x), second.predict(x))
    first.save(tmp_path / "first.safetensors")
    second.load(tmp_path / "first.safetensors", tasks=stream("class").tasks[:1])
    assert torch.equal(first.predict(x), second.predict(x))


@pytest.mark.parametrize("spec", ["Joint()", "Cumulative()"])
def test_a_task_may_bring_a_single_row_to_all_data(spec):
    s = stream("domain")
    x, y, _ = s[1].train.fetch(torch.tensor([3]))
    ours = learner(s, spec, steps=1).train(s[0], s[1].with_training(ArrayPart(x, y, 1)))
    row_bytes = 8 * 8 + 8  # pixels of one byte, and a label
    assert ours.method.state_bytes() == row_bytes * (len(s[0].train) + 1)


@pytest.mark.parametrize("spec", ["Joint()", "Cumulative()"])
def test_a_task_that_needs_lost_data_is_refused_before_it_begins(spec, tmp_path):
    x, y = torch.eye(8).repeat(2, 1), torch.arange(8).repeat(2)
    ours = Learner(mlp(8, "growing", 2, seed=0), spec, scenario="class", steps=1)
    ours.learn((x[y < 2], y[y < 2]), name="nov")
    ours.save(tmp_path / "one.hf")
    loaded = Learner.load(tmp_path / "one.hf")
    # A task that had begun would have to be ended before another.
    for _ in range(2):
        with pytest.raises(HoldfastError, match="examples of task 'nov' are not at hand"):
            loaded.learn((x, y), name="dec")
        assert [task.name for task in loaded.state.tasks] == ["nov"]


def test_a_teacher_knows_all_ended_tasks_even_if_nobody_asked_after_each():
    s = stream("class")
    ours = learner(s, "FineTune()", head="masked", steps=1).train(*s.tasks)
    # A new mask may take the place in memory of an older one, which does not happen every time.
    for _ in range(20):
        teacher = Teacher()
        for task in s:
            teacher.follow(ours.view, task, task.outputs[1])
            if task.index % 2 == 0:
                assert teacher.ended.tolist() == list(range(task.outputs[1]))
