"""Tasks from files: which parts they have, and what is refused."""

import json

import pytest

from holdfast.errors import HoldfastError
from holdfast.staging.settings import read_adapter
from holdfast.staging.task_files import read_general, read_tasks


def pairs(number, **more):
    return [{"prompt": f"{k} is", "completion": f" {k}", **more} for k in range(number)]


def write(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def test_parts_that_a_file_lacks_are_held_out_and_said(tmp_path):
    write(tmp_path / "a.jsonl", pairs(20))
    write(tmp_path / "b.jsonl", [*pairs(10), {"text": "all of it", "split": "test"}])
    found = read_tasks(tmp_path, 0.2)
    a = found.texts["a"]
    assert (len(a.train), len(a.validation), len(a.test)) == (12, 4, 4)
    assert sorted([*a.train, *a.validation, *a.test]) == sorted(
        (f"{k} is", f" {k}") for k in range(20)
    )
    b = found.texts["b"]
    assert (len(b.train), len(b.validation), b.test) == (8, 2, ["all of it"])
    assert found.notes == (
        "20 % of the training examples are held out for validation and test, by a fixed seed: a",
        "20 % of the training examples are held out for validation, by a fixed seed: b",
    )
    again = read_tasks(tmp_path, 0.2)
    assert again.digests() == found.digests()
    assert read_tasks(tmp_path, 0.3).digests()["a"] != found.digests()["a"]


def test_a_list_names_files_beside_it(tmp_path):
    (tmp_path / "data").mkdir()
    for name in "ab":
        write(tmp_path / "data" / f"{name}.jsonl", pairs(5))
    file = tmp_path / "list.toml"
    file.write_text('[[task]]\nfile = "data/b.jsonl"\n[[task]]\nfile="data/a.jsonl"\nname="A"\n')
    assert list(read_tasks(file).texts) == ["b", "A"]
    file.write_text('[[task]]\nfile = "data/b.jsonl"\n[[task]]\nfile="data/a.jsonl"\nname="b"\n')
    with pytest.raises(HoldfastError, match="two tasks are called 'b'"):
        read_tasks(file)
    file.write_text('[[task]]\nfile = "data/c.jsonl"\n[[task]]\nfile="data/a.jsonl"\n')
    with pytest.raises(HoldfastError, match=r"there is no file .*c\.jsonl"):
        read_tasks(file)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", r"b\.jsonl, line 2 is not readable as a JSON object"),
        ("[1]", r"line 2: expected a JSON object, got '\[1\]'"),
        ('{"prompt": "a"}', "line 2: expected the fields prompt and completion"),
        ('{"prompt": "a", "text": "b"}', "line 2: expected the fields prompt and completion"),
        ('{"text": " "}', "line 2: there is nothing to learn"),
        ('{"text": "a", "answer": "b"}', "line 2: unknown setting 'answer'"),
        ('{"text": 5}', "line 2: text must be a text, got 5"),
        ('{"text": "a", "split": "dev"}', "line 2: unknown split 'dev'"),
    ],
)
def test_a_mistake_is_named_with_its_file_and_line(tmp_path, line, message):
    write(tmp_path / "a.jsonl", pairs(5))
    (tmp_path / "b.jsonl").write_text('{"text": "fine"}\n' + line + "\n")
    with pytest.raises(HoldfastError, match=message):
        read_tasks(tmp_path)


def test_too_few_examples_tasks_or_texts_are_refused(tmp_path):
    write(tmp_path / "a.jsonl", pairs(5))
    with pytest.raises(HoldfastError, match=r"at least two tasks, .* has 1"):
        read_tasks(tmp_path)
    write(tmp_path / "b.jsonl", pairs(1))
    with pytest.raises(HoldfastError, match=r"'b' has too few training examples .*: 1; it needs"):
        read_tasks(tmp_path)
    with pytest.raises(HoldfastError, match=r"below 0\.5, .* got 0\.5"):
        read_tasks(tmp_path, 0.5)
    with pytest.raises(HoldfastError, match="no folder or file"):
        read_tasks(tmp_path / "none")
    (tmp_path / "general.txt").write_text("\n \n")
    with pytest.raises(HoldfastError, match="is empty"):
        read_general(tmp_path / "general.txt")
    (tmp_path / "general.txt").write_text("one\n\ntwo\n")
    assert read_general(tmp_path / "general.txt") == ["one", "two"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("rang=8", "unknown setting 'rang'"),
        ("rank=0", "rank must be"),
        ("rank=8,rank=4", "names rank twice"),
        ("q_proj", "cannot be read"),
        ("alpha=much", "alpha must be a"),
    ],
)
def test_an_adapter_that_is_written_wrongly_is_refused(text, message):
    with pytest.raises(HoldfastError, match=message):
        read_adapter(text)
