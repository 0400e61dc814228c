"""Inputs of several tensors train as one tensor does, and go through everything that stores."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from tests.helpers import SGD, same, stream, weights
from torch import nn

from holdfast.checks.parts import TASKS, small_stream
from holdfast.errors import HoldfastError
from holdfast.methods import ER, EWC, METHODS, parse_method
from holdfast.models import Classifier, Pooled, classifier_from, mlp
from holdfast.models.heads import make_head
from holdfast.named_inputs import NamedInputs
from holdfast.streams import from_arrays, from_datasets, permuted
from holdfast.streams.source import Source
from holdfast.streams.task import ArrayPart
from holdfast.training import Learner, optimizer
from holdfast.training.checkpoint import Checkpoints

# One spec per method, and only of those that any network can be used with.
ANY_INPUT = [m.small_specs()[0] for m in METHODS.values() if not m.declaration.needs]


class Named(nn.Module):
    """A backbone that takes its input by name, and another one that it must not be given."""

    def __init__(self, backbone: nn.Module) -> None:
        super().__init__()
        self.backbone = backbone

    def forward(self, *, image: torch.Tensor) -> torch.Tensor:
        return self.backbone(image)


def by_name(part: ArrayPart) -> ArrayPart:
    x, y, tasks = part.fetch(torch.arange(len(part)))
    inputs = NamedInputs({"image": x, "number": torch.arange(len(x))}, hidden=("number",))
    return ArrayPart(inputs, y, int(tasks[0]))


def plain_and_named(scenario: str):
    """The same stream twice: with images as tensors, and under a name beside a hidden tensor."""
    plain = small_stream(scenario)
    named = [replace(t, train=by_name(t.train), test=by_name(t.test)) for t in plain]
    return plain.tasks, named, plain


@pytest.mark.parametrize("spec", ANY_INPUT)
def test_an_input_under_a_name_gives_the_same_bits_as_a_tensor(spec):
    method = parse_method(spec)
    declared = [part.declare() for part in method.parts]
    scenario = "class" if all("class" in d.scenarios for d in declared) else "task"
    plain, named, whole = plain_and_named(scenario)
    assert len(plain) == TASKS
    ended = []
    for tasks, wrap in ((plain, nn.Identity), (named, Named)):
        kind = "masked" if scenario == "class" else "separate"
        model = mlp(whole.shape, kind, whole.outputs, hidden=(24, 16), seed=0)
        model.backbone = wrap(model.backbone) if wrap is Named else model.backbone
        if not all(d.trains for d in declared):
            model.freeze()
        learner = Learner(model, parse_method(spec), SGD, scenario=scenario, batch_size=64)
        learner.train(*tasks)
        ended.append((learner, [learner.evaluate(task).mean() for task in tasks]))
    (one, scores), (other, named_scores) = ended
    assert scores == named_scores
    # The names of the parameters differ, because one backbone is inside another module.
    pairs = zip(weights(one.model).values(), weights(other.model).values(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)


def texts(rows: int = 60, seed: int = 0):
    """Token ids of several lengths in three tasks. Each label has tokens of its own."""
    numbers = np.random.default_rng(seed)
    y = np.arange(rows) % 6
    ids = [list(numbers.integers(1, 5, numbers.integers(2, 9)) + 5 * label) for label in y]
    masks = [[1] * len(one) for one in ids]
    return {"input_ids": ids, "attention_mask": masks}, y, y // 2


PADDING = {"input_ids": 0, "attention_mask": 0}


class Bag(nn.Module):
    """The mean of the embeddings of the tokens that are no padding."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(40, 12)
        nn.init.normal_(self.embedding.weight, generator=torch.Generator().manual_seed(0))

    def forward(self, input_ids, attention_mask):
        mask = attention_mask[..., None].to(self.embedding.weight.dtype)
        return (self.embedding(input_ids) * mask).sum(1) / mask.sum(1)


def text_learner(s, method, **options) -> Learner:
    torch.manual_seed(0)
    model = Classifier(Bag(), make_head("masked", 12, s.outputs))
    settings = {"scenario": "class", "batch_size": 8, "epochs": 4} | options
    return Learner(model, method, optimizer("adam", lr=0.02), **settings)


def text_stream(**options):
    x, y, task = texts()
    return from_arrays(x, y, task, "class", padding=PADDING, **options)


def test_batches_are_as_long_as_their_longest_sequence():
    s = text_stream()
    x, _, _ = s[0].train.fetch(torch.arange(len(s[0].train)))
    for row in range(len(x)):
        one, _, _ = s[0].train.fetch(torch.tensor([row]))
        length = int(x["attention_mask"][row].sum())
        assert one["input_ids"].shape == (1, length)
        assert bool(one["attention_mask"].all())


def test_a_memory_of_texts_is_compact_and_learners_resume_with_it(tmp_path):
    s = text_stream(aside={"number": np.arange(60)})
    whole = text_learner(s, ER(20))
    run = whole.fit(s)
    assert float(run.matrix.to_array(untrained=False)[-1].mean()) > 0.9
    memory = whole.method.memory
    kinds = {name: value.dtype for name, value in memory.named_states()}
    # Ids up to 29 and a mask of ones fit into one byte each; so do numbers of examples below 128.
    assert [kinds[f"x_{k}"] for k in range(3)] == [torch.int8] * 3
    rows = memory.everything()
    assert rows.x["input_ids"].dtype == torch.int64
    # Each row is one that was trained on, under its own number.
    ids, y = texts()[0]["input_ids"], texts()[1]
    for place in range(len(rows)):
        number = int(rows.x["number"][place])
        length = int(rows.x["attention_mask"][place].sum())
        assert rows.x["input_ids"][place, :length].tolist() == ids[number]
        assert int(rows.y[place]) == y[number]

    class Stop(Exception):
        pass

    def stop(task, step, steps):
        if task.index == 1 and step == 3:
            raise Stop

    again = text_learner(s, ER(20))
    with pytest.raises(Stop):
        again.fit(s, checkpoints=Checkpoints(tmp_path, every=0), progress=stop)
    resumed = text_learner(s, ER(20))
    assert resumed.fit(s, checkpoints=tmp_path).matrix == run.matrix
    assert same(weights(resumed.model), weights(whole.model))


def test_a_column_of_small_integers_grows_when_larger_ones_come():
    s = text_stream(aside={"number": np.arange(60) * 1000})
    learner = text_learner(s, ER(60)).train(*s.tasks)
    numbers = learner.method.memory.everything().x["number"]
    assert int(numbers.max()) > 2**15
    assert set(numbers.tolist()) <= {1000 * k for k in range(60)}


def test_fisher_of_several_inputs_is_the_mean_of_squared_gradients():
    s = text_stream()
    learner = text_learner(s, EWC(1.0))
    learner.train(s[0])
    kept = dict(learner.method.named_states())
    x, _, _ = s[0].train.fetch(torch.arange(len(s[0].train)))
    expected = torch.zeros_like(learner.view.space.theta)
    for row in range(len(x)):
        one = x[slice(row, row + 1)]
        logits = learner.model(one, None)[:, :2]
        log_p = logits.log_softmax(1)[0]
        for label in range(2):
            grads = torch.autograd.grad(
                log_p[label], learner.view.space.parameters, retain_graph=True, allow_unused=True
            )
            g = learner.view.space.gather(list(grads))
            expected += log_p[label].exp().detach() * g.square() / len(x)
    torch.testing.assert_close(kept["fisher_sum"], expected, rtol=1e-4, atol=1e-8)


def test_a_transformer_that_returns_an_object_is_trained_by_its_own_last_layer():
    transformers = pytest.importorskip("transformers")
    config = transformers.BertConfig(
        vocab_size=40,
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        num_labels=3,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
    )
    torch.manual_seed(0)
    bert = transformers.BertForSequenceClassification(config)
    x, _, _ = text_stream()[0].train.fetch(torch.arange(4))
    with torch.no_grad():
        before = bert.eval()(**x).logits
    model = classifier_from(bert, head="classifier", kind="growing")
    s = text_stream()
    model.head.open(0, 0, 3)
    with torch.no_grad():
        torch.testing.assert_close(model.eval()(x)[:, :3], before)
    fresh = classifier_from(
        transformers.BertForSequenceClassification(config), head="classifier", kind="growing"
    )
    learner = Learner(fresh, ER(20), optimizer("adam", lr=0.01), scenario="class", epochs=8)
    run = learner.fit(s)
    assert float(run.matrix.to_array(untrained=False)[-1].mean()) > 0.5
    # Predictions take what a tokenizer returns.
    answers = learner.predict({"input_ids": x["input_ids"], "attention_mask": x["attention_mask"]})
    assert answers.shape == (4, 6)


def test_hidden_states_are_pooled_without_padding():
    class States(nn.Module):
        def forward(self, input_ids, attention_mask):
            return input_ids[..., None].float()

    ids = torch.tensor([[1, 2, 6, 0], [0, 0, 4, 8]])
    mask = torch.tensor([[1, 1, 1, 0], [0, 0, 1, 1]])
    inputs = {"input_ids": ids, "attention_mask": mask}
    assert Pooled(States())(**inputs).flatten().tolist() == [3, 6]
    assert Pooled(States(), "first")(**inputs).flatten().tolist() == [1, 4]
    assert Pooled(States(), "last")(**inputs).flatten().tolist() == [6, 8]
    with pytest.raises(HoldfastError, match="hidden states of shape"):
        Pooled(nn.Identity())(torch.zeros(2, 3))


class TwoInputs(nn.Module):
    """An image and a row of a table, by position."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(4, 6)
        self.second = nn.Linear(2, 6)

    def forward(self, image, row):
        return torch.relu(self.first(image) + self.second(row))


def test_a_tuple_is_passed_by_position_from_arrays_and_from_data_sets():
    numbers = np.random.default_rng(0)
    y = np.arange(80) % 4
    image = numbers.normal(size=(80, 4)).astype(np.float32) + y[:, None]
    row = numbers.normal(size=(80, 2)).astype(np.float32)
    from_arrays_ = from_arrays((image, row), y, y // 2, "class", test=0.5)
    assert from_arrays_[0].train.fetch(torch.arange(2))[0].keys() == ["0", "1"]
    pairs = []
    for task in range(2):
        rows = [
            {"a": image[k], "b": row[k], "y": int(y[k])} for k in range(80) if y[k] // 2 == task
        ]
        pairs.append((rows, rows))
    tuples = [[[(r["a"], r["b"], r["y"]) for r in part] for part in pair] for pair in pairs]
    by_position = from_datasets(tuples, "class", columns=((0, 1), 2))
    for s in (from_arrays_, by_position):
        model = Classifier(TwoInputs(), make_head("masked", 6, s.outputs))
        learner = Learner(model, "ER(20)", optimizer("adam", lr=0.02), scenario="class", epochs=5)
        assert learner.fit(s).matrix.to_array(untrained=False).shape == (2, 2)
    by_name = from_datasets(pairs, "class", columns=(("a", "b"), "y"))
    assert by_name[0].train.fetch(torch.arange(2))[0].keys() == ["a", "b"]


def test_a_collate_function_makes_the_batches():
    rows = [([5, 6], "a"), ([7], "b"), ([5], "a"), ([7, 7, 7], "b")]

    def collate(inputs):
        longest = max(map(len, inputs))
        ids = [one + [0] * (longest - len(one)) for one in inputs]
        return {"input_ids": torch.tensor(ids), "attention_mask": torch.tensor(ids) > 0}

    s = from_datasets([(rows, rows)], "class", collate=collate, padding=PADDING)
    x, _, _ = s[0].train.fetch(torch.tensor([1, 2]))
    assert x["input_ids"].tolist() == [[7], [5]]
    learner = text_learner(s, "ER(3)").train(s[0])
    assert learner.method.memory.everything().x["input_ids"].shape[0] == 3


@pytest.mark.parametrize(
    ("x", "options", "message"),
    [
        ({"a": [[1, 2], [3]]}, {}, "rows of different lengths"),
        ({"a": np.zeros((2, 3)), "b": np.zeros((3, 3))}, {}, "equal lengths"),
        ({"a": np.zeros((2, 3))}, {"padding": {"b": 0}}, "padding names \\['b'\\]"),
        ({"a": [1.0, np.nan]}, {}, "inputs \\(a\\) contain NaN"),
        ({"a": [[1.0], ["x"]]}, {}, "must be numbers"),
        ({"a": np.zeros((2, 3))}, {"aside": {"a": [1, 2]}}, "aside names 'a'"),
        ({}, {}, "."),
    ],
)
def test_inputs_that_do_not_fit_are_refused_by_name(x, options, message):
    with pytest.raises(HoldfastError, match=message):
        from_arrays(x, ["u", "v"], [0, 0], "class", **options)


def test_a_method_that_cannot_take_several_tensors_names_others_before_the_first_step():
    s = text_stream()
    learner = text_learner(s, "GenerativeReplay()")
    with pytest.raises(HoldfastError, match=r"or a method that takes it: .*ER"):
        learner.fit(s)
    model = Classifier(Bag(), make_head("separate", 12))
    with pytest.raises(HoldfastError, match=r"Bag; use .* takes it: PackNet, SeparateNetworks"):
        Learner(model, "HAT()", scenario="task")
    inputs = NamedInputs({"a": torch.zeros(4, 2)})
    labels = np.array([0, 1, 0, 1])
    source = Source(inputs, labels, inputs, labels)
    with pytest.raises(HoldfastError, match="permuted needs inputs of one tensor"):
        permuted(source, 2)


def test_a_network_of_several_inputs_is_exported_as_it_predicts():
    s = text_stream()
    learner = text_learner(s, ER(20)).train(*s.tasks)
    x, _, _ = s[0].train.fetch(torch.arange(4))
    inputs = {name: x[name] for name in ("input_ids", "attention_mask")}
    exported = torch.export.export(learner.model.eval(), (inputs,)).module()
    torch.testing.assert_close(exported(inputs), learner.predict(inputs))


def test_an_mlp_for_several_tensors_is_refused():
    with pytest.raises(HoldfastError, match="takes one tensor"):
        mlp(text_stream().shape, "growing")


def test_one_tensor_streams_are_as_they_were():
    assert stream("class")[0].train.fetch(torch.arange(1))[0].shape == (1, 1, 8, 8)


class Recurrent(nn.Module):
    """An LSTM's output at the last token of each text."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(40, 8)
        self.lstm = nn.LSTM(8, 12, batch_first=True)

    def forward(self, input_ids, attention_mask):
        outputs, _ = self.lstm(self.embedding(input_ids))
        return outputs[torch.arange(len(outputs)), attention_mask.sum(1) - 1]


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64])
@pytest.mark.parametrize("method", ["EWC(1)", "MAS(1)", "DER(20)", "OGD(10)", "iCaRL(20)"])
def test_lstms_train_in_every_floating_type(method, dtype):
    s = text_stream()
    torch.manual_seed(0)
    model = Classifier(Recurrent(), make_head("masked", 12, s.outputs)).to(dtype)
    learner = Learner(model, method, optimizer("adam", lr=0.02), scenario="class", epochs=1)
    learner.train(*s.tasks[:2])
    assert learner.model.head.linear.weight.dtype == dtype
    assert bool(learner.view.space.theta.isfinite().all())


def test_adapters_on_a_network_without_linear_layers_name_other_methods():
    model = Classifier(Recurrent(), make_head("separate", 12))
    with pytest.raises(HoldfastError, match=r"has none; .* or a method that takes it: "):
        Learner(model, "LoRA()", scenario="task")
