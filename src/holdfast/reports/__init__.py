"""Tables, figures and pages from finished results. No PyTorch, and no new computations.

cells.py          numbers as text
tables.py         the table of methods as Markdown, LaTeX and CSV
style.py          the look of figures
saving.py         figures as files and as SVG for pages
figures.py        figures of groups of runs
finding_figures.py, finding_numbers.py    figures of diagnostics, and what they need
order_figures.py  figures of verified orders
figure_list.py    every figure, where it stands and its file; a new figure goes here
page.py           templates
html.py, report_views.py    the report of runs
diagnostics.py, gate.py, history.py, orders.py    the other pages
"""

from holdfast.reports.html import write_report
from holdfast.reports.tables import as_csv, latex, markdown

__all__ = ["as_csv", "latex", "markdown", "write_report"]
