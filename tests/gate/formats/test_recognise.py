"""Which tool wrote a file or folder is told by its content, and can be said by name."""

import pandas as pd
import pytest
from tests.gate.formats.reading import DATA, log_of, refusal

from holdfast.errors import HoldfastError
from holdfast.gate import read_side
from holdfast.gate.formats import Wanted, read_log
from holdfast.gate.formats.recognise import READERS
from holdfast.gate.formats.source import Source

NAMES = [reader.name for reader in READERS]
# MLflow logs single tables, which lie in no folder of their own.
SIDES = sorted(path for path in DATA.glob("*/*") if path.parent.name in {*NAMES} - {"mlflow"})
SIDES += sorted((DATA / "mlflow").glob("*/*.json"))


@pytest.mark.parametrize("path", SIDES, ids=lambda path: "-".join(path.relative_to(DATA).parts))
def test_each_log_is_recognised_as_that_of_its_tool(path):
    recognising = [reader.name for reader in READERS if reader.recognises(Source(path))]
    assert recognising[0] == path.relative_to(DATA).parts[0]


def test_tables_are_no_logs(tmp_path):
    table = pd.DataFrame({"task": ["a"], "example_id": [1], "score": [1.0]})
    table.to_csv(tmp_path / "a.csv", index=False)
    table.to_parquet(tmp_path / "a.parquet")
    table.to_json(tmp_path / "a.jsonl", orient="records", lines=True)
    table.to_json(tmp_path / "a.json", orient="records")
    for path in tmp_path.iterdir():
        assert read_log(Source(path), Wanted(), "champion") is None
        assert len(read_side(path).rows) == 1


def test_a_folder_with_the_parts_of_one_table_is_a_table(tmp_path):
    folder = tmp_path / "side.parquet"
    folder.mkdir()
    for number in (1, 2):
        table = pd.DataFrame({"task": ["a"], "example_id": [number], "score": [1.0]})
        table.to_parquet(folder / f"{number}.parquet")
    assert len(read_side(folder).rows) == 2


def test_another_folder_is_refused_with_what_is_in_it(tmp_path):
    assert "is an empty folder" in refusal(tmp_path)
    for number in range(7):
        (tmp_path / f"{number}.txt").write_text("")
    message = refusal(tmp_path)
    assert "with 7 files (0.txt, 1.txt, 2.txt, 3.txt, 4.txt, …)" in message
    assert "lm-eval, " in message


def test_an_unknown_format_is_refused_with_those_that_there_are(tmp_path):
    with pytest.raises(HoldfastError, match=r"'lm_eval': did you mean 'lm-eval'"):
        read_side(tmp_path, "champion", Wanted(format="lm_eval"))


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.name)
def test_a_format_that_is_named_is_not_guessed(tmp_path, reader):
    path = tmp_path / "a.csv"
    path.write_text("task,example_id,score\na,1,1\n")
    assert refusal(path, format=reader.name).startswith("champion")
    assert refusal(tmp_path, format=reader.name).startswith("champion")


def test_a_log_of_another_name_is_recognised_by_its_content(tmp_path):
    (samples,) = (DATA / "lm-eval" / "champion").rglob("samples_colours_*.jsonl")
    path = tmp_path / "champion.jsonl"
    path.write_bytes(samples.read_bytes())
    assert set(log_of(path).columns["task"]) == {"all"}
