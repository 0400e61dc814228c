"""One's own images, texts and numbers as inputs of their own, and what is fitted on which rows."""

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from holdfast import HoldfastError, Learner
from holdfast.models import branches
from holdfast.runs.build import build_learner, build_stream
from holdfast.runs.carry_out import run_all
from holdfast.runs.config import RunConfig
from holdfast.runs.diagnoses import DIAGNOSTICS
from holdfast.runs.kept import KeptRun
from holdfast.streams import from_folder, from_table
from holdfast.streams.own_data.digests import digest_of
from holdfast.streams.several_inputs import shapes_of
from holdfast.validation import validated


@pytest.fixture(autouse=True)
def shop(tmp_path, monkeypatch):
    """Items with a photo, a review, a price and a month."""
    monkeypatch.setenv("HOLDFAST_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "shop" / "photos").mkdir(parents=True)
    rows = []
    for k in range(48):
        shade = np.full((8, 8, 3), 60 + 120 * (k % 2) + k, dtype=np.uint8)
        Image.fromarray(shade).save(tmp_path / "shop" / "photos" / f"{k}.png")
        review = ("a very good thing to have", "it broke on the first day")[k % 2]
        rows.append([f"photos/{k}.png", review, 10.0 + 7 * k, f"2026-0{1 + k // 24}-03", k % 2])
    frame = pd.DataFrame(rows, columns=["photo", "review", "price", "sold", "label"])
    frame.to_csv(tmp_path / "shop" / "items.csv", index=False)
    return tmp_path / "shop"


SMALL = {"separate_inputs": True, "image_size": 8}


def run(network: str = "branches", **data) -> RunConfig:
    return validated(
        RunConfig,
        data={"name": "shop/items.csv", "time": "sold"} | SMALL | data,
        model={"name": network},
        training={"optimizer": "adam", "lr": 0.003, "epochs": 8},
        scenario="domain",
        method="ER(8)",
    )


def test_images_texts_and_numbers_are_inputs_of_a_network_with_a_branch_for_each(shop):
    stream = build_stream(run())
    expected = {"image": (3, 8, 8), "columns": (1,), "text": (2048,)}
    assert shapes_of(stream) == expected
    learner = build_learner(run(), stream)
    result = learner.fit(stream)
    assert result.matrix.score("2026-02", after="2026-02") > 0.8
    # In Python the same, from the folder and from the table in it.
    for data in (shop, shop / "items.csv"):
        same = from_folder(data, "domain", time="sold", **SMALL)
        assert shapes_of(same) == expected
    network = branches(shapes_of(same), "fixed", same.outputs, hidden=8, seed=0)
    assert len(Learner(network, scenario="domain").fit(same).matrix.tasks) == 2


def test_a_table_keeps_texts_apart_from_numbers(shop):
    table = from_table(
        shop / "items.csv", "domain", time="sold", separate_inputs=True, roles={"photo": "unused"}
    )
    whole = from_table(shop / "items.csv", "domain", time="sold", roles={"photo": "unused"})
    x, _, _ = table[0].train.fetch(torch.arange(4))
    joined, _, _ = whole[0].train.fetch(torch.arange(4))
    assert torch.equal(torch.cat([x["columns"], x["text"]], dim=1), joined)


@pytest.mark.parametrize(
    ("data", "model", "message"),
    [
        ({}, "mlp", r"mlp takes one tensor, but the inputs are image, columns, text; name the"),
        (
            {"separate_inputs": False, "image_size": 8},
            "branches",
            r"for inputs of several tensors",
        ),
        (
            {"inputs": ["review"], "roles": ["photo=unused"], "image_size": 32},
            "branches",
            r"inputs of one kind \(text\), so there is nothing to keep apart",
        ),
    ],
)
def test_inputs_that_a_network_does_not_take_are_refused(data, model, message):
    config = run(model, **data)

    def build():
        return build_learner(config, build_stream(config))

    with pytest.raises(HoldfastError, match=message):
        build()


def test_a_branch_needs_a_name_without_a_dot_and_may_be_called_anything_else():
    with pytest.raises(HoldfastError, match=r"'a.b' can't have a branch"):
        branches({"a.b": (2,)}, "fixed", 2)
    with pytest.raises(HoldfastError, match="at least one input"):
        branches({}, "fixed", 2)
    network = branches({"type": (2,), "keys": (1, 3, 3)}, "fixed", 2)
    given = {"type": torch.zeros(5, 2), "keys": torch.zeros(5, 1, 3, 3)}
    assert network.backbone(**given).shape == (5, 128)
    # A tuple of inputs comes in the order of the branches.
    assert network.backbone(*given.values()).shape == (5, 128)


def test_diagnoses_of_a_run_take_several_inputs(shop, tmp_path):
    small = run(roles=["review=unused"])
    list(run_all([("ER", small)], tmp_path / "runs", keep=True))
    kept = KeptRun(tmp_path / "runs", examples=16)
    # The others take seconds, and read inputs as these do.
    for name in ("entropy", "layers", "plasticity", "saturation"):
        assert DIAGNOSTICS[name](kept).sentence, name


# ---- a table that names images


def test_the_digest_of_a_table_that_names_images_follows_the_images(shop):
    before = digest_of(shop / "items.csv")
    Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(shop / "photos" / "3.png")
    assert digest_of(shop / "items.csv") != before
    # A file that no row names does not count.
    after = digest_of(shop / "items.csv")
    Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(shop / "photos" / "another.png")
    assert digest_of(shop / "items.csv") == after


def test_a_parquet_table_names_images_as_well(shop):
    pd.read_csv(shop / "items.csv").to_parquet(shop / "items.parquet")
    before = digest_of(shop / "items.parquet")
    (shop / "photos" / "3.png").write_bytes((shop / "photos" / "4.png").read_bytes())
    assert digest_of(shop / "items.parquet") != before


def test_a_frame_that_names_images_is_told_to_become_a_file(shop):
    frame = pd.read_csv(shop / "items.csv")
    with pytest.raises(HoldfastError, match="write one table to a file in the folder of the"):
        from_table(frame, "domain", time="sold")


# ---- nothing is fitted on validation rows


def test_scaling_does_not_read_validation_rows(shop):
    table = {"roles": ["photo=unused"], "inputs": ["price", "review"], "image_size": 32}
    stream = build_stream(run(validation=0.25, **table))
    everything = build_stream(run(**table))
    x, _, _ = stream[0].train.fetch(torch.arange(len(stream[0].train)))
    assert len(stream[0].validation) > 0
    assert float(x["columns"].mean()) == pytest.approx(0, abs=1e-6)
    assert float(x["columns"].std(correction=0)) == pytest.approx(1, abs=1e-5)
    # Without validation rows all training rows of the first task count, as before.
    x, _, _ = everything[0].train.fetch(torch.arange(len(everything[0].train)))
    assert float(x["columns"].mean()) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("way", [{"tasks": 2}, {"time": "sold"}])
def test_python_streams_do_not_fit_on_validation_rows_either(shop, way):
    frame = pd.read_csv(shop / "items.csv")[["price", "sold", "label"]]
    frame = pd.concat([frame, frame.assign(label=frame.label + 2, price=frame.price * 3)])
    scenario = "domain" if "time" in way else "class"
    roles = {} if "time" in way else {"sold": "unused"}
    stream = from_table(frame, scenario, validation=0.25, roles=roles, **way)
    x, _, _ = stream[0].train.fetch(torch.arange(len(stream[0].train)))
    assert float(x.mean()) == pytest.approx(0, abs=1e-6)
    assert float(x.std(correction=0)) == pytest.approx(1, abs=1e-5)


def test_a_sequence_of_own_tables_fits_each_on_its_own_training_rows(shop):
    frame = pd.read_csv(shop / "items.csv")[["price", "label"]]
    frame.to_csv("first.csv", index=False)
    frame.assign(price=frame.price * 9 + 4).to_csv("second.csv", index=False)
    data = {"name": "first.csv", "stream": "sequence", "then": ["second.csv"], "validation": 0.25}
    stream = build_stream(validated(RunConfig, data=data, scenario="domain"))
    for task in stream:
        x, _, _ = task.train.fetch(torch.arange(len(task.train)))
        assert float(x.mean()) == pytest.approx(0, abs=1e-5)


def test_a_mistake_in_json_lines_names_the_line(shop):
    lines = ['{"age": 1, "label": "x"}', "", '{"age": 2, "label": "y"}'] * 8
    lines[11] = '{"age": "old", "label": "y"}'
    (shop / "a.jsonl").write_text("\n".join(lines))
    with pytest.raises(HoldfastError, match=r"a.jsonl, row 8 \(line 12\), column 'age': 'old'"):
        from_table(shop / "a.jsonl", "class", tasks=1, roles={"age": "number"})
