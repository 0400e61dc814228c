"""The conformance suite over every export, and doubles that break each law in turn."""

import pytest
import torch

from helpers import laws_on_digits
from holdfast.checks import LAWS, LawBroken, check_method
from holdfast.engine.batch import Batch, Rows
from holdfast.engine.memory import Memory
from holdfast.methods import EWC, METHODS, FineTune
from holdfast.methods.method import Declaration, Method
from holdfast.methods.replay import Replay
from holdfast.streams.task import JoinedPart


@pytest.fixture(scope="module", autouse=True)
def _two_batches_per_epoch():
    """The methods below that break a law each show that so few digits are enough."""
    with laws_on_digits(450, row_by_row=340):
        yield


@pytest.mark.parametrize("spec", [s for method in METHODS.values() for s in method.small_specs()])
def test_every_method_keeps_every_law(spec):
    assert check_method(spec) == list(LAWS)


def test_a_sum_keeps_them_too():
    check_method("ER(40) + LwF(alpha=1.0) + EWC(1.0)")


BASE = Declaration("double", "–", "breaks a law", memory="none", boundaries=False)


class Double(Method):
    """A method of one's own that keeps every law."""

    declaration = BASE

    def __init__(self):
        super().__init__()


class Unrepeatable(Double):
    """Spec: another object each time."""

    def __repr__(self):
        return f"Unrepeatable({id(self)})"


class GlobalNoise(Double):
    """Determinism: draws from the global generator outside the learner's."""

    def begin(self, learner, task):
        self.noise = float(
            torch.rand((), generator=torch.Generator().manual_seed(torch.seed() % 2**31))
        )
        return task

    def penalty(self, learner, g):
        g.add_(1e-3 * self.noise)


class Selfish(Double):
    """Composition: what it does depends on its neighbours' order, here on who was built last."""

    built = 0

    def __init__(self):
        super().__init__()
        Selfish.built += 1
        self.number = Selfish.built

    def penalty(self, learner, g):
        g.add_(1e-3 * (self.number % 7))


class Accepting(Double):
    """Composition: isolates tasks by declaration, but its sum is not refused."""

    declaration = Declaration("double", "–", "", memory="none", isolates=True)

    def __add__(self, other):
        return FineTune() + EWC(0)


class Forgetful(Double):
    """Saving: a counter outside `host`."""

    count = 0

    def penalty(self, learner, g):
        self.count += 1
        g.add_(1e-4 * self.count)


class Shrinking(Double):
    """Growth: wipes its θ-shaped buffer when a task begins."""

    declaration = Declaration("double", "–", "")

    def __init__(self):
        super().__init__()
        self.v = self.vector_state()

    def begin(self, learner, task):
        if self.v is not None:
            self.v.zero_()
        return task

    def consolidate(self, learner, task):
        self.v = torch.ones_like(learner.space.theta)


class NeverOff(Double):
    """Strength 0: acts all the same."""

    declaration = Declaration("double", "–", "", memory="none", neutral=(("strength", 0),))

    def __init__(self, strength: float = 1.0):
        super().__init__()

    def penalty(self, learner, g):
        g.add_(1e-3)


class NoisyOff(Double):
    """Strength 0: leaves weights alone, but takes numbers from the learner's generator."""

    declaration = Declaration("double", "–", "", memory="none", neutral=(("strength", 0),))

    def __init__(self, strength: float = 1.0):
        super().__init__()

    def after(self, learner, step):
        torch.rand(1)


class Hoarder(Double):
    """Bytes: declared to keep nothing."""

    def __init__(self):
        super().__init__()
        self.kept = self.tensor_state(torch.zeros(0))

    def consolidate(self, learner, task):
        self.kept = torch.zeros(10)


class Growing(Double):
    """Bytes: declared constant."""

    declaration = Declaration("double", "–", "", memory="constant")

    def __init__(self):
        super().__init__()
        self.kept = self.tensor_state(torch.zeros(0))

    def consolidate(self, learner, task):
        self.kept = torch.zeros(10 * (task.index + 1))


class Peeking(Double):
    """Task id: shifts predictions by the task that `predict` was asked for, found on the stack."""

    def predict(self, learner, x, task):
        import inspect

        asked = inspect.stack()[1].frame.f_locals.get("task") or 0
        return learner.model(x, task) + torch.arange(learner.head.width) * asked


class ByName(Double):
    """Task id: trains differently for one name."""

    def penalty(self, learner, g):
        g.mul_(0.5 if learner.tasks[-1].name.startswith("0") else 1.0)


class Transductive(Double):
    """Predictions from the other test rows."""

    def predict(self, learner, x, task):
        return learner.model(x - x.mean(0, keepdim=True), task)


class Touching(Double):
    """Evaluation: counts how often it predicts."""

    def predict(self, learner, x, task):
        self.host["asked"] = self.host.get("asked", 0) + 1
        return learner.model(x, task)


class LearningWhileTested(Double):
    """Evaluation: learns from the rows that it predicts, as methods of test-time adaptation do."""

    def predict(self, learner, x, task):
        z = learner.model(x, task)
        with torch.no_grad():
            learner.space.theta.mul_(1 - 1e-6)
        return z


class NeverSettled(Double):
    """Evaluation: predicts in training mode, so BatchNorm uses statistics of the test rows."""

    def predict(self, learner, x, task):
        return learner.model.train()(x, task)


class Dicing(Double):
    """Evaluation: adds noise to its predictions, another at each time."""

    def __init__(self):
        super().__init__()
        self.noise = torch.Generator().manual_seed(0)

    def predict(self, learner, x, task):
        z = learner.model(x, task)
        return z + torch.randn(z.shape, generator=self.noise)


class FittedToTheTest(Double):
    """Held-out rows: moves the weights by what the test part holds."""

    def consolidate(self, learner, task):
        x, y, _ = task.test.fetch(torch.arange(len(task.test)))
        learner.gradient_on(
            Batch.of_stream(Rows.of_task(x, y, task.index)), out=learner.space.scratch
        )
        learner.space.theta.data.sub_(learner.space.scratch, alpha=0.01)


class CountingTheTest(Double):
    """Held-out rows: reads the test labels alone."""

    def begin(self, learner, task):
        self.host["labels"] = task.test.y.tolist()
        return task


class KnowingByHeart(Double):
    """Held-out rows: looks up its predictions among the test rows.

    It keeps them in a plain attribute, so they are in none of its buffers.
    """

    def __init__(self):
        super().__init__()
        self.answers = {}

    def begin(self, learner, task):
        x, y, _ = task.test.fetch(torch.arange(len(task.test)))
        keys = [row.numpy().tobytes() for row in learner.prepare(x, augment=False)]
        self.answers |= dict(zip(keys, y.tolist(), strict=True))
        return task

    def predict(self, learner, x, task):
        z = learner.model(x, task)
        for row, one in zip(z, x, strict=True):
            if (known := self.answers.get(one.numpy().tobytes())) is not None:
                row[known] = 100.0
        return z


class TrainedOnValidation(Double):
    """Held-out rows: joins the validation rows to the training part."""

    def begin(self, learner, task):
        return (
            task
            if task.validation is None
            else task.with_training(JoinedPart([task.train, task.validation]))
        )


class ValidationInMemory(Double):
    """Held-out rows: stores the validation rows for replay."""

    declaration = Declaration("double", "–", "", stores_examples=True)

    def __init__(self):
        super().__init__()
        self.memory = Memory(20)

    def consolidate(self, learner, task):
        if task.validation is not None:
            x, y, t = task.validation.fetch(torch.arange(20))
            self.memory.insert(Rows(x, y, t))


class BehindTheRows(Double):
    """Held-out rows: finds them in the array that the training rows are a part of."""

    def begin(self, learner, task):
        self.host["sum"] = int(task.train.x.sum())
        return task


class Drifting(Double):
    """What must not move: pushes every parameter, with or without a gradient."""

    declaration = Declaration("double", "–", "", scenarios=("task",), memory="none")

    def after(self, learner, step):
        learner.space.theta.add_(1e-4)


class LeakyIsolation(Double):
    """What must not move: isolates by declaration, but nothing is frozen."""

    declaration = Declaration("double", "–", "", scenarios=("task",), memory="none", isolates=True)


class Hidden(Double):
    """Devices: a tensor that is no buffer."""

    def consolidate(self, learner, task):
        self.secret = torch.zeros(3)


class InATuple(Double):
    """Devices: a tensor in a list in a tuple, which the network does not know of."""

    def consolidate(self, learner, task):
        self.secret = ([torch.zeros(3)],)


BROKEN = {
    Unrepeatable: "its repr builds it again",
    GlobalNoise: "the same seed gives the same bits",
    Selfish: "the same seed gives the same bits",
    Accepting: "sums do not depend on their order",
    Forgetful: "saved in the middle, it resumes bit for bit",
    Shrinking: "growth keeps what was there",
    NeverOff: "strength 0 equals absent",
    NoisyOff: "strength 0 equals absent",
    Hoarder: "bytes are as declared",
    Growing: "bytes are as declared",
    Peeking: "the task id is not used where it is hidden",
    ByName: "the task id is not used where it is hidden",
    Transductive: "the task id is not used where it is hidden",
    Touching: "evaluation changes nothing",
    LearningWhileTested: "evaluation changes nothing",
    NeverSettled: "evaluation changes nothing",
    Dicing: "evaluation changes nothing",
    FittedToTheTest: "held-out rows change nothing",
    KnowingByHeart: "held-out rows change nothing",
    CountingTheTest: "held-out rows change nothing",
    TrainedOnValidation: "held-out rows change nothing",
    ValidationInMemory: "held-out rows change nothing",
    BehindTheRows: "held-out rows change nothing",
    Drifting: "what must not move does not move",
    LeakyIsolation: "what must not move does not move",
    Hidden: "all state moves with the device",
    InATuple: "all state moves with the device",
}


def test_a_method_of_ones_own_passes():
    check_method(Double())


@pytest.mark.parametrize("double", BROKEN, ids=lambda d: d.__name__)
def test_each_double_is_caught_by_its_law(double):
    with pytest.raises(LawBroken) as caught:
        check_method(double())
    assert BROKEN[double] in str(caught.value)


def test_every_law_has_a_double_that_breaks_it():
    assert set(BROKEN.values()) == set(LAWS)


def test_order_of_sums_is_checked_beyond_sorting(monkeypatch):
    from holdfast.methods import compose

    monkeypatch.setattr(compose, "sorted", lambda values, key=None: list(values), raising=False)

    class Last(Replay):
        """Its draw depends on what others drew before it."""

        declaration = Declaration("double", "–", "", stores_examples=True)

        def __init__(self):
            super().__init__(30, "reservoir", "stream")

        def draw(self, learner, batch):
            return (
                batch
                if not len(self.memory)
                else batch.add("Last", self.memory.sample(len(batch) // 2), 1.0)
            )

    with pytest.raises(LawBroken, match="sums do not depend"):
        check_method(Last(), scenarios=("class",))


def test_sharing_a_memory_is_no_way_around_the_laws():
    check_method("ER(40, store='m') + AGEM(40, store='m')")
