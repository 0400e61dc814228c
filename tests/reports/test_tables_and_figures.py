"""Tables, figures and the command that writes them, from real runs on digits."""

import csv
import io

import pytest

from holdfast.cli.main import run_cli
from holdfast.errors import HoldfastError
from holdfast.reports import as_csv, latex, write_report
from holdfast.reports.comparison_figures import trade_off_panel
from holdfast.reports.saving import save
from holdfast.results import load_results, summarise


def test_tables_hold_what_the_groups_hold(speed_folder):
    groups = summarise(load_results([speed_folder]))
    rows = list(csv.DictReader(io.StringIO(as_csv(groups))))
    # Numbers are rounded to six decimals.
    accuracies = [g.values["ACC"].estimate for g in groups]
    assert [float(r["ACC"]) for r in rows] == pytest.approx(accuracies, abs=5e-7)
    lowest = [g.values["BWT"].low for g in groups]
    assert [float(r["BWT low"]) for r in rows] == pytest.approx(lowest, abs=5e-7)
    assert rows[0]["FWT"] == ""
    text = latex(groups)
    assert text.count(r"\\") == 1 + len(groups)
    assert r"$\pm$" in text
    first = groups[0].results[0].model_copy(update={"label": "50 % & more_"})
    assert r"50 \% \& more\_" in latex(summarise([first]))


def test_the_command_compares_exports_and_refuses_strangers(
    speed_folder, sweep_folder, tmp_path, capsys
):
    run_cli_ok(
        capsys, "report", str(speed_folder), str(speed_folder), "--out", str(tmp_path / "two.html")
    )
    assert "Second folder against the first" in (tmp_path / "two.html").read_text()
    with pytest.raises(SystemExit) as stop:
        run_cli(["report", str(speed_folder), str(sweep_folder), "--out", str(tmp_path / "r.html")])
    assert stop.value.code == 2
    assert "--merge" in capsys.readouterr().err
    files = [
        "--latex",
        str(tmp_path / "t.tex"),
        "--csv",
        str(tmp_path / "t.csv"),
        "--figures",
        str(tmp_path / "figures"),
    ]
    run_cli_ok(
        capsys,
        "report",
        str(speed_folder),
        str(sweep_folder),
        "--merge",
        "--out",
        str(tmp_path / "all.html"),
        *files,
    )
    text = (tmp_path / "all.html").read_text()
    assert "Learning speed" in text
    assert "highest validation ACC" in text or "no value keeps forgetting" in text
    names = {p.name for p in (tmp_path / "figures").iterdir()}
    assert {
        "task-trade-off.png",
        "task-trade-off.svg",
        "class-sweep-ER-capacity-1.png",
        "task-transfer.svg",
        "class-matrix-1.png",
    } <= names
    assert (tmp_path / "figures" / "task-over-time.png").read_bytes().startswith(b"\x89PNG")


def run_cli_ok(capsys, *arguments):
    with pytest.raises(SystemExit) as stop:
        run_cli(list(arguments))
    assert not stop.value.code, capsys.readouterr().err


def test_figures_are_written_as_png_or_svg_only(speed_folder, tmp_path):
    groups = summarise(load_results([speed_folder]))
    with pytest.raises(HoldfastError, match=r"\.png or \.svg"):
        save(trade_off_panel(groups), tmp_path / "a.jpg")


def test_a_sweep_without_validation_says_so_in_the_report(sweep_folder, tmp_path):
    results = load_results([sweep_folder])
    results = [r.model_copy(update={"validation": None}) for r in results]
    assert (
        "test data select nothing"
        in write_report(summarise(results), tmp_path / "r.html").read_text()
    )
