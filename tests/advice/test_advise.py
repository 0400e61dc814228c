"""Advice: rules are complete, and every suggestion can be run and respects the answers."""

import contextlib
import io
import itertools
import os
import re
import runpy
import shlex
import subprocess
import sys
import tomllib
from importlib.resources import files
from pathlib import Path

import pytest

from holdfast import HoldfastError
from holdfast.advice import Answers, Trial, advise, pretrained_script, reason, rules
from holdfast.cli.main import run_cli
from holdfast.methods import AGEM, EWC, parse_method
from holdfast.metrics import average_accuracy
from holdfast.results.storage import read_result

CHOICES = {
    "task_id": (True, False),
    "new_classes": (True, False),
    "store": (0, 60, 500),
    "private": (True, False),
    "tasks": (5, 20),
    "labels": (True, False),
    "boundaries": (True, False),
    "memory": ("tight", "ample"),
    "time": ("tight", "ample"),
    "pretrained": (True, False),
}


def every_problem():
    return (
        Answers(**dict(zip(CHOICES, values, strict=True)))
        for values in itertools.product(*CHOICES.values())
    )


RULE_KEYS = {"id", "when", "reason", "source", "prefer", "exclude", "weight", "note"}
METHOD_KEYS = {"spec", "options", "no_boundaries", "class", "pretrained", "layers"}


def test_rules_name_methods_answers_and_sources():
    content = tomllib.loads((files("holdfast.advice") / "rules.toml").read_text(encoding="utf-8"))
    facts = Answers().facts()
    assert content.keys() == {"methods", "rules"}
    for name, entry in content["methods"].items():
        assert entry.keys() <= METHOD_KEYS, name
        assert "spec" in entry, name
    for entry in content["rules"]:
        assert entry.keys() <= RULE_KEYS, entry["id"]
        assert entry["reason"], entry["id"]
        assert entry["source"], entry["id"]
        methods = [*entry.get("prefer", []), *entry.get("exclude", [])]
        assert set(methods) <= content["methods"].keys(), entry["id"]
        answers = {re.sub("_at_(least|most)$", "", name) for name in entry["when"]}
        assert answers <= facts.keys(), entry["id"]
    assert len({r.id for r in rules()}) == len(rules()) == len(content["rules"])


def test_reasons_are_clauses_that_can_follow_the_name_of_a_method():
    """They stand in messages such as "EWC: a penalty …", and further sentences may follow."""
    for rule in rules():
        for text in filter(None, (rule.reason, rule.note)):
            assert text[0].islower(), rule.id
            assert not text.endswith("."), rule.id
            assert ";" not in text, rule.id


def test_no_suggestion_contradicts_what_the_method_declares():
    for answers in every_problem():
        found = advise(answers)
        assert len(found.suggestions) <= 3
        for s in found.suggestions:
            for part in parse_method(s.spec).parts:
                d = part.declare()
                assert found.scenario in d.scenarios, (answers, s.spec)
                assert not (d.task_id and not answers.task_id), (answers, s.spec)
                assert not (d.stores_examples and not answers.store), (answers, s.spec)
                if d.stores_examples and answers.private:
                    assert part.name == "LatentReplay", (answers, s.spec)
                if answers.pretrained:
                    script = "holdfast advise --script pretrained.py && python pretrained.py"
                    assert s.command.startswith(script)
                    assert part.name not in ("PNN", "SeparateNetworks")
                if d.boundaries and not answers.boundaries and not answers.task_id:
                    assert "--boundaries page-hinkley" in s.command, (answers, s.spec)
                assert dict(d.weak).get(found.scenario) is None, (answers, s.spec)


def test_most_problems_get_an_answer():
    found = [(a, advise(a)) for a in every_problem()]
    without = [a for a, f in found if not f.suggestions]
    assert len(without) < 0.12 * len(found), len(without)
    assert sum(not advise(a).relax for a in without) < len(without) / 4, (
        "else it says which other answer would leave a method"
    )
    assert all(
        len(f.suggestions) >= 2
        for a, f in found
        if a.boundaries and a.labels and a.store and not a.private
    )


def test_the_named_rules_hold():
    def best(**answers):
        return [s.method for s in advise(Answers(**answers)).suggestions]

    assert best(task_id=True, tasks=5)[0] == "PNN"
    assert best(task_id=True, tasks=20)[0] == "PackNet"
    assert best(new_classes=False, labels=False, store=0)[0] == "MAS"
    assert {"LwF", "GenerativeReplay"} <= set(best(new_classes=False, store=0))
    assert best(new_classes=False, store=0, time="tight") == ["LwF", "SI"]
    assert best(private=True, pretrained=True)[:2] == [
        "RanPAC",
        "LatentReplay",
    ] or "LatentReplay" in best(private=True, pretrained=True)
    assert best(private=True) == ["GenerativeReplay"]
    assert best(new_classes=True)[0] == "ER"


def test_refusals_quote_the_same_rules():
    assert dict(EWC(1).declare().weak)["class"] == reason("penalty-in-class")
    assert dict(AGEM(5).declare().weak)["class"] == reason("projection-in-class")
    with pytest.raises(HoldfastError) as refused:
        parse_method("PackNet").refuse("class")
    assert reason("weights-need-task") in str(refused.value)
    assert any(r.id == "weights-need-task" for r in advise(Answers()).against)
    with pytest.raises(HoldfastError, match="unknown rule"):
        reason("nonsense")


@pytest.mark.parametrize(
    "answers",
    [
        {"task_id": True, "tasks": 5},
        {"new_classes": True, "store": 60},
        {"new_classes": True, "time": "tight"},
        {"new_classes": False, "boundaries": False},
        {"new_classes": False, "store": 0},
    ],
)
def test_the_commands_run(answers, tmp_path, capsys):
    for k, s in enumerate(advise(Answers(**answers)).suggestions):
        words = shlex.split(s.command)[1:]
        if "--sweep" in words:
            at = words.index("--sweep")
            words[at + 1] = words[at + 1].split(",")[0]
        if s.method in ("iCaRL", "ER_LwF", "GenerativeReplay") or "--boundaries" in words:
            words += ["--batch-size", "256"]
        else:
            if "--epochs" in words:  # steps take their place
                at = words.index("--epochs")
                del words[at : at + 2]
            words += ["--steps", "2"]
        # All ten digits are needed if tasks bring classes; two permutations are enough otherwise.
        tasks = "5" if "class" in words or "task" in words else "2"
        with pytest.raises(SystemExit) as done:
            run_cli([*words, "--tasks", tasks, "--out", str(tmp_path / str(k))])
        assert not done.value.code, capsys.readouterr().err
    capsys.readouterr()


@pytest.fixture(scope="module")
def with_network(tmp_path_factory):
    """A folder in which the script has made its network."""
    folder = tmp_path_factory.mktemp("pretrained")
    (folder / "pretrained.py").write_text(pretrained_script())
    with contextlib.chdir(folder), contextlib.redirect_stdout(io.StringIO()) as said:
        runpy.run_path("pretrained.py", run_name="__main__")
        runpy.run_path("pretrained.py", run_name="__main__")
    assert "Wrote pretrained.pt" in said.getvalue()
    assert "is there already" in said.getvalue()
    return folder


def accuracies(out):
    found = {}
    for path in out.glob("*/result.json"):
        result = read_result(path)
        found[result.label] = average_accuracy(result.matrix)
    return found


@pytest.mark.parametrize(
    ("answers", "least"),
    [
        ({"new_classes": True, "private": True}, 0.85),
        ({"task_id": True, "store": 0}, 0.85),
        # The images are turned by up to 180 degrees, and the network has seen 20.
        ({"new_classes": False, "store": 0, "time": "tight"}, 0.6),
    ],
)
def test_commands_for_a_pretrained_network_use_one(
    answers, least, with_network, tmp_path, monkeypatch, capsys
):
    """Each command as it is printed, without the two that make the network."""
    monkeypatch.chdir(with_network)
    monkeypatch.setenv("HOLDFAST_CACHE", str(with_network / "cache"))
    suggestions = advise(Answers(pretrained=True, **answers)).suggestions
    for rank, suggestion in enumerate(suggestions):
        *first, command = suggestion.command.split(" && ")
        assert first == ["holdfast advise --script pretrained.py", "python pretrained.py"]
        words = shlex.split(command)[1:]
        # A few examples of what is not the first advice are enough to see that a command runs.
        if rank:
            words += ["--fraction", "0.2"]
        out = tmp_path / str(rank)
        with pytest.raises(SystemExit) as done:
            run_cli([*words, "--out", str(out)])
        assert not done.value.code, (command, capsys.readouterr().err)
        if not rank:
            assert min(accuracies(out).values()) > least, command
    capsys.readouterr()


def test_the_first_command_runs_in_a_shell_as_it_is_printed(tmp_path):
    first = advise(Answers(pretrained=True)).suggestions[0]
    environment = os.environ | {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "OMP_NUM_THREADS": "1",
        "HOLDFAST_CACHE": str(tmp_path / "cache"),
    }
    done = subprocess.run(
        first.command, shell=True, cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, (first.command, done.stderr)
    assert accuracies(tmp_path / "runs" / "run")["RanPAC(projection=2000)"] > 0.85


def test_commands_name_the_data_and_the_network_of_the_user(capsys):
    options = ["--backbone", "my net", "--data", "my data.csv", "--no-task-id", "--new-classes"]
    code, out, _ = call(capsys, *options, "--tasks", "7")
    assert code == 0
    assert "holdfast run --data 'my data.csv' --backbone 'my net' --tasks 7 --scenario class" in out
    assert "pretrained.py" not in out
    code, out, _ = call(capsys, "--backbone", "w.pt", "--backbone-factory", "net:make")
    assert "--backbone w.pt --backbone-factory net:make" in out
    # A network of transformers has no layers in a row, of which a method could take the first.
    private = {"private": True, "pretrained": True, "store": 50}
    assert "LatentReplay" in {s.method for s in advise(Answers(**private)).suggestions}
    folder = Trial(backbone="bert")
    assert "LatentReplay" not in {
        s.method for s in advise(Answers(**private), trial=folder).suggestions
    }


def test_no_command_freezes_a_random_network():
    for answers in every_problem():
        for suggestion in advise(answers).suggestions:
            if "--frozen" in suggestion.command:
                assert "--backbone " in suggestion.command, suggestion.command


def test_a_script_that_the_user_has_changed_stays(tmp_path, capsys):
    path = tmp_path / "pretrained.py"
    assert call(capsys, "--script", str(path))[0] == 0
    assert path.read_text() == pretrained_script()
    path.write_text("mine")
    code, out, _ = call(capsys, "--script", str(path))
    assert code == 0
    assert "exists already" in out
    assert path.read_text() == "mine"


def call(capsys, *arguments):
    with pytest.raises(SystemExit) as done:
        run_cli(["advise", *arguments])
    out = capsys.readouterr()
    return done.value.code or 0, out.out, out.err


def test_flags_are_taken_and_the_rest_is_said_to_be_assumed(capsys):
    code, out, _ = call(capsys, "--no-task-id", "--same-classes", "--store", "0", "--tasks", "8")
    assert code == 0
    assert "scenario:     domain" in out
    assert out.startswith("Assumed, because no option says otherwise: private = no, labels = yes")
    assert "1. GenerativeReplay()" in out
    assert "try: holdfast run" in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--memory", "huge"], "unknown memory 'huge': known: ample, tight"),
        (["--store", "-3"], "--store must be at least 0, got '-3'"),
        (["--tasks", "0"], "--tasks must be at least 1, got '0'"),
        (["--train", "x.parquet"], "give both --train and --serve"),
        (["--label", "fraud"], "--label names a column for an audit"),
        (["--train", "x.csv", "--serve", "x.csv", "--store", "9"], "--store has no effect"),
        (["--script", "x.py", "--private"], "--private has no effect"),
        (["--train", ".", "--serve", "."], "expected a file ending in .parquet"),
        (["--train", "l.json", "--serve", "l.json"], "l.json holds no table"),
        (["--train", "t.csv", "--serve", "t.csv", "--task", "y", "--label", "y"], "both name 'y'"),
        (["--train", "t.csv", "--serve", "t.csv", "--task", "z"], "unknown task column"),
        (["--train", "empty.csv", "--serve", "t.csv"], "empty.csv is not readable as csv"),
        (["--script", "."], "is a folder"),
        (["--script", "x.py", "--backbone", "w.pt"], "--backbone has no effect"),
        (["--backbone-factory", "net:make"], "name the file with --backbone"),
        (["--backbone", "w.pt", "--from-scratch"], "contradicts --from-scratch"),
        (["--train", "x.parquet", "--serve", "y.parquet"], "x.parquet: there is no such file"),
        (["--train", "x.xls", "--serve", "y.xls"], "expected a file ending in .parquet"),
    ],
)
def test_mistakes_are_one_line(tmp_path, monkeypatch, capsys, arguments, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "l.json").write_text("[1, 2]")
    (tmp_path / "t.csv").write_text("shop,y\na,1\nb,0\n")
    (tmp_path / "empty.csv").touch()
    code, _, err = call(capsys, *arguments)
    assert code == 2
    assert message in err
    assert len(err.strip().splitlines()) == 1


def at_a_terminal(monkeypatch, capsys, answers: str, *arguments):
    """Call the command as at a terminal at which somebody types answers."""
    keyboard = io.StringIO(answers)
    monkeypatch.setattr(keyboard, "isatty", lambda: True)
    monkeypatch.setattr(sys, "stdin", keyboard)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    return call(capsys, *arguments)


def test_a_terminal_is_asked_for_what_no_option_says(monkeypatch, capsys):
    code, out, err = at_a_terminal(
        monkeypatch, capsys, "n\ny\n60\nn\n", "--tasks", "5", "--labels", "--boundaries",
        "--memory", "ample", "--time", "ample", "--from-scratch",
    )  # fmt: skip
    assert code == 0, err
    assert "How many examples may be stored" in out
    assert "How many tasks" not in out
    assert "ER(60)" in out


def test_an_impossible_answer_is_asked_for_again(monkeypatch, capsys):
    code, out, err = at_a_terminal(
        monkeypatch, capsys, "-3\n200\nhuge\nample\n", "--no-task-id", "--new-classes",
        "--not-private", "--tasks", "5", "--labels", "--boundaries", "--time", "ample",
        "--from-scratch",
    )  # fmt: skip
    assert code == 0, err
    assert "store must be at least 0, got -3. Please try again." in out
    assert "unknown memory 'huge'" in out
    assert "ER(200)" in out
