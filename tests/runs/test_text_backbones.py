"""Runs on texts with a model of Transformers: settings, the command line, and mistakes."""

import csv
from pathlib import Path

import pytest
import torch

from helpers import save_bert
from holdfast import HoldfastError
from holdfast.cli.main import run_cli
from holdfast.results.storage import read_result
from holdfast.runs import backbones
from holdfast.runs.build import build_learner, build_stream
from holdfast.runs.config import RunConfig
from holdfast.validation import validated

transformers = pytest.importorskip("transformers")
pytest.importorskip("peft")

TEXTS = ["the parcel came late", "the parcel came late again and was fine", "was fine", "again"]


@pytest.fixture(scope="module")
def bert(tmp_path_factory):
    folder = tmp_path_factory.mktemp("texts") / "bert"
    save_bert(folder, transformers.BertModel, max_position_embeddings=16)
    return folder


@pytest.fixture
def here(bert, tmp_path, monkeypatch):
    """A current folder with notes of two weeks and a small language model."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOLDFAST_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(backbones, "_shared", {})
    Path("bert").symlink_to(bert)
    write("notes.csv", TEXTS * 10)
    return tmp_path


def write(name, texts):
    rows = [(t, "abcd"[n % 4], 1 + n // 20) for n, t in enumerate(texts)]
    with Path(name).open("w", newline="") as file:
        csv.writer(file).writerows([("text", "label", "week"), *rows])


def call(*words):
    with pytest.raises(SystemExit) as done:
        run_cli([*map(str, words)])
    return done.value.code


def config(method="FineTune", **model):
    data = {"name": "notes.csv", "task": "week"}
    given = {"data": data, "model": {"backbone": "bert"} | model, "method": method}
    return validated(RunConfig, scenario="domain", training={"epochs": 1}, **given)


def test_pooling_and_length_reach_the_network_and_the_texts(here):
    plain = config()
    whole = build_stream(plain)
    network = build_learner(plain, whole).model.backbone
    assert network.pooling == "mean"
    run = config(pooling="first", max_length=6)
    with pytest.warns(UserWarning, match="10 of 40 texts are longer than 6 tokens and were cut"):
        short = build_stream(run)
    learner = build_learner(run, short)
    assert learner.model.backbone.pooling == "first"
    longest = [s[0].train.fetch(torch.arange(16))[0]["input_ids"].shape[1] for s in (whole, short)]
    assert longest == [10, 6]
    # Both settings belong to what a run is known by, and a run without them is as it was.
    assert len({config(**m).hash for m in ({}, {"pooling": "mean"}, {"max_length": 6})}) == 3
    assert not {"pooling", "max_length"} & set(plain.plain()["model"])


def test_a_frozen_model_is_pooled_as_it_is_told(here):
    features = []
    for pooling in (None, "mean", "last"):
        stream = build_stream(config(frozen=True, pooling=pooling))
        features.append(stream[0].train.fetch(torch.arange(4))[0])
    assert torch.equal(features[0], features[1])
    assert not torch.equal(features[0], features[2])


@pytest.mark.filterwarnings("ignore:.*were cut")
def test_the_command_adapts_attention_and_counts_what_it_cut_once(here, capsys):
    spec = "OLoRA(rank=2, freeze='start', target_modules=['query', 'value']) + ER(8)"
    options = ["--task", "week", "--scenario", "domain", "--backbone", "bert", "--max-length", 6]
    assert not call("run", "--data", "notes.csv", *options, "--method", spec, "--out", "o")
    out, err = capsys.readouterr()
    assert (out + err).count("10 of 40 texts are longer than 6 tokens and were cut") == 1
    (folder,) = Path("o").glob("*/result.json")
    settings = read_result(folder).config
    assert settings.model["max_length"] == 6
    assert "target_modules=['query', 'value']" in settings.method


@pytest.mark.filterwarnings("ignore:.*were cut")
def test_months_of_texts_are_learnt_and_answered(here, capsys):
    model = ("learn", "--model", "m.hf", "--data", "notes.csv", "--inputs", "text")
    assert not call(*model, "--backbone", "bert", "--max-length", 6, "--method", "ER(8)")
    write("later.csv", ["fine again", "late parcel"] * 10)
    assert not call("learn", "--model", "m.hf", "--data", "later.csv")
    out = capsys.readouterr().out
    assert "note: 10 of 40 texts are longer than 6 tokens and were cut" in out
    assert "known labels: a, b, c, d" in out
    assert not call("predict", "--model", "m.hf", "--data", "later.csv")
    assert len(capsys.readouterr().out.splitlines()) == 21


BASE = "run --data notes.csv --task week --scenario domain --backbone bert --method"
GONE = "run --data notes.csv --task week --scenario domain --backbone"


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (f"{BASE} OLoRA(target_modules=['q_proj'])", "end in: query, key, value, dense. Give"),
        (f"{BASE} OLoRA(target_modules='query')", "fits the whole name of no linear layer"),
        (f"{BASE} OLoRA(target_modules=3)", "must be a list of names of layers"),
        (f"{BASE} GenerativeReplay()", "or a method that takes it: DER"),
        (f"{BASE} ER(8) --max-length 17", "more than bert reads, which is 16 tokens"),
        (f"{BASE} ER(8) --max-length 0", "model.max_length must be at least 1"),
        (f"{BASE} ER(8) --pooling max", "unknown model.pooling 'max'"),
        ("run --pooling mean", "model.pooling='mean' has no effect here"),
        ("run --max-length 9", "model.max_length=9 has no effect here"),
        ("run --backbone bert", "reads texts, but the inputs are of shape (1, 8, 8)"),
        (f"{GONE} nobody/no-such-model", "give the path of a folder with config.json"),
        (f"{GONE} gone.gguf", "there is no file or folder gone.gguf; check the path"),
        (f"{GONE} bad.gguf", "bad.gguf is not readable as a"),
        (f"{GONE} other", "so the tokenizer is that of another network"),
        (
            "run --data empty.csv --task week --scenario domain --backbone bert --missing flag",
            "the text in empty.csv, row 6 is '', which has no token",
        ),
        ("run --data new.csv --task week --scenario class --backbone bert", "'new'"),
    ],
)
def test_a_mistake_ends_with_one_line_before_training(
    here, bert, capsys, monkeypatch, command, message
):
    pytest.importorskip("gguf")
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(here))
    Path("bad.gguf").write_bytes(b"GGUF of no use")
    Path("other").mkdir()
    for file in bert.iterdir():
        text = file.read_bytes().replace(b'"vocab_size": 13', b'"vocab_size": 9')
        Path("other", file.name).write_bytes(text)
    write("empty.csv", [*TEXTS, TEXTS[0], " ", *TEXTS * 9])
    rows = Path("notes.csv").read_text().splitlines()
    sides = ["side"] + ["train" if n % 5 else "test" for n in range(40)]
    lines = [f"{row},{side}" for row, side in zip(rows, sides, strict=True)]
    Path("new.csv").write_text("\n".join([*lines, "was fine,new,2,test"]))
    words = command.split(" ")
    if "new.csv" in command:
        words += ["--test-column", "side"]
    assert call(*words) == 2
    out, err = capsys.readouterr()
    last = err.strip().splitlines()[-1]
    assert last.startswith("holdfast: error: ")
    assert message in last
    assert not [file for file in Path("runs").rglob("*") if file.is_file()]
    assert "Traceback" not in out + err


def test_a_backbone_that_another_library_needs_says_which_extra(here, monkeypatch):
    from holdfast import errors

    Path("model.gguf").write_bytes(b"")
    found = errors.find_spec
    monkeypatch.setattr(errors, "find_spec", lambda name: None if name == "gguf" else found(name))
    with pytest.raises(HoldfastError, match=r"needs gguf, .* extra 'transformers'"):
        config(backbone="model.gguf")


def test_a_mistyped_path_is_named_where_the_library_is_missing(here, monkeypatch):
    from holdfast import errors

    monkeypatch.setattr(errors, "find_spec", lambda name: None)
    match = r"no file or folder brt; check the path. If it is a name .* needs transformers"
    with pytest.raises(HoldfastError, match=match):
        config(backbone="brt")
