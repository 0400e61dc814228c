"""Real pretrained weights, which packages of the extra models-dev carry, in the real readers."""

import os

import pytest
import torch
from torch.nn.functional import cosine_similarity

from holdfast.metrics import average_accuracy
from holdfast.models.pretrained import load_pretrained
from holdfast.runs.build import build_learner, build_stream
from holdfast.runs.config import RunConfig
from holdfast.streams import tokenize
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
