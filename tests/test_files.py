"""Files are written whole or not at all."""

import pytest

from holdfast import HoldfastError
from holdfast.files import make_folder, replacement, write_text


def write_half(note, before):
    with replacement(note, keep_as=before) as temporary:
        temporary.write_text("half")
        raise KeyError


def test_a_replacement_that_fails_keeps_the_old_file_and_leaves_no_other(tmp_path):
    note = tmp_path / "note.txt"
    write_text(note, "old")
    with pytest.raises(KeyError):
        write_half(note, tmp_path / "before.txt")
    assert [path.name for path in tmp_path.iterdir()] == ["note.txt"]
    assert note.read_text() == "old"


def test_a_folder_in_the_place_of_a_file_is_refused_in_one_sentence(tmp_path):
    write_text(tmp_path / "note", "old")
    with pytest.raises(HoldfastError, match="note"):
        make_folder(tmp_path / "note")
    make_folder(tmp_path / "a" / "b")
    assert not list((tmp_path / "a" / "b").iterdir())
