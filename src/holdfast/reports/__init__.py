"""Tables, figures and pages from finished results. No PyTorch, and no new computations.

- `cells`: numbers as text.
- `layout`: the columns and cells of the table of methods, as a list or a pivot.
- `tables`, `latex`: the table of methods as Markdown, CSV and LaTeX.
- `style`: the look of figures. `saving`: figures as files, and as SVG for pages.
- `figures`, `comparison_figures`: figures of groups of runs.
- `finding_figures`, `finding_numbers`: figures of diagnostics, and the numbers that they need.
- `order_figures`: figures of verified orders.
- `figure_list`: every figure, where it stands, and its file; a new figure goes here.
- `page`: templates.
- `html`, `report_views`: the report of runs.
- `diagnostics`, `gate`, `history`, `orders`: the other pages.
"""

from holdfast.reports.html import write_report
from holdfast.reports.latex import latex
from holdfast.reports.tables import as_csv, markdown

__all__ = ["as_csv", "latex", "markdown", "write_report"]
