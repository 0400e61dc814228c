"""Models of Transformers as classifiers: from folders, names, GGUF files and memory."""

import copy

import pytest
import torch
from torch import nn

from helpers import save_bert
from holdfast import HoldfastError, Learner
from holdfast.models import classifier_from_pretrained, pretrained_classifier, rebuildable
from holdfast.named_inputs import NamedInputs
from holdfast.streams import from_arrays, tokenize
from holdfast.training import optimizer

transformers = pytest.importorskip("transformers")

SMALL = {"vocab_size": 13, "hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2}
IDS = torch.tensor([[2, 5, 6, 3], [2, 7, 3, 0]])
X = NamedInputs({"input_ids": IDS, "attention_mask": (IDS != 0).long()})


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("bert")
    save_bert(place, transformers.BertForSequenceClassification, max_position_embeddings=16)
    return place


def config(**settings):
    return transformers.BertConfig(**SMALL, intermediate_size=8, **settings)


MODELS = {
    "BertModel": lambda: transformers.BertModel(config()),
    "BertForSequenceClassification": lambda: transformers.BertForSequenceClassification(config()),
    "BertForMaskedLM": lambda: transformers.BertForMaskedLM(config()),
    "LlamaForCausalLM": lambda: transformers.LlamaForCausalLM(
        transformers.LlamaConfig(**SMALL, intermediate_size=8)
    ),
    "GPT2LMHeadModel": lambda: transformers.GPT2LMHeadModel(
        transformers.GPT2Config(vocab_size=13, n_embd=8, n_layer=1, n_head=2)
    ),
    "T5EncoderModel": lambda: transformers.T5ForConditionalGeneration(
        transformers.T5Config(vocab_size=13, d_model=8, d_kv=4, d_ff=8, num_layers=1, num_heads=2)
    ),
}


@pytest.mark.parametrize("name", MODELS)
def test_a_model_in_memory_gives_its_pooled_states(name):
    torch.manual_seed(0)
    model = MODELS[name]().eval()
    with torch.no_grad():
        body = copy.deepcopy(model).base_model
        if name == "T5EncoderModel":
            body = body.get_encoder()
        states = body(**X.tensors).last_hidden_state
    before = torch.get_rng_state()
    made = classifier_from_pretrained(model, "growing", pooling="last", seed=1)
    assert torch.equal(torch.get_rng_state(), before)
    assert made.head.features == 8
    assert not made.backbone.network.training
    torch.testing.assert_close(made.features(X), states[[0, 1], [3, 2]])
    assert "lm_head" not in str(list(dict(made.named_parameters())))


def test_a_folder_gives_the_same_network_as_the_library(folder):
    made = classifier_from_pretrained(folder, "masked", 3, seed=0).eval()
    library = transformers.AutoModel.from_pretrained(folder).eval()
    states = library(**X.tensors).last_hidden_state
    torch.testing.assert_close(made.features(X)[1], states[1, :3].mean(0))
    first = classifier_from_pretrained(str(folder), "masked", 3, pooling="first").eval()
    torch.testing.assert_close(first.features(X), states[:, 0])


@rebuildable
def small_bert() -> nn.Module:
    return transformers.BertModel(config())


@pytest.mark.parametrize("pooling", [None, "first"])
@pytest.mark.parametrize("source", ["folder", "memory"])
def test_a_learner_of_texts_is_made_again_from_its_file(folder, tmp_path, source, pooling):
    texts = ["the parcel came late", "was fine", "the parcel", "again and again"] * 4
    stream = from_arrays(
        tokenize(texts, folder), ["a", "b", "c", "d"] * 4, [1, 1, 2, 2] * 4, "class", test=0.25
    )
    model = folder if source == "folder" else small_bert()
    made = classifier_from_pretrained(model, "growing", pooling=pooling)
    learner = Learner(made, "ER(20)", optimizer("adam", lr=0.01), scenario="class")
    learner.fit(stream)
    learner.save(tmp_path / "learner.hf")
    again = Learner.load(tmp_path / "learner.hf")
    x = tokenize(["the parcel", "was late"], folder)
    assert torch.equal(learner.predict(x), again.predict(x))
    assert again.model.backbone.pooling == (pooling or "mean")


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64])
def test_a_model_of_another_floating_type_gets_a_head_of_the_same(dtype):
    model = classifier_from_pretrained(transformers.BertModel(config()).to(dtype), "growing")
    inputs = {"input_ids": [[5, 6], [7]] * 4, "attention_mask": [[1, 1], [1]] * 4}
    padding = dict.fromkeys(inputs, 0)
    s = from_arrays(inputs, [0, 1] * 4, [0] * 8, "class", padding=padding, test=0.25)
    learner = Learner(model, "ER(4)", optimizer("sgd", lr=0.1), scenario="class").train(s[0])
    assert {p.dtype for p in learner.model.parameters()} == {dtype}


def test_a_model_that_carries_adapters_trains_these_alone():
    peft = pytest.importorskip("peft")
    adapters = peft.LoraConfig(r=2, target_modules=["query"])
    network = peft.inject_adapter_in_model(adapters, transformers.BertModel(config()))
    model = classifier_from_pretrained(network, "growing")
    names = [name for name, p in model.named_parameters() if p.requires_grad]
    assert len([name for name in names if "lora" in name]) == len(names) - 2 == 2


class Flat(nn.Module):
    def forward(self, input_ids, attention_mask):
        return input_ids.float()


@pytest.mark.parametrize(
    ("source", "options", "message"),
    [
        ("FOLDER", {"pooling": "max"}, r"unknown pooling 'max'.* known: first, last, mean"),
        ("FOLDER", {"head": "grown"}, "unknown head 'grown'"),
        (Flat(), {}, r"Pooled needs hidden states .* returned a tensor of shape \(1, 2\)"),
        (nn.Linear(2, 2), {}, "cannot read these inputs, input_ids"),
        (3, {}, "expected a folder, a name of the Hugging Face hub or a loaded model, got int"),
        ("WEIGHTS", {}, "use pretrained_classifier, which reads files of weights"),
        ("TWO", {}, r"holds several networks \(a\.gguf, b\.gguf\); give the path of one"),
        ("ONE", {}, r"a\.gguf is not readable as a network"),
        ("no/where", {}, "there is no file or folder no/where"),
    ],
)
def test_a_mistake_is_named(folder, tmp_path, monkeypatch, source, options, message):
    pytest.importorskip("gguf")
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    (tmp_path / "w.pt").write_bytes(b"")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    for name in ("two/a.gguf", "two/b.gguf", "one/a.gguf"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"GGUF of no use")
    places = {"FOLDER": folder, "WEIGHTS": tmp_path / "w.pt"}
    places |= {"TWO": tmp_path / "two", "ONE": tmp_path / "one"}
    where = places.get(source, source) if isinstance(source, str) else source
    with pytest.raises(HoldfastError, match=message):
        classifier_from_pretrained(where, **{"head": "growing"} | options)


def test_pooling_is_refused_for_a_network_of_images(tmp_path):
    vit = transformers.ViTConfig(
        hidden_size=8,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=8,
        image_size=8,
        patch_size=4,
    )
    transformers.ViTModel(vit).save_pretrained(tmp_path)
    (tmp_path / "preprocessor_config.json").write_text("{}")
    assert classifier_from_pretrained(tmp_path, "growing").head.features == 8
    with pytest.raises(HoldfastError, match=r"pooling='mean' has no effect: .* for images"):
        classifier_from_pretrained(tmp_path, "growing", pooling="mean")


@pytest.mark.parametrize("row", [3, 11])
def test_tokens_and_lengths_that_the_network_does_not_know_stop_before_the_first_step(row):
    ids = [[5, 6, 7]] * 12
    model = classifier_from_pretrained(
        transformers.BertModel(config(max_position_embeddings=6)), "growing"
    )

    def stream(text):
        x = [text if number == row else one for number, one in enumerate(ids)]
        inputs = {"input_ids": x, "attention_mask": [[1] * len(one) for one in x]}
        test = [number % 4 == 3 for number in range(12)]
        padding = {"input_ids": 0, "attention_mask": 0}
        return from_arrays(inputs, [0, 1, 1, 0] * 3, [0] * 12, "class", test=test, padding=padding)

    learner = Learner(model, "FineTune", optimizer("sgd", lr=0.1), scenario="class")
    with pytest.raises(HoldfastError, match=r"the token 13, but the network knows only .* 0 to 12"):
        learner.fit(stream([5, 13]))
    with pytest.raises(HoldfastError, match=r"cannot take the inputs .* input_ids of shape \(7,\)"):
        learner.fit(stream([5] * 7))
    learner.fit(stream([5] * 6))


def test_pretrained_classifier_pools_as_it_is_told(folder):
    made = pretrained_classifier(folder, X, "growing", pooling="last").eval()
    states = transformers.AutoModel.from_pretrained(folder).eval()(**X.tensors).last_hidden_state
    torch.testing.assert_close(made.features(X), states[[0, 1], [3, 2]])


def test_a_name_of_the_hub_is_read_from_the_local_cache(tmp_path, monkeypatch):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    place = tmp_path / "models--acme--tiny"
    (place / "snapshots").mkdir(parents=True)
    save_bert(place / "snapshots" / "abc", transformers.BertModel)
    (place / "refs").mkdir()
    (place / "refs" / "main").write_text("abc")
    x = tokenize(["the parcel was fine"], "acme/tiny")
    assert classifier_from_pretrained("acme/tiny", "growing").features(x).shape == (1, 8)
    # A download that broke off left no weights, and there is no connection to fetch them.
    (place / "snapshots" / "abc" / "model.safetensors").unlink()
    with pytest.raises(HoldfastError, match=r"could not be downloaded .* give the path"):
        classifier_from_pretrained("acme/tiny", "growing")
