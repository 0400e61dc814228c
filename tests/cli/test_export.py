"""`holdfast run --export every-eval-ever`: scores of single test examples, for the gate."""

import json
import re

import pytest

from holdfast.cli.main import run_cli
from holdfast.gate import read_side
from holdfast.results import load_results

SMALL = ["run", "--method", "ER(40)", "--tasks", "2", "--examples", "200", "--hidden", "8"]
# The pattern that the schema of `every_eval_ever` 0.3 gives for the path of the samples.
PLACE = (
    r"^data/[^/]+/[^/]+/[^/]+/[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-4[0-9A-Fa-f]{3}-[89ABab][0-9A-Fa-f]{3}"
    r"-[0-9A-Fa-f]{12}_samples\.jsonl$"
)


def run(*arguments):
    with pytest.raises(SystemExit) as done:
        run_cli([*map(str, arguments)])
    return done.value.code


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    folder = tmp_path_factory.mktemp("export") / "runs"
    # Without the option, a finished run has no scores of single examples.
    assert not run(*SMALL, "--out", folder)
    assert not list(folder.glob("*/examples.json"))
    before = (folder / "every-eval-ever").exists(), load_results([folder])[0]
    assert not run(*SMALL, "--out", folder, "--export", "every-eval-ever")
    assert not before[0]
    # The run itself is the same with the option.
    assert load_results([folder])[0].weights == before[1].weights
    return folder


def aggregate(out):
    (path,) = (out / "every-eval-ever").rglob("*.json")
    return path


def test_the_gate_reads_the_scores_after_the_last_task(out):
    (result,) = load_results([out])
    side = read_side(out / "every-eval-ever")
    means = side.rows.groupby("task", sort=False)["score"].mean()
    last = result.matrix.tasks[-1]
    assert tuple(means.index) == result.matrix.tasks
    for task in result.matrix.tasks:
        assert means[task] == pytest.approx(result.matrix.score(task, after=last), abs=1e-9)
    assert side.scales[last].metric == "accuracy"
    assert not side.unscored


def test_the_aggregate_file_has_the_same_scores_and_points_to_the_samples(out):
    path = aggregate(out)
    content = json.loads(path.read_text())
    place = content["detailed_evaluation_results"]["file_path"]
    assert re.fullmatch(PLACE, place)
    assert (
        len((out / "every-eval-ever" / place).read_text().splitlines())
        == (content["detailed_evaluation_results"]["total_rows"])
    )
    means = [each["score_details"]["score"] for each in content["evaluation_results"]]
    (result,) = load_results([out])
    tasks = result.matrix.tasks
    assert means == [result.matrix.score(task, after=tasks[-1]) for task in tasks]


def test_a_second_export_replaces_the_first(out, capsys):
    before = aggregate(out).name
    assert not run(*SMALL, "--out", out, "--export", "every-eval-ever")
    assert aggregate(out).name == before
    assert "export:" in capsys.readouterr().out


def test_an_unknown_format_is_refused_before_anything_runs(tmp_path, capsys):
    assert run(*SMALL, "--out", tmp_path / "runs", "--export", "csv") == 2
    assert "known: every-eval-ever" in capsys.readouterr().err
    assert not (tmp_path / "runs").exists()
