"""Data sets by name: decoded once from the hub's layout, and mapped from the cache afterwards."""

import numpy as np
import pytest
import torch

from holdfast import HoldfastError
from holdfast.streams import digits, grouped, named


def test_real_data_are_decoded_once_and_then_mapped(data_dir, tmp_path, monkeypatch):
    monkeypatch.setenv("HOLDFAST_CACHE", str(tmp_path))
    first = named("zalando-datasets/fashion_mnist", data_dir)
    assert tuple(first.train_x.shape) == (700, 1, 28, 28)
    assert first.train_x.dtype == torch.uint8
    import datasets

    monkeypatch.setattr(datasets, "load_dataset", lambda *a, **k: pytest.fail("decoded twice"))
    again = named("zalando-datasets/fashion_mnist", data_dir)
    assert torch.equal(first.train_x, again.train_x)
    assert (first.test_y == again.test_y).all()


def test_texts_become_fixed_features_and_their_groups_tasks(data_dir, tmp_path, monkeypatch):
    monkeypatch.setenv("HOLDFAST_CACHE", str(tmp_path))
    source = named("clinc/clinc_oos", data_dir)
    assert (tuple(source.train_x.shape), tuple(source.test_x.shape)) == (
        (15000, 2048),
        (4500, 2048),
    )
    lengths = source.train_x.norm(dim=1)
    assert bool(((lengths - 1).abs() < 1e-5).logical_or(lengths == 0).all()), (
        "0 where no word is known"
    )
    stream = grouped(source, "domain")
    assert [t.name for t in stream][:3] == ["banking", "credit_cards", "kitchen_and_dining"]
    assert [t.outputs for t in stream] == [(0, 15)] * 10
    again = grouped(named("clinc/clinc_oos", data_dir), "class", task_order=[9, 0])
    assert [t.name for t in again] == ["meta", "banking"]
    assert [t.outputs for t in again] == [(0, 15), (0, 30)]
    with pytest.raises(HoldfastError, match="have no groups"):
        grouped(digits(), "class")


def test_a_folder_in_the_hubs_layout_is_read_like_the_hub(tmp_path, monkeypatch):
    """The hub's path with a local folder: parquet files of images that are made here."""
    datasets = pytest.importorskip("datasets")
    from PIL import Image

    monkeypatch.setenv("HOLDFAST_CACHE", str(tmp_path / "cache"))
    images = [Image.fromarray(np.full((4, 4), 20 * k, dtype=np.uint8)) for k in range(10)]
    table = datasets.Dataset.from_dict(
        {"image": images, "label": [k % 2 for k in range(10)]},
        features=datasets.Features(image=datasets.Image(), label=datasets.Value("int64")),
    )
    folder = tmp_path / "data" / "me" / "tiny" / "default"
    folder.mkdir(parents=True)
    for part in ("train", "test"):
        table.to_parquet(folder / f"{part}-00000-of-00001.parquet")
    source = named("me/tiny", tmp_path / "data")
    assert source.train_x[3].unique().tolist() == [60]
    assert source.labels == [0, 1]
