"""Every kind of page that Holdfast writes.

A page must be self-contained, by a policy that browsers enforce, and no name may break it.
"""

import re
import shutil
import subprocess
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from holdfast.cli.main import run_cli
from holdfast.reports import write_report
from holdfast.reports.diagnostics import diagnostics_html
from holdfast.results import load_results, summarise
from holdfast.runs.carry_out import run_all
from holdfast.runs.config import RunConfig
from holdfast.runs.diagnoses import DIAGNOSTICS
from holdfast.runs.kept import KeptRun
from holdfast.validation import validated

BROWSER = (
    shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
)
POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; "
    "form-action 'none'"
)
NAME = "a$b^{ \\frac <b>&amp;\"'\x00\x1b[31m\u202e\ufffe中é--> ]]></svg><script>alert(1)</script>"
PAGES = ("report", "diagnostics", "order plan", "order verify", "gate", "history")


def holdfast(*arguments) -> int:
    with pytest.raises(SystemExit) as done:
        run_cli([str(a) for a in arguments])
    return int(done.value.code or 0)


def report_and_diagnostics(out: Path) -> dict[str, str]:
    """Pages of runs with a sweep, curves and diagnostics.

    The label becomes NAME, which has every character that could break a page.
    """
    base = {
        "scenario": "class",
        "training": {"epochs": 2, "evaluate_every": 20},
        "model": {"hidden": [16]},
    }
    runs = [(f"ER({n})", validated(RunConfig, method=f"ER({n})", **base)) for n in (20, 40, 80)]
    assert len(list(run_all(runs, out / "runs", keep=True))) == 3
    results = [r.model_copy(update={"label": NAME}) for r in load_results([out / "runs"])]
    kept = KeptRun(out / "runs" / runs[0][1].hash, examples=64)
    findings = [DIAGNOSTICS[name](kept) for name in ("spectrum", "entropy", "layers", "saturation")]
    numbers = findings[1].numbers | {"tasks": [NAME] * len(findings[1].numbers["tasks"])}
    findings[1] = findings[1].model_copy(update={"numbers": numbers})
    results[0] = results[0].model_copy(update={"findings": tuple(findings)})
    page = write_report(summarise(results), out / "report.html", title=NAME, description=NAME)
    return {
        "report": page.read_text(encoding="utf-8"),
        "diagnostics": diagnostics_html(NAME, findings),
    }


def order_pages(out: Path) -> dict[str, str]:
    from holdfast.planning import Outcome, Probe, make_plan, verified
    from holdfast.reports.orders import order_html

    rng = np.random.default_rng(0)
    names = (NAME, "b", "c")
    probe = Probe(names, rng.normal(size=(3, 3, 3)))
    plan = make_plan(probe)
    orders = [tuple(names[k] for k in rng.permutation(3)) for _ in range(5)]
    tried = [Outcome(o, float(rng.normal()), tuple(rng.random(2)), None) for o in orders]
    found = verified([*tried, Outcome(plan.order, 1.0, (0.5, 0.6), "linear-ordering")])
    return {
        "order plan": order_html(probe, plan),
        "order verify": order_html(probe, plan, verification=found),
    }


def gate_pages(out: Path) -> dict[str, str]:
    name = re.sub(r"[\x00\ufffe]", "", NAME)  # the gate refuses what no file should hold
    rows = pd.DataFrame(
        {
            "task": [name, "b"] * 200,
            "example_id": range(400),
            "score": 1,
            "segment": [name, "y"] * 200,
        }
    )
    rows.to_parquet(out / "champion.parquet")
    rows.assign(score=[0, 1] * 200).to_parquet(out / "candidate.parquet")
    ledger, sides = f"sqlite:///{out}/l.db", ["--candidate", out / "candidate.parquet"]
    assert (
        holdfast(
            "record",
            "--ledger",
            ledger,
            "--model",
            "m",
            "--release",
            "1",
            "--results",
            out / "champion.parquet",
        )
        == 0
    )
    policy = ["--policy", "standard", "--out", out / "gate"]
    assert (
        holdfast("gate", "--ledger", ledger, "--model", "m", "--release", "2", *sides, *policy) == 1
    )
    assert (
        holdfast("history", "--ledger", ledger, "--model", "m", "--html", out / "history.html") == 0
    )
    found = {"gate": out / "gate" / "verdict.html", "history": out / "history.html"}
    return {k: p.read_text(encoding="utf-8") for k, p in found.items()}


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    out = tmp_path_factory.mktemp("pages")
    return report_and_diagnostics(out) | order_pages(out) | gate_pages(out)


@pytest.mark.parametrize("page", PAGES)
def test_a_page_has_the_policy_before_any_style_or_content(pages, page):
    found = re.search(r'<meta http-equiv="Content-Security-Policy" content="([^"]*)">', pages[page])
    assert found
    assert found[1] == POLICY
    assert found.start() < pages[page].index("<style>")
    assert pages[page].count("<!doctype html>") == 1


@pytest.mark.parametrize("page", PAGES)
def test_no_name_gets_out_of_its_place(pages, page):
    text = pages[page]
    assert "<script" not in text.lower()
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f\u202e\ufffe]", text)
    for svg in re.findall(r"<svg.*?</svg>", text, flags=re.S):
        ET.fromstring(svg.replace("&nbsp;", " "))


def test_powers_of_ten_stay_powers_and_dollars_stay_dollars(pages):
    assert "a$b^{" in pages["diagnostics"].replace("&#36;", "$")
    shown = re.sub("<!--.*?-->", "", pages["diagnostics"] + pages["report"], flags=re.S)
    assert "mathdefault" not in shown


def console(page: str, folder: Path) -> str:
    """What Chromium says on its console about a page."""
    (folder / "page.html").write_text(page, encoding="utf-8")
    flags = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--no-first-run",
        "--disable-background-networking",
    ]
    flags += [
        "--enable-logging=stderr",
        "--v=0",
        f"--user-data-dir={folder / 'profile'}",
        "--virtual-time-budget=2000",
        "--dump-dom",
    ]
    assert BROWSER
    done = subprocess.run(
        [BROWSER, *flags, (folder / "page.html").as_uri()],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert "</html>" in done.stdout
    return "\n".join(line for line in done.stderr.splitlines() if "CONSOLE" in line)


@pytest.mark.skipif(BROWSER is None, reason="no chromium is installed; .ci/run installs it")
@pytest.mark.parametrize("page", PAGES)
def test_a_browser_has_nothing_to_say_against_a_page(pages, page, tmp_path):
    assert console(pages[page], tmp_path) == ""


@pytest.mark.skipif(BROWSER is None, reason="no chromium is installed; .ci/run installs it")
@pytest.mark.parametrize(
    "smuggled",
    [
        "<script>document.title = 'x'</script>",
        "<img src='http://127.0.0.1:9/x.png'>",
        "<p onclick='x()' id='p'>x</p><svg onload='x()'></svg>",
        "<link rel='stylesheet' href='http://127.0.0.1:9/x.css'>",
        "<iframe src='http://127.0.0.1:9/'></iframe>",
    ],
)
def test_whatever_would_get_past_the_escaping_is_stopped_by_the_browser(pages, tmp_path, smuggled):
    said = console(pages["gate"].replace("</main>", smuggled + "</main>"), tmp_path)
    assert "Content Security Policy" in said
