"""The command line as a user meets it: each in a process of its own where exit codes matter."""

import json
import os
import signal
import time

import pytest

from forked import started
from holdfast.bench.suites import load_suite, shipped
from holdfast.cli.lists import parse_seeds
from holdfast.cli.main import run_cli
from holdfast.errors import HoldfastError
from holdfast.runs.config import RunConfig
from holdfast.validation import validated

QUICK = ["--epochs", "3", "--hidden", "16"]


def call(capsys, *arguments):
    try:
        run_cli(list(arguments))
        code = 0
    except SystemExit as stop:
        code = stop.code or 0
    out = capsys.readouterr()
    return code, out.out, out.err


def test_run_prints_the_matrix_writes_results_and_skips_what_is_finished(capsys, tmp_path):
    arguments = [
        "run",
        "--method",
        "ER(50)",
        "--scenario",
        "class",
        *QUICK,
        "--seeds",
        "1,2",
        "--out",
        str(tmp_path),
    ]
    code, out, err = call(capsys, *arguments)
    assert code == 0, err
    assert "ER(50)" in out
    assert "after" in out
    assert all(f"seed {seed}" in err for seed in (1, 2))
    assert "[2/2] ER(50), class, seed 2: 4 of 5 tasks" in err
    files = sorted(tmp_path.rglob("result.json"))
    assert len(files) == 2
    result = json.loads(files[0].read_text())
    assert {"format", "config", "versions", "matrix", "cost", "seed"} <= result.keys()
    assert (tmp_path / "report.html").exists()
    times = [f.stat().st_mtime_ns for f in files]
    code, _, err = call(capsys, *arguments)
    assert code == 0
    assert "2 of 2 runs are finished already" in err
    assert times == [f.stat().st_mtime_ns for f in files]


def test_every_setting_reaches_the_config(capsys, tmp_path):
    code, _, err = call(
        capsys,
        "run",
        "--data",
        "digits",
        "--stream",
        "split",
        "--examples",
        "700",
        "--tasks",
        "2",
        "--order",
        "9,8,7,6,5,4,3,2,1,0",
        "--validation",
        "0.1",
        "--scenario",
        "task",
        "--method",
        "ER(40) + LwF",
        "--model",
        "convnet",
        "--head",
        "masked",
        "--optimizer",
        "sgd",
        "--lr",
        "0.002",
        "--momentum",
        "0.5",
        "--weight-decay",
        "0.01",
        "--steps",
        "7",
        "--fraction",
        "0.9",
        "--task-order",
        "1,0",
        "--batch-size",
        "16",
        "--drop-last",
        "--renew-optimizer",
        "--schedule",
        "cosine",
        "--clip",
        "2",
        "--accumulate",
        "2",
        "--precision",
        "bfloat16",
        "--outputs",
        "seen",
        "--groups",
        "separate",
        "--evaluate-every",
        "3",
        "--seeds",
        "5",
        "--jobs",
        "1",
        "--device",
        "cpu",
        "--out",
        str(tmp_path),
    )
    assert code == 0, err
    config = json.loads(next(tmp_path.rglob("result.json")).read_text())["config"]
    assert config["method"] == "ER(40) + LwF(alpha=1.0)"
    data = {
        "name": "digits",
        "stream": "split",
        "then": [],
        "tasks": 2,
        "order": [9, 8, 7, 6, 5, 4, 3, 2, 1, 0],
        "validation": 0.1,
    }
    data |= {
        "examples": 700,
        "sizes": [],
        "blurry": 0.0,
        "fraction": 0.9,
        "pieces": [],
        "task_order": [1, 0],
    }
    assert config["data"] == data
    assert config["model"]["name"] == "convnet"
    t = config["training"]
    assert (
        t["momentum"],
        t["steps"],
        t["drop_last"],
        t["renew_optimizer"],
        t["clip"],
        t["precision"],
    ) == (
        0.5,
        7,
        True,
        True,
        2,
        "bfloat16",
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "--method", "ERR(5)"], "unknown method 'ERR': did you mean 'ER'"),
        (["run", "--method", "ER(capacty=5)"], "did you mean 'capacity'"),
        (["run", "--data", "ylecun/mnst"], "unknown data set"),
        (["run", "--tasks", "3"], "must be one of [1, 2, 5, 10]"),
        (["run", "--head", "separate"], "contradicts the class scenario"),
        (["run", "--stream", "permuted"], "no new classes"),
        (["run", "--scenario", "clas"], "unknown scenario 'clas': did you mean 'class'?"),
        (["run", "--lr", "-1"], "training.lr"),
        (["run", "--hidden", "many"], "expected sizes"),
        (["run", "--seeds", "x"], "expected 3, or 1,2,3"),
        (["run", "--device", "tpu"], "device 'tpu' cannot be used"),
        (["run", "--data", "ylecun/mnist", "--data-dir", "/nowhere"], "does not exist"),
        (["run", "--out", "/proc/nope"], "could not be written"),
        (["run", "--order", "1,2"], "each class once"),
        (["bench", "demoo"], "did you mean 'demo'"),
        (["bench", "/nowhere.toml"], "no suite file"),
        (["report", "/nowhere"], "there is no folder"),
        (["metrics", "/nowhere.csv"], "there is no such file"),
    ],
)
def test_mistakes_are_one_message_and_exit_code_2(
    capsys, tmp_path, monkeypatch, arguments, message
):
    if "--data" in arguments:
        (tmp_path / "data").mkdir()
        monkeypatch.setenv("HOLDFAST_DATA", str(tmp_path / "data"))
    if arguments[0] == "run" and "--out" not in arguments:
        arguments = [*arguments, "--out", str(tmp_path / "o")]
    code, _, err = call(capsys, *arguments)
    assert code == 2
    assert message in err
    assert len(err.strip().splitlines()) == 1
    assert not list(tmp_path.rglob("result.json"))


def test_files_that_are_not_text_are_refused_by_name(capsys, tmp_path):
    for command, name, message in (
        ("metrics", "m.csv", "is not readable as CSV"),
        ("bench", "s.toml", "is not readable as TOML"),
    ):
        (tmp_path / name).write_bytes(bytes(range(128, 256)))
        code, _, err = call(capsys, command, str(tmp_path / name))
        assert code == 2
        assert message in err


def test_usage_errors_exit_with_2_as_well(capsys):
    assert call(capsys, "run", "--bogus")[0] == 2
    assert call(capsys, "nothing")[0] == 2


def test_methods_shows_every_declaration(capsys):
    code, out, _ = call(capsys, "methods")
    assert code == 0
    for word in (
        "AGEM",
        "EWC",
        "ER",
        "FineTune",
        "Joint",
        "LwF",
        "Kirkpatrick",
        "restarts",
        "linear",
    ):
        assert word in out


def test_metrics_of_a_file_from_anywhere(capsys, tmp_path):
    (tmp_path / "m.csv").write_text(
        "task,after,score,examples\na,a,0.97,100\na,b,0.94,100\na,c,0.91,100\nb,b,0.95,100\nb,c,0.93,100\nc,c,0.96,100\n"
    )
    code, out, _ = call(capsys, "metrics", str(tmp_path / "m.csv"))
    assert code == 0
    assert "0.9333" in out
    assert "-0.0400" in out


def test_the_shipped_suites_are_valid_and_their_runs_differ():
    assert "demo" in shipped()
    for name in shipped():
        hashes = [config.hash for _, config in load_suite(name).runs()]
        assert len(set(hashes)) == len(hashes) > 0


def test_a_suite_file_of_ones_own(capsys, tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(
        'name = "mine"\nscenarios = ["domain"]\nseeds = [1, 2]\n'
        'methods = [{ spec = "FineTune" }, { label = "replay", domain = "ER(20)" }]\n'
        "[model]\nhidden = [8]\n[training]\nepochs = 2\n"
    )
    code, out, err = call(capsys, "bench", str(path), "--jobs", "1", "--out", str(tmp_path / "o"))
    assert code == 0, err
    assert "replay" in out
    assert len(list((tmp_path / "o").rglob("result.json"))) == 4
    for wrong, message in (
        ("seeds = [1]", "seeds"),
        ('colour = "red"', "unknown setting 'colour'"),
        ("[training]\nlearning_rate = 1", "unknown setting"),
        ("x = = 1", "is not readable as TOML"),
    ):
        path.write_text(
            'name = "mine"\nscenarios = ["domain"]\nmethods = [{ spec = "FineTune" }]\n'
            + ("" if "seeds" in wrong else "seeds = [1]\n")
            + (wrong if "seeds" not in wrong else "")
        )
        code, _, err = call(capsys, "bench", str(path), "--out", str(tmp_path / "p"))
        assert code == 2, wrong
        assert message in err


def test_equal_settings_have_one_hash_however_they_are_written():
    a = validated(RunConfig, method="LwF + ER(500)", training={"lr": 0.1})
    b = validated(RunConfig, method="ER(500) + LwF(alpha=1.0)", training={"lr": 0.10})
    assert a.hash == b.hash
    assert a.hash != validated(RunConfig, method="ER(500)", training={"lr": 0.1}).hash


@pytest.mark.parametrize(("text", "seeds"), [("3", [3]), ("1,2,2", [1, 2]), ("1-3", [1, 2, 3])])
def test_seeds_are_lists_or_ranges(text, seeds):
    assert parse_seeds(text) == seeds


@pytest.mark.parametrize(
    "text",
    [
        "3-1",
        "",
        "-",
        "1-",
        "²",
        "٣",
        "1" * 5000,
        "0-99999999999",
        "1,,2",
        "x",
        "\ud800",
        "1e3",
        "-1",
    ],
)
def test_what_is_no_list_of_seeds_is_refused(text):
    with pytest.raises(HoldfastError, match="seeds"):
        parse_seeds(text)


@pytest.mark.parametrize(
    "option",
    ["--hidden", "--epochs", "--sizes", "--task-order", "--evaluate-every", "--seeds", "--order"],
)
@pytest.mark.parametrize("value", ["²", "1" * 5000, "9" * 30, "-1", "1,x", ",", "\ud800"])
def test_no_number_on_the_command_line_is_a_fault_of_the_program(capsys, tmp_path, option, value):
    code, _, err = call(capsys, "run", option, value, "--out", str(tmp_path))
    assert code == 2, err
    assert len(err.strip().splitlines()) == 1


def test_a_half_written_result_is_run_again_and_a_foreign_one_is_named(capsys, tmp_path):
    arguments = ["run", *QUICK, "--out", str(tmp_path)]
    assert call(capsys, *arguments)[0] == 0
    path = next(tmp_path.rglob("result.json"))
    path.write_text(path.read_text()[:100])
    code, _, err = call(capsys, "report", str(tmp_path), "--out", str(tmp_path / "r.html"))
    assert code == 2
    assert "not a whole result file" in err
    assert call(capsys, *arguments)[0] == 0
    assert json.loads(path.read_text())["seed"] == 0


def test_ctrl_c_keeps_what_is_finished_and_says_how_to_go_on(tmp_path):
    training = ["--epochs", "20", "--hidden", "64"]
    # With workers, tests/cli/test_ending.py does the same.
    training += ["--jobs", "1"]
    with started("run", "--seeds", "1-40", *training, "--out", str(tmp_path)) as running:
        deadline = time.monotonic() + 60
        while len(list(tmp_path.rglob("result.json"))) < 2 and time.monotonic() < deadline:
            time.sleep(0.1)
        os.kill(running.pid, signal.SIGINT)
        done = running.ended(30)
    assert done.returncode == 130
    assert "of 40 runs are finished and kept" in done.stderr
    assert "Traceback" not in done.stderr
    assert 2 <= len(list(tmp_path.rglob("result.json"))) < 40


def test_real_mnist_from_the_data_folder(data_dir, capsys, tmp_path):
    code, _, err = call(
        capsys,
        "run",
        "--data",
        "ylecun/mnist",
        "--tasks",
        "5",
        "--scenario",
        "class",
        "--method",
        "ER(500)",
        "--steps",
        "60",
        "--lr",
        "0.05",
        "--data-dir",
        data_dir,
        "--out",
        str(tmp_path),
    )
    assert code == 0, err
    matrix = json.loads(next(tmp_path.rglob("result.json")).read_text())["matrix"]
    last = [
        c["score"]
        for c in matrix["cells"]
        if c["after"] == matrix["tasks"][-1] and not c.get("segment")
    ]
    assert len(last) == 5
    assert sum(last) / 5 > 0.6
