"""Next month's data: `learn`, learners in one file, names of labels, and kept test examples."""

import math
import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from torch import nn

from helpers import learner, same, stream, weights
from holdfast import HoldfastError, Learner, optimizer
from holdfast.models import branches, classifier_from, mlp, rebuildable
from holdfast.streams import Stream, digits, from_arrays, split
from holdfast.streams.own_data.folders import read_path
from holdfast.streams.own_data.options import Options
from holdfast.streams.own_data.reader import first_reader
from holdfast.training.later.whole_file import NotRebuiltWarning

OWN = """
from torch import nn
from holdfast.models import rebuildable
@rebuildable
def body(width, layers=[3]):
    return nn.Sequential(nn.Flatten(), nn.Linear(8, width), nn.ReLU(), nn.Linear(width, 2))
def unmarked(width):
    return body(width)
"""


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.setenv("HOLDFAST_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)


def fresh(method="ER(40)", scenario="class", **options):
    head = {"class": "growing", "task": "separate", "domain": "fixed"}[scenario]
    model = mlp(8, head, 3, hidden=(16,), seed=0)
    return Learner(model, method, scenario=scenario, **{"epochs": 3, "batch_size": 8} | options)


def rows(*classes: int, n: int = 20, names: bool = True):
    """Eight numbers per row, which tell its class, and the labels."""
    y = np.repeat(classes, n)
    x = np.eye(8, dtype=np.float32)[y] + np.linspace(0, 0.3, len(y) * 8).reshape(-1, 8)
    labels = np.array(["cat", "dog", "owl", "elk", "ant", "bee", "cow", "hen"])[y]
    return x.astype(np.float32), labels if names else y


def photos(folder, *names: str, n: int = 8) -> None:
    """Small images in a folder per class."""
    for name in names:
        (folder / name).mkdir(parents=True)
        for k in range(n):
            pixels = np.full((6, 6, 3), k, dtype=np.uint8)
            pixels[..., ["cat", "dog", "owl"].index(name)] = 250 - k
            Image.fromarray(pixels).save(folder / name / f"{k}.png")


def sales(month: int, n: int = 40, **columns) -> pd.DataFrame:
    frame = {
        "price": np.tile([1.0, 9.0], n // 2) + month,
        "shop": ["north", "south"] * (n // 2),
        "said": ["very good this time indeed", "it broke on the first day"] * (n // 2),
        "bought": ["yes", "no"] * (n // 2),
    }
    return pd.DataFrame(frame | columns)


# ---- laws


@pytest.mark.parametrize("scenario", ["class", "task"])
@pytest.mark.parametrize("spec", ["ER(40) + LwF()", "OnlineEWC(1.0)"])
def test_learning_after_save_and_load_gives_the_bits_of_learning_without_leaving(
    tmp_path, scenario, spec
):
    s = split(digits(), [4, 3, 3], scenario)
    stayed = learner(s, spec, steps=4)
    left = learner(s, spec, steps=4)
    for task in s:
        month = stayed.learn(task)
        left.learn(task)
        left.save(tmp_path / "model.hf")
        left = Learner.load(tmp_path / "model.hf")
    assert same(weights(left.model), weights(stayed.model))
    assert left.history.matrix == month.matrix
    assert np.isfinite(month.matrix.to_array(untrained=False)[np.tril_indices(3)]).all()


def test_a_rate_that_was_found_and_a_narrow_precision_come_back(tmp_path):
    s = stream("class")
    auto = optimizer("adam", lr="auto")
    stayed = learner(s, "ER(40)", auto, steps=3, precision="bfloat16", schedule="cosine")
    stayed.learn(s[0])
    stayed.save("a.hf")
    left = Learner.load("a.hf")
    for one in (stayed, left):
        one.learn(s[1])
    assert same(weights(left.model), weights(stayed.model))
    assert left.state.optimizers.first_rate == stayed.state.optimizers.first_rate


@pytest.mark.parametrize("scenario", ["class", "task", "domain"])
def test_learning_a_stream_gives_the_bits_and_the_scores_of_fit(scenario):
    s = stream(scenario)
    fitted, learnt = learner(s, "ER(40)", steps=3), learner(s, "ER(40)", steps=3)
    run = fitted.fit(s)
    month = learnt.learn(s)
    assert same(weights(fitted.model), weights(learnt.model))
    before = np.tril_indices(5)
    ours, theirs = (m.to_array(untrained=False)[before] for m in (month.matrix, run.matrix))
    assert np.array_equal(ours, theirs)
    assert fitted.history.matrix.to_array(untrained=False)[before].tolist() == theirs.tolist()


def test_a_learner_comes_back_with_all_of_its_arguments(tmp_path):
    model = mlp([2, 4], "masked", 6, hidden=(5,), seed=3)
    model.backbone[1].requires_grad_(False)
    made = Learner(
        model.double(),
        "DERpp(30, alpha=0.2)",
        optimizer("adam", lr=0.01, betas=(0.8, 0.9)),
        scenario="class",
        seed=4,
        epochs=2,
        schedule="cosine",
        clip=1.0,
    )
    x, y = rows(0, 1)
    made.learn((x.reshape(-1, 2, 4), y))
    made.save("a.hf", {"note": 1})
    back = Learner.load("a.hf", log_every=7)
    assert (repr(back.method), back.setup.seed, back.setup.log_every) == (
        "DERpp(30, alpha=0.2)",
        4,
        7,
    )
    assert back.setup.settings == made.setup.settings
    assert back.state.optimizers.main.param_groups[0]["betas"] == [0.8, 0.9]
    frozen = [p.requires_grad for p in back.model.parameters()]
    assert frozen == [p.requires_grad for p in made.model.parameters()]
    assert same(weights(back.model), weights(made.model))
    assert back.history.beside == {"note": 1}


def test_a_checkpoint_in_the_middle_of_a_task_is_loaded_and_resumed(tmp_path):
    s = stream("class")
    whole = learner(s, "ER(40)", steps=6).train(s[0], s[1])
    ours = learner(s, "ER(40)", steps=6).train(s[0])
    ours.begin(s[1])
    for number, batch in enumerate(ours.view.batches()):
        if number == 2:
            break
        ours.step(batch)
    ours.save("half.hf")
    back = Learner.load("half.hf")
    with pytest.raises(HoldfastError, match=r"'2.3' has not ended; train it to its end"):
        back.learn(s[2])
    back.train(s[1])
    assert same(weights(back.model), weights(whole.model))


# ---- labels


def test_labels_that_come_back_keep_their_outputs_and_new_ones_get_the_next():
    ours = fresh()
    ours.learn(rows(3, 0), name="nov")
    month = ours.learn(rows(2, 3), name="dec")
    assert ours.history.labels == ["cat", "elk", "owl"]
    assert (month.new_labels, month.returned) == (["owl"], ["elk"])
    assert ours.state.tasks[1].competing.tolist() == [1, 2]
    month = ours.learn(rows(0, 3), name="jan")  # classes that are known, alone
    assert (month.new_labels, month.returned) == ([], ["cat", "elk"])
    assert ours.view.head.width == 3
    # Numbers in one file and texts in the next are the same labels.
    other = fresh()
    other.learn(rows(0, 1, names=False), name="nov")
    x, y = rows(1, 2, names=False)
    assert other.learn((x, y.astype(str)), name="dec").returned == ["1"]
    assert other.history.labels == [0, 1, "2"]


def test_returning_classes_compete_with_each_other_if_the_current_task_alone_does():
    ours = fresh("FineTune", outputs="current")
    ours.learn(rows(0, 1, 2), name="nov")
    month = ours.learn(rows(0, 1, 2), name="dec")
    assert month.matrix.score("dec", after="dec") > 0.9
    assert math.isfinite(float(ours.state.space.theta.sum()))


def test_the_domain_scenario_refuses_unknown_labels_by_name_before_the_first_step():
    ours = fresh(scenario="domain")
    ours.learn(rows(0, 1, 2), name="nov")
    before = weights(ours.model)
    with pytest.raises(
        HoldfastError, match=r"'dec' has the labels elk, hen, which no earlier.*cat, dog, owl"
    ):
        ours.learn(rows(0, 3, 7), name="dec")
    assert same(before, weights(ours.model))
    ours.learn(rows(0, 2), name="dec")
    assert ours.history.matrix.tasks == ("nov", "dec")
    assert ours.state.tasks[1].outputs == (0, 3)


def test_tasks_of_the_task_scenario_have_outputs_of_their_own():
    ours = fresh(scenario="task")
    ours.learn(rows(0, 1), name="nov")
    assert ours.learn(rows(1, 2, 3), name="dec").new_labels == ["dog", "elk", "owl"]
    assert [task.outputs for task in ours.state.tasks] == [(0, 2), (2, 5)]
    x, y = rows(2, 3)
    assert ours.predict(torch.tensor(x), 1, names=True) == y.tolist()


def test_icarl_refuses_months_without_a_new_class():
    ours = fresh("iCaRL(40)")
    ours.learn(rows(0, 1), name="nov")
    with pytest.raises(HoldfastError, match="'dec' has none"):
        ours.learn(rows(1, 0), name="dec")


def test_a_memory_that_is_too_small_for_all_tasks_is_refused_before_the_first_step(tmp_path):
    fresh("ER(2, memory='herding')").learn(rows(0, 1))
    ours = fresh("ER(3, memory='herding')")
    ours.learn(rows(0, 1), name="nov")
    ours.save("a.hf")
    back = Learner.load("a.hf")
    with pytest.raises(HoldfastError, match="a memory of 3 is smaller than the number of classes"):
        back.learn(rows(2, 3), name="dec")
    assert back.history.matrix.tasks == ("nov",)


@pytest.mark.parametrize("spec", ["Joint", "Cumulative"])
def test_methods_that_read_all_old_data_are_refused_after_load(tmp_path, spec):
    ours = fresh(spec)
    ours.learn(rows(0, 1), name="nov")
    ours.save("a.hf")
    ours.learn(rows(2), name="dec")  # the same process still has them
    with pytest.raises(HoldfastError, match="training examples of task 'nov' are not at hand"):
        Learner.load("a.hf").learn(rows(2), name="dec")


# ---- own data


def test_a_folder_of_images_is_learnt_and_answered_by_name(tmp_path):
    photos(tmp_path / "2026-11", "cat", "dog")
    photos(tmp_path / "2026-12", "owl", "dog")
    model = mlp([3, 8, 8], "growing", hidden=(16,), seed=0)
    ours = Learner(model, "ER(20)", optimizer("adam", lr=0.01), scenario="class", epochs=20)
    ours.learn("2026-11", image_size=8)
    ours.save("model.hf")
    back = Learner.load("model.hf")
    month = back.learn("2026-12")  # the size of images is that of the first month
    assert (month.tasks, month.new_labels, month.returned) == (("2026-12",), ["owl"], ["dog"])
    assert back.state.tasks[0].test.x.dtype == torch.uint8
    assert back.predict("2026-12/owl/3.png") == ["owl"]
    paths = [tmp_path / "2026-11" / "cat" / "1.png", tmp_path / "2026-12" / "owl" / "1.png"]
    assert back.predict(paths) == ["cat", "owl"]
    assert back.predict("2026-11") == ["cat"] * 8 + ["dog"] * 8
    assert back.predict(torch.zeros(1, 3, 8, 8, dtype=torch.uint8)).shape == (1, 3)
    with pytest.raises(HoldfastError, match=r"there is no file or folder nowhere"):
        back.predict("nowhere")
    (tmp_path / "broken.png").write_bytes(b"no image")
    with pytest.raises(HoldfastError, match=r"broken\.png can't be read"):
        back.predict("broken.png")


@pytest.mark.parametrize("features", ["hashed", "tfidf-first-task"])
def test_a_table_is_encoded_as_the_first_one_was(tmp_path, features):
    sales(0).to_csv("2026-11.csv", index=False)
    later = sales(5, shop=["east", "south"] * 20, said=["unheard words", "it broke again"] * 20)
    later.insert(0, "new", range(40))
    later.to_csv("2026-12.csv", index=False)
    make = {"label": "bought", "features": features}
    _, reader = first_reader(read_path("2026-11.csv"), Options(**make))
    width = reader.inputs("2026-11.csv").shape[1]
    ours = Learner(mlp(width, "fixed", 2, seed=0), scenario="domain", epochs=5)
    ours.learn("2026-11.csv", **make)
    first = ours.history.reader.inputs("2026-11.csv")
    assert abs(float(first[:, 0].mean())) < 0.2
    ours.save("model.hf")
    back = Learner.load("model.hf")
    assert torch.equal(back.history.reader.inputs("2026-11.csv"), first)
    # Nothing is fitted again: prices are five higher, and the shop is none of the known ones.
    x = back.history.reader.inputs("2026-12.csv")
    assert float((x[:, 0] - first[:, 0]).mean()) == pytest.approx(5 / 4, rel=0.1)
    assert x[0, 1:4].tolist() == [0, 0, 1]
    back.learn("2026-12.csv", label="bought")
    assert set(back.predict(later.drop(columns="bought"))) <= {"yes", "no"}


def test_columns_may_come_in_another_order_and_uses_are_never_inputs():
    frame = sales(0).drop(columns="said").assign(side=["train", "train", "test", "train"] * 10)
    ours = Learner(mlp(4, "fixed", 2, seed=0), scenario="domain")
    ours.learn(frame, name="nov", label="bought", test="side", groups=None)
    x = ours.state.tasks[0].train.fetch(torch.arange(3))[0]
    turned = frame[["bought", "side", "shop", "price"]].assign(extra=1.5)
    ours.learn(turned, name="dec", test="side")
    assert torch.equal(ours.state.tasks[1].train.fetch(torch.arange(3))[0], x)
    ours.learn(turned, name="jan")  # the column that marked test rows is no input
    assert ours.state.tasks[2].train.fetch(torch.arange(3))[0].shape == x.shape
    with pytest.raises(HoldfastError, match="'shop' of the frame is an input of this learner"):
        ours.learn(turned, name="feb", test="shop")


def test_images_with_columns_are_learnt_and_answered_for(tmp_path):
    photos(tmp_path / "nov", "cat", "dog")
    table = {"file": [], "age": [], "label": []}
    for name in ("cat", "dog"):
        for k in range(8):
            for column, value in zip(table, (f"{name}/{k}.png", k, name), strict=True):
                table[column].append(value)
    pd.DataFrame(table).to_csv("nov/rows.csv", index=False)
    shapes = {"image": (3, 8, 8), "columns": (1,)}
    ours = Learner(branches(shapes, "growing", hidden=8, seed=0), "ER(9)", scenario="class")
    ours.learn("nov", image_size=8, separate_inputs=True)
    ours.save("model.hf")
    back = Learner.load("model.hf")
    assert back.predict("nov") == ours.predict("nov/rows.csv")
    assert len(back.predict("nov")) == 16
    assert back.learn("nov/rows.csv", name="dec").returned == ["cat", "dog"]


def test_mistakes_in_later_data_are_named_before_anything_is_trained(tmp_path):
    ours = fresh("FineTune", scenario="domain")
    frame = pd.DataFrame({f"c{k}": np.arange(20) % (k + 2) for k in range(8)})
    frame["label"] = ["a", "b"] * 10
    ours.learn(frame, name="nov")
    before = weights(ours.model)
    frame.astype({"c3": object}).replace({"c3": {1: "x"}}).to_csv("dec.csv", index=False)
    frame.drop(columns="c2").to_csv("jan.csv", index=False)
    frame.assign(c1=[None, *range(19)]).to_csv("feb.csv", index=False)
    for file, message in (
        ("dec.csv", r"dec.csv, row 2, column 'c3': 'x' is not a finite number"),
        ("jan.csv", r"unknown column of jan.csv 'c2'.*known: c0, c1, c3"),
        ("feb.csv", r"column 'c1' \(number\): 1 value is missing \(first in feb.csv, row 1\)"),
        ("none.csv", r"there is no file or folder none.csv"),
        (frame.drop(columns="label"), "is called after its use|unknown column"),
        ([1, 2], "expected the path of a folder or a table, a data frame, a task"),
        ((frame, frame.label), "pass the frame alone"),
        (rows(0, 1)[:1] * 3, "a pair of inputs and labels, got a tuple of 3"),
    ):
        with pytest.raises(HoldfastError, match=message):
            ours.learn(file)
    with pytest.raises(HoldfastError, match=r"already .number 1 of 1.; give these data another"):
        ours.learn(frame, name="nov")
    with pytest.raises(HoldfastError, match=r"scale='none' contradicts scale='first-task'"):
        ours.learn(frame, name="dec", scale="none")
    with pytest.raises(HoldfastError, match=r"label says how a table or a folder is read"):
        ours.learn(rows(0, 1), label="y")
    with pytest.raises(HoldfastError, match=r"inputs of task 'dec' are of shape \(3,\)"):
        ours.learn((np.zeros((20, 3), np.float32), ["a", "b"] * 10), name="dec")
    with pytest.raises(HoldfastError, match="unknown keep_test 'maybe'"):
        ours.learn(frame, name="dec", keep_test="maybe")
    with pytest.raises(HoldfastError, match="unknown argument of learn 'epochs'"):
        ours.learn(frame, name="dec", epochs=3)
    with pytest.raises(HoldfastError, match="one label per input, got 40 inputs and 39 labels"):
        ours.learn((rows(0, 1)[0], rows(0, 1)[1][:-1]))
    with pytest.raises(HoldfastError, match="needs data in files"):
        ours.learn(frame, name="dec", keep_test="reference")
    assert same(before, weights(ours.model))
    assert ours.history.matrix.tasks == ("nov",)


def test_a_refused_month_leaves_nothing_behind(tmp_path):
    ours = fresh()
    with pytest.raises(HoldfastError, match="shape"):
        ours.learn((np.zeros((20, 3), np.float32), ["a", "b"] * 10), name="nov")
    ours.learn(rows(0, 1), name="nov")
    # What the inputs are is also known of tasks that fit has trained.
    s = stream("class")
    learner(s, "ER(9)", steps=2).train(s[0]).save("a.hf")
    back = Learner.load("a.hf")
    pixels = torch.zeros(20, 1, 8, 8)
    with pytest.raises(HoldfastError, match=r"\(floats\), but those that .* \(bytes\)"):
        back.learn((pixels, ["a", "b"] * 10), name="dec")


# ---- kept test examples


def test_a_task_without_test_examples_leaves_unknown_cells(tmp_path):
    ours = fresh(epochs=10)
    ours.learn(rows(0, 1), name="nov", keep_test="no")
    ours.save("a.hf")
    month = Learner.load("a.hf").learn(rows(2, 3), name="dec")
    assert math.isnan(month.matrix.score("nov", after="dec"))
    assert month.matrix.score("dec", after="dec") > 0
    assert "BWT: unknown, because the test examples of nov are not at hand" in repr(month)


def test_tests_of_fit_are_kept_if_save_is_told_to(tmp_path):
    s = stream("class")
    ours = learner(s, "ER(40)", steps=3)
    ours.fit(Stream(s.tasks[:2], "class", 4, s.shape, s.labels))
    ours.save("without.hf")
    ours.save("with.hf", keep_test="copy")
    for file, known in (("without.hf", False), ("with.hf", True)):
        month = Learner.load(file).learn(s[2])
        assert math.isfinite(month.matrix.score("0+1", after="4+5")) == known
        assert math.isfinite(month.matrix.score("0+1", after="2+3"))


def test_references_are_read_again_and_changed_files_are_named(tmp_path):
    photos(tmp_path / "2026-11", "cat", "dog")
    photos(tmp_path / "2026-12", "owl")
    model = mlp([3, 8, 8], "growing", hidden=(16,), seed=0)
    ours = Learner(model, "ER(20)", scenario="class")
    ours.learn("2026-11", image_size=8, keep_test="reference")
    ours.save("model.hf")
    assert not any(name.startswith("kept") for name in tensors_of("model.hf"))
    stayed = ours.learn("2026-12")
    assert Learner.load("model.hf").learn("2026-12").matrix == stayed.matrix
    shutil.copy("2026-11/cat/1.png", "2026-11/cat/2.png")
    back = Learner.load("model.hf")
    with pytest.raises(HoldfastError, match=r"task '2026-11' .* cat/2.png has changed; restore"):
        back.learn("2026-12")
    shutil.move("2026-11", "elsewhere")
    with pytest.raises(HoldfastError, match=r"but it is not there any more"):
        back.learn("2026-12")
    month = back.learn("2026-12", skip_lost_tests=True)
    assert math.isnan(month.matrix.score("2026-11", after="2026-12"))


def tensors_of(path) -> list[str]:
    from safetensors import safe_open

    with safe_open(path, "pt") as file:
        return list(file.keys())


def test_measurements_are_kept_and_restored(tmp_path):
    x = np.random.default_rng(0).normal(size=(40, 3)).astype(np.float32)
    s = from_arrays(x, x.sum(1), [0] * 20 + [1] * 20, "domain", objective="regression")
    ours = Learner(mlp(3, "fixed", 1, seed=0), scenario="domain", objective="regression", steps=3)
    ours.fit(s)
    ours.save("a.hf", keep_test="copy")
    back = Learner.load("a.hf")
    for task in s:
        assert torch.equal(back.evaluate(back.state.tasks[task.index]), ours.evaluate(task))
    with pytest.raises(HoldfastError, match="expected numbers, got 'a' in example 0"):
        back.learn((x, ["a"] * 40))
    with pytest.raises(HoldfastError, match="regression answers with numbers"):
        back.predict(torch.tensor(x), names=True)


def test_copies_that_are_too_large_are_refused_before_the_first_step(monkeypatch):
    monkeypatch.setattr("holdfast.training.later.kept_tests.LARGEST", 200)
    ours = fresh()
    with pytest.raises(HoldfastError, match=r"would take 320 bytes, more than 200.*reference"):
        ours.learn(rows(0, 1), name="nov")
    ours.learn(rows(0, 1), name="nov", keep_test="no")


def test_inputs_of_several_tensors_are_kept_and_restored(tmp_path):
    from holdfast.named_inputs import NamedInputs
    from holdfast.training.later.kept_tests import copied, copies

    x, y = rows(0, 1)
    inputs = {"ids": [[1, 2]] * 20 + [[3]] * 20, "rows": x}
    s = from_arrays(inputs, y, [0] * 40, "class", padding={"ids": 0})
    ours = fresh()
    ours.state.register(s[0], torch.device("cpu"))
    ours.state.progress.names.append(s[0].name)
    ours.history.keep_tests([s[0].name], "copy")
    (part,) = copied(*copies(ours.history)).values()
    ours_x, theirs_x = (p.fetch(torch.arange(8))[0] for p in (part, s[0].test))
    assert isinstance(ours_x, NamedInputs)
    assert ours_x.padding == {"ids": 0.0}
    assert all(torch.equal(tensor, theirs_x[name]) for name, tensor in ours_x.tensors.items())


# ---- what cannot be made again


def test_networks_of_marked_functions_are_made_again_and_others_are_asked_for(
    tmp_path, monkeypatch
):
    (tmp_path / "mynet.py").write_text(OWN)
    monkeypatch.syspath_prepend(str(tmp_path))
    import mynet

    def made(network):
        model = classifier_from(network, head="3", kind="growing")
        ours = Learner(model, "ER(20)", scenario="class")
        ours.learn(rows(0, 1), name="nov")
        return ours

    made(mynet.body(5, layers=(1, 2))).save("own.hf")
    assert Learner.load("own.hf").history.origin.network.positional[1:4] == ["3", "growing", None]
    bare = made(nn.Sequential(nn.Flatten(), nn.Linear(8, 5), nn.ReLU(), nn.Linear(5, 2)))
    with pytest.warns(NotRebuiltWarning, match="need a network of the same architecture"):
        bare.save("bare.hf")
    with pytest.raises(HoldfastError, match=r"cannot be made again.*Learner.load\(path, model="):
        Learner.load("bare.hf")
    other = mynet.body(5)
    back = Learner.load("bare.hf", model=classifier_from(other, head="3", kind="growing"))
    assert same(weights(back.model), weights(bare.model))
    wide = classifier_from(mynet.body(6), head="3", kind="growing")
    with pytest.raises(HoldfastError, match=r"does not fit this learner.*; hand over a model"):
        Learner.load("bare.hf", model=wide)
    with pytest.raises(HoldfastError, match=r"unknown argument of Learner.load .modle.: did you"):
        Learner.load("bare.hf", modle=wide)


def test_a_file_can_call_no_function_that_is_not_marked(tmp_path):
    from holdfast.models.recipes import Recipe, build

    for name in ("os:system", "builtins:exec", "make_head", "nowhere"):
        with pytest.raises(HoldfastError, match=r"there is no function .* with the decorator"):
            build(Recipe(name, ["x"], {}))
    with pytest.raises(HoldfastError, match="decorate a function that returns"):
        rebuildable(nn.Linear)

    @rebuildable
    def inner():
        return nn.Linear(2, 2)

    from holdfast.models.recipes import recipe_of

    assert "not in a module that another process can import" in recipe_of(inner()).obstacle


def test_code_of_the_user_is_asked_for_by_name(tmp_path):
    def make(parameters):
        return torch.optim.SGD(parameters, lr=0.1)

    def half(logits, y):
        return (logits.argmax(1) == y).float() / 2

    x, y = rows(0, 1)
    ours = Learner(
        mlp(8, "growing", seed=0),
        None,
        make,
        scenario="class",
        scorer=half,
        augment=lambda x, generator: x,
    )
    ours.learn((x, y), keep_test="no")
    ours.save("a.hf")
    handed = {}
    for name, value in (("optimizer", make), ("scorer", half), ("augment", None)):
        with pytest.raises(HoldfastError, match=rf"Learner.load\(path, {name}="):
            Learner.load("a.hf", **handed)
        handed[name] = value
    assert Learner.load("a.hf", **handed).learn(rows(2), name="dec").new_labels == ["owl"]


def test_files_of_fit_and_forged_ones_are_refused(tmp_path):
    from holdfast.training import checkpoint, checkpoint_file

    s = stream("class")
    ours = learner(s, steps=2).train(s[0])
    checkpoint.save(ours.state, tmp_path / "bare.safetensors")
    with pytest.raises(HoldfastError, match="it holds weights, but not how the learner was made"):
        Learner.load("bare.safetensors")
    (tmp_path / "text.hf").write_text("hello")
    with pytest.raises(HoldfastError, match="not a whole checkpoint"):
        Learner.load("text.hf")
    with pytest.raises(HoldfastError, match=r"there is no checkpoint at none.hf"):
        Learner.load("none.hf")
    ours.save("good.hf", keep_test="copy")
    for change, message in (
        (lambda plain: plain["learner"]["tasks"][0].update(last=9), "contradict each other"),
        (lambda plain: plain["learner"]["tasks"][0].update(name="x"), "names differ"),
        (lambda plain: plain["learner"].update(extra=1), "learner.extra"),
        (lambda plain: plain["learner"].update(scorer="mine"), "learner.scorer"),
        (lambda plain: plain["learner"]["network"].update(dtype="load"), "unknown type 'load'"),
        (lambda plain: plain["learner"].update(settings={"epochs": -1}), "epochs"),
    ):
        tensors, plain = checkpoint_file.read(tmp_path / "good.hf")
        plain.pop("format"), plain.pop("tensors")
        change(plain)
        checkpoint_file.write(tmp_path / "forged.hf", tensors, plain)
        with pytest.raises(HoldfastError, match=message):
            Learner.load("forged.hf")
    tensors, plain = checkpoint_file.read(tmp_path / "good.hf")
    plain.pop("format"), plain.pop("tensors")
    checkpoint_file.write(
        tmp_path / "forged.hf", {k: v for k, v in tensors.items() if "kept" not in k}, plain
    )
    with pytest.raises(HoldfastError, match=r"test examples of task '0.1' is missing"):
        Learner.load("forged.hf")


# ---- names


def test_names_are_known_from_streams_and_asked_for_where_there_are_none():
    s = stream("class")
    ours = learner(s, steps=20).train(s[0])
    x = s[0].test.fetch(torch.arange(4))[0]
    logits = ours.predict(x)
    assert ours.predict(x, names=True) == logits.argmax(1).tolist()
    with pytest.raises(HoldfastError, match="does not know how to read the path 'photos'"):
        ours.predict("photos")
    nameless = learner(s, steps=2).train(replace(s[0], labels=()))
    with pytest.raises(HoldfastError, match="the learner knows no names of labels"):
        nameless.predict(x, names=True)
    with pytest.raises(HoldfastError, match=r"'0.1' has no names of labels"):
        nameless.learn(s[1])


def test_fit_with_a_stream_of_other_tasks_names_learn(tmp_path):
    s = stream("class")
    learner(s, steps=2).train(s[0]).save("a.hf")
    later = Stream((replace(s[1], index=0),), "class", 4, s.shape, s.labels)
    with pytest.raises(HoldfastError, match=r"learner was trained on '0.1' there.*learner.learn"):
        Learner.load("a.hf").fit(later)
