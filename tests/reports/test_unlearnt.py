"""Runs that learnt nothing are named on top of all that shows them; runs that learnt are not."""

import csv
import io

import pytest

from holdfast.cli.metrics import print_summary
from holdfast.cli.tables import print_differences, print_groups
from holdfast.metrics import UNLEARNT_ADVICE, UNLEARNT_MEANS, AccuracyMatrix, Interval
from holdfast.reports import as_csv, latex, markdown, write_report
from holdfast.results import Difference, advice_on, compare_folders, load_results, summarise
from holdfast.results.learnt import chance_levels
from holdfast.runs.carry_out import run_all
from holdfast.runs.config import RunConfig
from holdfast.validation import validated


def runs(out, lr, epochs, scenario, seeds=(1, 2)):
    settings = {"training": {"epochs": epochs, "lr": lr}, "model": {"hidden": [64]}}
    settings |= {"method": "FineTune", "scenario": scenario}
    configs = [validated(RunConfig, seed=s, **settings) for s in seeds]
    assert len(list(run_all([("FineTune", c) for c in configs], out))) == len(seeds)
    return summarise(load_results([out]))


@pytest.fixture(scope="module", params=["task", "domain", "class"])
def stuck_and_learnt(request, tmp_path_factory, causes_sought):
    """A learning rate at which nothing moves, and a good one."""
    stuck, learnt = (tmp_path_factory.mktemp(name) for name in ("stuck", "learnt"))
    return runs(stuck, 1e-9, 1, request.param), runs(learnt, 0.01, 6, request.param)


def test_every_table_and_page_begins_with_the_warning(stuck_and_learnt, tmp_path, capsys):
    stuck, learnt = stuck_and_learnt
    said = stuck[0].unlearnt
    assert "not learnt: " in said or "nothing was learnt: " in said
    advice = advice_on(stuck)
    assert advice[0] == UNLEARNT_MEANS
    assert any("the learning rate 1e-09 is far below" in line for line in advice)
    print_groups(stuck)
    shown = capsys.readouterr().out
    assert shown.startswith("\n".join([f"WARNING: {said}", *advice]))
    assert markdown(stuck).startswith("\n\n".join([f"Warning: {said}.", *advice, "| scenario"]))
    comments = "\n% ".join([f"% Warning: {said}.", *advice])
    assert latex(stuck).startswith(f"{comments}\n\\begin")
    assert next(csv.DictReader(io.StringIO(as_csv(stuck))))["warning"] == said
    page = write_report(stuck, tmp_path / "r.html").read_text()
    assert page.index("is far below") < page.index("<table")
    assert page.count("is far below") == 1, "causes are no warnings of the run beside"
    print_differences(compare_folders(learnt, stuck))
    assert capsys.readouterr().out.startswith(f"WARNING: second folder: {said}\n")


def test_what_was_learnt_is_shown_without_a_warning(stuck_and_learnt, tmp_path, capsys):
    _, learnt = stuck_and_learnt
    assert learnt[0].unlearnt == ""
    print_groups(learnt)
    assert "WARNING" not in capsys.readouterr().out
    assert "Warning" not in markdown(learnt) + latex(learnt)
    assert UNLEARNT_MEANS not in write_report(learnt, tmp_path / "r.html").read_text()


def test_results_without_causes_get_what_may_be_said_without_knowing_more(stuck_and_learnt):
    stuck, _ = stuck_and_learnt
    earlier = [result.model_copy(update={"warnings": []}) for result in stuck[0].results]
    assert advice_on(summarise(earlier)) == [UNLEARNT_ADVICE]


def test_a_task_that_some_seeds_did_not_learn_is_named_with_their_number(stuck_and_learnt):
    stuck, learnt = stuck_and_learnt
    config = learnt[0].results[0].config
    runs_of_both = (*learnt[0].results, *stuck[0].results)
    mixed = [r.model_copy(update={"config": config, "seed": k}) for k, r in enumerate(runs_of_both)]
    (group,) = summarise(mixed)
    assert "in 2 of 4 seeds" in group.unlearnt


def classes(*tasks):
    """A matrix with two labels per task.

    A task is (score, examples) of the first label, then (score, examples) of the second.
    """
    m = AccuracyMatrix(range(len(tasks)))
    for j, (a, n, b, k) in enumerate(tasks):
        m.record(j, after=j, score=(a * n + b * k) / (n + k), examples=n + k)
        for label, score, count in ((f"{j}a", a, n), (f"{j}b", b, k)):
            m.record(j, after=j, score=score, examples=count, segment=label)
    return m


def test_guessing_is_one_of_the_outputs_that_compete_or_the_commonest_label():
    m = classes((1.0, 50, 0.9, 50), (0.3, 90, 0.2, 10), (1.0, 90, 0.0, 10))
    assert chance_levels(m, "class", 0.5) == {0: 0.5, 1: 0.25, 2: 0.9}, "the last gives one answer"
    assert chance_levels(m, "domain", 0.5) == {0: 0.5, 1: 0.9, 2: 0.9}
    bare = AccuracyMatrix(range(3))
    assert chance_levels(bare, "class", 0.5) == pytest.approx({0: 1 / 2, 1: 1 / 4, 2: 1 / 6})
    known = AccuracyMatrix(range(2), chance={1: 0.1})
    assert chance_levels(known, "task", 0.5) == {0: 0.5, 1: 0.1}


def difference(low, high):
    v = Interval((low + high) / 2, low, high, 0.95, "seeds", 3)
    return Difference("class", "ER", 3, {"ACC": v}, ()).verdict("ACC")


def test_equal_differences_are_not_called_shown():
    assert difference(0.1, 0.2) == "higher"
    assert difference(-0.1, 0.2) == "not told apart"
    assert difference(0.0, 0.0) == "same"
    assert difference(-0.1, -0.1) == "lower by the same in all 3 seeds"


def test_the_summary_gives_bounds_or_the_reason_why_there_are_none(capsys):
    m = AccuracyMatrix(["a", "b", "c"])
    for task, examples in (("a", 200), ("b", None)):
        m.record(task, after=task, score=0.98, examples=examples)
        m.record(task, after="c", score=0.97, examples=examples)
    m.record("c", after="c", score=0.1)
    print_summary(m, 0.1)
    shown = capsys.readouterr().out
    assert shown.startswith("WARNING: 1 of 3 tasks was not learnt: c (score 0.1")
    assert "−0.0100 (−0.0" in shown
    assert "no interval for b: the number of test examples is not known" in shown
    print_summary(m, None)
    assert "--chance" in capsys.readouterr().out


def test_a_method_is_to_blame_if_its_neighbours_learn_with_the_same_settings(stuck_and_learnt):
    stuck, learnt = stuck_and_learnt
    # As if other methods had learnt with the settings with which this one did not.
    others = []
    for label in ("A", "B", "C", "D"):
        config = stuck[0].results[0].config.model_copy(update={"method": f"{label}()"})
        update = {"config": config, "label": label}
        others += [result.model_copy(update=update) for result in learnt[0].results]
    advice = advice_on(summarise([*stuck[0].results, *others]))
    assert len(advice) == 2
    assert "(FineTune): A, B, C and 1 more learnt the same tasks" in advice[1]
    # Other settings say nothing about these.
    advice = advice_on([*stuck, *learnt])
    assert any("the learning rate 1e-09 is far below" in line for line in advice)
    # Nor do methods that did not learn either.
    twin = [r.model_copy(update={"label": "A", "seed": 9}) for r in stuck[0].results[:1]]
    advice = advice_on(summarise([*stuck[0].results, *twin]))
    assert any("the learning rate 1e-09 is far below" in line for line in advice)
