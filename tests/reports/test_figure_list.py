"""Every figure of the list is drawn from real results, stands on its pages, and is documented."""

from pathlib import Path

import numpy as np
import pytest

from holdfast.planning import Outcome, verified
from holdfast.reports.diagnostics import diagnostics_html
from holdfast.reports.figure_list import (
    FIGURES,
    OF_FINDINGS,
    OF_ORDERS,
    OF_SCENARIOS,
    ScenarioResults,
    save_all,
)
from holdfast.reports.html import render
from holdfast.results import find_sweeps, load_results, select, summarise
from holdfast.runs.carry_out import run_all
from holdfast.runs.config import RunConfig
from holdfast.runs.diagnoses import DIAGNOSTICS
from holdfast.runs.kept import KeptRun
from holdfast.validation import validated

PAGE = Path(__file__).parents[2] / "docs" / "benchmarks.md"


@pytest.fixture(scope="module")
def sweep_results(sweep_folder):
    groups = summarise(load_results([sweep_folder]))
    sweeps = find_sweeps(groups)
    selections = [select(sweep, 1.0) for sweep in sweeps]
    return ScenarioResults(groups, groups, sweeps, selections)


@pytest.fixture(scope="module")
def findings(tmp_path_factory):
    out = tmp_path_factory.mktemp("kept")
    config = validated(RunConfig, method="ER(20)", training={"steps": 12}, model={"hidden": [16]})
    assert len(list(run_all([("ER", config)], out, keep=True))) == 1
    kept = KeptRun(out / config.hash, examples=32)
    return {name: diagnose(kept) for name, diagnose in DIAGNOSTICS.items()}


@pytest.fixture(scope="module")
def verification():
    rng = np.random.default_rng(0)
    outcomes = []
    for _ in range(6):
        order = tuple(rng.permutation(["a", "b", "c"]))
        outcomes.append(Outcome(order, float(rng.normal()), tuple(rng.random(2)), None))
    return verified([*outcomes, Outcome(("a", "b", "c"), 1.0, (0.5, 0.6), "linear-ordering")])


def names(entries):
    return [entry.name for entry in entries]


def drawn_once(pictures):
    pictures = list(pictures)
    assert pictures
    for picture in pictures:
        assert picture.title
        assert picture.figure.axes
    assert len({picture.title for picture in pictures}) == len(pictures)


@pytest.mark.parametrize("entry", OF_SCENARIOS, ids=names(OF_SCENARIOS))
def test_a_figure_of_a_scenario_is_drawn(entry, sweep_results):
    drawn_once(entry.draw(sweep_results))


@pytest.mark.parametrize("entry", OF_FINDINGS, ids=names(OF_FINDINGS))
def test_a_figure_of_a_diagnostic_is_drawn(entry, findings):
    drawn_once(entry.draw(findings[entry.name]))


@pytest.mark.parametrize("entry", OF_ORDERS, ids=names(OF_ORDERS))
def test_a_figure_of_an_order_is_drawn(entry, verification):
    drawn_once(entry.draw(verification))


def test_every_diagnostic_has_its_figure_in_the_order_of_the_page(findings):
    assert names(OF_FINDINGS) == list(DIAGNOSTICS)
    page = diagnostics_html("a run", list(findings.values()))
    places = [page.index(f"<h3>{name}</h3>") for name in names(OF_FINDINGS)]
    assert places == sorted(places)


def test_the_report_shows_the_figures_that_say_so(sweep_results):
    page = render(sweep_results.groups, "title", tolerance=1.0)
    for entry in OF_SCENARIOS:
        titles = [picture.title for picture in entry.draw(sweep_results)]
        stands = all(f'aria-label="{title}"' in page for title in titles)
        assert stands == ("report" in entry.pages), entry.name


def test_every_figure_has_a_file_of_its_own(sweep_results, tmp_path):
    paths = save_all(sweep_results.groups, tmp_path)
    assert len(set(paths)) == len(paths) == 2 * (4 + len(sweep_results.groups))
    assert all(path.stat().st_size > 1000 for path in paths)


def test_every_figure_is_documented():
    rows = [line for line in PAGE.read_text().splitlines() if line.startswith("| ")]
    documented = [row.strip("|").split("|")[0].strip() for row in rows]
    start = documented.index("trade-off")
    assert documented[start : start + len(FIGURES)] == names(FIGURES)
    for entry, row in zip(FIGURES, rows[start:], strict=False):
        assert (f"`{entry.file}`" if entry.file else "none") in row
        for page in entry.pages:
            assert page in row


def test_two_sweeps_of_the_same_setting_have_files_of_their_own(sweep_folder, tmp_path):
    first = load_results([sweep_folder])[0]
    results = []
    for method in ("GEM(5)", "AGEM(5)"):
        for lr in (0.1, 0.2, 0.4):
            training = first.config.training | {"lr": lr}
            settings = {"method": method, "training": training}
            changes = {
                "label": f"{method}, lr={lr}",
                "arguments": {method: {}},
                "config": first.config.model_copy(update=settings),
            }
            results.append(first.model_copy(update=changes))
    groups = summarise(results)
    assert len(find_sweeps(groups)) == 2
    sweeps = {path.name for path in save_all(groups, tmp_path) if "sweep" in path.name}
    assert {name.removesuffix(".svg") for name in sweeps if name.endswith(".svg")} == {
        "class-sweep-training-lr-1",
        "class-sweep-training-lr-2",
    }
