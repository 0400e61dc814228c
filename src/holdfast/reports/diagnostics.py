"""The page of `holdfast diagnose`; its findings also stand in the report of the runs."""

from collections.abc import Sequence
from dataclasses import dataclass

from holdfast.reports.figure_list import figure_of_finding
from holdfast.reports.page import page
from holdfast.reports.saving import to_svg
from holdfast.results.finding import Finding


@dataclass(frozen=True)
class DrawnFinding:
    """A finding as the template shows it.

    Args:
        what: Name of the diagnostic.
        sentence: What it means for the run.
        svg: Its figure.
    """

    what: str
    sentence: str
    svg: str


def diagnostics_html(title: str, findings: Sequence[Finding]) -> str:
    """Make the page of a diagnosed run.

    Args:
        title: Which run it is.
        findings: What was found, in the order of the page.

    Returns:
        HTML with a sentence and a figure for each finding.

    Raises:
        HoldfastError: A finding lacks a number that its figure needs.
    """
    return page(
        "diagnostics.html.j2", title=title, findings=[drawn(finding) for finding in findings]
    )


def drawn(finding: Finding) -> DrawnFinding:
    """Draw the figure of a finding."""
    picture = figure_of_finding(finding)
    return DrawnFinding(finding.what, finding.sentence, to_svg(picture.figure, picture.title))
