"""The history on the terminal and as a page: what it says, its colours, and its use on a phone."""

import re
import shutil
import subprocess
from importlib.resources import files
from itertools import product

import pandas as pd
import pytest
from ledger_helpers import NASTY, call, results

from holdfast.ledger import Ledger, history
from holdfast.reports.history import SEGMENTS, history_html, releases_view
from holdfast.text import points

BROWSER = (
    shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
)


def segmented(cash, card):
    """Results on a task whose two segments have these scores."""
    half = results(a=cash).assign(segment="cash")
    other = results(a=card).assign(segment="card")
    other["example_id"] += "-card"
    return pd.concat([half, other], ignore_index=True)


@pytest.fixture
def ledger(tmp_path):
    out = Ledger(f"sqlite:///{tmp_path}/l.db")
    out.record(
        "m",
        "1",
        pd.concat([segmented(cash=0.9, card=0.9), results(b=0.7).assign(segment="s")]),
        ("a", "b"),
    )
    out.record(
        "m", "2", pd.concat([segmented(cash=0.95, card=0.78), results(b=0.7).assign(segment="s")])
    )
    return out


def view(ledger):
    return releases_view(history(ledger.releases("m")))


def test_the_terminal_shows_segments_under_their_task(ledger, tmp_path, capsys):
    code, out, _ = call(capsys, "history", "--model", "m", "--ledger", f"sqlite:///{tmp_path}/l.db")
    assert code == 0
    rows = [
        [c.strip("│ ") for c in line.split(" │ ")]
        for line in out.splitlines()
        if line.startswith("│")
    ]
    assert rows[2:5] == [
        ["a", "90.0", "86.5", "−3.5", "2"],
        ["cash", "90.0", "95.0", "+5.0", "2"],
        ["card", "90.0", "78.0", "−12.0", "2"],
    ]
    assert (
        "a / card: 12.0 points lost first by release 2 (learnt in 1)\na: 3.5 points lost first"
        in out
    )


def test_the_page_has_a_group_of_columns_for_each_task(ledger):
    found = view(ledger)
    assert [(task.whole.task, len(task.all)) for task in found.tasks] == [("a", 3), ("b", 2)]
    text = history_html(history(ledger.releases("m")), [])
    assert '<th scope="colgroup" colspan="3"' in text
    cells = found.rows[1].cells
    assert [(c.score, c.small, c.kind) for c in cells[:3]] == [
        ("86.5", "−3.5", "lost"),
        ("95.0", "+5.0", "gained"),
        ("78.0", "−12.0", "lost"),
    ]
    assert [c.small for c in found.rows[0].cells[:3]] == ["learnt"] * 3


@pytest.mark.parametrize("change", [0.0, -0.0, -1e-9, 1e-9, -0.0004999, 0.0004999])
def test_a_change_that_rounds_to_zero_has_no_sign(change):
    assert points(change, 1) == "0.0"
    assert points(-0.0006, 1) == "−0.1"


def test_of_very_many_segments_those_that_lost_most_are_shown(tmp_path):
    def many(score):
        rows = results(a=1.0).assign(segment=[f"s{k}" for k in range(100)])
        return rows.assign(score=[score if k in (50, 70) else 1.0 for k in range(100)])

    ledger = Ledger(f"sqlite:///{tmp_path}/l.db")
    ledger.record("m", "1", many(1.0))
    ledger.record("m", "2", many(0.0))
    found = view(ledger)
    shown = [heading.name for heading in found.heads]
    assert len(shown) == 1 + SEGMENTS
    assert {"s50", "s70"} <= set(shown)
    assert [(task.whole.task, task.hidden) for task in found.tasks] == [("a", 100 - SEGMENTS)]


def luminance(colour):
    parts = [c / 255 for c in colour]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_every_text_on_colour_has_enough_contrast():
    """As WCAG 2.1 counts it: 4.5 to 1, in the legend and in the cells, on light and dark pages."""
    templates = files("holdfast.reports") / "templates"
    style = (templates / "style.css").read_text()
    heat = [
        float(x) for x in re.findall(r"--heat: (\.\d+)", (templates / "releases.css").read_text())
    ]

    def colours(name):
        for found in re.findall(rf"--{name}: ([^;]+);", style)[:2]:
            if found.startswith("#"):
                yield [int(found[k : k + 2], 16) for k in (1, 3, 5)]
            else:
                yield [int(x) for x in found.split(",")]

    for ink, card, low, high, share in zip(
        *map(colours, ("ink", "card", "low", "high")), heat, strict=True
    ):
        for colour, strength in product((low, high), (0.0, 0.3, 1.0)):
            over = [
                share * strength * c + (1 - share * strength) * p
                for c, p in zip(colour, card, strict=True)
            ]
            lighter, darker = sorted((luminance(ink), luminance(over)), reverse=True)
            assert (lighter + 0.05) / (darker + 0.05) >= 4.5, (ink, over)


PROBE = """<script>addEventListener('load', () => {
  const free = [...document.querySelectorAll('body *')].filter(e => !e.closest('.scroll'));
  const wide = free.filter(e => e.getBoundingClientRect().right > innerWidth + 1).length;
  const box = document.querySelector('.scroll'), name = box.querySelector('tbody th');
  const before = name.getBoundingClientRect().left;
  box.scrollLeft = 200;
  const moved = name.getBoundingClientRect().left - before;
  const share = name.getBoundingClientRect().width / innerWidth;
  const hint = getComputedStyle(document.querySelector('.hint')).display;
  parent.postMessage(['PROBE', box.scrollLeft, moved, wide, share.toFixed(2), hint].join(' '), '*');
})</script>"""


@pytest.mark.skipif(BROWSER is None, reason="no chromium is installed; .ci/run installs it")
def test_on_a_phone_the_releases_stay_in_view_while_the_table_scrolls(tmp_path):
    ledger = Ledger(f"sqlite:///{tmp_path}/l.db")
    tasks = {f"a task with a long name {k}": 0.9 for k in range(8)} | {"x" * 60: 0.9}
    ledger.record("m" * 60, "1", results(**tasks))
    ledger.record("m" * 60, NASTY + "z" * 100, results(**tasks))
    page = history_html(history(ledger.releases("m" * 60)), [])
    page = re.sub("<meta http-equiv[^>]*>", "", page)  # the page allows no script
    (tmp_path / "page.html").write_text(page.replace("</body>", PROBE + "</body>"))
    (tmp_path / "frame.html").write_text(
        "<!doctype html><pre id=o></pre><script>addEventListener('message', e => {"
        "document.getElementById('o').textContent = e.data })</script>"
        "<iframe src=page.html style='border:0;width:390px;height:844px'></iframe>"
    )
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-quic"]
    flags += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
    flags += [f"--user-data-dir={tmp_path / 'profile'}", "--virtual-time-budget=4000", "--dump-dom"]
    assert BROWSER
    done = subprocess.run(
        [BROWSER, *flags, (tmp_path / "frame.html").as_uri()],
        capture_output=True,
        text=True,
        timeout=120,
    )
    found = re.search(r"PROBE (\S+) (\S+) (\S+) (\S+) (\w+)", done.stdout)
    assert found, done.stdout[-500:] + done.stderr[-500:]
    scrolled, moved, wide, share, hint = found.groups()
    assert (scrolled, moved, wide, hint) == ("200", "0", "0", "block")
    assert float(share) < 0.4, "the names of the releases leave room for the scores"
