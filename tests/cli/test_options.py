"""Options that have no effect in a combination: refused or named, and nothing else is."""

import json

import pytest

from holdfast.bench.suites import load_suite, shipped
from holdfast.cli.main import run_cli
from holdfast.errors import HoldfastError
from holdfast.runs.config import RunConfig
from holdfast.runs.execute import execute
from holdfast.runs.facts import Facts, value_of
from holdfast.runs.options import given_settings, missing, notes, refuse_idle
from holdfast.validation import validated

# What each setting is changed to in the experiment below; the rest is as in `BASE`.
CHANGES = {
    "model.init": "xavier",
    "model.frozen": True,
    "training.optimizer": "adamw",
    "training.lr": 0.02,
    "training.momentum": 0.5,
    "training.weight_decay": 0.01,
    "training.epochs": 1,
    "training.shuffle": False,
    "training.drop_last": True,
    "training.renew_optimizer": True,
    "training.schedule": "cosine",
    "training.clip": 0.1,
    "training.accumulate": 2,
    "training.groups": "separate",
}
BASE = {
    "data": {"tasks": 2, "examples": 100},
    "model": {"hidden": [8]},
    "training": {"batch_size": 16, "epochs": 2, "lr": 0.05},
}
METHODS = {  # each replaces other settings than the one before
    "FineTune": "class",
    "ER(20)": "domain",
    "MER(20, rows=5, beta=0.3)": "class",
    "LaMAML(20, inner=2)": "domain",
    "LatentReplay(20)": "class",
    "Joint": "task",
    "SupSup": "domain",
    "SeparateNetworks": "task",
    "SLDA": "class",
}


def configured(method, scenario, *changes):
    values = {part: dict(settings) for part, settings in BASE.items()}
    if method == "SLDA":
        values["model"]["frozen"] = True
    for setting, value in changes:
        part, _, name = setting.partition(".")
        values.setdefault(part, {})[name] = value
    return validated(RunConfig, **values, scenario=scenario, method=method)


def outcome(config):
    """The weights and every score of a run."""
    result = execute(config, "run", None, "cpu")
    return result.weights, json.dumps(result.matrix.to_json())


def called(capsys, *arguments):
    with pytest.raises(SystemExit) as done:
        run_cli([str(a) for a in arguments])
    streams = capsys.readouterr()
    return done.value.code or 0, streams.out, streams.err


@pytest.mark.parametrize(("method", "scenario"), METHODS.items())
def test_a_setting_is_refused_exactly_if_training_is_the_same_without_it(method, scenario):
    plain = outcome(configured(method, scenario))
    for setting, value in CHANGES.items():
        config = configured(method, scenario, (setting, value))
        if method == "SLDA" and setting in ("model.frozen", "training.epochs"):
            continue  # this method needs the first, and one epoch is what it does
        idle = missing(Facts(config), setting) is not None
        assert idle == (outcome(config) == plain), setting


@pytest.mark.parametrize("method", ["FineTune", "ERACE(20)", "iCaRL(20)"])
@pytest.mark.parametrize("head", ["growing", "masked"])
@pytest.mark.parametrize("outputs", ["all", "current"])
def test_the_choice_of_outputs_is_refused_exactly_if_training_is_the_same_without_it(
    method, head, outputs
):
    plain = configured(method, "class", ("model.head", head))
    config = configured(method, "class", ("model.head", head), ("training.outputs", outputs))
    idle = missing(Facts(config), "training.outputs") is not None
    if head == "growing" and outputs == "all":  # the learner refuses this itself
        with pytest.raises(HoldfastError, match="a growing head has no outputs beyond"):
            outcome(config)
        assert idle
    else:
        assert idle == (outcome(config) == outcome(plain))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--model", "convnet", "--hidden", "16"], "model.hidden=[16] has no effect"),
        (["--optimizer", "adam", "--momentum", "0.9"], "only with training.optimizer='sgd'"),
        (["--epochs", "1", "--steps", "5"], "without training.steps"),
        (["--outputs", "all"], "only with model.head='masked'"),
        (["--scenario", "task", "--outputs", "current"], "in the class scenario"),
        (["--groups", "separate"], "add stored examples"),
        (["--order", "seed"], "with a seed above 0"),
        (
            ["--scenario", "domain", "--stream", "rotated", "--sizes", "5,5"],
            "data.sizes=[5, 5] has no effect",
        ),
        (
            ["--scenario", "domain", "--stream", "sequence", "--then", "digits", "--order", "seed"],
            "data.stream='split'",
        ),
        (["--tasks", "1", "--scenario", "domain", "--blurry", "0.2"], "two tasks or more"),
        (["--method", "Joint", "--renew-optimizer"], "always makes a new optimizer"),
        (["--method", "LaMAML(20)", "--lr", "0.1"], "LaMAML does it its own way"),
        (
            ["--method", "SLDA", "--frozen", "--lr", "0.1"],
            "reads the features of each example once",
        ),
        (
            ["--scenario", "domain", "--boundaries", "never", "--schedule", "cosine"],
            "how long a task is",
        ),
        (
            ["--scenario", "domain", "--boundaries", "never", "--keep-checkpoints"],
            "none is announced",
        ),
        (
            ["--optimizer", "adam", "--sweep", "momentum=0.1,0.5"],
            "training.momentum=0.5 has no effect",
        ),
        (
            ["--method", "GenerativeReplay(temperature=1.0)"],
            "GenerativeReplay.temperature=1.0 has no effect",
        ),
        (
            ["--scenario", "task", "--method", "LwF(outputs='all')"],
            "LwF.outputs='all' has no effect",
        ),
        (["--method", "ER(20, store='m')"], "another part of the sum"),
        (["--epochs", "1,2,3,4,5,6"], "lists 6 numbers, but the stream has 5 tasks"),
        (["--device", "meta"], "device 'meta' cannot be used"),
        (["--seeds", ""], "seeds '' cannot be read"),
        (
            [
                "--data",
                "digits",
                "--stream",
                "mixture",
                "--pieces",
                "ylecun/mnist",
                "--scenario",
                "domain",
            ],
            "data.name",
        ),
    ],
)
def test_what_has_no_effect_is_refused_before_anything_is_trained(
    capsys, tmp_path, arguments, message
):
    code, _, err = called(capsys, "run", *arguments, "--out", tmp_path / "o")
    assert code == 2
    assert message in err
    assert len(err.splitlines()) == 1
    assert not list(tmp_path.rglob("result.json"))


def test_defaults_are_never_refused():
    for scenario in ("task", "domain", "class"):
        for method in ("FineTune", "ER(20)", "SLDA", "LaMAML(20)"):
            refuse_idle([validated(RunConfig, scenario=scenario, method=method)])


def test_a_setting_that_one_run_of_several_uses_is_accepted():
    runs = [
        configured("FineTune", "class", ("training.optimizer", o), ("training.momentum", 0.5))
        for o in ("adam", "sgd")
    ]
    refuse_idle(runs)
    with pytest.raises(HoldfastError, match="momentum"):
        refuse_idle(runs[:1])


@pytest.mark.parametrize("name", shipped())
def test_no_shipped_suite_has_a_setting_without_effect(name):
    refuse_idle([config for _, config in load_suite(name).runs()])


def test_a_suite_with_a_setting_that_no_method_uses_is_refused(capsys, tmp_path):
    (tmp_path / "s.toml").write_text(
        'name = "s"\nscenarios = ["task"]\nseeds = [1]\nmethods = [{ spec = "FineTune" }]\n'
        '[training]\ngroups = "separate"\n'
    )
    code, _, err = called(capsys, "bench", tmp_path / "s.toml", "--out", tmp_path / "o")
    assert code == 2
    assert "training.groups='separate' has no effect" in err


def test_settings_keep_what_was_given_through_a_sweep_and_a_suite():
    from holdfast.bench.sweep import swept

    config = configured("FineTune", "class")
    ((_, changed),) = swept(config, [("clip", [0.5])])
    assert given_settings(changed) == given_settings(config) | {"training.clip"}
    assert value_of(changed, "training.clip") == 0.5


def test_combinations_that_do_less_than_their_names_are_named():
    domain = {"scenario": "domain"}
    never, found = (
        {"training": {"boundaries": "never"}},
        {"training": {"boundaries": "page-hinkley"}},
    )
    assert "OnlineEWC" in notes([validated(RunConfig, **domain, **never, method="OnlineEWC(1)")])[0]
    assert (
        "does not use them" in notes([validated(RunConfig, **domain, **found, method="ER(20)")])[0]
    )
    assert "one task" in notes([validated(RunConfig, **domain, data={"tasks": 1})])[0]
    assert notes([validated(RunConfig, method="OnlineEWC(1)")]) == []


def test_options_of_the_command_without_effect_are_named_and_the_run_goes_on(capsys, tmp_path):
    options = ["--tolerance", "3", "--validation", "0.1", "--data-dir", "/nowhere"]
    code, out, err = called(
        capsys, "run", *options, "--steps", "2", "--hidden", "4", "--out", tmp_path
    )
    assert code == 0, err
    for option in ("--tolerance", "--validation", "--data-dir"):
        assert f"note: {option}" in err
    assert "note: --" not in out


def test_a_number_of_groups_that_the_data_do_not_have_is_refused():
    from holdfast.runs.preflight import refuse_other_count

    asked = validated(RunConfig, data={"name": "clinc/clinc_oos", "stream": "grouped", "tasks": 3})
    with pytest.raises(HoldfastError, match="have 10 groups"):
        refuse_other_count(asked, 10)
    silent = validated(RunConfig, data={"name": "clinc/clinc_oos", "stream": "grouped"})
    refuse_other_count(silent, 10)


def test_results_on_other_examples_are_not_taken_for_those_of_this_version():
    plain = validated(RunConfig)
    assert (
        plain.hash == "ca444e2c4b7c5d13"
    )  # committed results of runs without validation examples stay valid
    held = validated(RunConfig, data={"validation": 0.1})
    texts = validated(RunConfig, data={"name": "clinc/clinc_oos", "stream": "grouped"})
    assert not plain.data.versioned
    assert held.data.versioned
    assert held.hash != "9cd06e7a7116c139"  # of the same settings when rows were drawn per task
    assert texts.data.versioned
