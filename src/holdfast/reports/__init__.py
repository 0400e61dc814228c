"""Tables, figures and the HTML report, from result files alone. No PyTorch."""

from holdfast.reports.html import write_report
from holdfast.reports.results import Group, load_results, summarise

__all__ = ["Group", "load_results", "summarise", "write_report"]
