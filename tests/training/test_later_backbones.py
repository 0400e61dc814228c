"""A learner with a pretrained backbone, in a file, from month to month."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from holdfast.errors import HoldfastError
from holdfast.models.input_forms import form_of, inputs_like
from holdfast.named_inputs import NamedInputs
from holdfast.runs.later import Month, answers_of, learn_month, open_learner

NETWORK = """
from torch import nn


def make():
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 16), nn.ReLU(), nn.Linear(16, 7))
"""
LEVEL = {"dark": 40, "grey": 120, "light": 210}


def images(folder: Path, *kinds: str) -> str:
    """A folder of images per kind, each of about one grey."""
    rng = np.random.default_rng(0)
    for kind in kinds:
        (folder / kind).mkdir(parents=True)
        for number in range(20):
            pixels = rng.normal(LEVEL[kind], 10, (8, 8)).clip(0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(folder / kind / f"{number}.png")
    return str(folder)


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The weights of a network that a module makes."""
    (tmp_path / "grey_network.py").write_text(NETWORK)
    monkeypatch.syspath_prepend(tmp_path)
    import grey_network

    torch.save(grey_network.make().state_dict(), tmp_path / "weights.pt")
    return tmp_path / "weights.pt"


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("frozen", [False, True])
def test_months_are_learnt_on_a_backbone(weights: Path, tmp_path: Path, frozen: bool) -> None:
    given = {
        "method": "NCM()" if frozen else "ER(20)",
        "data": {"image_size": 8},
        "model": {"backbone": str(weights), "backbone_factory": "grey_network:make"},
    }
    if frozen:
        given["model"]["frozen"] = True
    else:
        given["training"] = {"optimizer": "adam", "lr": 0.01, "backbone_lr": 0.008, "epochs": 150}
        given["model"]["backbone_lr"] = given["training"].pop("backbone_lr")
    file = tmp_path / "model.hf"
    first = Month(file, images(tmp_path / "11", "dark", "grey"))
    learner, _ = open_learner(first, given)
    learn_month(learner, first, given)
    later = Month(file, images(tmp_path / "12", "grey", "light"))
    learner, _ = open_learner(later, {})
    learnt = learn_month(learner, later, {})
    assert learnt.new_labels == ["light"]
    assert learnt.matrix.score("12", after="12") > 0.6
    headings, rows = answers_of(file, str(tmp_path / "12"), None, "cpu")
    assert headings == ["file", "label", "score"]
    assert len(rows) == 40
    weights.unlink()
    with pytest.raises(HoldfastError, match=r"weights\.pt"):
        open_learner(later, {})


def test_the_form_of_inputs_is_kept() -> None:
    x = NamedInputs(
        {"ids": torch.ones(2, 5, dtype=torch.long), "weight": torch.zeros(2)},
        padding={"ids": 0},
        hidden=["weight"],
    )
    again = inputs_like(form_of(x))
    assert isinstance(again, NamedInputs)
    assert again.describe() == x.describe()
    assert (again.padding, again.hidden) == (x.padding, x.hidden)
    one = inputs_like(form_of(torch.zeros(3, 2, 2, dtype=torch.uint8)))
    assert isinstance(one, torch.Tensor)
    assert (one.shape, one.dtype) == ((1, 2, 2), torch.uint8)
