"""`holdfast diagnose`: why a run forgets."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from holdfast.cli.given import note, on_line
from holdfast.cli.work import DataDir, Device, check_device
from holdfast.errors import HoldfastError, one_of
from holdfast.files import write_page


def diagnose(
    context: typer.Context,
    run: Annotated[
        Path, typer.Argument(help="Folder of a run that was made with --keep-checkpoints.")
    ],
    what: Annotated[
        str | None,
        typer.Option(
            help="Some of interference,spectrum,layers,saturation,landscape,plasticity,entropy,stability-gap (all)."
        ),
    ] = None,
    examples: Annotated[
        int, typer.Option(min=8, help="Examples of a task that are looked at.")
    ] = 512,
    device: Device = "cpu",
    data_dir: DataDir = None,
) -> None:
    """Say why a run forgets: numbers, figures and a sentence each, in its folder."""
    from holdfast.reports.diagnostics import diagnostics_html, figure
    from holdfast.reports.figures import save
    from holdfast.reports.results import DIAGNOSTICS as FILE
    from holdfast.reports.results import read_findings
    from holdfast.runs.diagnose import DIAGNOSTICS, KeptRun
    from holdfast.runs.folders import write_json

    chosen = (
        [one_of("diagnostic", w.strip(), DIAGNOSTICS) for w in what.split(",") if w.strip()]
        if what
        else list(DIAGNOSTICS)
    )
    if chosen == ["layers"] and on_line(context, "examples"):
        note(["--examples has no effect: layers looks at all test examples"])
    check_device(device)
    kept = KeptRun(run, data_dir, device, examples)
    found = {f["what"]: f for f in read_findings(kept.folder)}
    refused: list[HoldfastError] = []
    for name in chosen:
        try:
            finding = DIAGNOSTICS[name](kept).to_json()
        except HoldfastError as error:
            refused.append(error)
            print(f"{name}: not found out: {error}", file=sys.stderr)
            continue
        found[name] = finding
        print(f"{name}: {finding['sentence']}", flush=True)
        save(figure(finding), kept.folder / "diagnostics" / f"{name}.png")
    if len(refused) == len(chosen):
        raise refused[0]
    findings: list[dict[str, Any]] = [found[n] for n in DIAGNOSTICS if n in found]
    write_json(kept.folder / FILE, {"findings": findings})
    title = f"{kept.config.method}, {kept.config.scenario} scenario, seed {kept.config.seed}"
    page = kept.folder / "diagnostics.html"
    write_page(page, diagnostics_html(title, findings))
    print(f"numbers: {kept.folder / FILE}\nreport:  {page}")
