"""Texts as inputs of a language model: from lists, frames and data sets, once."""

import json
import re
import warnings

import numpy as np
import pandas as pd
import pytest
import torch

from helpers import save_bert
from holdfast import HoldfastError
from holdfast.streams import from_arrays, from_datasets, from_frame, from_table, tokenize, tokens

transformers = pytest.importorskip("transformers")

LONG = "the parcel came late again and was fine"
TEXTS = ["the parcel came late", LONG, "was fine", "the parcel"] * 4
LABELS = ["bad", "mixed", "good", "none"] * 4
CUT = re.escape("4 of 16 texts are longer than 8 tokens and were cut")


@pytest.fixture(scope="module")
def bert(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bert")
    save_bert(folder, transformers.BertModel, max_position_embeddings=16)
    return folder


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("HOLDFAST_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def counted(monkeypatch):
    """How often texts were tokenised."""
    calls = []
    made = tokens.token_array
    monkeypatch.setattr(tokens, "token_array", lambda *args: (calls.append(1), made(*args))[1])
    return calls


def frame():
    return pd.DataFrame({"text": TEXTS, "label": LABELS, "week": [1] * 8 + [2] * 8})


def test_texts_become_what_the_tokenizer_makes_of_them(bert):
    library = transformers.AutoTokenizer.from_pretrained(bert)
    expected = library(TEXTS[:2], padding=True, return_tensors="pt")
    for tokenizer in (bert, str(bert), library):
        x = tokenize(TEXTS[:2], tokenizer)
        assert torch.equal(x["input_ids"], expected["input_ids"])
        assert torch.equal(x["attention_mask"], expected["attention_mask"])


def test_every_way_in_gives_the_same_tokens(bert):
    table = frame()
    x = tokenize(TEXTS, bert)
    made = [
        from_arrays(x, LABELS, table["week"], "domain", test=0.5),
        from_frame(
            table, "domain", task="week", label="label", inputs=["text"], tokenizer=bert, test=0.5
        ),
        from_table(table, "domain", task="week", label="label", tokenizer=bert, test=0.5),
    ]
    rows = [
        list(zip(part["text"], part["label"], strict=True)) for _, part in table.groupby("week")
    ]
    made.append(from_datasets([(part, part) for part in rows], "domain", tokenizer=bert))
    for stream in made:
        task = stream[0]
        x, y, _ = task.train.fetch(torch.arange(len(task.train)))
        assert stream.labels == ("bad", "good", "mixed", "none")
        # Each text goes with its own label.
        lengths = x["attention_mask"].sum(1)
        wanted = {"bad": 6, "mixed": 10, "good": 4, "none": 4}
        assert lengths.tolist() == [wanted[stream.labels[int(label)]] for label in y]
    # A batch is as long as its longest text.
    short = next(row for row in range(len(y)) if stream.labels[int(y[row])] == "good")
    assert task.train.fetch(torch.tensor([short]))[0]["input_ids"].shape == (1, 4)


def test_texts_are_tokenised_once_and_then_read_from_the_cache(bert, counted):
    for _ in range(2):
        tokenize(TEXTS, bert)
        from_frame(frame(), "domain", task="week", label="label", inputs=["text"], tokenizer=bert)
        from_table(frame(), "domain", task="week", label="label", tokenizer=bert)
    assert len(counted) == 1
    tokenize(TEXTS, bert, max_length=10)
    tokenize(TEXTS, transformers.AutoTokenizer.from_pretrained(bert))
    assert len(counted) == 3


def test_long_texts_are_cut_with_one_warning_that_counts_them(bert):
    ways = [
        lambda: tokenize(TEXTS, bert, max_length=8),
        lambda: from_frame(
            frame(),
            "domain",
            task="week",
            label="label",
            inputs=["text"],
            tokenizer=bert,
            max_length=8,
        ),
        lambda: from_table(
            frame(), "domain", task="week", label="label", tokenizer=bert, max_length=8
        ),
    ]
    rows = list(zip(TEXTS, LABELS, strict=True))
    halves = [(rows[:4], rows[4:8]), (rows[8:12], rows[12:])]
    ways.append(lambda: from_datasets(halves, "domain", tokenizer=bert, max_length=8))
    for way in ways * 2:  # also if the tokens come from the cache
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            way()
        assert [re.match(CUT, str(one.message)) is not None for one in caught] == [True]
    with pytest.warns(UserWarning, match="1 of 1 texts is longer than 8 tokens and was cut"):
        x = tokenize([LONG], bert, max_length=8)
    # The marks at both ends stay.
    assert x["input_ids"][0, [0, -1]].tolist() == [2, 3]


def test_what_the_network_reads_is_the_longest_text(bert):
    with pytest.warns(UserWarning, match="1 of 1 texts is longer than 16 tokens"):
        assert tokenize([" ".join([LONG] * 3)], bert)["input_ids"].shape == (1, 16)
    with pytest.raises(HoldfastError, match=r"max_length=17 is more than .* reads, .* 16 tokens"):
        tokenize(TEXTS, bert, max_length=17)
    for length in (2, 0, -3):
        with pytest.raises(HoldfastError, match=f"max_length={length} leaves no room for a text"):
            tokenize(TEXTS, bert, max_length=length)


def spaces(texts):
    return pd.DataFrame({"text": texts, "label": ["a", "b"] * 4, "week": [1, 1, 1, 1, 2, 2, 2, 2]})


@pytest.mark.parametrize("empty", ["", "  ", "\u200b\n"])
def test_a_text_without_tokens_is_refused_by_its_row(bert, empty):
    texts = ["was fine"] * 5 + [empty] + ["the parcel"] * 2
    with pytest.raises(HoldfastError, match=r"text 5 is '.*', which has no token"):
        tokenize(texts, bert)
    options = {"task": "week", "label": "label", "tokenizer": bert}
    with pytest.raises(HoldfastError, match=r"text 5 is '.*', which has no token"):
        from_frame(spaces(texts), "domain", inputs=["text"], **options)
    match = r"row 6 is '.*', which has no token|1 value is missing \(first in .*row 6"
    with pytest.raises(HoldfastError, match=match):
        from_table(spaces(texts), "domain", text="text", **options)
    with pytest.raises(HoldfastError, match=r"row 6 is '.*', which has no token"):
        from_table(spaces(texts), "domain", text="text", missing="flag", **options)
    rows = list(zip(texts, ["a", "b"] * 4, strict=True))
    with pytest.raises(HoldfastError, match=r"task 'task 0' \(training\): text 5 is"):
        from_datasets([(rows, rows)], "domain", tokenizer=bert)


def test_a_tokenizer_of_another_network_is_refused_by_the_token(bert, tmp_path):
    for file in bert.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    config = json.loads((bert / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(config | {"vocab_size": 10}))
    with pytest.raises(HoldfastError, match=r"text 1 has the token 12 .* only the tokens 0 to 9"):
        tokenize(["the parcel", LONG], tmp_path)


@pytest.mark.parametrize(
    ("texts", "tokenizer", "message"),
    [
        ("was fine", "BERT", "expected a list of texts, got one text 'was fine'"),
        (["was fine", None], "BERT", "text 1 is None, but every example needs a text"),
        (["was fine", 3], "BERT", "text 1 is 3, but"),
        (["was fine"], 7, "expected a tokenizer of transformers"),
        (["was fine"], "EMPTY", "is not readable as a tokenizer of transformers"),
        (["was fine"], "nobody/no-model", "there is no folder nobody/no-model, .* give the path"),
    ],
)
def test_a_mistake_in_texts_or_tokenizer_is_named(
    bert, tmp_path, monkeypatch, texts, tokenizer, message
):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    places = {"BERT": bert, "EMPTY": tmp_path}
    with pytest.raises(HoldfastError, match=message):
        tokenize(texts, places.get(tokenizer, tokenizer))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_length": 8}, "max_length=8 has no effect without tokenizer"),
        ({"inputs": ["week"], "tokenizer": "BERT"}, "can't be an input and task at once"),
        ({"inputs": ["number"], "tokenizer": "BERT"}, "is to be a text, but row 0 has 0"),
        ({"tokenizer": "BERT"}, "column 'number' is to be a text, but row 0 has 0"),
        ({"inputs": ["text"]}, "pass tokenizer= for a language model"),
    ],
)
def test_a_mistake_in_a_frame_of_texts_is_named(bert, options, message):
    table = frame().assign(number=range(16))
    if "tokenizer" in options:
        options = options | {"tokenizer": bert}
    with pytest.raises(HoldfastError, match=message):
        from_frame(table, "domain", task="week", label="label", **options)


def test_a_table_takes_the_place_of_a_tokenizer_and_not_the_tokenizer_itself(bert):
    loaded = transformers.AutoTokenizer.from_pretrained(bert)
    options = {"task": "week", "label": "label", "tokenizer": loaded}
    with pytest.raises(HoldfastError, match=r"must be a path or a name.* give the folder"):
        from_table(frame(), "domain", **options)
    made = from_frame(frame(), "domain", inputs=["text"], **options)
    assert len(made) == 2


def test_a_mistake_in_a_data_set_of_texts_is_named(bert):
    rows = list(zip(TEXTS, LABELS, strict=True))
    pair = [(rows, rows)]
    with pytest.raises(HoldfastError, match="padding says how batches are made"):
        from_datasets(pair, "domain", tokenizer=bert, padding={"input_ids": 0})
    with pytest.raises(HoldfastError, match="max_length=8 has no effect"):
        from_datasets(pair, "domain", max_length=8)
    later = [("was fine", "new"), *rows]
    with pytest.raises(HoldfastError, match="new"):
        from_datasets([(rows, later)], "class", tokenizer=bert)


def test_rows_of_the_datasets_package_are_read_by_the_names_of_their_columns(bert):
    datasets = pytest.importorskip("datasets")
    rows = datasets.Dataset.from_dict({"text": TEXTS, "intent": LABELS, "id": list(range(16))})
    stream = from_datasets(
        [(rows, rows)], "class", columns=("text", "intent"), tokenizer=bert, validation=0.25
    )
    x, y, _ = stream[0].train.fetch(torch.tensor([0]))
    assert x.keys() == ["input_ids", "attention_mask"]
    assert len(stream[0].validation) == 4
    assert np.isin(y.tolist(), range(4)).all()
