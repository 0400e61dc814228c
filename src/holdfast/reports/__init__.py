"""Tables, figures and the HTML report, from result files alone. No PyTorch."""

from holdfast.reports.comparison import (
    compare_folders,
    find_sweeps,
    learning_speed,
    pareto_front,
    ranks,
    select,
)
from holdfast.reports.html import write_report
from holdfast.reports.results import Group, load_results, summarise
from holdfast.reports.tables import as_csv, latex, markdown

__all__ = [
    "Group",
    "as_csv",
    "compare_folders",
    "find_sweeps",
    "latex",
    "learning_speed",
    "load_results",
    "markdown",
    "pareto_front",
    "ranks",
    "select",
    "summarise",
    "write_report",
]
