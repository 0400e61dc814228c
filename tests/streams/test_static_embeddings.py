"""Static embeddings: the mean of the vectors of a text's words or tokens, from local files."""

import gzip
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import save_file

from holdfast import HoldfastError
from holdfast.runs.build import build_stream
from holdfast.runs.config import RunConfig
from holdfast.runs.options import refuse_idle
from holdfast.streams import from_table, named
from holdfast.streams.static_embeddings import embeddings_digest, find_embeddings, mean_embeddings
from holdfast.validation import validated

WORDS = {"pay": [1.0, 0.0], "bill": [0.0, 2.0], "check": [3.0, 4.0], "in": [1.0, 1.0]}
LINES = "".join(f"{word} {x} {y}\n" for word, (x, y) in WORDS.items())


@pytest.fixture(autouse=True)
def _light(monkeypatch, tmp_path) -> None:
    """Fail on an import of transformers, and use a cache of the test's own."""
    monkeypatch.setitem(sys.modules, "transformers", None)
    monkeypatch.setenv("HOLDFAST_CACHE", str(tmp_path / "cache"))


def unit(*vectors: list[float]) -> np.ndarray:
    """The mean of vectors, with length 1."""
    mean = np.mean(vectors, axis=0)
    return mean / np.linalg.norm(mean)


def written(folder: Path, text: str = LINES, name: str = "words.vec") -> str:
    """A file of word vectors."""
    (folder / name).write_text(text, encoding="utf-8")
    return str(folder / name)


def tokens(folder: Path, vocabulary: dict[str, int], **tensors: torch.Tensor) -> str:
    """A folder with a tokenizer that splits at spaces, and tensors."""
    from tokenizers import Tokenizer, models, pre_tokenizers

    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.enable_padding(length=9)
    tokenizer.enable_truncation(1)
    tokenizer.save(str(folder / "tokenizer.json"))
    save_file(
        {name.replace("__", "."): one for name, one in tensors.items()}, folder / "m.safetensors"
    )
    return str(folder)


VOCABULARY = {"[UNK]": 0, "pay": 1, "bill": 2}
VECTORS = torch.tensor([[9.0, 9.0], [1.0, 0.0], [0.0, 2.0]])


def test_a_text_is_the_mean_of_its_words_with_length_1(tmp_path):
    means = mean_embeddings(["pay, bill!", "bill", "nothing known", ""][:3], written(tmp_path))
    assert means.dtype == np.float32
    np.testing.assert_allclose(means[0], unit(WORDS["pay"], WORDS["bill"]), atol=1e-6)
    np.testing.assert_allclose(means[1], [0, 1], atol=1e-6)
    assert means[2].tolist() == [0, 0]


def test_words_are_looked_up_as_written_then_in_lower_case_then_in_parts(tmp_path):
    file = written(tmp_path, LINES + "Bill 5 0\ncheck-in 0 -1\n")
    found = mean_embeddings(["Bill", "BILL", "check-in", "pay-bill", "PAY"], file)
    expected = [[1, 0], [0, 1], [0, -1], unit([1, 0], [0, 2]), [1, 0]]
    np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize(
    "text",
    [
        "4 2\n" + LINES,
        LINES.replace("\n", " \n"),
        LINES + "in . . 7 7\n",
        LINES + "pay 9 9\n",
        LINES + "a\x85b 7 7\n",
    ],
    ids=["header", "spaces at the end", "a word with spaces", "a word twice", "a strange word"],
)
def test_files_of_glove_word2vec_and_fasttext_are_read(tmp_path, text):
    plain = mean_embeddings(["pay bill", "check in"], written(tmp_path))
    assert (
        mean_embeddings(["pay bill", "check in"], written(tmp_path, text, "o.txt")) == plain
    ).all()
    with gzip.open(tmp_path / "o.vec.gz", "wt", encoding="utf-8") as handle:
        handle.write(text)
    assert (mean_embeddings(["pay bill", "check in"], str(tmp_path / "o.vec.gz")) == plain).all()


@pytest.mark.parametrize("name", ["embeddings", "embedding__weight"])
def test_a_static_model_pools_tokens_that_it_knows(tmp_path, name):
    folder = tokens(tmp_path / "m", VOCABULARY, **{name: VECTORS.half()})
    found = mean_embeddings(["pay bill", "pay strange bill", "bill"], folder)
    np.testing.assert_allclose(found[0], unit([1, 0], [0, 2]), atol=1e-6)
    assert (found[0] == found[1]).all(), "what is unknown has no vector"
    np.testing.assert_allclose(found[2], [0, 1], atol=1e-6)


def test_weights_and_shared_rows_of_tokens_are_those_of_model2vec(tmp_path):
    folder = tokens(
        tmp_path / "m",
        VOCABULARY,
        embeddings=VECTORS[1:].contiguous(),
        weights=torch.tensor([1.0, 3.0, 0.5]),
        mapping=torch.tensor([0, 0, 1]),
    )
    found = mean_embeddings(["pay bill"], folder)
    np.testing.assert_allclose(found[0], unit([3, 0], [0, 1]), atol=1e-6)


@pytest.mark.parametrize("ending", ["txt", "parquet"])
def test_an_array_and_its_words_are_read(tmp_path, ending):
    np.save(tmp_path / "v.npy", np.array(list(WORDS.values()), dtype=np.float32))
    if ending == "txt":
        (tmp_path / "words.txt").write_text("\n".join(WORDS) + "\n")
    else:
        pd.DataFrame({"word": list(WORDS)}).to_parquet(tmp_path / "words.parquet")
    plain = mean_embeddings(["Pay in", "bill"], written(tmp_path, name="all.vec"))
    assert (mean_embeddings(["Pay in", "bill"], str(tmp_path)) == plain).all()


def test_an_installed_package_is_searched_but_not_run(tmp_path, monkeypatch):
    package = tmp_path / "here" / "some_vectors"
    tokens(package / "weights", VOCABULARY, embeddings=VECTORS)
    (package / "__init__.py").write_text("raise SystemExit('imported')")
    monkeypatch.syspath_prepend(tmp_path / "here")
    assert find_embeddings("some-vectors").vectors.name == "m.safetensors"
    np.testing.assert_allclose(mean_embeddings(["bill"], "some-vectors"), [[0, 1]], atol=1e-6)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("pay 1 0\nbill 1\n", r"line 2 of words\.vec has 1 numbers; expected 2"),
        ("pay 1 0\nbill 1 x\n", r"line 2 of words\.vec holds something else than numbers"),
        ("pay 1 0\nbill 1 nan\n", r"line 2 of words\.vec has 2 numbers; expected 2 finite"),
        ("2 2\npay 1 0\nbill 1\n", r"line 3 of words\.vec has 1 numbers"),
        ("", r"line 1 of words\.vec has no word with numbers"),
        ("pay\n", r"line 1 of words\.vec has no word with numbers"),
        ("zahlen 1 0\n", "know no word of 100% of the texts"),
    ],
)
def test_a_mistake_in_a_file_of_vectors_is_named(tmp_path, text, message):
    with pytest.raises(HoldfastError, match=message):
        mean_embeddings(["pay bill", "bill"], written(tmp_path, text))


def test_what_holds_no_static_embeddings_is_refused_in_one_sentence(tmp_path):
    with pytest.raises(HoldfastError, match="no file, folder or installed package nowhere"):
        find_embeddings("nowhere")
    (tmp_path / "a.bin").write_bytes(b"\0\1")
    with pytest.raises(HoldfastError, match=r"the file .*a\.bin holds no static embeddings"):
        find_embeddings(str(tmp_path / "a.bin"))
    with pytest.raises(HoldfastError, match="and found none of them"):
        find_embeddings(str(tmp_path))
    network = tokens(tmp_path / "bert", VOCABULARY, layer__weight=VECTORS)
    with pytest.raises(HoldfastError, match=r"no tensor embeddings or embedding\.weight"):
        mean_embeddings(["pay"], network)
    other = tokens(tmp_path / "other", VOCABULARY, embeddings=VECTORS[:2].contiguous())
    with pytest.raises(HoldfastError, match=r"token number 2, but m\.safetensors has vectors of 2"):
        mean_embeddings(["pay bill"], other)
    (tmp_path / "other" / "m.safetensors").write_bytes(b"broken")
    with pytest.raises(HoldfastError, match="is not readable as static embeddings"):
        mean_embeddings(["pay"], other)
    (tmp_path / "array").mkdir()
    np.save(tmp_path / "array" / "v.npy", np.zeros((3, 2)))
    (tmp_path / "array" / "w.txt").write_text("pay\n")
    with pytest.raises(HoldfastError, match=r"has the shape \(3, 2\), but w\.txt lists 1 words"):
        mean_embeddings(["pay"], str(tmp_path / "array"))
    with pytest.raises(HoldfastError, match="text 1 is None"):
        mean_embeddings(["pay", None], written(tmp_path))


@pytest.fixture
def intents(tmp_path, monkeypatch) -> str:
    """A folder of data sets with one of texts, in the hub's layout."""
    # The package datasets looks for transformers among the modules, but does not need it.
    monkeypatch.delitem(sys.modules, "transformers")
    datasets = pytest.importorskip("datasets")
    table = datasets.Dataset.from_dict(
        {"text": ["pay", "bill", "check in", "in"] * 5, "label": [0, 1, 2, 3] * 5}
    )
    folder = tmp_path / "data" / "me" / "intents" / "default"
    folder.mkdir(parents=True)
    for part in ("train", "test"):
        table.to_parquet(folder / f"{part}-00000-of-00001.parquet")
    return str(tmp_path / "data")


def test_data_sets_by_name_take_embeddings_and_notice_other_ones(tmp_path, intents):
    file = written(tmp_path)
    source = named("me/intents", intents, embeddings=file)
    assert source.name == "intents"
    assert torch.equal(
        source.train_x,
        torch.from_numpy(mean_embeddings(["pay", "bill", "check in", "in"] * 5, file)),
    )
    other = written(tmp_path, LINES.replace("pay 1.0 0.0", "pay -1.0 0.0"), "other.vec")
    assert named("me/intents", intents, embeddings=other).train_x[0].tolist() == [-1, 0]


def test_a_run_is_known_by_what_its_embeddings_hold(tmp_path, intents):
    file = written(tmp_path)
    data = {"name": "me/intents", "tasks": 2, "embeddings": file}
    config = validated(RunConfig, data=data)
    assert build_stream(config, intents).shape == (2,)
    (tmp_path / "moved").mkdir()
    moved = validated(RunConfig, data=data | {"embeddings": written(tmp_path / "moved")})
    assert moved.hash == config.hash
    assert embeddings_digest(file) in config.data.content.values()
    changed = written(tmp_path, LINES + "new 1 1\n", "changed.vec")
    assert validated(RunConfig, data=data | {"embeddings": changed}).hash != config.hash
    # A finished run can be read where its embeddings are gone.
    again = RunConfig.model_validate(config.plain() | {"data": config.plain()["data"]})
    Path(file).unlink()
    assert RunConfig.model_validate(again.plain()).hash == config.hash


def test_embeddings_without_an_effect_are_refused(tmp_path):
    file = written(tmp_path)
    with pytest.raises(HoldfastError, match=r"data\.embeddings=.* has one only with a data set"):
        refuse_idle([validated(RunConfig, data={"embeddings": file})])
    both = {"name": "clinc/clinc_oos", "embeddings": file, "features": "tfidf-all-tasks"}
    with pytest.raises(HoldfastError, match=r"without data\.embeddings, which take its place"):
        refuse_idle([validated(RunConfig, data=both)])
    refuse_idle([validated(RunConfig, data={"name": "clinc/clinc_oos", "embeddings": file})])
    assert "embeddings" not in RunConfig().plain()["data"], "old results keep their hashes"


def test_texts_of_a_table_become_means_beside_its_numbers(tmp_path):
    file = written(tmp_path)
    frame = pd.DataFrame(
        {
            "note": ["pay bill", "check in"] * 20,
            "price": np.arange(40),
            "shop": ["a", "a", "b", "b"] * 10,
            "label": ["x", "y"] * 20,
        }
    )
    stream = from_table(
        frame, "domain", task="shop", text="note", inputs=["note", "price"], embeddings=file
    )
    assert stream.shape == (3,)
    rows = stream[0].train.fetch(torch.arange(2))[0]
    assert sorted(rows[:, 1:].norm(dim=1).tolist()) == pytest.approx([1, 1])
    with pytest.raises(HoldfastError, match=r"has no effect, because .* has no column of text"):
        from_table(frame, "domain", task="shop", inputs=["price"], embeddings=file)
