"""Suites: shipped ones are what the protocols say; settings of one scenario, sequences, lists for each task, choices among runs."""

import os

import numpy as np
import pytest

from holdfast.bench.published import TABLES
from holdfast.bench.suites import Suite, load_suite, shipped
from holdfast.bench.sweep import parse_sweep, sweep_suite, swept
from holdfast.errors import HoldfastError
from holdfast.methods import METHODS, parse_method
from holdfast.results import fitted_growth, growth, load_results, summarise, write_result
from holdfast.results.storage import write_json
from holdfast.runs.build import build_learner, build_stream
from holdfast.runs.carry_out import run_all
from holdfast.runs.config import DataConfig, RunConfig
from holdfast.runs.execute import execute
from holdfast.runs.folders import contents, finished, outdated
from holdfast.validation import validated


@pytest.mark.parametrize("name", shipped())
def test_shipped_suites_are_whole(name):
    runs = list(load_suite(name).runs())
    assert runs
    assert len({c.hash for _, c in runs}) == len(runs)


def test_the_protocol_of_van_de_ven_is_followed():
    by = {
        (c.scenario, label): c for label, c in load_suite("van-de-ven-2022").runs() if c.seed == 2
    }
    assert {s: set(cells) for s, cells in TABLES["van-de-ven-2022"].items()} == {
        s: {label for scenario, label in by if scenario == s} for s in ("task", "domain", "class")
    }
    separate = by.pop(("task", "SeparateNetworks"))
    assert (separate.model.hidden, separate.model.head) == ([100, 100], "separate")
    for (scenario, _), c in by.items():
        t = c.training
        assert (c.model.hidden, t.optimizer, t.lr, t.steps, t.batch_size, t.drop_last) == (
            [400, 400],
            "adam",
            0.001,
            2000,
            128,
            True,
        )
        assert not t.renew_optimizer
        assert c.model.head == ("auto" if scenario == "domain" else "masked")
        assert t.outputs == ("all" if scenario == "class" else "seen")
    assert [by[s, "EWC"].method for s in ("task", "domain", "class")] == [
        "EWC(100000.0)",
        "EWC(10000000000.0)",
        "EWC(1000000000.0)",
    ]
    assert "gradient='total'" in by["domain", "SI"].method
    assert "weight='tasks'" in by["domain", "LwF"].method
    assert "outputs='all'" in by["class", "LwF"].method
    assert "balance='task'" in by["task", "ER"].method
    assert "balance" not in by["class", "ER"].method


def test_the_cost_suite_holds_every_method():
    specs = {
        part.name for _, c in load_suite("cost").runs() for part in parse_method(c.method).parts
    }
    assert specs == set(METHODS)


def test_settings_of_one_scenario_replace_those_for_all():
    suite = validated(
        Suite,
        name="s",
        scenarios=["domain", "class"],
        seeds=[1],
        methods=[{"spec": "FineTune"}],
        data={"tasks": 5, "order": "seed"},
        only={
            "domain": {
                "data": {"stream": "permuted", "tasks": 2, "order": "sorted"},
                "training": {"lr": 0.5},
            }
        },
    )
    domain, class_ = (c for _, c in suite.runs())
    assert (domain.data.stream, domain.data.tasks, domain.training.lr) == ("permuted", 2, 0.5)
    assert (class_.data.stream, class_.data.tasks, class_.training.lr) == ("split", 5, 0.01)


def test_choices_among_the_runs_of_a_suite():
    suite = load_suite("van-de-ven-2022").only_these(["FineTune", "AGEM"], ["task"])
    assert {(c.scenario, label) for label, c in suite.runs()} == {
        ("task", "FineTune"),
        ("task", "AGEM"),
    }
    assert len(list(load_suite("demo").only_these(["ER", "Joint()"], None).runs())) == 2 * 3 * 5
    with pytest.raises(HoldfastError, match=r"unknown method of the suite 'EWCC'.*AGEM, FineTune"):
        suite.only_these(["EWCC"], None)
    with pytest.raises(HoldfastError, match="unknown scenario of the suite"):
        suite.only_these(None, ["domain"])


def test_sweeps_of_a_suite_touch_the_methods_that_have_the_argument():
    labels = [
        label
        for label, c in sweep_suite(load_suite("demo"), [("capacity", [10, 20])])
        if c.scenario == "class" and c.seed == 1
    ]
    assert labels == ["FineTune", "EWC", "LwF", "AGEM(10)", "AGEM(20)", "ER(10)", "ER(20)", "Joint"]
    with pytest.raises(HoldfastError, match="no method of the suite demo has an argument xi"):
        sweep_suite(load_suite("demo"), [("xi", [1])])


def test_a_sequence_names_its_data_sets_once():
    assert DataConfig(name="digits", stream="sequence", then=["ylecun/mnist"]).tasks == 2
    with pytest.raises(HoldfastError, match="give stream='sequence' and then together"):
        validated(DataConfig, then=["ylecun/mnist"])
    with pytest.raises(HoldfastError, match=r"data\.then makes 2 tasks, but data.tasks is 5"):
        validated(DataConfig, stream="sequence", then=["ylecun/mnist"], tasks=5)


@pytest.mark.data
def test_mnist_then_fashion_with_epochs_of_each(data_dir):
    (_, config) = next(load_suite("mnist-to-fashion").runs())
    s = build_stream(config, data_dir)
    assert [t.name for t in s] == ["mnist", "fashion_mnist"]
    ours = build_learner(config, s)
    per_epoch = [-(-len(t.train) // 64) for t in s]
    assert [ours.view.order(t).steps for t in s] == [per_epoch[0], 10 * per_epoch[1]]


def test_evaluation_intervals_of_each_task():
    config = validated(
        RunConfig,
        data={"tasks": 2},
        training={"steps": 6, "evaluate_every": [3, 2]},
        model={"hidden": [8]},
    )
    curves = execute(config, "x", None, "cpu").curves
    assert curves.steps == [3, 6, 8, 10, 12]
    assert len(curves.zero_shot) == 2
    with pytest.raises(HoldfastError, match="lists 3 numbers for 2 tasks"):
        execute(
            config.model_copy(
                update={
                    "training": config.training.model_copy(update={"evaluate_every": [1, 2, 3]})
                }
            ),
            "x",
            None,
            "cpu",
        )
    with pytest.raises(HoldfastError, match=r"epochs lists 1 tasks, '5.6.7.8.9' is number 2"):
        execute(validated(RunConfig, data={"tasks": 2}, training={"epochs": [1]}), "x", None, "cpu")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"training": {"epochs": [1, 2]}}, "epochs lists 2 tasks"),
        ({"training": {"evaluate_every": [1]}}, "evaluate_every lists 1 numbers"),
        ({"training": {"batch_size": 5000, "drop_last": True}}, "drop_last leaves no batch"),
        (
            {"method": "PNN", "scenario": "task", "model": {"name": "convnet"}},
            "expected holdfast.models.mlp",
        ),
        ({"model": {"head": "fixed"}}, "contradicts the class scenario"),
        ({"method": "PNN"}, "does not apply to the class scenario"),
    ],
)
def test_mistakes_are_found_before_the_first_run(tmp_path, changes, message):
    good = validated(RunConfig, training={"steps": 1})
    with pytest.raises(HoldfastError, match=message) as caught:
        list(run_all([("good", good), ("bad", validated(RunConfig, **changes))], tmp_path))
    assert "goes on with the rest" not in str(caught.value)
    assert not list(tmp_path.rglob("result.json"))


def test_growth_fits_survive_noise_and_name_the_degree():
    rng, k = np.random.default_rng(0), range(2, 21)
    curves = {
        "constant": [3.0] * 19,
        "linear": [1 + 0.2 * v for v in k],
        "quadratic": [5 + 0.1 * v + 0.05 * v * v for v in k],
    }
    for kind, clean in curves.items():
        for _ in range(50):
            noisy = [
                v * (1 + 0.03 * e) for v, e in zip(clean, rng.standard_normal(19), strict=True)
            ]
            assert fitted_growth(noisy, exact=False) == kind
    with pytest.raises(HoldfastError, match="needs 9 values"):
        fitted_growth([1.0] * 5)


def test_sizes_grow_as_declared(tmp_path):
    """Bytes and parameters of real runs over ten tasks; times are the business of the cost suite."""
    specs = {
        "FineTune": "task",
        "PNN": "task",
        "GEM(5)": "domain",
        "ER(40)": "domain",
        "EWC(1)": "domain",
        "Cumulative": "domain",
    }
    runs = [
        (
            m,
            validated(
                RunConfig,
                method=m,
                scenario=s,
                data={"stream": "permuted", "tasks": 10},
                training={"steps": 3},
                model={"hidden": [8, 8]},
            ),
        )
        for m, s in specs.items()
    ]
    list(run_all(runs, tmp_path))
    for scenario in ("task", "domain"):
        found = [
            g
            for g in growth(
                [g for g in summarise(load_results([tmp_path])) if g.scenario == scenario]
            )
            if g.cost != "time"
        ]
        assert [(g.label, g.cost, g.fitted) for g in found if not g.agrees] == []
        assert {g.label for g in found} == {m for m, s in specs.items() if s == scenario}


@pytest.mark.parametrize(
    "values",
    ["{[]: 1}", "[" * 300, "-" * 9000 + "1", "\ud800", "1e999", "9" * 5000, "x", "None", "[1]"],
)
def test_no_value_of_a_sweep_raises_anything_but_one_clear_error(values):
    for name in ("capacity", "lr", "optimizer"):
        with pytest.raises(HoldfastError):
            swept(validated(RunConfig, method="ER(5)"), [parse_sweep(f"{name}={values}")])


def test_files_of_a_run_have_the_mode_that_the_umask_gives(tmp_path):
    before = os.umask(0o027)
    try:
        write_json(tmp_path / "result.json", {})
    finally:
        os.umask(before)
    assert (tmp_path / "result.json").stat().st_mode & 0o777 == 0o640
    assert [p.name for p in tmp_path.iterdir()] == ["result.json"]


SUITE = 'name = "s"\nscenarios = ["class"]\nseeds = [1]\nmethods = [{ spec = "ER(500)" }]\n'


@pytest.mark.parametrize(
    "text",
    [
        SUITE.replace('"ER(500)"', '""'),
        SUITE.replace("[1]", "[-1]"),
        SUITE.replace("[1]", "[99999999999999999999]"),
        SUITE.replace('"s"', '"../../s"'),
        SUITE.replace('"s"', '""'),
        SUITE + "[model]\nhidden = [-1]",
        SUITE + "[model]\nhidden = [99999999999999999999]",
        SUITE + "[training]\nlr = inf",
        SUITE + "[training]\nlr = nan",
        SUITE + "[training]\nepochs = 1e999",
        SUITE + "[data]\nsizes = 5",
        SUITE + '[data]\nstream = "mixture"\npieces = 5',
        SUITE + "[data]\ntask_order = [-1]",
        SUITE + "[data]\norder = " + "[" * 3000 + "]" * 3000,
        SUITE + "[data]\norder = " + "[" * 200 + "]" * 200,
        SUITE + "x = " + "9" * 5000,
        SUITE + "\x00",
        "[" * 5000,
        "",
    ],
)
def test_no_suite_raises_anything_but_one_clear_error(tmp_path, text):
    (tmp_path / "s.toml").write_text(text)
    with pytest.raises(HoldfastError) as error:
        list(load_suite(str(tmp_path / "s.toml")).runs())
    assert len(str(error.value)) < 1000


def test_a_result_on_data_that_changed_since_is_not_used(tmp_path):
    def folder(content):
        file = tmp_path / content / "me" / "pets" / "data" / "train.parquet"
        file.parent.mkdir(parents=True)
        file.write_bytes(content.encode())
        return str(tmp_path / content)

    config = validated(RunConfig, data={"name": "me/pets"})
    before, after = folder("before"), folder("after")
    result = execute(validated(RunConfig, training={"steps": 1}), "x", None, "cpu")
    changes = {"hash": config.hash, "data_digests": contents(config, before)}
    result = result.model_copy(update=changes)
    write_result(tmp_path / config.hash / "result.json", result)
    assert finished(tmp_path, config)
    assert not outdated(tmp_path, config, before)
    assert outdated(tmp_path, config, after)
    early = result.model_copy(update={"data_digests": None})
    write_result(tmp_path / config.hash / "result.json", early)
    assert not outdated(tmp_path, config, after), "earlier versions kept no digest"


def test_entries_that_become_the_same_run_in_a_sweep_run_once():
    entries = [{"spec": "EWC(1)"}, {"label": "strong", "spec": "EWC(5)"}]
    suite = validated(Suite, name="two", scenarios=["task"], seeds=[1], methods=entries)
    assert [c.method for _, c in sweep_suite(suite, [("strength", [1, 2])])] == ["EWC(1)", "EWC(2)"]


def test_workers_with_nothing_to_do_do_nothing():
    from holdfast.runs.workers import over_workers

    assert list(over_workers(int, [], jobs=2)) == []
