"""What Mix promises: the share of outside rows, their labels, and what is refused."""

import math
from collections import Counter

import numpy as np
import pytest
import torch
from PIL import Image

from helpers import learner, quick, same, stream, weights
from holdfast import HoldfastError
from holdfast.checks.parts import require_same, small_learner, small_stream, state_of, trained
from holdfast.methods import Mix, parse_method
from holdfast.models import mlp
from holdfast.runs.config import RunConfig
from holdfast.streams import digits, split
from holdfast.streams.outside import read_outside
from holdfast.streams.task import ArrayPart, Subset
from holdfast.training import Learner
from holdfast.validation import validated


def outside(rows: int = 50, label: int = 0) -> ArrayPart:
    """Images of noise with one label."""
    x = torch.randint(0, 256, (rows, 1, 8, 8), generator=torch.Generator().manual_seed(1))
    return ArrayPart(x.to(torch.uint8), torch.full((rows,), label), 0)


def drawn(method: Mix, scenario: str = "class", **options: object) -> list:
    """The batches of a task after the method has added its rows."""
    s = small_stream(scenario, examples=900)
    ours = small_learner(method, s, **options)
    ours.begin(s[0])
    return [method.draw(ours.view, batch) for batch in ours.view.batches()]


# ---- how many rows, and which


@pytest.mark.parametrize("ratio", [0.01, 0.05, 0.2, 0.5, 0.75])
@pytest.mark.parametrize("seed", [0, 1])
def test_outside_rows_have_their_share_of_every_stretch_of_batches(ratio, seed):
    method = Mix(outside(), ratio)
    batches = drawn(method, batch_size=32, epochs=40, seed=seed)
    new = np.cumsum([len(batch.blocks[0]) for batch in batches])
    mixed = np.cumsum([len(batch) - len(batch.blocks[0]) for batch in batches])
    wanted = new * ratio / (1 - ratio)
    # Never more than one row off, after any number of batches.
    assert np.abs(mixed - wanted).max() <= 1
    sizes = {len(b) - len(b.blocks[0]) for b in batches if len(b.blocks[0]) == 32}
    exact = 32 * ratio / (1 - ratio)
    assert sizes <= {math.floor(exact), math.ceil(exact)}


def test_the_share_has_no_bias_over_seeds():
    first = []
    for seed in range(200):
        method = Mix(outside(), 0.01)
        method.reseed(seed, "Mix")
        before = method._due()
        method.host["seen"] = 32
        first.append(method._due() - before)
    # 32 · 0.01 / 0.99 = 0.323 rows in the first batch, on average over seeds.
    assert np.mean(first) == pytest.approx(0.323, abs=0.1)


def test_every_outside_row_is_used_equally_often():
    x = torch.arange(40, dtype=torch.uint8).view(40, 1, 1, 1).expand(40, 1, 8, 8)
    method = Mix((x, torch.zeros(40, dtype=torch.long)), 0.3)
    batches = drawn(method, epochs=30)
    seen = [int(x[0, 0, 0]) for b in batches for x in b.x[len(b.blocks[0]) :]]
    counts = Counter(seen)
    assert len(counts) == 40
    assert max(counts.values()) - min(counts.values()) <= 1
    assert seen[:40] != sorted(seen[:40])


def test_all_rows_of_a_batch_weigh_alike():
    batch = next(b for b in drawn(Mix(outside(), 0.2)) if len(b) > len(b.blocks[0]))
    assert batch.uniform()


@pytest.mark.parametrize(
    ("spec", "tolerance"),
    # Terms over new rows alone weigh a little more beside an outside row, as with any block.
    [("Mix", 1e-5), ("KLAnchor(1.0) + Mix", 5e-3)],
)
def test_accumulation_takes_the_step_of_the_whole_batch_with_few_outside_rows(spec, tolerance):
    s = small_stream("class", examples=900)
    found = []
    for parts in (1, 4):
        # At most one outside row per batch of 32, which is fewer than micro-batches.
        method = Mix(outside(), 0.02, labels=spec == "Mix")
        if spec != "Mix":
            method = method + parse_method("KLAnchor(1.0)")
        options = {"batch_size": 32, "drop_last": True, "accumulate": parts}
        found.append(weights(small_learner(method, s, **options).train(*s.tasks[:2]).model))
    for name, tensor in found[0].items():
        torch.testing.assert_close(tensor, found[1][name], rtol=1e-3, atol=tolerance)


def test_a_batch_is_cut_into_as_many_pieces_as_asked_for_although_few_have_outside_rows():
    batch = next(b for b in drawn(Mix(outside(), 0.05), batch_size=32) if len(b) == 34)
    pieces = batch.split(4)
    assert [len(piece) for piece in pieces] == [9, 9, 8, 8]
    for piece in pieces:
        assert piece.uniform()
        assert float(piece.weights().sum()) == pytest.approx(1)


def test_without_a_share_the_data_set_is_not_even_read():
    s = small_stream("class", examples=400)
    ours = trained(Mix("no such data set", 0.0), s, 2)
    assert same(weights(ours.model), weights(trained(parse_method("FineTune"), s, 2).model))


def test_a_part_that_is_read_row_by_row_gives_the_same_run(tmp_path):
    s = small_stream("class", examples=400)
    part = outside()
    as_subset = Subset(part, torch.arange(len(part)))
    one, other = (trained(Mix(each, 0.2), s, 2) for each in (part, as_subset))
    assert same(weights(one.model), weights(other.model))


@pytest.mark.parametrize("labels", [True, False])
def test_a_run_resumes_bit_for_bit_with_rows_of_ones_own(labels, tmp_path):
    s = small_stream("class", examples=400)

    def method():
        return Mix(outside(), 0.13, labels=labels) + parse_method("LwF()")

    whole = small_learner(method(), s).train(s[0])
    whole.begin(s[1])
    batches = list(whole.view.batches())
    whole.step(batches[0])
    whole.save(tmp_path / "half")
    for batch in batches[1:]:
        whole.step(batch)
    whole.end()
    rest = small_learner(method(), s)
    rest.load(tmp_path / "half", s.tasks)
    rest.train(s[1])
    require_same(state_of(whole), state_of(rest), "resumed")
    # The file alone answers, and says what is missing if it is to learn.
    loaded = Learner.load(tmp_path / "half")
    assert "own: 50 examples" in repr(loaded.method)
    with pytest.raises(HoldfastError, match="hand the method over"):
        loaded.begin(s[1])


# ---- labels


@pytest.mark.parametrize("scenario", ["task", "domain", "class"])
def test_rows_keep_the_outputs_of_their_own_labels(scenario):
    s = split(digits(), 5, scenario)
    ours = learner(s, "Mix('digits', 0.4, classes=(0, 1))", steps=4).train(s[0])
    ours.begin(s[1])
    batch = ours.method.draw(ours.view, next(ours.view.batches()))
    new = len(batch.blocks[0])
    x, y = s[0].train.fetch(torch.arange(len(s[0].train)))[:2]
    known = {row.numpy().tobytes(): int(label) for row, label in zip(x, y, strict=True)}
    for row, output, task in zip(batch.x[new:], batch.y[new:], batch.task[new:], strict=True):
        assert known[row.numpy().tobytes()] == int(output)
        assert int(task) == (0 if scenario == "task" else 1)
    assert ours.step(next(ours.view.batches())).isfinite()


@pytest.mark.parametrize("objective", ["multilabel", "regression"])
@pytest.mark.parametrize("scenario", ["task", "domain"])
def test_rows_of_targets_are_mixed_in_with_their_own_targets(objective, scenario):
    s = small_stream(scenario, examples=600, objective=objective)
    method = Mix(s[0], 0.3)
    ours = small_learner(method, s).train(s[0])
    ours.begin(s[1])
    batch = next(ours.view.batches())
    mixed = method.draw(ours.view, batch)
    new = len(batch)
    assert len(mixed) > new
    known = s[0].train.fetch(torch.arange(len(s[0].train)))[1]
    for target in mixed.y[new:, : known.shape[1]]:
        assert any(torch.equal(target.nan_to_num(), row.nan_to_num()) for row in known)
    if scenario == "task":
        assert mixed.task[new:].tolist() == [0] * (len(mixed) - new)
    assert ours.step(batch).isfinite()


@pytest.mark.parametrize("teacher", ["KLAnchor(1.0)", "LwF()"])
@pytest.mark.parametrize("scenario", ["task", "domain", "class"])
def test_rows_without_labels_have_the_answers_of_the_teacher_only(teacher, scenario):
    s = small_stream(scenario, examples=600)
    method = Mix(outside().x, 0.5, labels=False) + parse_method(teacher)
    ours = small_learner(method, s).train(s[0])
    ours.begin(s[1])
    batch = method.draw(ours.view, next(ours.view.batches()))
    step = ours.view.forward(batch)
    new = len(batch.blocks[0])
    # No loss counts them, whatever their label.
    plain = ours.view.forward(next(ours.view.batches()))
    objective = ours.view.objective
    torch.testing.assert_close(objective.loss(step), objective.loss(plain))
    # The teacher answers new and outside rows alike.
    with torch.no_grad():
        ours.view.space.theta.mul_(1.1)
    alone = next(part for part in method.parts if part.name != "Mix")
    with_rows = alone.loss(ours.view, ours.view.forward(batch))
    without = alone.loss(ours.view, ours.view.forward(next(ours.view.batches())))
    assert step.taught(step.x).shape[0] == len(batch) > new
    assert not torch.isclose(with_rows, without)


def test_rows_without_labels_need_a_teacher():
    s = stream("class")
    with pytest.raises(HoldfastError, match="only KLAnchor and LwF learn from"):
        learner(s, "Mix('digits', 0.1, labels=False)")
    learner(s, "Mix('digits', 0.0, labels=False)")
    learner(s, "Mix('digits', 0.1, labels=False) + LwF()")


@pytest.mark.parametrize("beside", ["Joint()", "Cumulative()", "GDumb(60)"])
def test_rows_without_labels_go_with_batches_of_several_tasks(beside):
    s = small_stream("task", examples=400)
    method = parse_method(f"LwF() + Mix('first', 0.3, labels=False) + {beside}")
    ours = small_learner(method, s).train(*s.tasks[:2])
    assert all(torch.isfinite(tensor).all() for tensor in weights(ours.model).values())


# ---- what a name may be


def test_own_folders_of_images_get_the_size_and_the_colours_of_the_stream(tmp_path):
    for label in ("0", "1"):
        (tmp_path / "noise" / label).mkdir(parents=True)
        for number in range(3):
            pixels = np.full((16, 16, 3), 40 * number, dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "noise" / label / f"{number}.png")
    s = split(digits(), 5, "class")
    ours = learner(s, f"Mix({str(tmp_path / 'noise')!r}, 0.3)", steps=3)
    ours.fit(s)
    part = ours.method.outside.part
    assert tuple(part.fetch(torch.arange(6))[0].shape) == (6, 1, 8, 8)
    assert part.y.tolist() == [0, 0, 0, 1, 1, 1]


def test_a_table_of_texts_need_not_have_labels(tmp_path):
    table = tmp_path / "texts.csv"
    table.write_text("text\nthe parcel came late again\nnobody answers the phone here\n")
    x, labels = read_outside(str(table), torch.zeros(1, 4), None)
    assert len(x) == 2
    assert not torch.equal(x[0], x[1])
    assert labels.tolist() == ["", ""]


def test_a_table_of_numbers_is_refused_because_its_encoding_is_the_streams(tmp_path):
    table = tmp_path / "numbers.csv"
    table.write_text("price,label\n1.5,a\n2.5,b\n")
    with pytest.raises(HoldfastError, match="columns price"):
        read_outside(str(table), torch.zeros(1, 4), None)


def test_a_run_counts_as_another_one_if_the_files_changed(tmp_path):
    table = tmp_path / "texts.csv"
    table.write_text("text,label\nthe parcel came late again,a\n")
    spec = f"Mix({str(table)!r}, 0.1)"
    before = validated(RunConfig, method=spec)
    table.write_text("text,label\nthe parcel never came at all,a\n")
    after = validated(RunConfig, method=spec)
    assert before.code != after.code
    assert quick("Mix('digits', 0.1)").code == {}


# ---- refusals


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("Mix('digits', 0.1)", "labels that no task so far has, such as '2'"),
        ("Mix('digits', 0.1, classes=(0, 77))", "unknown class of digits '77'"),
        ("Mix('digist', 0.1)", "did you mean 'digits'"),
        ("Mix('./nowhere.csv', 0.1)", "no file or folder ./nowhere.csv"),
    ],
)
def test_what_a_name_cannot_give_is_refused_before_the_first_step(spec, message):
    s = stream("class")
    ours = learner(s, spec, steps=2)
    before = weights(ours.model)
    with pytest.raises(HoldfastError, match=message):
        ours.fit(s)
    assert same(weights(ours.model), before)


@pytest.mark.parametrize(
    ("dataset", "message"),
    [
        (outside(label=7), "labels from 7 to 7, but the network has the outputs 0 to 1"),
        ((torch.zeros(3, 64), torch.zeros(3).long()), "inputs of own: 3 examples are of shape"),
        ((outside().x, torch.zeros(50, 2)), "targets of own: 50 examples"),
    ],
)
def test_rows_of_another_form_are_refused_before_the_first_step(dataset, message):
    s = stream("class")
    ours = learner(s, Mix(dataset, 0.1), steps=2)
    with pytest.raises(HoldfastError, match=message):
        ours.fit(s)
    with pytest.raises(HoldfastError, match=message):
        learner(s, Mix(dataset, 0.1), steps=2).begin(s[0])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("digits", 1.0), r"in \[0, 1\)"),
        (("digits", -0.1), r"in \[0, 1\)"),
        (([1, 2], 0.1), "got a list"),
        ((torch.zeros(3, 4), 0.1), "labels=False for inputs alone"),
        ((torch.zeros(0, 4), 0.1, False), "no examples"),
        ((outside(), 0.1, True, [0]), "classes has no effect"),
        (("first", 0.1, True, None, "folder"), "tokenizer has no effect"),
        (("digits", 0.1, True, "01"), "classes is a list"),
    ],
)
def test_arguments_that_cannot_be_used_are_refused(arguments, message):
    with pytest.raises(HoldfastError, match=message):
        Mix(*arguments)


def test_the_first_task_is_mixed_into_later_ones_only(tmp_path):
    s = small_stream("class", examples=600)
    method = parse_method("Mix('first', 0.5)")
    ours = small_learner(method, s)
    ours.begin(s[0])
    batch = next(ours.view.batches())
    assert method.draw(ours.view, batch) is batch
    ours.step(batch)
    ours.end()
    ours.begin(s[1])
    mixed = method.draw(ours.view, next(ours.view.batches()))
    assert set(mixed.y[len(mixed.blocks[0]) :].tolist()) == {0, 1}
    ours.save(tmp_path / "half")
    loaded = small_learner(parse_method("Mix('first', 0.5)"), s)
    loaded.load(tmp_path / "half")
    with pytest.raises(HoldfastError, match="does not have; pass the tasks"):
        loaded.begin(s[1])


def test_a_batch_norm_free_network_learns_the_outside_labels():
    """Rows of noise with the label 0, beside a task of digits 0 and 1, are learnt as 0."""
    s = split(digits(), 5, "class")
    model = mlp(s.shape, "growing", s.outputs, hidden=(32,), seed=0)
    ours = Learner(model, Mix(outside(), 0.3), scenario="class", epochs=5, batch_size=32)
    ours.train(s[0])
    answers = ours.predict(outside().x)
    assert float((answers[:, :2].argmax(1) == 0).float().mean()) > 0.9
