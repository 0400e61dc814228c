"""Pretrained networks: weights from files, folders of transformers, ONNX, and the old outputs."""

import copy
import json
import pickle
from collections import OrderedDict

import pytest
import safetensors.torch
import torch
from torch import nn

from helpers import save_bert
from holdfast import HoldfastError
from holdfast.models import classifier_from, pretrained_classifier
from holdfast.named_inputs import NamedInputs

ROWS = torch.rand(3, 4)


def net(outputs=5):
    body = nn.Sequential(nn.Linear(4, 6), nn.ReLU())
    return nn.Sequential(OrderedDict(body=body, fc=nn.Linear(6, outputs)))


class Followed(nn.Module):
    """A network whose linear layer is followed by an activation in place."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(4, 6)

    def forward(self, x):
        return self.linear(x).relu_()


@pytest.fixture
def trained():
    torch.manual_seed(1)
    return net()


def load(path, head="growing", outputs=4, factory=net, **options):
    return pretrained_classifier(path, ROWS, head, outputs, factory=factory, **options)


FORMS = {
    "w.pt": lambda state, path: torch.save(state, path),
    "w.pth": lambda state, path: torch.save({"state_dict": state, "epoch": 3}, path),
    "w.bin": lambda state, path: torch.save({"model": state}, path),
    "w.ckpt": lambda state, path: torch.save(
        {"model_state_dict": {f"module.{name}": tensor for name, tensor in state.items()}}, path
    ),
    "w.safetensors": safetensors.torch.save_file,
}


@pytest.mark.parametrize("name", FORMS)
def test_weights_in_every_form_give_the_features_of_the_trained_network(name, trained, tmp_path):
    FORMS[name](trained.state_dict(), tmp_path / name)
    before = torch.get_rng_state()
    model = load(tmp_path / name)
    model.head.open(0, 0, 4)
    assert torch.equal(model.features(ROWS), trained.body(ROWS))
    assert model.head.width == 4
    # Neither the factory nor the trial row moves the generator of the caller, but the head does.
    torch.set_rng_state(before)
    assert torch.equal(load(tmp_path / name, seed=3).features(ROWS), trained.body(ROWS))
    assert torch.equal(torch.get_rng_state(), before)


def test_the_old_output_layer_is_dropped_or_kept_by_name(trained, tmp_path):
    torch.save(trained.state_dict(), tmp_path / "w.pt")
    kept = load(tmp_path / "w.pt", outputs=7, old_output="keep", output_layer="fc")
    kept.head.open(0, 0, 7)
    assert torch.equal(kept.head.linear.weight[:5], trained.fc.weight)
    dropped = load(tmp_path / "w.pt", "fixed", 7)
    assert not torch.equal(dropped.head.linear.weight[:5], trained.fc.weight)
    # What is dropped may have had other outputs than the factory makes today.
    load(tmp_path / "w.pt", factory=lambda: net(outputs=9))
    with pytest.raises(HoldfastError, match="has 5 outputs, but the tasks have 4"):
        load(tmp_path / "w.pt", outputs=4, old_output="keep")
    with pytest.raises(HoldfastError, match=r"fc\.weight \(5, 6\), not \(9, 6\)"):
        load(tmp_path / "w.pt", outputs=9, factory=lambda: net(outputs=9), old_output="keep")


def test_a_network_that_ends_in_features_keeps_all_of_its_layers(tmp_path):
    torch.manual_seed(0)
    plain = Followed()
    torch.save(plain.state_dict(), tmp_path / "w.pt")
    with pytest.raises(HoldfastError, match="does more after its linear layer 'linear'"):
        load(tmp_path / "w.pt", factory=Followed)
    model = load(tmp_path / "w.pt", factory=Followed, old_output="none")
    assert torch.equal(model.features(ROWS), plain(ROWS))
    torch.save(net().state_dict(), tmp_path / "v.pt")
    with pytest.raises(HoldfastError, match=r"does more after its linear layer 'body\.0'"):
        load(tmp_path / "v.pt", output_layer="body.0")


def test_classifier_from_drops_the_old_output_layer_if_it_is_told_to():
    network = net()
    old = network.fc.weight.clone()
    kept = classifier_from(copy.deepcopy(network), "fc", "masked", 8)
    assert torch.equal(kept.head.linear.weight[:5], old)
    dropped = classifier_from(network, "fc", "growing", old_output="drop")
    dropped.head.open(0, 0, 2)
    assert dropped.head.width == 2
    assert not torch.equal(dropped.head.linear.weight, old[:2])
    with pytest.raises(HoldfastError, match="unknown old_output 'forget'"):
        classifier_from(net(), "fc", "growing", old_output="forget")


class Secret:
    def __reduce__(self):
        return (print, ("this must never run",))


def written(tmp_path, content, name="w.pt"):
    path = tmp_path / name
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        torch.save(content, path)
    return path


def without(state, name):
    return {key: tensor for key, tensor in state.items() if key != name}


def returning_nothing():
    return "a text"


def failing():
    raise RuntimeError("no such layer size")


@pytest.mark.parametrize(
    ("content", "options", "message"),
    [
        (lambda s: without(s, "body.0.bias"), {}, r"it lacks body\.0\.bias\. Let the factory"),
        (lambda s: s | {"extra.weight": ROWS}, {}, r"has not, extra\.weight"),
        (
            lambda s: s | {"body.0.weight": ROWS},
            {},
            r"other shapes: body\.0\.weight \(3, 4\), not \(6, 4\)",
        ),
        (lambda s: list(s.values()), {}, "holds list; expected a state dict"),
        (lambda s: {}, {}, "holds no tensor"),
        (lambda s: {"state_dict": {"a": 3}}, {}, "holds int under 'a'"),
        (lambda s: net(), {}, "could run code; save its state dict"),
        (lambda s: pickle.dumps(Secret()), {}, "could run code|not readable as a state dict"),
        (lambda s: b"PK nonsense", {}, "is not readable as a state dict"),
        (lambda s: b"", {}, "is not readable as a state dict"),
        (lambda s: s, {"factory": None}, "needs the function that makes its network"),
        (lambda s: s, {"factory": returning_nothing}, "returned str; expected the network"),
        (lambda s: s, {"factory": failing}, "no such layer size"),
        (lambda s: s, {"factory": "mynet"}, "cannot be read; expected module:function"),
        (lambda s: s, {"factory": "holdfast.models:mlpp"}, "did you mean 'mlp'"),
        (lambda s: s, {"factory": "no_such_module:make"}, "there is no module 'no_such_module'"),
        (lambda s: s, {"output_layer": "fd"}, "did you mean 'fc'"),
        (lambda s: s, {"old_output": "lose"}, "unknown old_output 'lose'"),
        (lambda s: s, {"old_output": "none", "output_layer": "fc"}, "leave one of them out"),
        (lambda s: s, {"head": "grown"}, "unknown head 'grown'"),
    ],
)
def test_a_mistake_is_named_and_nothing_of_the_file_runs(
    content, options, message, trained, tmp_path, capsys
):
    path = written(tmp_path, content(trained.state_dict()))
    with pytest.raises(HoldfastError, match=message):
        load(path, **options)
    assert "must never run" not in capsys.readouterr().out


def test_a_backbone_that_is_nowhere_is_refused_with_the_way_to_a_folder(tmp_path, monkeypatch):
    for name in ("nowhere.pt", "what is this?"):
        with pytest.raises(HoldfastError, match=r"there is no file or folder .*; check the path"):
            load(name)
    pytest.importorskip("transformers")
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(HoldfastError, match=r"HF_HUB_OFFLINE is set\); .* hf download n"):
        load("nobody/no-such-model")
    (tmp_path / "notes.txt").write_text("weights")
    with pytest.raises(HoldfastError, match=r"ends in '\.txt'; expected a file of weights"):
        load(tmp_path / "notes.txt")
    with pytest.raises(HoldfastError, match=r"holds no backbone; expected config\.json"):
        load(tmp_path)


def test_inputs_that_the_backbone_cannot_read_are_described(trained, tmp_path):
    torch.save(trained.state_dict(), tmp_path / "w.pt")
    with pytest.raises(HoldfastError, match=r"cannot read these inputs, of shape \(7,\)"):
        pretrained_classifier(tmp_path / "w.pt", torch.rand(2, 7), "growing", factory=net)

    def mapped():
        return nn.Sequential(nn.Unflatten(1, (1, 2, 2)), nn.Conv2d(1, 3, 1))

    torch.save(mapped().state_dict(), tmp_path / "m.pt")
    with pytest.raises(HoldfastError, match=r"returns of shape \(3, 2, 2\).*pool or flatten"):
        load(tmp_path / "m.pt", factory=mapped)


# ---- folders of transformers


@pytest.fixture(scope="module")
def bert(tmp_path_factory):
    """A language model with random weights, as save_pretrained writes it."""
    transformers = pytest.importorskip("transformers")
    folder = tmp_path_factory.mktemp("bert")
    # It has an output layer of its own, which is left out.
    save_bert(folder, transformers.BertForSequenceClassification, num_labels=3)
    return folder


IDS = torch.tensor([[2, 5, 6, 3], [2, 7, 3, 0]])
TOKENS = NamedInputs({"input_ids": IDS, "attention_mask": (IDS != 0).long()})


def test_a_language_model_pools_its_states_as_its_folder_says(bert):
    transformers = pytest.importorskip("transformers")
    network = transformers.AutoModel.from_pretrained(bert).eval()
    states = network(**TOKENS.tensors).last_hidden_state
    model = pretrained_classifier(bert, TOKENS, "growing").eval()
    assert torch.allclose(model.features(TOKENS)[1], states[1, :3].mean(0), atol=1e-6)
    # The layer above the states is of no use here, and would only be carried along.
    assert not [name for name, _ in model.named_parameters() if "pooler" in name]
    (bert / "1_Pooling").mkdir()
    (bert / "1_Pooling" / "config.json").write_text(json.dumps({"pooling_mode_cls_token": True}))
    first = pretrained_classifier(bert, TOKENS, "growing").eval()
    assert torch.allclose(first.features(TOKENS), states[:, 0], atol=1e-6)


def test_a_folder_with_missing_weights_or_other_uses_is_refused(bert, tmp_path):
    with pytest.raises(HoldfastError, match=r"reads texts, but the inputs are of shape \(4,\)"):
        load(bert, factory=None)
    with pytest.raises(HoldfastError, match="it is for a file of weights"):
        pretrained_classifier(bert, TOKENS, "growing", factory=net)
    with pytest.raises(HoldfastError, match="old_output='keep' needs a file of weights"):
        pretrained_classifier(bert, TOKENS, "growing", old_output="keep")
    for file in bert.iterdir():
        if file.is_file():
            (tmp_path / file.name).write_bytes(file.read_bytes())
    state = safetensors.torch.load_file(bert / "model.safetensors")
    gone = next(name for name in state if "attention.self.query.weight" in name)
    safetensors.torch.save_file(
        without(state, gone), tmp_path / "model.safetensors", metadata={"format": "pt"}
    )
    with pytest.raises(HoldfastError, match=r"lacks weights: .*query\.weight \(1 in all\)"):
        pretrained_classifier(tmp_path, TOKENS, "growing")
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(HoldfastError, match="is not readable as JSON"):
        pretrained_classifier(tmp_path, TOKENS, "growing")


def test_a_network_of_images_gets_images_as_it_knows_them(tmp_path):
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    config = transformers.ViTConfig(
        hidden_size=8,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=8,
        image_size=8,
        patch_size=4,
    )
    transformers.ViTModel(config).save_pretrained(tmp_path)
    normal = {"image_mean": [0.5, 0.4, 0.3], "image_std": [0.2, 0.3, 0.4]}
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(normal))
    grey = torch.randint(0, 256, (2, 1, 8, 8), dtype=torch.uint8)
    model = pretrained_classifier(tmp_path, grey, "growing").eval()
    network = transformers.AutoModel.from_pretrained(tmp_path).eval()
    pixels = (grey / 255).expand(-1, 3, -1, -1)
    mean = torch.tensor(normal["image_mean"]).view(3, 1, 1)
    deviation = torch.tensor(normal["image_std"]).view(3, 1, 1)
    states = network(pixel_values=(pixels - mean) / deviation).last_hidden_state
    assert torch.allclose(model.features(grey / 255), states[:, 0], atol=1e-6)
    assert model.features(torch.rand(2, 3, 20, 24)).shape == (2, 8)
    with pytest.raises(HoldfastError, match="reads images of 3 channels, but these have 2"):
        model.features(torch.rand(2, 2, 8, 8))
    with pytest.raises(HoldfastError, match=r"reads images, .* use data of images"):
        pretrained_classifier(tmp_path, ROWS, "growing")


# ---- ONNX


@pytest.mark.filterwarnings("ignore")
def test_an_onnx_file_gives_the_features_that_it_was_exported_with(trained, tmp_path):
    pytest.importorskip("onnxruntime")
    path = tmp_path / "net.onnx"
    torch.onnx.export(
        trained.body,
        (ROWS,),
        path,
        dynamo=False,
        input_names=["x"],
        output_names=["y"],
        dynamic_axes={"x": {0: "n"}, "y": {0: "n"}},
    )
    model = load(path, factory=None)
    assert torch.allclose(model.features(ROWS), trained.body(ROWS), atol=1e-6)
    again = copy.deepcopy(model)
    assert torch.equal(again.features(ROWS[:1]), model.features(ROWS[:1]))
    assert not list(model.backbone.parameters())
    with pytest.raises(HoldfastError, match="old_output='keep' needs a file of weights"):
        load(path, factory=None, old_output="keep")
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(HoldfastError, match="is not readable as ONNX"):
        load(path, factory=None)
