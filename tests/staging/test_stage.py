"""`holdfast stage` from the probe to the page, on a small model."""

import json
import re
import shutil
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from holdfast.cli.main import run_cli
from holdfast.gate import read_side
from holdfast.planning import read_probe
from holdfast.results import read_result
from holdfast.staging.carry_out import Wanted, carry_out, is_finished, jobs_of
from holdfast.staging.execution import Conditions, read_scores
from holdfast.staging.loading import workplace
from holdfast.staging.preparing import prepare
from holdfast.staging.settings import Adapter, Places
from holdfast.staging.training import Training, of_order

SHORT = ["--steps", "2", "--seeds", "1", "--signals"]


def stage(*words):
    with pytest.raises(SystemExit) as ended:
        run_cli(["stage", *map(str, words)])
    return ended.value.code or 0


def files(example):
    return ["--tasks", example / "tasks", "--model", example / "model"]


@pytest.fixture(scope="module")
def finished(example, tmp_path_factory):
    """The folder of a whole run."""
    out = tmp_path_factory.mktemp("run") / "stage"
    words = [
        *SHORT,
        "--score",
        "probability",
        "--verify-seeds",
        1,
        "--orders",
        3,
        "--arrange",
        "order",
    ]
    general = ["--general", example / "general.txt"]
    arranged = ["--arrange", "order", "--out", out]
    assert stage("run", *files(example), *general, *words, *arranged) == 0
    return out


def conditions_of(example, out, **more):
    places = Places(model=str(example / "model"), tasks=str(example / "tasks"))
    found = prepare(places, 0.2, steps=3, **more)
    return found.settings, Conditions(places, out, 0.2)


def test_the_page_and_the_first_line_say_what_to_do(finished, capsys):
    verdict = json.loads((finished / "verification.json").read_text())["verdict"]
    assert verdict.startswith("It cannot be said")
    page = (finished / "stages.html").read_text()
    assert verdict in page.replace("\n", " ")
    assert page.index(verdict) < page.index("What was compared")
    assert stage("verify", "--from", finished, "--orders", 3, "--seeds", 1) == 0
    said = capsys.readouterr()
    assert " ".join(said.out.split()).startswith(verdict)
    assert "finished already" in said.err
    # Nothing is left of states, which would be as large as the model.
    assert not list(finished.rglob("trainings/*.safetensors"))


def test_transfer_is_what_scores_of_files_say(finished):
    probe = read_probe(finished)
    folder = finished / "trainings"
    assert len(list(folder.glob("*-validation.json"))) == 1 + 3 + 6
    settings = probe.about["stages"]["settings"]
    assert settings["steps"] == 2
    assert probe.backward.shape == (1, 3, 3)
    assert probe.forward is not None


def said_logits(model, tokenizer, row):
    """The logits of the tokens of a completion, and the tokens."""
    prompt = tokenizer(row["prompt"])["input_ids"]
    said = [*tokenizer(row["completion"])["input_ids"], tokenizer.eos_token_id]
    with torch.no_grad():
        logits = model(input_ids=torch.tensor([prompt + said])).logits[0]
    return logits[len(prompt) - 1 : -1], torch.tensor(said)


def rows_of(example, part):
    lines = (example / "tasks" / "json.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines if f'"{part}"' in line]


def test_signals_are_those_of_transformers(finished, example):
    model = AutoModelForCausalLM.from_pretrained(example / "model").eval()
    tokenizer = AutoTokenizer.from_pretrained(example / "model")
    sure = []
    for row in rows_of(example, "validation"):
        sure += said_logits(model, tokenizer, row)[0].softmax(-1).max(-1).values.tolist()
    probe = read_probe(finished)
    found = probe.signal("confidence")[probe.names.index("json")]
    assert found == pytest.approx(sum(sure) / len(sure), rel=1e-5)
    assert (probe.signal("entropy_change") != 0).all()
    assert stage("plan", "--from", finished, "--scheduler", "entropy-first") == 0


# peft asks transformers for a property whose name will change.
@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")
def test_the_saved_adapter_gives_the_logits_that_were_scored(finished, example):
    from peft import AutoPeftModelForCausalLM

    model = AutoPeftModelForCausalLM.from_pretrained(finished / "trained" / "model").eval()
    tokenizer = AutoTokenizer.from_pretrained(finished / "trained" / "model")
    result = read_result(finished / "trained" / "result.json")
    scores = result.matrix.results("json")[result.matrix.tasks[-1]]
    assert len(set(scores)) > 1
    for row, expected in zip(rows_of(example, "test"), scores, strict=True):
        logits, said = said_logits(model, tokenizer, row)
        likelihood = logits.log_softmax(-1).gather(1, said[:, None])
        assert float(likelihood.mean().exp()) == pytest.approx(float(expected), rel=1e-5)


def test_reports_and_the_gate_read_the_result(finished, capsys):
    with pytest.raises(SystemExit) as ended:
        run_cli(["report", str(finished), "--out", str(finished / "report.html")])
    assert not ended.value.code
    capsys.readouterr()
    path = finished / "trained" / "result.json"
    assert sorted(set(read_side(path).rows["task"])) == ["backwards", "json", "sums"]


@pytest.mark.parametrize("method", ["FineTune()", "ER(4) + OnlineEWC(1, samples=4)"])
def test_a_shared_beginning_gives_the_bits_of_an_uninterrupted_training(example, tmp_path, method):
    settings, conditions = conditions_of(example, tmp_path, adapter=Adapter(), method=method)
    orders = [["json", "sums"], ["json", "backwards"]]
    wanted = [Wanted(of_order(settings, order, 1), "test") for order in orders]
    jobs = jobs_of(wanted, conditions)
    assert [len(job.training.stages) for job in jobs] == [1, 2, 2]
    assert len(list(carry_out(jobs, 1))) == 3
    assert not jobs_of(wanted, conditions)
    place = workplace(conditions.places, settings, 0.2, "cpu")
    built = place.built(wanted[1].training)
    built.learner.train(*built.stages)
    found = read_scores(conditions.files.scores(wanted[1].training, "test"))
    for name, scores in found.examples.items():
        assert scores == built.learner.evaluate(place.task(name)).tolist()


def test_a_training_that_is_asked_for_twice_is_trained_once_for_both(example, tmp_path):
    settings, conditions = conditions_of(example, tmp_path)
    training = of_order(settings, ["json"], 0)
    asked = [Wanted(training, "test", tmp_path / "model"), Wanted(training, "test", signals=True)]
    (job,) = jobs_of(asked, conditions)
    assert (job.saves, job.signals, job.keeps_state) == (tmp_path / "model", True, False)


def test_a_killed_command_loses_the_training_in_progress_only(example, tmp_path):
    settings, conditions = conditions_of(example, tmp_path / "a", adapter=Adapter())
    wanted = [Wanted(of_order(settings, ["json", "sums"], 1), "test")]
    killed = carry_out(jobs_of(wanted, conditions), 1)
    next(killed)
    killed.close()
    assert [len(job.training.stages) for job in jobs_of(wanted, conditions)] == [2]
    list(carry_out(jobs_of(wanted, conditions), 1))
    _, others = conditions_of(example, tmp_path / "b", adapter=Adapter())
    list(carry_out(jobs_of(wanted, others), 1))
    name = conditions.files.scores(wanted[0].training, "test").name
    texts = [json.loads(file.read_text()) for file in tmp_path.rglob(name)]
    assert len(texts) == 2
    assert texts[0]["examples"] == texts[1]["examples"]


def test_without_an_adapter_all_weights_are_trained_and_saved(example, tmp_path):
    settings, conditions = conditions_of(example, tmp_path, lr=0.01)
    training = Training(settings, (("json", "sums"),), 0)
    wanted = [Wanted(training, "test", tmp_path / "model")]
    list(carry_out(jobs_of(wanted, conditions), 1))
    # Another training that is saved in the same place replaces it, and is not taken for it.
    other = Wanted(of_order(settings, ["sums"], 0), "test", tmp_path / "model")
    list(carry_out(jobs_of([other], conditions), 1))
    assert not is_finished(wanted[0], conditions)
    list(carry_out(jobs_of(wanted, conditions), 1))
    assert is_finished(wanted[0], conditions)
    before = AutoModelForCausalLM.from_pretrained(example / "model")
    after = AutoModelForCausalLM.from_pretrained(tmp_path / "model")
    pairs = zip(before.parameters(), after.parameters(), strict=True)
    assert all(not torch.equal(a, b) for a, b in pairs)


def test_a_stage_mixes_its_tasks_evenly_and_takes_steps_for_each(example, tmp_path):
    settings, conditions = conditions_of(example, tmp_path)
    place = workplace(conditions.places, settings, 0.2, "cpu")
    training = Training(settings, (("json", "sums"), ("backwards",)), 0)
    assert [training.steps_of(0), training.steps_of(1)] == [6, 3]
    stages = place.built(training).stages
    assert len(stages[0].train) == 2 * 30
    assert len(stages[1].train) == 30


WRONG = [
    (["--model", "no/such"], "there is no file or folder"),
    (["--gguf", "none.gguf"], "there is no file"),
    (["--adapter", "target_modules=query"], "names of its linear layers end in: q_proj"),
    (["--adapter", "rank=8,alpha=0.5"], "alpha is a whole number"),
    (["--method", "EWCC(1)"], "unknown method 'EWCC'"),
    (["--method", "OLoRA(4)"], "--adapter"),
    (["--steps", "0"], "--steps must be at least 1"),
    (["--score", "accuracy"], "unknown score 'accuracy'"),
    (["--optimizer", "lion"], "unknown optimizer 'lion'"),
    (["--lr", "0"], "lr must be greater than 0"),
    (["--max-length", "4096"], "is more than"),
    (["--general", "none.txt"], "there is no file"),
    (["--estimator", "triple"], "unknown estimator 'triple'"),
    (["--seeds", "x"], "cannot be read"),
    (["--held-out", "0.6"], "below 0.5"),
]


@pytest.mark.parametrize(("words", "message"), WRONG, ids=lambda one: str(one)[:30])
def test_a_mistake_is_one_line_before_anything_is_trained(
    example, tmp_path, capsys, monkeypatch, words, message
):
    monkeypatch.chdir(tmp_path)
    assert stage("probe", *files(example), "--out", tmp_path / "out", *words) == 2
    said = capsys.readouterr().err
    error = [line for line in said.splitlines() if line.startswith("holdfast: error")]
    assert len(error) == 1
    assert message in error[0]
    assert not list(tmp_path.rglob("*.json"))


def test_files_without_a_tokenizer_and_broken_ggufs_are_refused(example, tmp_path, capsys):
    shutil.copytree(example / "model", tmp_path / "model")
    (tmp_path / "model" / "tokenizer.json").unlink()
    (tmp_path / "model" / "tokenizer_config.json").unlink()
    words = ["--tasks", example / "tasks", "--out", tmp_path / "out"]
    assert stage("probe", *words, "--model", tmp_path / "model") == 2
    assert "tokenizer" in capsys.readouterr().err
    (tmp_path / "broken.gguf").write_bytes(b"GGUF and no more")
    assert stage("probe", *words, "--model", tmp_path / "broken.gguf") == 2
    assert "broken.gguf" in capsys.readouterr().err


def test_a_probe_of_other_files_is_not_continued(finished, example, tmp_path, capsys):
    shutil.copytree(example / "tasks", tmp_path / "tasks")
    values = json.loads((finished / "probe.json").read_text())
    values["about"]["stages"]["places"]["tasks"] = str(tmp_path / "tasks")
    (tmp_path / "probe.json").write_text(json.dumps(values))
    with (tmp_path / "tasks" / "sums.jsonl").open("a") as file:
        file.write('{"prompt": "1+1=", "completion": "2"}\n')
    assert stage("train", "--from", tmp_path) == 2
    assert "files changed since the probe (task sums)" in capsys.readouterr().err
    del values["about"]["stages"]
    (tmp_path / "probe.json").write_text(json.dumps(values))
    assert stage("verify", "--from", tmp_path) == 2
    assert "holds no probe of language models" in capsys.readouterr().err


def test_the_example_of_the_page_runs(example, monkeypatch, tmp_path):
    page = Path(__file__).parents[2] / "docs" / "staging.md"
    for name in ("tasks", "model"):
        (tmp_path / name).symlink_to(example / name)
    monkeypatch.chdir(tmp_path)
    (code,) = re.findall(r"```python\n(.*?)```", page.read_text(), re.S)
    exec(compile(code, page.name, "exec"), {})
