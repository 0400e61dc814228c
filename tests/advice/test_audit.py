"""The audit for a shifted scenario."""

import numpy as np
import pandas as pd
import pytest

from holdfast import HoldfastError
from holdfast.advice import audit
from holdfast.cli.main import run_cli


def frames(informative: bool):
    rng = np.random.default_rng(0)
    shop = rng.integers(0, 3, 600)
    train = pd.DataFrame(
        {
            "shop": np.array(["north", "south", "east"])[shop],
            "region": np.where(shop == 0, "a", "b"),
            "noise": rng.integers(0, 4, 600),
            "price": rng.normal(size=600) + (6 * shop if informative else 0),
            "amount": rng.normal(size=600),
            "y": rng.integers(0, 2, 600),
        }
    )
    return train, train[["price", "amount"]].assign(fresh=1)


def test_missing_columns_are_ranked_by_what_they_tell_of_the_task():
    found = audit(*frames(True), task="shop", label="y")
    assert [m.column for m in found.missing] == ["shop", "region", "noise"]
    assert found.missing[0].share == pytest.approx(1)
    assert 0.3 < found.missing[1].share < 0.9
    assert found.missing[2].share < 0.05
    assert [m.verdict for m in found.missing] == [
        "identifies the task",
        "identifies the task in part",
        "does not identify the task",
    ]
    assert found.extra == ("fresh",)


def test_what_follows_depends_on_whether_the_rest_tells_the_task():
    told, untold = (audit(*frames(v), task="shop", label="y") for v in (True, False))
    assert told.inferred > 0.95
    assert "Infer the task first" in told.conclusion
    assert untold.inferred < 0.5
    assert "Use one head" in untold.conclusion
    train, _ = frames(True)
    there = audit(train, train.drop(columns="y"), task="shop", label="y")
    assert there.missing == ()
    assert "this is the task scenario" in there.conclusion


def test_without_a_task_column_suspects_are_named():
    found = audit(*frames(True), label="y")
    assert "may identify the task: shop, region, noise." in found.conclusion
    same = audit(frames(True)[1], frames(True)[1])
    assert "No missing column looks like a task" in same.conclusion


def test_the_share_is_that_of_the_entropy():
    from holdfast.advice.audit import _explained

    task = np.array([0, 0, 1, 1])
    assert _explained(np.array([0, 1, 2, 3]), task) == pytest.approx(1)
    assert _explained(np.array([0, 1, 0, 1]), task) == pytest.approx(0)
    assert _explained(np.array([0, 0, 0, 1]), task) == pytest.approx(
        1 - 0.75 * (np.log(3) - 2 / 3 * np.log(2)) / np.log(2)
    )


def test_the_command_reads_files(tmp_path, capsys):
    train, serve = frames(False)
    train.to_parquet(tmp_path / "train.parquet")
    serve.to_csv(tmp_path / "serve.csv", index=False)
    serving = ["--serve", str(tmp_path / "serve.csv")]
    columns = ["--task", "shop", "--label", "y"]
    with pytest.raises(SystemExit) as done:
        run_cli(["advise", "--train", str(tmp_path / "train.parquet"), *serving, *columns])
    out = capsys.readouterr().out
    assert not done.value.code
    assert (
        "missing when serving: shop (3 values, explains 100% of the task): identifies the task"
        in out
    )
    assert "new when serving: fresh" in out
    (tmp_path / "bad.parquet").write_bytes(b"nonsense")
    with pytest.raises(SystemExit) as done:
        run_cli(["advise", "--train", str(tmp_path / "bad.parquet"), *serving])
    assert done.value.code == 2
    assert "is not readable as parquet" in capsys.readouterr().err


def test_mistakes_say_what_to_change():
    train, serve = frames(True)
    with pytest.raises(HoldfastError, match="did you mean 'shop'"):
        audit(train, serve, task="shp")
    with pytest.raises(HoldfastError, match="serving data have no rows"):
        audit(train, serve.iloc[:0])
