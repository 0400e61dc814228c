"""Figures as files, and as SVG that takes the colours of the page around it."""

import io
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from holdfast.errors import HoldfastError
from holdfast.files import write_bytes
from holdfast.reports.style import INK
from holdfast.text import shown

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from matplotlib.typing import RcKeyType

ENDINGS = (".png", ".svg")
DOTS_PER_INCH = 150


def save(figure: "Figure", path: str | Path) -> Path:
    """Write a figure as a file of its own, dark on white.

    Args:
        figure: The figure.
        path: The file, which ends in `.png` or `.svg`. Missing folders are made.

    Returns:
        The path.

    Raises:
        HoldfastError: The file has another ending, or it could not be written.
    """
    import matplotlib

    path = Path(path)
    # Other formats, such as PDF, would differ with each version of their writer.
    if path.suffix not in ENDINGS:
        raise HoldfastError(f"a figure is written as .png or .svg, got {path.name}")
    _take_names_literally(figure)
    # Without a date and with fixed ids, the same figure is the same file.
    metadata = None
    if path.suffix == ".svg":
        metadata = {"Date": None}
    content = io.BytesIO()
    with matplotlib.rc_context({"svg.hashsalt": path.stem}), _missing_glyphs_allowed():
        figure.savefig(
            content,
            format=path.suffix[1:],
            dpi=DOTS_PER_INCH,
            facecolor="white",
            metadata=metadata,
        )
    write_bytes(path, content.getvalue())
    return path


def to_svg(figure: "Figure", title: str) -> str:
    """Make SVG that can be put into a page.

    It is transparent, scales with its column, has its text in the colour of the page, and is the
    same text each time.

    Args:
        figure: The figure.
        title: What the figure shows, for screen readers. Use a title only once per page, since the
            ids inside the SVG are derived from it.

    Returns:
        The element `<svg>`.
    """
    import matplotlib

    # The card behind the figure has a colour of its own, light or dark.
    figure.patch.set_alpha(0)
    _take_names_literally(figure)
    content = io.StringIO()
    # Text stays text, so that it can be searched and takes the font of the page.
    look: dict[RcKeyType, str] = {
        "svg.fonttype": "none",
        "svg.hashsalt": title,
        "font.family": "sans-serif",
    }
    with matplotlib.rc_context(look), _missing_glyphs_allowed():
        figure.savefig(content, format="svg", metadata={"Date": None, "Creator": None})
    text = content.getvalue()
    # What comes before the element belongs to a file, not into a page.
    element = text[text.index("<svg") :].replace(INK, "currentColor")
    label = escape(shown(title))
    element = re.sub(
        r'<svg [^>]*?viewBox="([^"]+)"[^>]*>',
        lambda opening: (
            '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
            f'viewBox="{opening[1]}" role="img" aria-label="{label}">'
        ),
        element,
        count=1,
    )
    # Metadata would name the version of matplotlib, and differ between machines.
    return re.sub(r"<metadata>.*?</metadata>", "", element, flags=re.DOTALL)


def _take_names_literally(figure: "Figure") -> None:
    """Show names from outside as they are: a `$` begins no formula, and no character is hidden."""
    from matplotlib.text import Text
    from matplotlib.ticker import FixedFormatter

    # Tick labels that matplotlib writes itself are formulas on logarithmic axes, and stay so.
    formulas = set()
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            formatter = axis.get_major_formatter()
            if isinstance(formatter, FixedFormatter):
                formatter.seq = [shown(name) for name in formatter.seq]
            else:
                ticks = {id(text) for text in axis.findobj(Text)}
                formulas |= ticks - {id(axis.label)}
    for text in figure.findobj(Text):
        if isinstance(text, Text) and id(text) not in formulas:
            text.set_parse_math(False)
            text.set_text(shown(text.get_text()))


@contextmanager
def _missing_glyphs_allowed() -> Iterator[None]:
    """Silence the warning about letters that matplotlib's font lacks; it draws a box for each."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph")
        yield
