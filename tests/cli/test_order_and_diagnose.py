"""`holdfast order` and `holdfast diagnose` on real runs of small digits, from the command line."""

import json

import pytest

from holdfast.cli.main import run_cli
from holdfast.planning import read_probe
from holdfast.reports import write_report
from holdfast.results import load_results, summarise
from holdfast.runs.diagnoses import DIAGNOSTICS
from holdfast.runs.kept import KeptRun

SUITE = """
name = "turns"
scenarios = ["domain", "class"]
seeds = [1]
methods = [{ spec = "FineTune()" }, { spec = "ER(50)" }]
[data]
name = "digits"
stream = "mixture"
pieces = ["digits", "digits:rotate=90", "digits:permute=1"]
[model]
hidden = [16]
[training]
steps = 30
lr = 0.1
"""


def code_of(*arguments) -> int:
    try:
        run_cli([str(a) for a in arguments])
    except SystemExit as done:
        return int(done.code or 0)
    return 0


def call(capsys, *arguments):
    code = code_of(*arguments)
    out = capsys.readouterr()
    return code, out.out, out.err


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    out = tmp_path_factory.mktemp("orders")
    (out / "turns.toml").write_text(SUITE)
    assert (
        code_of(
            "order",
            "probe",
            "--suite",
            out / "turns.toml",
            "--out",
            out / "probe",
            "--seeds",
            "1,2",
            "--signals",
            "--jobs",
            "1",
        )
        == 0
    )
    return out


def test_a_probe_is_planned_and_verified(folder, capsys):
    probe = read_probe(folder / "probe")
    assert probe.names == ("digits", "digits:rotate=90", "digits:permute=1")
    assert (probe.seeds, probe.estimator) == (2, "pairwise")
    assert probe.backward[:, 0, 1].mean() < 0, "what was turned is forgotten"
    code, out, _ = call(
        capsys,
        "order",
        "plan",
        "--from",
        folder / "probe",
        "--json",
        "--html",
        folder / "plan.html",
    )
    assert code == 0
    plan = json.loads(out)
    assert set(plan) >= {"scheduler", "order", "objective", "predicted"}
    assert sorted(plan["order"]) == sorted(probe.names)
    assert "Interference" in (folder / "plan.html").read_text()
    code, out, _ = call(capsys, "order", "plan", "--from", folder / "probe", "--list")
    assert "lie-bracket" in out
    code, out, _ = call(
        capsys,
        "order",
        "plan",
        "--from",
        folder / "probe",
        "--stages",
        "--constraint",
        "digits:permute=1 first",
    )
    assert code == 0
    assert "1. digits:permute=1" in out
    assert "stages:" in out
    verify = [
        "order",
        "verify",
        "--from",
        folder / "probe",
        "--orders",
        "4",
        "--seeds",
        "2",
        "--jobs",
        "1",
        "--schedulers",
        "linear-ordering",
    ]
    code, out, err = call(capsys, *verify)
    assert code == 0, err
    assert "Spearman" in out
    found = json.loads((folder / "probe/verification.json").read_text())
    assert found["about"]["seeds"] == [3, 4], "fresh ones"
    assert "linear-ordering" in out
    assert "better than" in out
    assert len([o for o in found["outcomes"] if o["scheduler"] is None]) == 4
    page = (folder / "probe/verification.html").read_text()
    assert "Realised against predicted" in page
    assert "<script" not in page
    _, _, err = call(capsys, *verify)
    assert "finished already and are skipped" in err


def test_a_plan_is_tried_with_a_larger_model(folder, capsys):
    (folder / "large.toml").write_text(SUITE.replace("[16]", "[32]"))
    for where in ("full", folder / "large.toml"):
        options = [
            "--orders",
            "3",
            "--seeds",
            "1",
            "--jobs",
            "1",
            "--schedulers",
            "greedy",
            "--transfer-to",
            where,
        ]
        code, out, err = call(capsys, "order", "verify", "--from", folder / "probe", *options)
        assert code == 0, err
        assert "greedy" in out
        assert "nan" not in out, "one seed gives no interval"
        assert "–, better than" in out
        assert "there is no interval, because one seed has no spread; run at least two" in out
    found = json.loads((folder / "probe/verification-large.json").read_text())
    assert found["about"]["config"]["model"]["hidden"] == [32]
    assert json.loads((folder / "probe/verification-full.json").read_text())["about"]["config"][
        "model"
    ]["hidden"] == [16]


def test_the_base_estimator_takes_a_run_a_task(folder, capsys):
    probe = [
        "order",
        "probe",
        "--suite",
        folder / "turns.toml",
        "--out",
        folder / "base",
        "--seeds",
        "1",
        "--estimator",
        "base",
        "--steps",
        "10",
    ]
    code, _, err = call(capsys, *probe, "--jobs", "1")
    assert code == 0, err
    # Signals are measured for minutes, so they show how far they are, as runs do.
    assert "[1/1] signals: 2 of 3 tasks" in err
    assert "[1/1] signals, domain scenario, seed 1: " in err
    found = read_probe(folder / "base")
    assert (found.estimator, found.forward) == ("base", None)
    assert not list((folder / "base").glob("*/result.json")), "no run of a pair"
    assert {
        "rho",
        "cosine",
        "lie",
        "fisher_overlap",
        "entropy_change",
        "sparsity",
        "difficulty",
        "confidence",
    } == set(found.signals)
    assert found.signal("rho").diagonal().tolist() == [1, 1, 1]
    assert found.signal("lie").tolist() == (-found.signal("lie").T).tolist()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["plan", "--from", "nowhere"], "there is no probe at nowhere: holdfast order probe"),
        (["plan", "--from", "b.csv"], "no change on 'y' when 'x'"),
        (["plan", "--from", "a.csv", "--scheduler", "gredy"], "did you mean 'greedy'"),
        (
            ["plan", "--from", "a.csv", "--constraint", "x before y", "--constraint", "y before x"],
            "contradict each other",
        ),
        (["verify", "--from", "a.csv"], "there is nothing to train"),
        (["probe", "--suite", "buzzega-2020-permuted"], "change with the seed"),
        (
            ["probe", "--suite", "orders-images", "--scenario", "class"],
            "unknown scenario of the suite 'class'",
        ),
        (
            ["probe", "--suite", "orders-clinc", "--signals"],
            "signals and the base estimator need outputs that all tasks share",
        ),
        (["probe", "--suite", "orders-images", "--fraction", "2"], "fraction is the share"),
        (["probe", "--suite", "nowhere"], "nowhere"),
        (["probe", "--suite", "."], "."),
        (["probe", "--suite", "empty.toml"], "suite empty.toml: name is missing"),
        (["probe", "--suite", "orders-images", "--estimator", "x"], "unknown estimator 'x'"),
        (["probe", "--suite", "orders-images", "--steps", "0"], "--steps must be at least 1"),
        (["probe", "--suite", "orders-images", "--seeds", "-1"], "seeds '-1' cannot be read"),
        (["plan", "--from", "empty.csv"], "empty.csv"),
        (["plan", "--from", "binary.csv"], "binary.csv"),
        (["plan", "--from", "."], "there is no probe at"),
        (["plan", "--from", "a.csv", "--noise", "-1"], "noise"),
        (["plan", "--from", "a.csv", "--seed", "-1"], "--seed must be at least 0"),
        (["plan", "--from", "a.csv", "--constraint", "x above y"], "x above y"),
        (["plan", "--from", "a.csv", "--constraint", "z first"], "z"),
        (["plan", "--from", "a.csv", "--list", "--json"], "so --json has no effect"),
        (["plan", "--from", "a.csv", "--forward", "b.csv"], "no change on 'y'"),
        (["verify", "--from", "nowhere"], "there is no probe at nowhere"),
        (["verify", "--from", "a.csv", "--orders", "2"], "--orders must be at least 3"),
    ],
)
def test_mistakes_are_one_line(tmp_path, monkeypatch, capsys, arguments, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.csv").write_text("trained,x,y\nx,,-0.1\ny,0.2,\n")
    (tmp_path / "b.csv").write_text("trained,x,y\nx,,\ny,0.2,\n")
    (tmp_path / "empty.csv").touch()
    (tmp_path / "empty.toml").touch()
    (tmp_path / "binary.csv").write_bytes(bytes(range(256)))
    code, out, err = call(capsys, "order", *arguments)
    assert (code, out) == (2, "")
    assert message in err
    assert len(err.strip().splitlines()) == 1


def test_the_plan_as_json_keeps_its_own_objective_beside_that_of_stages(tmp_path, capsys):
    (tmp_path / "a.csv").write_text("trained,x,y,z\nx,,-0.1,0.2\ny,0.2,,0.1\nz,0.1,-0.3,\n")
    source = ["order", "plan", "--from", tmp_path / "a.csv", "--json"]
    plain = json.loads(call(capsys, *source)[1])
    staged = json.loads(call(capsys, *source, "--stages")[1])
    assert staged["objective"] == plain["objective"]
    assert {"stages", "inside", "stages_objective"} <= staged.keys() - plain.keys()


def test_planning_from_a_matrix_loads_no_torch(tmp_path):
    import subprocess
    import sys

    matrix, page = tmp_path / "a.csv", tmp_path / "p.html"
    matrix.write_text("trained,x,y\nx,,-0.1\ny,0.2,\n")
    code = f"""
import sys
from holdfast.cli.main import run_cli
try:
    run_cli(["order", "plan", "--from", {str(matrix)!r}, "--json", "--html", {str(page)!r}])
except SystemExit as done:
    assert not done.code
print("torch" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "False"


@pytest.fixture(scope="module", params=["task", "domain", "class"])
def kept(request, tmp_path_factory):
    out = tmp_path_factory.mktemp("kept")
    run = [
        "run",
        "--scenario",
        request.param,
        "--method",
        "ER(50)",
        "--tasks",
        "5",
        "--steps",
        "40",
        "--hidden",
        "16",
        "--out",
        str(out),
    ]
    assert code_of(*run, "--keep-checkpoints") == 0
    return out


def result_of(kept):
    return json.loads(next(kept.glob("*/result.json")).read_text())


def check_findings(kept, values):
    """Check what can be known about the numbers of a run without computing them again."""
    cells = result_of(kept)["matrix"]["cells"]
    diagonal = [c["score"] for c in cells if c["task"] == c["after"] and c["segment"] is None]
    assert values["saturation"]["learnt"] == pytest.approx(diagonal), (
        "checkpoints are those of the run"
    )
    assert values["stability-gap"]["boundaries"][-1]["steps"][-1] == 40
    assert values["spectrum"]["share"] <= 1.0001


@pytest.mark.parametrize("kept", ["task", "domain"], indirect=True)
def test_a_run_is_diagnosed_in_the_other_scenarios_too(kept):
    run = KeptRun(kept, examples=100)
    findings = {name: find(run) for name, find in DIAGNOSTICS.items()}
    assert all(finding.sentence and finding.what == name for name, finding in findings.items())
    check_findings(kept, {name: finding.numbers for name, finding in findings.items()})


@pytest.mark.parametrize("kept", ["class"], indirect=True)
def test_the_report_of_a_diagnosed_run_shows_what_was_found(kept, capsys):
    code, out, err = call(capsys, "diagnose", kept, "--examples", "100")
    assert code == 0, err
    folder = next(kept.glob("*/diagnostics.json")).parent
    found = json.loads((folder / "diagnostics.json").read_text())["findings"]
    names = [
        "interference",
        "spectrum",
        "layers",
        "saturation",
        "landscape",
        "plasticity",
        "entropy",
        "stability-gap",
    ]
    assert [f["what"] for f in found] == names == list(DIAGNOSTICS)
    assert all(f["sentence"] in out for f in found)
    assert {p.stem for p in (folder / "diagnostics").glob("*.png")} == set(names)
    check_findings(kept, {f["what"]: f["numbers"] for f in found})
    page = write_report(summarise(load_results([kept])), kept / "r.html").read_text()
    assert "Diagnostics: ER(50)" in page
    assert found[0]["sentence"] in page
    call(capsys, "diagnose", kept, "--what", "entropy")
    again = json.loads((folder / "diagnostics.json").read_text())["findings"]
    assert [f["what"] for f in again] == names, "what was found before is kept"


def test_a_run_that_was_killed_is_diagnosed_as_far_as_it_came(kept, tmp_path, capsys):
    import shutil

    folder = next(kept.glob("*/result.json")).parent
    torn = tmp_path / folder.name
    shutil.copytree(folder, torn)
    config = json.loads((torn / "result.json").read_text())["config"]
    (torn / "config.json").write_text(json.dumps(config))
    for name in ("result.json", "diagnostics.json", "after-5.safetensors", "after-4.safetensors"):
        (torn / name).unlink(missing_ok=True)
    code, _, err = call(capsys, "diagnose", tmp_path, "--what", "entropy,layers")
    assert code == 0, err
    found = json.loads((torn / "diagnostics.json").read_text())["findings"]
    assert next(f for f in found if f["what"] == "entropy")["numbers"]["tasks"] == [
        "0+1",
        "2+3",
        "4+5",
    ]


def test_a_run_without_checkpoints_is_told_how_to_make_them(tmp_path, capsys):
    call(capsys, "run", "--steps", "5", "--hidden", "8", "--out", tmp_path)
    code, _, err = call(capsys, "diagnose", tmp_path)
    assert code == 2
    assert "has no checkpoints; run it with --keep-checkpoints" in err
    _, _, err = call(
        capsys, "run", "--steps", "5", "--hidden", "8", "--out", tmp_path, "--keep-checkpoints"
    )
    assert "skipped" not in err
    code, out, _ = call(capsys, "diagnose", tmp_path, "--what", "entropy")
    assert code == 0
    assert out.startswith("entropy: ")
    assert call(capsys, "diagnose", tmp_path / "nowhere")[0] == 2
    assert "did you mean 'spectrum'" in call(capsys, "diagnose", tmp_path, "--what", "spektrum")[2]
    assert "names no diagnostic" in call(capsys, "diagnose", tmp_path, "--what", ",")[2]
    assert (
        call(
            capsys,
            "run",
            "--tasks",
            "1",
            "--steps",
            "5",
            "--out",
            tmp_path / "one",
            "--keep-checkpoints",
        )[0]
        == 0
    )
    code, _, err = call(capsys, "diagnose", tmp_path / "one", "--what", "layers")
    assert code == 2
    assert "has checkpoints of one task" in err
