"""The report shows the numbers as they were computed.

It must also be self-contained, escape every name, and not overflow in a real browser.
"""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from holdfast.metrics import backward_transfer, bounded_seed_interval
from holdfast.reports import write_report
from holdfast.reports.cells import show
from holdfast.reports.figures import accuracy_over_time, heat_map
from holdfast.reports.tables import markdown
from holdfast.results import load_results, summarise
from holdfast.runs.carry_out import run_all
from holdfast.runs.config import RunConfig
from holdfast.validation import validated

BROWSER = (
    shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    out = tmp_path_factory.mktemp("runs")
    runs = []
    for scenario in ("task", "domain", "class"):
        for method in ("FineTune", "ER(30)", "EWC(1)"):
            for seed in (1, 2):
                config = validated(
                    RunConfig,
                    method=method,
                    scenario=scenario,
                    seed=seed,
                    training={"epochs": 2},
                    model={"hidden": [16]},
                )
                runs.append((method, config))
    assert len(list(run_all(runs, out))) == 18
    return out


@pytest.fixture(scope="module")
def groups(folder):
    return summarise(load_results([folder]))


def test_numbers_are_those_of_the_metrics(folder, groups):
    g = next(g for g in groups if (g.scenario, g.label) == ("domain", "ER(30)"))
    values = [
        backward_transfer(r.matrix)
        for r in load_results([folder])
        if r.label == "ER(30)" and r.scenario == "domain"
    ]
    expected = bounded_seed_interval(values, (-1, 1))
    got = g.values["BWT"]
    assert (got.estimate, got.low, got.high) == pytest.approx(
        (expected.estimate, expected.low, expected.high)
    )
    assert len(groups) == 9
    assert g.values["FWT"].estimate == g.values["FWT"].estimate
    others = [g for g in groups if g.scenario != "domain"]
    assert all(show("FWT", g.values["FWT"]) == "–" for g in others)
    assert re.search(r"\| domain \| =?1 \| ER\(30\) \| 2 \|", markdown(groups))


def test_methods_are_ordered_by_accuracy_within_a_scenario(groups):
    for scenario in ("task", "domain", "class"):
        acc = [g.values["ACC"].estimate for g in groups if g.scenario == scenario]
        assert acc == sorted(acc, reverse=True)


def test_the_file_is_self_contained_and_names_are_escaped(groups, folder, tmp_path):
    results = []
    for r in load_results([folder]):
        label = r.label.replace("ER(30)", "<script>alert(1)</script>")
        results.append(r.model_copy(update={"label": label}))
    text = write_report(summarise(results), tmp_path / "r.html", title="a < b").read_text()
    assert "<script" not in text
    assert "&lt;script&gt;" in text
    assert "a &lt; b" in text
    outside = re.findall(r"""(?:src|href)=["'](?!#)([^"']+)|url\((?!#)([^)]+)\)|@import""", text)
    assert not outside
    assert text.count("<svg") == 6
    assert "@media (prefers-color-scheme: dark)" in text
    assert write_report(summarise(results), tmp_path / "s.html", title="a < b").read_text() == text


def test_figures_are_axes(groups):
    from matplotlib.figure import Figure

    axes = Figure().subplots(1, 2)
    assert accuracy_over_time(groups[0], axes[0]) is axes[0]
    assert len(axes[0].lines) == 5
    assert heat_map(groups[0], axes[1]) is axes[1]


PROBE = """<script>addEventListener('load', () => {
  const all = [...document.querySelectorAll('body *')];
  const free = all.filter(e => !e.closest('.scroll, .figure, .map'));
  const wide = free.filter(e => e.getBoundingClientRect().right > innerWidth + 1);
  const names = wide.map(e => e.tagName).join(',');
  const scroll = document.documentElement.scrollWidth;
  parent.postMessage('PROBE ' + scroll + ' ' + innerWidth + ' ' + names, '*');
})</script>"""


@pytest.fixture(scope="module")
def report(groups, tmp_path_factory):
    """The text of the report, with a script that says what overflows."""
    page = write_report(groups, tmp_path_factory.mktemp("report") / "report.html")
    text = re.sub("<meta http-equiv[^>]*>", "", page.read_text())  # the page allows no script
    return text.replace("</body>", PROBE + "</body>")


@pytest.mark.skipif(BROWSER is None, reason="no chromium is installed; .ci/run installs it")
@pytest.mark.parametrize(("width", "height"), [(1200, 900), (390, 844)])
def test_nothing_overflows_in_a_browser(report, tmp_path, width, height):
    """A phone is an iframe of its width: headless windows have a least width of their own."""
    (tmp_path / "report.html").write_text(report)
    frame = tmp_path / "frame.html"
    frame.write_text(
        "<!doctype html><pre id=o></pre><script>addEventListener('message', e => "
        "{ document.getElementById('o').textContent = e.data })</script>"
        f"<iframe src=report.html style='border:0;width:{width}px;height:{height}px'></iframe>"
    )
    flags = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        f"--user-data-dir={tmp_path / 'profile'}",
        "--virtual-time-budget=4000",
        "--dump-dom",
    ]
    assert BROWSER
    done = subprocess.run(
        [BROWSER, *flags, Path(frame).as_uri()], capture_output=True, text=True, timeout=120
    )
    found = re.search(r"PROBE (\d+) (\d+) ([A-Z,]*)", done.stdout)
    assert found, done.stdout[-500:] + done.stderr[-500:]
    scroll, inner, wide = int(found[1]), int(found[2]), found[3]
    assert inner == width
    assert not wide, f"wider than the window: {wide}"
    assert scroll <= inner
