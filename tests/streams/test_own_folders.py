"""Folders of images of one's own: layouts, kinds of images, and faults that are named."""

import numpy as np
import pytest
import torch
from PIL import Image

from holdfast import HoldfastError
from holdfast.streams import from_folder, from_table


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("HOLDFAST_CACHE", str(tmp_path / "cache"))


def image(path, value=100, mode="RGB", size=(8, 8)):
    path.parent.mkdir(parents=True, exist_ok=True)
    shape = (size[1], size[0]) if mode == "L" else (size[1], size[0], len(mode))
    Image.fromarray(np.full(shape, value, dtype=np.uint8), mode=None).save(path)


@pytest.fixture
def pets(tmp_path):
    """Three classes of six images, each of its own shade."""
    folder = tmp_path / "pets"
    for number, name in enumerate(("bird", "cat", "dog")):
        for k in range(6):
            image(folder / name / f"{k}.png", 60 * number + k)
    return folder


def pixels(task, part="train"):
    examples = getattr(task, part)
    return examples.fetch(torch.arange(len(examples)))[0]


def test_a_folder_per_class_becomes_tasks_of_classes(pets):
    stream = from_folder(pets, "class", classes=[["cat"], ["bird", "dog"]], image_size=4, test=0.34)
    assert [(t.name, len(t.train), len(t.test)) for t in stream] == [
        ("cat", 4, 2),
        ("bird+dog", 8, 4),
    ]
    assert stream.shape == (3, 4, 4)
    assert pixels(stream.tasks[0]).dtype == torch.uint8
    assert set(pixels(stream.tasks[0]).flatten().tolist()) <= set(range(60, 66))


def test_images_are_decoded_once(pets, monkeypatch):
    first = from_folder(pets, "class", tasks=3)
    monkeypatch.setattr(Image, "open", lambda *a, **k: pytest.fail("decoded twice"))
    again = from_folder(pets, "class", tasks=3)
    assert all(torch.equal(pixels(a), pixels(b)) for a, b in zip(first, again, strict=True))


def test_class_is_another_name_of_the_folders_of_classes(pets):
    plain = from_folder(pets, "class", tasks=3)
    named = from_folder(pets, "class", tasks=3, label="class")
    assert [task.labels for task in named] == [task.labels for task in plain]
    with pytest.raises(HoldfastError, match=r"unknown column of .* 'klass'"):
        from_folder(pets, "class", tasks=3, label="klass")


def test_layouts_with_sides_and_with_tasks_are_known(tmp_path):
    for side, count in (("train", 4), ("test", 2)):
        for number, name in enumerate(("cat", "dog")):
            for k in range(count):
                image(tmp_path / "sided" / side / name / f"{k}.png", 100 * number + k)
    stream = from_folder(tmp_path / "sided", "class", tasks=2)
    assert [(len(t.train), len(t.test)) for t in stream] == [(4, 2), (4, 2)]
    for style in ("photo", "sketch"):
        for name in ("cat", "dog"):
            for k in range(3):
                image(tmp_path / "styles" / style / name / f"{k}.png", k)
    styles = from_folder(tmp_path / "styles", "domain", task="folder")
    assert [t.name for t in styles] == ["photo", "sketch"]
    assert styles.labels == ("cat", "dog")


def test_images_with_a_table_have_its_labels_tasks_and_groups(tmp_path):
    rows = ["picture,month,kind,patient"]
    for k in range(24):
        image(tmp_path / "scans" / "files" / f"{k}.png", k, mode="L")
        rows.append(f"files/{k}.png,2026-0{1 + k % 2},{'sick' if k % 4 < 2 else 'well'},p{k // 4}")
    (tmp_path / "scans" / "labels.csv").write_text("\n".join(rows))
    stream = from_folder(
        tmp_path / "scans", "domain", label="kind", task="month", groups="patient", image_size=8
    )
    assert [t.name for t in stream] == ["2026-01", "2026-02"]
    assert stream.shape == (1, 8, 8)
    trained = {int(v) // 4 for t in stream for v in pixels(t)[:, 0, 0, 0]}
    tested = {int(v) // 4 for t in stream for v in pixels(t, "test")[:, 0, 0, 0]}
    assert not trained & tested
    (tmp_path / "scans" / "labels.csv").write_text(
        "\n".join([*rows, "files/99.png,2026-01,well,p9"])
    )
    with pytest.raises(
        HoldfastError, match=r"labels.csv, row 25, column 'picture': 'files/99.png'"
    ):
        from_folder(tmp_path / "scans", "domain", label="kind", task="month")


def test_every_kind_of_image_becomes_eight_bits_in_one_mode(tmp_path):
    folder = tmp_path / "kinds"
    deep = np.full((8, 8), 65535, dtype=np.uint16)
    for name in ("a", "b"):
        (folder / name).mkdir(parents=True)
        for k in range(2):
            Image.fromarray(deep).save(folder / name / f"deep{k}.png")
            Image.new("1", (8, 8), 1).save(folder / name / f"bits{k}.png")
            Image.new("LA", (8, 8), (0, 0)).save(folder / name / f"clear{k}.png")
    gray = from_folder(folder, "class", tasks=2, image_size=8)
    assert gray.shape == (1, 8, 8)
    assert {int(v) for t in gray for p in ("train", "test") for v in pixels(t, p).flatten()} == {
        255
    }
    Image.new("CMYK", (8, 8), (0, 0, 0, 0)).save(folder / "a" / "ink.jpg")
    palette = Image.new("P", (8, 8), 1)
    palette.putpalette([0, 0, 0, 255, 255, 255])
    palette.save(folder / "b" / "few.gif")
    colored = from_folder(folder, "class", tasks=2, image_size=8)
    assert colored.shape == (3, 8, 8)
    assert min(int(pixels(t).min()) for t in colored) >= 254
    assert from_folder(folder, "class", tasks=2, image_size=8, color="grayscale").shape == (1, 8, 8)


def test_turned_and_oblong_images_are_put_upright_and_cut(tmp_path):
    picture = np.zeros((10, 20, 3), dtype=np.uint8)
    picture[:, :10] = 255
    turned = Image.fromarray(picture)
    turned.getexif()[0x0112] = 6  # the camera was turned by a quarter
    for name in ("a", "b"):
        for k in range(2):
            (tmp_path / "turned" / name).mkdir(parents=True, exist_ok=True)
            turned.save(tmp_path / "turned" / name / f"{k}.png", exif=turned.getexif())
    stream = from_folder(tmp_path / "turned", "class", tasks=2, image_size=10)
    x = pixels(stream.tasks[0])[0, 0].float()
    assert x[:4].mean() > 250
    assert x[6:].mean() < 5


def test_faults_of_a_folder_are_named_before_anything_is_trained(pets, tmp_path):
    (pets / "cat" / "broken.jpg").write_bytes(b"no image")
    whole = (pets / "dog" / "0.png").read_bytes()
    (pets / "dog" / "half.png").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(
        HoldfastError, match=r"2 images can't be read: cat/broken.jpg \(.*dog/half.png"
    ):
        from_folder(pets, "class", tasks=3)
    kept = from_folder(pets, "class", tasks=3, missing="drop")
    assert sum(len(t.train) + len(t.test) for t in kept) == 18
    image(pets / "loose.png")
    with pytest.raises(
        HoldfastError, match=r"loose.png in the folder pets is in no folder of a class"
    ):
        from_folder(pets, "class", tasks=3)
    (tmp_path / "empty").mkdir()
    with pytest.raises(HoldfastError, match="the folder empty holds no image and no table"):
        from_folder(tmp_path / "empty", "class", tasks=3)
    (tmp_path / "empty" / "t.csv").write_text("x,label\n" + "1,a\n2,b\n" * 5)
    with pytest.raises(HoldfastError, match="holds no images; use from_table"):
        from_folder(tmp_path / "empty", "class", tasks=2)
    assert len(from_table(tmp_path / "empty", "class", tasks=2)) == 2
