"""Shipped suites agree with the protocols that they are named after.

A suite can also have settings for one scenario alone, sequences of data sets, a list with one value
per task, and a choice among its runs.
"""

import pytest

from holdfast.bench.published import TABLES
from holdfast.bench.suites import Suite, load_suite, shipped
from holdfast.errors import HoldfastError
from holdfast.methods import METHODS, parse_method
from holdfast.runs.build import build_learner, build_stream
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


@pytest.mark.data
def test_mnist_then_fashion_with_epochs_of_each(data_dir):
    (_, config) = next(load_suite("mnist-to-fashion").runs())
    s = build_stream(config, data_dir)
    assert [t.name for t in s] == ["mnist", "fashion_mnist"]
    ours = build_learner(config, s)
    per_epoch = [-(-len(t.train) // 64) for t in s]
    assert [ours.view.order(t).steps for t in s] == [per_epoch[0], 10 * per_epoch[1]]


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
