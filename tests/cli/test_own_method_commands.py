"""Commands with methods of the user's own: found in the current folder, checked, written anew."""

import json
import subprocess
import sys

import pytest

from forked import ended as forked
from holdfast.checks import LAWS, LawBroken, check_law, check_method, laws_kept
from holdfast.checks.parts import subjects
from holdfast.checks.testing import law_tests
from holdfast.cli.main import run_cli
from holdfast.errors import HoldfastError
from holdfast.methods import METHODS, FineTune, parse_method
from holdfast.methods.method import Declaration, Method
from holdfast.methods.registered import registered
from holdfast.methods.scaffold import FAMILIES, write_method

SOURCE = '''
from holdfast.methods import Declaration, Method


class Pull(Method):
    """Pulls."""

    declaration = Declaration(
        "regularisation", "–", "pulls towards zero", weak=(("class", "it is weak there"),)
    )

    def __init__(self, strength: float = 0.1):
        super().__init__()
        self.strength = strength

    def penalty(self, learner, g):
        g.add_(learner.space.theta, alpha=self.strength)


class Failing(Pull):
    def penalty(self, learner, g):
        g.add_(learner.space.theta[:3])


class Returning(Pull):
    def draw(self, learner, batch):
        return None
'''
SHORT = ["--tasks", "2", "--steps", "2", "--scenario", "task"]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A current folder with the module `own_cli`, which no test before has imported."""
    (tmp_path / "own_cli.py").write_text(SOURCE)
    monkeypatch.chdir(tmp_path)
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        if name.startswith(("own_", "my_")):
            del sys.modules[name]


def call(capsys, *arguments):
    with pytest.raises(SystemExit) as done:
        run_cli([str(argument) for argument in arguments])
    printed = capsys.readouterr()
    return done.value.code or 0, printed.out, printed.err


# ---- runs


def test_the_current_folder_is_searched_last_and_only_during_a_command(folder, capsys):
    before = list(sys.path)
    # A file with the name of an installed package must not take its place.
    (folder / "rich.py").write_text("raise RuntimeError('shadowed')")
    code, out, _ = call(capsys, "methods", "own_cli:Pull")
    assert code == 0
    assert out.startswith("own_cli:Pull(strength=0.1)\n")
    assert "weak in the class scenario: it is weak there" in out
    assert sys.path == before


def matrices_in(out):
    """The results below a folder, by the hashes of their runs."""
    return {p.parent.name: json.loads(p.read_text())["matrix"] for p in out.rglob("result.json")}


def test_an_own_method_runs_in_workers_to_the_same_results_and_is_diagnosed_where_its_module_is(
    folder, capsys, monkeypatch, tmp_path_factory
):
    (folder / "s.toml").write_text(
        'name = "s"\nscenarios = ["task"]\nseeds = [1, 2]\n'
        'methods = [{ spec = "own_cli:Pull(0.1)" }, { spec = "ER(30)" }]\n'
        "training = { epochs = 2 }\nmodel = { hidden = [16] }\ndata = { tasks = 2 }\n"
    )
    bench = ["bench", "s.toml", "--keep-checkpoints", "--out", "runs"]
    code, out, err = call(capsys, *bench, "--jobs", "2")
    assert code == 0, err
    assert "own_cli:Pull(strength=0.1)" in out
    code, _, err = call(capsys, *bench, "--methods", "Pull")
    assert "2 of 2 runs are finished already" in err
    # Results do not depend on the number of workers.
    assert call(capsys, "bench", "s.toml", "--jobs", "1", "--out", "one")[0] == 0
    assert len(matrices_in(folder / "runs")) == 4
    assert matrices_in(folder / "runs") == matrices_in(folder / "one")
    found = (folder / "runs").rglob("result.json")
    results = {json.loads(p.read_text())["label"]: p for p in found}
    own = results["own_cli:Pull(strength=0.1)"].parent
    assert list(json.loads((own / "result.json").read_text())["config"]["code"]) == ["own_cli"]
    assert "code" not in json.loads(results["ER(30)"].read_text())["config"]
    assert call(capsys, "diagnose", own, "--what", "layers")[0] == 0
    # Elsewhere the module is missing, and after an edit it is another one.
    del sys.modules["own_cli"]
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    code, _, err = call(capsys, "diagnose", own, "--what", "layers")
    assert code == 2
    assert "there is no module 'own_cli': start the command in the folder of own_cli.py" in err
    monkeypatch.chdir(folder)
    (folder / "own_cli.py").write_text(SOURCE + "# edited\n")
    code, _, err = call(capsys, "diagnose", own, "--what", "layers")
    assert code == 2
    assert "the source of own_cli is no longer the one" in err
    # Which run is meant can be chosen all the same.
    assert "own_cli:Pull(strength=0.1), task, seed" in call(capsys, "diagnose", folder / "runs")[2]


def test_a_sweep_varies_an_argument_of_an_own_method(folder, capsys):
    spec = "own_cli:Pull(1) + EWC(5)"
    sweep = ["--sweep", "own_cli:Pull.strength=0,0.5"]
    code, out, err = call(capsys, "run", "--method", spec, *SHORT, *sweep, "--out", "runs")
    assert code == 0, err
    assert "own_cli:Pull(strength=0.5)" in out


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("own_cli:Failing", "own_cli.py, line 22: RuntimeError: The size of tensor"),
        ("own_cli:Returning", "check what its hooks return"),
    ],
)
def test_a_method_that_fails_in_a_run_is_no_fault_of_holdfast(
    folder, capsys, monkeypatch, spec, message
):
    arguments = ("run", "--method", spec, *SHORT, "--out", "runs")
    code, _, err = call(capsys, *arguments)
    assert code == 2
    assert message in err
    assert len(err.strip().splitlines()) == 1
    monkeypatch.setenv("HOLDFAST_DEBUG", "1")
    assert "Traceback" in call(capsys, *arguments)[2]


def test_a_fault_beside_a_built_in_method_is_still_one_of_holdfast(folder, capsys, monkeypatch):
    call(capsys, "methods", "own_cli:Pull")
    monkeypatch.setattr("holdfast.methods.finetune.FineTune.declare", lambda self: None)
    code, _, err = call(capsys, "run", *SHORT, "--out", "runs")
    assert code == 3
    assert "internal error" in err


# ---- lists


def test_methods_of_packages_are_listed_and_broken_ones_are_named(folder, capsys):
    info = folder / "pulls-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: pulls\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[holdfast.methods]\nPull = own_cli:Pull\nGone = own_cli:Gone\n"
    )
    registered.cache_clear()
    code, out, err = call(capsys, "methods")
    registered.cache_clear()
    assert code == 0
    assert "pulls towards zero" in out
    assert "Pull, class scenario: it is weak there" in out
    assert "note: the package pulls registers the method 'Gone'" in err


@pytest.mark.parametrize("name", [*METHODS, "ER_LwF", "ER(500)"])
def test_every_method_is_shown_by_its_name(capsys, name):
    code, out, _ = call(capsys, "methods", name)
    assert code == 0
    assert out.startswith(name.partition("(")[0])


# ---- laws


def test_check_method_prints_each_law_and_ends_with_0_or_1(folder, capsys):
    code, out, _ = call(capsys, "check-method", "own_cli:Pull(0.1)", "--scenarios", "domain")
    # It declares that it keeps something, and keeps nothing.
    assert code == 1
    kept, sentence = out.splitlines()[:-1], out.splitlines()[-1]
    assert [line.split(" s  ")[1] for line in kept] == list(LAWS)[: len(kept)]
    assert sentence.startswith("own_cli:Pull(strength=0.1) breaks the law “bytes are as declared”")
    code, out, _ = call(capsys, "check-method", "FineTune", "--scenarios", "task")
    assert code == 0
    assert out.splitlines()[-1] == "FineTune keeps every law; scenarios: task"
    code, out, _ = call(capsys, "check-method", "own_cli:Failing")
    assert code == 1
    assert "own_cli.py, line 22: RuntimeError" in out
    assert call(capsys, "check-method", "FineTune", "--scenarios", "tsk")[0] == 2


class Crash(Method):
    """Fails in its first step."""

    declaration = Declaration("double", "–", "fails", memory="none")

    def penalty(self, learner, g):
        raise KeyError("missing")


def test_a_crash_breaks_a_law_and_names_the_line():
    with pytest.raises(
        LawBroken, match=r"test_own_method_commands.py, line \d+: KeyError"
    ) as caught:
        check_method(Crash())
    assert isinstance(caught.value.__cause__, KeyError)


def test_check_method_prints_if_it_is_asked_to(capsys, monkeypatch):
    fast = ("its repr builds it again", "bytes are as declared")
    monkeypatch.setattr("holdfast.checks.LAWS", {name: LAWS[name] for name in fast})
    check_method("FineTune", ["task"])
    assert capsys.readouterr().out == ""
    check_method("FineTune", ["task", "class"], verbose=True)
    printed = [line.split(maxsplit=3) for line in capsys.readouterr().out.splitlines()]
    expected = [("task", fast[0]), ("task", fast[1]), ("class", fast[0]), ("class", fast[1])]
    assert [(scenario, law) for scenario, _, _, law in printed] == expected


def test_the_laws_are_checked_with_one_thread_and_give_the_others_back():
    import torch

    torch.set_num_threads(2)
    check_law(subjects(FineTune(), ["task"])[0], "the same seed gives the same bits")
    assert torch.get_num_threads() == 2


def test_law_tests_has_one_test_per_law_scenario_and_method():
    cases = law_tests("FineTune", "ER(5)", scenarios=["task", "class"]).pytestmark[0].args[1]
    assert len(cases) == 2 * 2 * len(LAWS)
    assert cases[0].id == "FineTune(), task: its repr builds it again"
    test = law_tests(Crash())
    with pytest.raises(LawBroken):
        test(subjects(Crash())[0], "the same seed gives the same bits")


# ---- a new method


# What `python -m pytest` does: the current folder is searched first.
PYTEST = """
import os, pytest, sys
sys.path.insert(0, os.getcwd())
sys.exit(pytest.main(sys.argv[1:]))
"""


def test_a_new_method_is_printed_with_commands_that_run(folder, capsys):
    code, out, _ = call(capsys, "new-method", "MyPull")
    assert code == 0
    assert out.startswith("Wrote my_pull.py and test_my_pull.py.")
    check, test, run = (line.strip() for line in out.splitlines()[1:])
    assert call(capsys, *check.replace('"', "").split()[1:])[0] == 0
    words = test.split()
    assert words[:3] == ["python", "-m", "pytest"]
    done = forked(*words[3:], "-p", "no:cacheprovider", script=PYTEST)
    assert f"{3 * len(LAWS)} passed" in done.stdout, done.stdout + done.stderr
    assert call(capsys, *run.replace('"', "").split()[1:], "--steps", "2")[0] == 0
    # Nothing is overwritten, not even if only one of the two files is there.
    (folder / "my_pull.py").unlink()
    code, _, err = call(capsys, "new-method", "MyPull", "--family", "replay")
    assert code == 2
    assert "test_my_pull.py exists already, so nothing was written" in err
    assert not (folder / "my_pull.py").exists()


@pytest.mark.parametrize("family", FAMILIES)
def test_the_method_of_every_family_passes_ruff_and_keeps_the_laws(folder, monkeypatch, family):
    monkeypatch.syspath_prepend(folder)
    made = write_method(f"My{family.capitalize()}", family)
    assert parse_method(made.spec).declare().family == family
    list(laws_kept(made.spec, [made.scenario]))
    for command in (["check", "--select", "E,F,W,I,B,UP"], ["format", "--check"]):
        ruff = [
            sys.executable,
            "-m",
            "ruff",
            *command,
            "--isolated",
            str(made.file),
            str(made.test),
        ]
        done = subprocess.run(ruff, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout


def test_a_new_method_may_go_to_another_folder(folder, capsys):
    _, out, _ = call(capsys, "new-method", "own_thing", "--out", "some where")
    assert (folder / "some where" / "test_own_thing.py").exists()
    assert out.splitlines()[1].strip() == "cd 'some where'"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("", "cannot be the name of a class"),
        ("my-pull", "cannot be the name of a class"),
        ("2Fast", "cannot be the name of a class"),
        ("Pülli", "cannot be the name of a class"),
        ("class", "cannot be the name of a class"),
        ("ER", "ER is a built-in method"),
        ("Random", "random.py would have the name of a module"),
        ("Torch", "such as TorchMethod"),
    ],
)
def test_a_name_that_is_no_class_or_taken_is_refused(folder, name, message):
    with pytest.raises(HoldfastError, match=message):
        write_method(name)
    assert sorted(path.name for path in folder.iterdir()) == ["own_cli.py"]


def test_a_family_without_a_template_is_refused(folder):
    with pytest.raises(HoldfastError, match="known: distillation, optimisation"):
        write_method("MyPull", "adapters")
