"""Reading results: every common form of a good table, and one clear error for the rest."""

import bz2
import gzip
import json
import lzma
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from holdfast.errors import HoldfastError
from holdfast.gate.reading import Side, read_results, read_side

CSV = "task,example_id,score\na,1,1\na,2,0\nb,1,0.5\n"
ROWS = [("a", "1", 1.0), ("a", "2", 0.0), ("b", "1", 0.5)]


def rows_of(source) -> list[tuple]:
    rows = read_results(source)
    return list(rows[["task", "example_id", "score"]].itertuples(index=False, name=None))


def frame(**columns) -> pd.DataFrame:
    return pd.DataFrame({"task": "a", "example_id": [1, 2], "score": [1, 0]} | columns)


def refusal(source) -> str:
    with pytest.raises(HoldfastError) as caught:
        read_side(source, "candidate")
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith("candidate")
    return message


# ---- files


def packed_zst(raw: bytes) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(raw)
    return sink.getvalue().to_pybytes()


PACK = {"": bytes, ".gz": gzip.compress, ".bz2": bz2.compress, ".xz": lzma.compress}
PACK |= {".zst": packed_zst, ".GZ": gzip.compress}
LINES = "".join(json.dumps({"task": t, "example_id": i, "score": s}) + "\n" for t, i, s in ROWS)


@pytest.mark.parametrize("packing", PACK)
@pytest.mark.parametrize(
    ("ending", "text"),
    [
        (".csv", CSV),
        (".CSV", CSV),
        (".jsonl", LINES),
        (".json", LINES),
        (".Json", f"[{LINES.replace(chr(10), ',')[:-1]}]"),
    ],
)
def test_files_may_be_compressed_and_endings_in_upper_case(tmp_path, packing, ending, text):
    path = tmp_path / f"results{ending}{packing}"
    path.write_bytes(PACK[packing](text.encode()))
    assert rows_of(path) == ROWS


@pytest.mark.parametrize(
    "text",
    [
        CSV.replace(",", ";"),
        CSV.replace(",", "\t"),
        CSV.replace(",", "|"),
        CSV.replace(",", ";").replace("0.5", "0,5"),
        CSV.replace(",", " , "),
        CSV.replace("\n", "\r\n"),
        "\ufeff" + CSV,
        "\n" + CSV + "\n\n",
        CSV.replace("a,1,1", '"a","1","1"'),
        "score,note,example_id,task,\n1,x,1,a,\n0,y;z,2,a,\n.5,,1,b,\n",
        CSV.replace("a,1,1", "a,1,TRUE").replace("a,2,0", "a,2,False").replace("0.5", "5e-1"),
    ],
)
def test_csv_of_every_common_layout_is_read(tmp_path, text):
    path = tmp_path / "results.csv"
    path.write_bytes(text.encode())
    assert rows_of(path) == ROWS


def test_ids_with_separators_quotes_and_line_breaks_stay_whole(tmp_path):
    ids = ["1;2", "x,y", 'say "no"', "two\nlines", "007", "NA", " "[:0] + "é"]
    table = pd.DataFrame({"task": "a", "example_id": ids, "score": 1})
    for separator in ",;\t":
        table.to_csv(tmp_path / "results.csv", index=False, sep=separator)
        assert read_results(tmp_path / "results.csv")["example_id"].tolist() == ids


def test_a_tsv_file_and_a_folder_of_parquet_files_are_read(tmp_path):
    (tmp_path / "results.tsv").write_text(CSV.replace(",", "\t"))
    assert rows_of(tmp_path / "results.tsv") == ROWS
    folder = tmp_path / "results.parquet"
    folder.mkdir()
    table = pd.DataFrame(ROWS, columns=["task", "example_id", "score"])
    table.iloc[:2].to_parquet(folder / "part-0.parquet")
    table.iloc[2:].to_parquet(folder / "part-1.parquet")
    assert rows_of(folder) == ROWS


@pytest.mark.parametrize("index", [["example_id"], ["task"], ["task", "example_id"]])
def test_pandas_files_with_names_in_the_index_are_read(tmp_path, index):
    table = pd.DataFrame(ROWS, columns=["task", "example_id", "score"]).set_index(index)
    table.to_parquet(tmp_path / "results.parquet")
    table.to_csv(tmp_path / "results.csv")
    for source in (table, tmp_path / "results.parquet", tmp_path / "results.csv"):
        assert rows_of(source) == ROWS


def test_json_by_column_is_read_as_pandas_writes_it(tmp_path):
    table = pd.DataFrame(ROWS, columns=["task", "example_id", "score"])
    table.to_json(tmp_path / "results.json")
    assert rows_of(tmp_path / "results.json") == ROWS
    (tmp_path / "results.json").write_text(json.dumps(table.to_dict("list"), indent=1))
    assert rows_of(tmp_path / "results.json") == ROWS


# ---- tables of other libraries


def tables() -> dict:
    columns = {"task": ["a", "a", "b"], "example_id": [1, 2, 1], "score": [1.0, 0.0, 0.5]}
    plain = pl.DataFrame(columns)
    objects = pl.Series([object()] * 3, dtype=pl.Object)
    arrow = plain.to_arrow()
    encoded = pa.table(
        {
            "task": arrow["task"].cast(pa.string()).dictionary_encode(),
            "example_id": [b"1", b"2", b"1"],
        }
    )
    query = """SELECT * FROM (
               VALUES ('a', 1::HUGEINT, 1::DECIMAL(9, 4)), ('a', 2, 0), ('b', 1, 0.5))
               AS t(task, example_id, score)"""
    typed = {"task": pl.Categorical, "example_id": pl.Decimal(20, 2), "score": pl.Float32}
    return {
        "polars": plain,
        "polars, other types": plain.cast(typed),
        "polars enum": plain.with_columns(pl.col("task").cast(pl.Enum(["a", "b"]))),
        "polars beside a type of its own": plain.with_columns(x=objects),
        "pyarrow": arrow,
        "record batch reader": arrow.to_reader(),
        "record batch": arrow.combine_chunks().to_batches()[0],
        "dictionary": encoded.append_column("score", arrow["score"]),
        "string view": arrow.set_column(0, "task", arrow["task"].cast(pa.string_view())),
        "duckdb": duckdb.sql(query),
        "duckdb double": duckdb.sql(
            f"SELECT * REPLACE (example_id::DOUBLE AS example_id) FROM ({query})"
        ),
        "pandas on arrow": arrow.to_pandas(types_mapper=pd.ArrowDtype),
    }


@pytest.mark.parametrize("name", tables())
def test_tables_of_other_libraries_are_read(name):
    assert rows_of(tables()[name]) == ROWS


def test_parquet_of_other_libraries_is_read(tmp_path):
    path = tmp_path / "results.parquet"
    for name in ("polars, other types", "polars enum"):
        tables()[name].write_parquet(path)
        assert rows_of(path) == ROWS
    tables()["duckdb"].write_parquet(str(path))
    assert rows_of(path) == ROWS
    pq.write_table(tables()["dictionary"], path)
    assert rows_of(path) == ROWS


# ---- mistakes


def test_a_missing_column_is_named_with_those_that_are_there(tmp_path):
    (tmp_path / "x.csv").write_text("Task,example_id,right\na,1,1\n")
    message = refusal(tmp_path / "x.csv")
    assert "missing task, score" in message
    assert "the columns there are: Task, example_id, right" in message
    assert "'Task' differs from 'task' by case or spaces only" in message
    message = refusal(frame().rename(columns={"score": " score", "example_id": "exampel_id"}))
    assert "' score' differs from 'score' by case or spaces only" in message
    assert "'exampel_id' is perhaps meant for 'example_id'" in message


@pytest.mark.parametrize("name", ["x.csv", "x.CSV.gz"])
@pytest.mark.parametrize("header", ["task,example_id,score,score", "task, task,example_id,score"])
def test_two_columns_of_one_name_are_refused(tmp_path, name, header):
    path, text = tmp_path / name, f"{header}\na,b,1,0\n"
    path.write_bytes(gzip.compress(text.encode()) if name.endswith("gz") else text.encode())
    assert "2 columns are called" in refusal(path)


def test_two_columns_of_one_name_are_refused_in_every_table(tmp_path):
    doubled = frame().set_axis(["task", "score", "score"], axis=1)
    assert "2 columns are called 'score'" in refusal(doubled)
    table = pa.Table.from_arrays([pa.array(["a"])] * 3, names=["task", "score", "score"])
    assert "2 columns are called 'score'" in refusal(table)
    pq.write_table(table, tmp_path / "x.parquet")
    assert "2 columns are called 'score'" in refusal(tmp_path / "x.parquet")


HUGE = "1" + "0" * 400
BROKEN = {
    "huge.csv": f"task,example_id,score\na,1,{HUGE}\n",
    "huge.json": f'[{{"task": "a", "example_id": 1, "score": {HUGE}}}]',
    "digits.json": f'[{{"task": "a", "example_id": 1, "score": {"1" * 5000}}}]',
    "infinite.jsonl": '{"task": "a", "example_id": 1, "score": 1e999}',
    "nan.jsonl": '{"task": "a", "example_id": 1, "score": NaN}',
    "huge examples.json": f'[{{"task": "a", "examples": {HUGE}, "score": 1}}]',
    "surrogate.json": '[{"task": "\\ud800", "example_id": 1, "score": 1}]',
    "surrogate id.jsonl": '{"task": "a", "example_id": "\\udfff", "score": 1}',
    "no character.csv": "task,example_id,score\n\uffff,1,1\n",
    "no character.json": '[{"task": "a", "example_id": "\\ufffe", "score": 1}]',
    "escaped nul.json": '[{"task": "a\\u0000", "example_id": 1, "score": 1}]',
    "nul.csv": "task,example_id,score\na,1\x00,1\n",
    "deep.json": "[" * 100_000,
    "deep.jsonl": '{"a": ' * 100_000,
    "deep value.json": f'[{{"task": {"[" * 500}{"]" * 500}, "example_id": 1, "score": 1}}]',
    "doubled key.json": '[{"task": "a", "example_id": 1, "score": 1, "score": 0}]',
    "doubled key.jsonl": '{"task": "a", "task": "b", "example_id": 1, "score": 1}',
    "utf-16.csv": CSV.encode("utf-16"),
    "utf-16-le.csv": CSV.encode("utf-16-le"),
    "utf-32.json": LINES.encode("utf-32"),
    "cp1252.csv": "task,example_id,score\ncafé,1,1\n".encode("cp1252"),
    "cp1252.jsonl": '{"task": "é"}'.encode("cp1252"),
    "cut.csv.gz": gzip.compress(CSV.encode() * 100)[:40],
    "not.csv.gz": CSV,
    "not.csv.bz2": CSV,
    "not.jsonl.xz": LINES,
    "not.csv.zst": CSV,
    "cut.json": LINES[:-9],
    "nested.json": '[{"task": {"a": 1}, "example_id": 1, "score": 1}]',
    "list.jsonl": '{"task": "a", "example_id": [1], "score": 1}',
    "mixed.json": '[{"task": "a", "example_id": 1, "score": 1}, 3]',
    "text for a column.json": '{"task": ["a"], "example_id": "1", "score": [1]}',
    "unequal.json": '{"task": ["a"], "example_id": [1, 2], "score": [1, 1]}',
    "ragged.csv": CSV + "a,3\n",
    "ragged more.csv": CSV + "a,3,1,1\n",
    "open quote.csv": CSV + 'a,3,"1\na,4,1\n',
    "archive.zip": "PK",
    "no ending": CSV,
    "x.parquet.gz": "",
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_files_are_one_error(tmp_path, name):
    content = BROKEN[name]
    (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    message = refusal(tmp_path / name)
    assert len(message) < 700


NO_SOURCES = [None, 3, [1], {"task": ["a"]}, np.zeros(3), pl.LazyFrame({"task": ["a"]}), b"x.csv"]


@pytest.mark.parametrize("source", NO_SOURCES)
def test_what_is_no_source_is_refused(source):
    assert "expected a path, a data frame" in refusal(source)


def test_a_table_that_is_lazy_or_elsewhere_is_told_how_to_become_one():
    class Spark:
        def toPandas(self): ...
        def collect(self): ...

    assert refusal(pl.LazyFrame({"task": ["a"]})).endswith("turn it into a table first: .collect()")
    assert refusal(Spark()).endswith(".toPandas()")


@pytest.mark.parametrize("source", ["", ".", " ", Path(), Path(".")])
def test_an_empty_path_names_no_file(source):
    assert "no file is named" in refusal(source)


@pytest.mark.parametrize("name", ["nan.json", "nan.jsonl"])
def test_a_score_that_is_not_a_number_in_json_is_told_as_nan(tmp_path, name):
    row = '{"task": "a", "example_id": %s, "score": %s, "segment": NaN}'
    rows = [row % (1, 1), row % (2, "NaN")]
    path = tmp_path / name
    path.write_text("\n".join(rows) if name.endswith("l") else f"[{','.join(rows)}]")
    assert "score must be a number, got NaN in row 2" in refusal(path)
    path.write_text(row % (1, 1))
    assert "segment" not in read_results(path), "NaN alone is an empty column"
    path.write_text(row % ("NaN", 1))
    assert "example_id is missing in row 1" in refusal(path)


def test_a_score_that_is_nan_in_a_table_is_told_as_nan():
    table = pl.DataFrame({"task": ["a"] * 2, "example_id": [1.0, 2], "score": [1.0, float("nan")]})
    assert "score must be a number, got NaN in row 2" in refusal(table)
    ids = table.with_columns(example_id=pl.col("score"), score=1.0)
    assert "example_id is missing in row 2" in refusal(ids)


def test_passwords_in_a_source_are_not_shown(tmp_path, monkeypatch):
    for source in ("s3://key:my SECRET@bucket/x.csv", "https://h/x.csv?sig=SECRET"):
        message = refusal(source)
        assert "is a URL" in message
        assert "SECRET" not in message
    monkeypatch.chdir(tmp_path)
    (tmp_path / "password=SECRET.csv").write_text(CSV)
    assert "SECRET" not in read_side("password=SECRET.csv").name


def test_a_side_is_returned_as_it_is():
    side = Side(frame(), None, "x", "1.4")
    assert read_side(side) is side
