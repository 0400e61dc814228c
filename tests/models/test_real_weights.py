"""Real pretrained weights, which packages of the extra models-dev carry, in the real readers."""

import os
from pathlib import Path

import pytest
import torch
from torch.nn.functional import cosine_similarity, normalize

from holdfast.metrics import average_accuracy
from holdfast.models.pretrained import load_pretrained
from holdfast.runs.build import build_learner, build_stream
from holdfast.runs.config import RunConfig
from holdfast.streams import named, tokenize
from holdfast.validation import validated

SENTENCES = ["how do i pay my bill", "what is the way to settle my invoice", "book a table for two"]


def test_minilm_finds_paraphrases_nearer_than_other_sentences(minilm):
    inputs = tokenize(SENTENCES, minilm)
    loaded = load_pretrained(minilm, inputs)
    assert loaded.features == 384
    with torch.no_grad():
        bill, invoice, table = loaded.module(**inputs.tensors)
    alike = cosine_similarity(bill, invoice, dim=0)
    other = cosine_similarity(bill, table, dim=0)
    assert alike > other + 0.3


def test_minilm_is_a_backbone_of_a_run_on_a_table(minilm, tmp_path, monkeypatch):
    monkeypatch.setenv("HOLDFAST_CACHE", str(tmp_path / "cache"))
    rows = ["text,label"]
    for number in range(10):
        rows += [f"pay bill {number},pay", f"fly to city {number},fly"]
        rows += [f"cook dish {number},cook", f"play song {number},play"]
    (tmp_path / "intents.csv").write_text("\n".join(rows))
    config = validated(
        RunConfig,
        data={"name": str(tmp_path / "intents.csv"), "text": ["text"], "tasks": 2},
        model={"backbone": str(minilm), "frozen": True},
        training={"epochs": 1},
        method="NCM()",
    )
    stream = build_stream(config)
    matrix = build_learner(config, stream).fit(stream, progress=False).matrix
    assert average_accuracy(matrix) == 1


def test_efficientnet_tells_clothes_apart_by_their_class_means(
    efficientnet_lite0, data_dir, monkeypatch
):
    monkeypatch.syspath_prepend(Path(__file__).parents[2] / "benchmarks")
    import lite0

    monkeypatch.setattr(lite0, "SIZE", 64)  # enough to beat chance by far, and fast
    source = named("zalando-datasets/fashion_mnist", data_dir).limited(200, seed=0)
    images = source.train_x.float() / 255
    loaded = load_pretrained(efficientnet_lite0, images[:1], factory=lite0.make)
    assert (loaded.features, loaded.dropped) == (1280, "_fc (1280 to 1000)")
    with torch.no_grad():
        features = normalize(loaded.module(images), dim=1)
    labels = torch.from_numpy(source.train_y)
    # Half of the images of each class make its mean, and the others are told apart.
    means = torch.stack([features[labels == label][:10].mean(0) for label in range(10)])
    others = torch.cat([features[labels == label][10:] for label in range(10)])
    found = (others @ means.T).argmax(1)
    assert (found == torch.arange(10).repeat_interleave(10)).float().mean() > 0.5


@pytest.mark.skipif(
    not os.environ.get("HOLDFAST_SLOW"),
    reason="reading a GGUF file takes 20 s; set HOLDFAST_SLOW=1",
)
def test_smollm2_is_read_from_gguf_and_continues_a_sentence(smollm2):
    from transformers import AutoModelForCausalLM, AutoTokenizer

    file = {"gguf_file": smollm2.name}
    tokenizer = AutoTokenizer.from_pretrained(smollm2.parent, **file)
    network = AutoModelForCausalLM.from_pretrained(smollm2.parent, dtype=torch.float32, **file)
    prompt = tokenizer("The capital of France is", return_tensors="pt")
    with torch.no_grad():
        logits = network(**prompt).logits
    assert tokenizer.decode(logits[0, -1].argmax()) == " Paris"
