"""Tables of one's own: columns, tasks, missing values, and mistakes that name their row."""

import gzip
import json

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch

from helpers import save_bert
from holdfast import HoldfastError
from holdfast.streams import from_table


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("HOLDFAST_CACHE", str(tmp_path / "cache"))


def sales(rows: int = 80, **columns) -> pd.DataFrame:
    """Sales of two months, half of them kept."""
    frame = pd.DataFrame(
        {
            "sold": ["2026-01-05", "2026-02-09"] * (rows // 2),
            "price": np.arange(rows) * 1.5,
            "shop": ["north", "north", "south", "south"] * (rows // 4),
            "label": (["kept"] * 2 + ["returned"] * 2) * (rows // 4),
        }
    )
    return frame.assign(**columns)


def inputs(task, part="train"):
    examples = getattr(task, part)
    return examples.fetch(torch.arange(len(examples)))[0]


def written(tmp_path, text: str, name: str = "data.csv"):
    path = tmp_path / name
    path.write_text(text)
    return path


HEADER = "age,shop,sold,label\n"
ROW = "3,a,2026-01-05,x\n4,b,2026-01-06,y\n"


# ---- forms of files


def test_every_form_of_file_gives_the_same_stream(tmp_path):
    frame = sales()
    frame.to_csv(tmp_path / "a.csv", index=False)
    frame.to_csv(tmp_path / "a.tsv", index=False, sep="\t")
    frame.to_csv(tmp_path / "b.csv", index=False, sep=";", decimal=",")
    frame.to_parquet(tmp_path / "a.parquet")
    frame.to_json(tmp_path / "a.jsonl", orient="records", lines=True)
    frame.to_json(tmp_path / "a.json", orient="records")
    with gzip.open(tmp_path / "a.csv.gz", "wt") as file:
        file.write("﻿" + frame.to_csv(index=False))
    expected = from_table(frame, "domain", time="sold")
    given = [*sorted(tmp_path.glob("*.*")), pl.from_pandas(frame)]
    assert len(given) == 8
    for data in given:
        stream = from_table(data, "domain", time="sold")
        assert [task.name for task in stream] == ["2026-01", "2026-02"]
        for task, same in zip(stream, expected, strict=True):
            assert torch.equal(inputs(task), inputs(same)), data


def test_a_frame_that_only_speaks_arrow_is_read():
    class Spoken:
        def __init__(self, frame):
            self.table = pl.from_pandas(frame)

        def __arrow_c_stream__(self, requested_schema=None):
            return self.table.__arrow_c_stream__(requested_schema)

    assert len(from_table(Spoken(sales()), "domain", time="sold")) == 2


def test_pairs_and_folders_of_training_and_test_tables_keep_their_sides(tmp_path):
    frame = sales()
    train, test = frame[:60], frame[60:]
    train.to_csv(tmp_path / "train.csv", index=False)
    test.to_csv(tmp_path / "test.csv", index=False)
    for data in (tmp_path, (train, test), (tmp_path / "train.csv", tmp_path / "test.csv")):
        stream = from_table(data, "domain", time="sold")
        assert [(len(t.train), len(t.test)) for t in stream] == [(30, 10), (30, 10)]
    with pytest.raises(HoldfastError, match="have different forms"):
        from_table((tmp_path / "train.csv", test), "domain", time="sold")
    with pytest.raises(HoldfastError, match=r"test=0.3 has no effect.*test data of its own"):
        from_table(tmp_path, "domain", time="sold", test=0.3)


def test_a_folder_of_monthly_files_has_a_column_of_their_names(tmp_path):
    sales().to_csv(tmp_path / "2026-01.csv", index=False)
    sales().to_csv(tmp_path / "2026-02.csv", index=False)
    stream = from_table(tmp_path, "domain", task="file")
    assert [task.name for task in stream] == ["2026-01", "2026-02"]
    by_date = from_table(tmp_path, "domain", time="sold", inputs=["price", "shop"])
    assert by_date.shape == from_table(tmp_path, "domain", time="sold").shape  # file is no input
    sales().drop(columns="shop").to_csv(tmp_path / "2026-03.csv", index=False)
    with pytest.raises(HoldfastError, match=r"2026-03.csv and 2026-01.csv .* different .*\(shop\)"):
        from_table(tmp_path, "domain", task="file")


# ---- columns


def test_numbers_are_scaled_by_the_training_rows_of_the_first_task_alone():
    frame = sales()
    first = from_table(frame, "domain", time="sold", inputs=["price"])
    x = inputs(first.tasks[0])[:, 0]
    assert abs(float(x.mean())) < 1e-5
    assert abs(float(x.std(correction=0)) - 1) < 1e-5
    # Neither later rows nor test rows change what the first task is trained on.
    later = frame.copy()
    in_second = later["sold"] == "2026-02-09"
    later.loc[in_second, "price"] *= 1000
    assert torch.equal(
        inputs(from_table(later, "domain", time="sold", inputs=["price"]).tasks[0]),
        inputs(first.tasks[0]),
    )
    marked = frame.assign(side=["test" if k % 10 < 2 else "train" for k in range(80)])
    other = marked.copy()
    other.loc[other["side"] == "test", "price"] += 500
    before, after = (
        from_table(f, "domain", time="sold", inputs=["price"], test="side") for f in (marked, other)
    )
    assert torch.equal(inputs(before.tasks[0]), inputs(after.tasks[0]))
    plain = from_table(frame, "domain", time="sold", inputs=["price"], scale="none")
    assert set(inputs(plain.tasks[0])[:, 0].tolist()) < set(frame["price"])


def test_a_category_that_comes_later_has_the_input_of_all_others():
    frame = sales(shop=["north", "east", "south", "west"] * 20)
    stream = from_table(frame, "domain", time="sold", inputs=["shop"])
    assert stream.shape == (3,)  # north, south, and all others
    assert inputs(stream.tasks[0])[:, 2].sum() == 0
    assert inputs(stream.tasks[1])[:, 2].min() == 1


def test_texts_dates_booleans_and_codes_find_their_roles():
    frame = sales(
        note=[f"the parcel number {k} came late" for k in range(80)],
        ok=[True, False] * 40,
        made=pd.Timestamp("2025-01-01"),
        zip=["01309", "10115"] * 40,
    )
    stream = from_table(frame, "domain", time="sold", inputs=["ok", "made", "zip"], scale="none")
    x = inputs(stream.tasks[0])
    assert stream.shape == (1 + 1 + 2,)
    assert abs(float(x[0, 1]) - 25.0) < 0.01  # years since 2000
    assert from_table(frame, "domain", time="sold", inputs=["note"]).shape == (2048,)
    # A word of the user counts more than the rules.
    as_category = from_table(
        frame, "domain", time="sold", inputs=["note"], roles={"note": "category"}
    )
    assert as_category.shape[0] <= 101
    tfidf = from_table(
        frame, "domain", time="sold", text="note", inputs=["note"], features="tfidf-first-task"
    )
    assert 0 < tfidf.shape[0] < 200


def test_labels_keep_their_kind(tmp_path):
    path = written(tmp_path, "x,label\n" + "1,10\n2,9\n3,2\n" * 10)
    assert from_table(path, "class", tasks=3).labels == (2, 9, 10)
    path = written(tmp_path, "x,label\n" + "1,007\n2,010\n" * 10)
    assert from_table(path, "class", tasks=2).labels == ("007", "010")


# ---- tasks


def test_tasks_come_by_column_by_time_by_rows_and_by_classes():
    frame = sales(team=["10", "9", "10", "9"] * 20)
    assert [t.name for t in from_table(frame, "domain", task="team")] == ["9", "10"]
    assert [t.name for t in from_table(frame, "domain", time="sold", every="week")] == [
        "2026-W02",
        "2026-W07",
    ]
    assert [t.name for t in from_table(frame, "domain", time="price", every=50)] == [
        "rows 1-50",
        "rows 51-80",
    ]
    listed = from_table(frame, "class", classes=[["returned"], ["kept"]])
    assert [t.labels for t in listed] == [("returned",), ("kept",)]
    assert [t.labels for t in from_table(frame, "class", tasks=2)] == [("kept",), ("returned",)]
    with pytest.raises(HoldfastError, match=r"say in one way how rows become tasks.*0 are given"):
        from_table(frame, "class")
    with pytest.raises(HoldfastError, match="2 are given"):
        from_table(frame, "class", tasks=2, classes=[["kept"], ["returned"]])


def test_times_with_zones_are_put_in_order_in_utc(tmp_path):
    rows = "".join(
        f"{k},2026-01-31T23:30:00-02:00,{label}\n{k},2026-01-31T23:30:00+00:00,{label}\n"
        for k, label in enumerate(["x", "y"] * 10)
    )
    stream = from_table(written(tmp_path, "v,at,label\n" + rows), "domain", time="at")
    assert [task.name for task in stream] == ["2026-01", "2026-02"]


def test_groups_stay_on_one_side_and_the_seed_changes_no_test_row():
    frame = sales(user=[f"u{k // 4}" for k in range(80)])
    one, two = (from_table(frame, "domain", time="sold", groups="user", seed=s) for s in (0, 1))
    sides = []
    for stream in (one, two):
        test = {round(float(v), 4) for t in stream for v in inputs(t, "test")[:, 0]}
        sides.append(test)
    assert sides[0] == sides[1]
    with pytest.raises(HoldfastError, match="have training and test examples"):
        from_table(
            frame.assign(t=[False, True] * 40), "domain", task="shop", groups="user", test="t"
        )


# ---- missing values


def test_missing_values_are_refused_dropped_or_flagged(tmp_path):
    text = HEADER + ROW * 10 + ",a,2026-01-05,x\n" + ROW * 10
    path = written(tmp_path, text)
    with pytest.raises(
        HoldfastError,
        match=r"'age' \(number\): 1 value is missing \(first in data.csv, row 21\).*--missing",
    ):
        from_table(path, "class", tasks=2, inputs=["age"])
    kept = from_table(path, "class", tasks=2, inputs=["age"], missing="drop")
    assert sum(len(t.train) + len(t.test) for t in kept) == 40
    flagged = from_table(path, "class", tasks=2, inputs=["age", "shop"], missing="flag")
    assert flagged.shape == (2 + 3,)  # shop: that of the first task, others, missing
    rows = torch.cat([inputs(t, p) for t in flagged for p in ("train", "test")])
    assert rows[:, 1].sum() == 1
    without_label = written(tmp_path, HEADER + ROW * 10 + "3,a,2026-01-05,\n")
    with pytest.raises(HoldfastError, match=r"'label' \(label\).*row 21.*missing='drop'"):
        from_table(without_label, "class", tasks=2, missing="flag")


# ---- mistakes


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("", {}, "is empty"),
        ("age,label\n", {}, "has no rows"),
        ("age,age,label\n1,2,x\n", {}, "2 columns called 'age'"),
        (HEADER + "3,a\n", {}, "row 1 has 2 values, but the first line has 4 names"),
        (
            HEADER + ROW * 30 + "old,a,2026-01-05,x\n",
            {},
            r"row 61, column 'age': 'old' is not a number",
        ),
        (
            HEADER + ROW * 600 + "old,a,2026-01-05,x\n",
            {},
            r"row 1201, column 'age': 'old' is not a finite",
        ),
        (
            HEADER + ROW * 30 + "inf,a,2026-01-05,x\n",
            {},
            r"row 61, column 'age': 'inf' is not a finite",
        ),
        (
            HEADER + ROW * 9 + "3,a,31.1.2026,x\n",
            {"time": "sold", "tasks": None},
            r"row 19, column 'sold': '31.1.2026' is not a date.*time_format",
        ),
        (
            HEADER + ROW * 9 + "3,a,2026-01-05T10:00Z,x\n",
            {"time": "sold", "tasks": None},
            r"row 1, column 'sold': .* has no time zone.*row 19",
        ),
        (
            HEADER + ROW * 9,
            {"time": "age", "tasks": None},
            "row 1, column 'age': '3' is not a date",
        ),
        (
            HEADER + ROW * 9,
            {"label": "lable"},
            r"unknown column of data.csv 'lable': did you mean 'label'",
        ),
        (HEADER + ROW * 9, {"roles": {"age": "numbr"}}, "did you mean 'number'"),
        (HEADER + ROW * 9, {"task": "shop", "time": "sold", "tasks": None}, "give task or time"),
        (HEADER + ROW * 9, {"task": "shop", "groups": "shop"}, "can't be task and groups at once"),
        (HEADER + ROW * 9, {"inputs": ["label"]}, "can't be an input and label at once"),
        (
            HEADER + ROW * 9,
            {"classes": [["x"], ["z"]], "tasks": None},
            "no row of data.csv has the class 'z'",
        ),
        (HEADER + ROW * 9, {"classes": [["x"], ["x", "y"]], "tasks": None}, "listed twice"),
        (HEADER + ROW * 9, {"test": "shop"}, "does not say whether the row is a test row"),
        (HEADER + ROW * 9, {"roles": {"shop": "boolean"}}, "row 1, column 'shop': 'a' is neither"),
        (HEADER + ROW * 9, {"imputs": ["age"]}, "did you mean 'inputs'"),
        (HEADER + ROW * 9, {"test": 1.5}, r"share in \(0, 1\), got 1.5"),
        (HEADER + ROW * 9, {"every": "fortnight"}, "unknown every 'fortnight'"),
        (
            HEADER + ROW * 9,
            {"text": "age", "roles": {"shop": "unused"}, "encoder": "nowhere"},
            "holds no sentence encoder",
        ),
        ("a,b\n1,2\n", {}, "say which of its columns is the label"),
        (
            "age,label\n" + "1,0.5\n2,0.7\n" * 9,
            {},
            r"row 1, column 'label': '0.5' is a measurement",
        ),
        ("label\nx\ny\nx\ny\n", {}, "has no input column"),
        ("age,file,label\n" + "1,a.png,x\n2,b.png,y\n" * 9, {}, "is no file in the folder"),
    ],
)
def test_a_mistake_in_a_table_is_named(tmp_path, text, options, message):
    with pytest.raises(HoldfastError, match=message):
        from_table(written(tmp_path, text), "class", **{"tasks": 2} | options)


def test_mistakes_in_json_parquet_and_encodings_are_named(tmp_path):
    rows = [{"x": 1, "label": "a"}, {"x": 2, "label": "b"}] * 5
    lines = "\n".join(map(json.dumps, rows))
    broken = written(tmp_path, lines + "\n{x: 1}\n", "a.jsonl")
    with pytest.raises(HoldfastError, match=r"a\.jsonl is not readable as JSON lines: line 11"):
        from_table(broken, "class", tasks=2)
    nested = written(tmp_path, json.dumps([row | {"tags": [1]} for row in rows]), "b.json")
    with pytest.raises(HoldfastError, match="column 'tags' holds values of type list"):
        from_table(nested, "class", tasks=2)
    mixed = written(tmp_path, json.dumps([*rows, {"x": "3", "label": "a"}]), "c.json")
    with pytest.raises(HoldfastError, match="column 'x' mixes values"):
        from_table(mixed, "class", tasks=2)
    no_parquet = written(tmp_path, "PAR1", "d.parquet")
    with pytest.raises(HoldfastError, match=r"d\.parquet is not readable as Parquet"):
        from_table(no_parquet, "class", tasks=2)
    (tmp_path / "e.csv").write_bytes("x,label\n1,Größe\n2,b\n".encode("latin-1"))
    with pytest.raises(HoldfastError, match=r"e\.csv is not written in UTF-8"):
        from_table(tmp_path / "e.csv", "class", tasks=2)
    with pytest.raises(HoldfastError, match="there is no file or folder"):
        from_table(tmp_path / "none.csv", "class", tasks=2)
    with pytest.raises(HoldfastError, match="expected a path or a data frame, got int"):
        from_table(3, "class", tasks=2)


def test_a_window_without_rows_for_both_sides_is_named():
    frame = sales()
    frame.loc[0, "sold"] = "2026-04-01"
    with pytest.raises(HoldfastError, match="task '2026-04' has 1 training rows and 0 test rows"):
        from_table(frame, "domain", time="sold")


def test_empty_windows_are_named_and_other_forms_of_dates_are_read():
    frame = sales(sold=["05.01.2026", "09.04.2026"] * 40)
    from holdfast.streams.own_data.examples import open_examples
    from holdfast.streams.own_data.options import Options
    from holdfast.streams.own_data.table_files import table_of

    options = Options(time="sold", time_format="%d.%m.%Y")
    examples = open_examples(table_of(frame), options)
    assert examples.tasks is not None
    assert examples.tasks.names == ("2026-01", "2026-04")
    assert "2026-02, 2026-03" in examples.notes[0]


def test_a_sentence_encoder_of_a_folder_turns_texts_into_vectors(tmp_path):
    transformers = pytest.importorskip("transformers")
    save_bert(tmp_path / "bert", transformers.BertModel)
    texts = ["the parcel came late", "the parcel was fine"] * 40
    frame = sales()[["sold", "label"]].assign(note=texts)
    stream = from_table(frame, "domain", time="sold", text="note", encoder=tmp_path / "bert")
    assert stream.shape == (8,)
    assert torch.allclose(inputs(stream.tasks[0]).norm(dim=1), torch.ones(32))
    assert not torch.equal(inputs(stream.tasks[0])[0], inputs(stream.tasks[1])[0])
