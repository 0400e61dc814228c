"""One's own data on the command line: runs, their hashes, `data show`, and mistakes."""

import json

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from holdfast.bench.own_data import with_data
from holdfast.bench.suites import Suite, load_suite
from holdfast.cli.main import run_cli
from holdfast.errors import HoldfastError
from holdfast.results.run_settings import DataSettings
from holdfast.runs.build import build_stream
from holdfast.runs.config import RunConfig
from holdfast.runs.data_config import DataConfig
from holdfast.runs.defaults import kind_of
from holdfast.validation import validated


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    """A working folder with a table of sales in three months and a folder of images."""
    monkeypatch.setenv("HOLDFAST_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    sales().to_csv("sales.csv", index=False)
    for name in ("cat", "dog"):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for k in range(6):
            shade = np.full((9, 9, 3), 40 * k + 20 * (name == "dog"), dtype=np.uint8)
            Image.fromarray(shade).save(tmp_path / "photos" / name / f"{k}.png")


def sales() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "sold": [f"2026-0{1 + k // 40}-07" for k in range(120)],
            "price": np.tile([1.0, 9.0], 60) + np.arange(120) / 100,
            "shop": ["north", "north", "south", "south"] * 30,
            "kept": ["yes", "no"] * 60,
        }
    )


def called(capsys, *arguments):
    with pytest.raises(SystemExit) as done:
        run_cli([str(a) for a in arguments])
    streams = capsys.readouterr()
    return done.value.code or 0, streams.out, streams.err


SALES = ("--data", "sales.csv", "--label", "kept")
MONTHS = ("--data", "sales.csv", "--label", "kept", "--time", "sold", "--scenario", "domain")


def months(**data) -> RunConfig:
    settings = {"name": "sales.csv", "label": "kept", "time": "sold"} | data
    return validated(RunConfig, data=settings, scenario="domain")


def test_a_run_on_a_table_learns_months_and_is_found_finished(tmp_path, capsys, monkeypatch):
    command = ("run", *MONTHS, "--method", "ER(20)", "--lr", "0.1", "--out", "runs")
    code, out, err = called(capsys, *command)
    assert code == 0, err
    assert "2026-02" in out
    (result,) = tmp_path.glob("runs/*/result.json")
    matrix = json.loads(result.read_text())
    assert matrix["config"]["data"]["stream"] == "windows"
    assert matrix["data"] == matrix["config"]["data"]["content"]
    monkeypatch.setattr(
        "holdfast.runs.carry_out.execute", lambda *a, **k: pytest.fail("trained again")
    )
    assert called(capsys, *command)[0] == 0


def test_the_hash_depends_on_what_the_files_hold_and_not_on_where_they_are(tmp_path):
    first = months().hash
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "sales.csv").write_bytes((tmp_path / "sales.csv").read_bytes())
    moved = months(name=str(tmp_path / "elsewhere" / "sales.csv"))
    assert moved.hash == first
    sales().assign(price=lambda f: f.price + 1).to_csv("sales.csv", index=False)
    assert months().hash != first
    images = validated(RunConfig, data={"name": "photos", "tasks": 2})
    (tmp_path / "photos" / "cat" / "0.png").unlink()
    assert validated(RunConfig, data={"name": "photos/", "tasks": 2}).hash != images.hash
    # The images that the settings were made for are gone, so nothing else is trained on.
    with pytest.raises(HoldfastError, match="the files of photos changed"):
        build_stream(images)


def test_settings_of_own_data_leave_the_hashes_of_other_runs_alone():
    assert RunConfig().hash == "ca444e2c4b7c5d13"
    plain = RunConfig().plain()["data"]
    assert not {"label", "every", "content", "image_size"} & plain.keys()


def test_the_first_task_of_a_task_order_is_the_one_that_is_fitted_on():
    stream = build_stream(months(task_order=[1, 0], inputs=["price"]))
    assert [task.name for task in stream] == ["2026-02", "2026-01"]
    x = stream.tasks[0].train.x
    assert abs(float(x.mean())) < 1e-4
    half = build_stream(months(fraction=0.5, validation=0.2))
    assert [len(task.train) + len(task.validation) for task in half] == [16, 16, 16]


def test_a_suite_takes_the_data_of_its_file_or_those_of_options():
    of_file = validated(
        Suite,
        name="own",
        scenarios=["domain"],
        seeds=[0],
        methods=[{"spec": "FineTune()"}],
        data={"name": "sales.csv", "label": "kept", "time": "sold", "every": 40},
    )
    ((_, config),) = of_file.runs()
    assert [task.name for task in build_stream(config)] == [
        "rows 1-40",
        "rows 41-80",
        "rows 81-120",
    ]
    demo = with_data(load_suite("demo"), {"name": "photos", "tasks": 2})
    assert {config.data.name for _, config in demo.runs()} == {"photos"}
    with pytest.raises(HoldfastError, match=r"--image-size describes other data.*--data"):
        with_data(load_suite("demo"), {"image_size": 8})


def test_the_defaults_of_training_follow_what_a_folder_holds(tmp_path):
    (tmp_path / "tables").mkdir()
    sales().to_csv(tmp_path / "tables" / "train.csv", index=False)
    kinds = {name: kind_of(DataConfig(name=name)) for name in ("tables", "sales.csv", "photos")}
    assert kinds == {"tables": "tables", "sales.csv": "tables", "photos": "folders of images"}


def test_pages_say_what_makes_the_tasks():
    by_time = DataSettings(name="sales.csv", stream="windows", tasks=5, every="week")
    assert by_time.description == "sales.csv, one task per week"


# ---- data show


def test_data_show_prints_tasks_columns_and_warnings_within_80_characters(capsys):
    frame = sales()
    frame["customer"] = [f"c{k}" for k in range(120)]
    frame["country"] = "de"
    frame["refund"] = (frame["kept"] == "no").map({True: "paid", False: "open"})
    frame.loc[3, "price"] = np.nan
    frame.loc[80:, "shop"] = "west"
    frame.loc[119] = frame.loc[117]
    frame.to_csv("sales.csv", index=False)
    code, out, err = called(
        capsys, "data", "show", "sales.csv", "--label", "kept", "--time", "sold"
    )
    assert code == 0, err
    assert max(map(len, out.splitlines())) <= 80
    said = " ".join(out.split())
    for text in (
        "3 tasks, 2 classes",
        "The class scenario does not fit",
        "some values are missing: price (1)",
        "column customer has 119 different values",
        "column country has one value",
        "column refund alone tells the label",
        "column shop: 50% of the rows of later tasks",
    ):
        assert text in said, text
    code, out, _ = called(
        capsys, "data", "show", "sales.csv", "--label", "kept", "--time", "sold", "--json"
    )
    found = json.loads(out)
    assert found["tasks"][0]["classes"][0] == {
        "label": "no",
        "training": 15,
        "validation": 0,
        "test": 4,
    }
    assert {c["name"]: c["role"] for c in found["columns"]}["customer"] == "category"


def test_data_show_counts_copies_and_names_images_that_cannot_be_read(tmp_path, capsys):
    (tmp_path / "photos" / "cat" / "bad.jpg").write_text("no image")
    (tmp_path / "photos" / "notes.txt").write_text("mine")
    code, out, err = called(capsys, "data", "show", "photos", "--tasks", "2")
    assert code == 0, err
    said = " ".join(out.split())
    assert "unreadable: cat/bad.jpg" in said
    assert "notes.txt" in said
    assert "A run refuses them unless you say --missing drop" in said


def test_data_show_knows_named_data_sets_and_says_if_no_scenario_fits(capsys):
    code, out, _ = called(capsys, "data", "show", "digits", "--validation", "0.1")
    assert code == 0
    assert "Nothing looks wrong." in out or "warning" in out
    assert "0+1" in out
    code, out, err = called(capsys, "data", "show", "digits", "--tasks", "3")
    assert code == 2
    assert "no scenario fits" in out
    assert "10 classes cannot be cut into 3 equal tasks" in err


# ---- mistakes


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--data", "nothing.csv"], "there is no file or folder nothing.csv"),
        ([*SALES, "--time", "sold", "--task", "shop"], "give one of them"),
        ([*SALES, "--time", "sold", "--stream", "split"], "contradicts stream='split'"),
        (["--stream", "windows"], "stream='windows' needs data.time"),
        (["--label", "kept"], "data.label='kept' has no effect here"),
        ([*SALES, "--every", "week"], "only with data.time"),
        ([*SALES, "--time", "sold", "--every", "fortnight"], "every"),
        ([*SALES, "--roles", "shop"], "expected column=role"),
        ([*SALES, "--classes", "yes,maybe"], "class 'maybe'"),
        ([*SALES, "--tasks", "2", "--image-size", "8"], "no column of images"),
        ([*MONTHS, "--tasks", "9"], "make 3 tasks"),
        (["--task", "month", "--scenario", "domain"], "has no effect here"),
        (
            ["--data", "photos", "--label", "kind", "--tasks", "2"],
            "unknown column of photos 'kind'",
        ),
    ],
)
def test_a_mistake_is_one_line_before_anything_is_written(tmp_path, capsys, arguments, message):
    code, _, err = called(capsys, "run", *arguments, "--out", "runs")
    assert code == 2, err
    assert message in err
    said = [line for line in err.splitlines() if not line.startswith("holdfast: note: defaults")]
    assert len(said) == 1
    assert not list(tmp_path.glob("runs/*"))
