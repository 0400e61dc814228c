"""`holdfast diagnose`: why a run forgets."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from holdfast.cli.command_line import note, on_line
from holdfast.cli.lists import split_names
from holdfast.cli.work import DataDir, Device, check_device
from holdfast.errors import HoldfastError, one_of
from holdfast.files import write_page

if TYPE_CHECKING:
    from holdfast.results import Finding
    from holdfast.runs.kept import KeptRun


RunFolder = Annotated[
    Path,
    typer.Argument(
        metavar="FOLDER",
        help="Folder of a run that was made with --keep-checkpoints, or its --out.",
    ),
]
What = Annotated[
    str | None,
    typer.Option(
        metavar="A,B",
        help="Diagnostics to make, by default all: interference, spectrum, layers, saturation, "
        "landscape, plasticity, entropy, stability-gap.",
    ),
]
Examples = Annotated[
    int,
    typer.Option(
        min=8, metavar="N", help="Number of examples of each task that a diagnostic examines."
    ),
]


def diagnose(
    context: typer.Context,
    run: RunFolder,
    what: What = None,
    examples: Examples = 512,
    device: Device = "cpu",
    data_dir: DataDir = None,
) -> None:
    """Find out why a run forgets.

    Use this on a run that you made with holdfast run --keep-checkpoints. Each diagnostic examines
    the learner after every task, prints a sentence, and leaves its numbers and a figure in the
    folder of the run. All of them together are in diagnostics.html there.
    """
    from holdfast.results import read_findings, write_findings
    from holdfast.results.file_names import FINDINGS, FINDINGS_PAGE
    from holdfast.runs.diagnoses import DIAGNOSTICS
    from holdfast.runs.kept import KeptRun

    names = choose(what)
    if names == ["layers"] and on_line(context, "examples"):
        note(["--examples has no effect: layers looks at all test examples"])
    check_device(device)
    kept = KeptRun(run, data_dir, device, examples)
    # What was found before, by another command, stays if it is not found anew.
    findings = {finding.what: finding for finding in read_findings(kept.folder)}
    findings |= find_out(kept, names)
    in_order = [findings[name] for name in DIAGNOSTICS if name in findings]
    write_findings(kept.folder, in_order)
    write_findings_page(kept, in_order)
    print(f"numbers: {kept.folder / FINDINGS}\nreport:  {kept.folder / FINDINGS_PAGE}")


def choose(what: str | None) -> list[str]:
    """Read the names of diagnostics from an option. Without it, all are chosen.

    Raises:
        HoldfastError: A name is unknown, or there is none.
    """
    from holdfast.runs.diagnoses import DIAGNOSTICS

    if not what:
        return list(DIAGNOSTICS)
    names = split_names(what)
    if not names:
        raise HoldfastError(
            f"--what {what!r} names no diagnostic; leave it out to make all of them"
        )
    return [one_of("diagnostic", name, DIAGNOSTICS) for name in names]


def find_out(kept: "KeptRun", names: Sequence[str]) -> dict[str, "Finding"]:
    """Make some diagnostics, and print and draw what each has found as soon as it is known.

    Args:
        kept: The run.
        names: The names of the diagnostics.

    Returns:
        The findings by name, without those of diagnostics that this run cannot have.

    Raises:
        HoldfastError: The run can have none of them.
    """
    from holdfast.reports.figure_list import figure_of_finding
    from holdfast.reports.saving import save
    from holdfast.results.file_names import FINDINGS_FIGURES
    from holdfast.runs.diagnoses import DIAGNOSTICS

    findings = {}
    refusals = []
    for name in names:
        try:
            finding = DIAGNOSTICS[name](kept)
        except HoldfastError as error:
            refusals.append(error)
            print(f"{name}: not found out: {error}", file=sys.stderr)
            continue
        findings[name] = finding
        print(f"{name}: {finding.sentence}", flush=True)
        save(figure_of_finding(finding).figure, kept.folder / FINDINGS_FIGURES / f"{name}.png")
    if len(refusals) == len(names):
        raise refusals[0]
    return findings


def write_findings_page(kept: "KeptRun", findings: Sequence["Finding"]) -> None:
    """Write the page with all findings into the folder of the run."""
    from holdfast.reports.diagnostics import diagnostics_html
    from holdfast.results.file_names import FINDINGS_PAGE

    config = kept.config
    title = f"{config.method}, {config.scenario} scenario, seed {config.seed}"
    page = diagnostics_html(title, findings)
    write_page(kept.folder / FINDINGS_PAGE, page)
