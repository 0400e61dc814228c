"""The units of scores and changes, and how both are written."""

from dataclasses import dataclass
from typing import Literal

from holdfast.text import percent, points

Unit = Literal["points", "percent", "raw"]
USUAL_LIMIT = 0.02  # the loss to which changes without a common unit are compared


@dataclass(frozen=True)
class Amounts:
    """How the scores and changes of one row are written.

    Attributes:
        unit: "points" for scores in [0, 1], "percent" for changes that are relative to the
            champion's score, "raw" for all others.
        share: Whether scores lie in [0, 1], so that they are written as percentages.
    """

    unit: Unit = "points"
    share: bool = True

    def score(self, score: float | None, decimals: int = 4) -> str:
        """Write a score.

        >>> Amounts().score(0.5), Amounts("raw", share=False).score(12.345678)
        ('50.00', '12.35')
        """
        if score is None:
            return "–"
        if self.share:
            return percent(score)
        return f"{score:.{decimals}g}".replace("-", "−")

    def change(self, change: float | None) -> str:
        """Write a change with its sign and its unit.

        >>> Amounts().change(-0.02), Amounts("percent").change(0.1)
        ('−2.00 points', '+10.00 %')
        """
        if change is None:
            return "–"
        return self.bare(change) + self.noun

    def bare(self, change: float | None) -> str:
        """Write a change with its sign, and without its unit.

        >>> Amounts().bare(-0.02), Amounts("raw").bare(0.1)
        ('−2.00', '+0.1')
        """
        if change is None or self.unit != "raw":
            return points(change)
        return f"{change:+.4g}".replace("-", "−")

    def in_table(self, change: float | None) -> str:
        """Write a change for a table, where points need no unit.

        >>> Amounts().in_table(-0.02), Amounts("percent").in_table(0.1)
        ('−2.00', '+10.00 %')
        """
        text = self.bare(change)
        if self.unit == "percent" and change is not None:
            text += " %"
        return text

    def size(self, loss: float) -> str:
        """Write a loss without a sign, with its unit.

        >>> Amounts().size(0.02), Amounts("raw").size(0.02)
        ('2.00 points', '0.02')
        """
        if self.unit == "raw":
            return f"{loss:.4g}"
        return f"{100 * loss:.2f}{self.noun}"

    def limit(self, limit: float) -> str:
        """Write a limit as short as possible. Points go without their unit.

        >>> Amounts().limit(0.02), Amounts("percent").limit(0.1)
        ('2', '10 %')
        """
        if self.unit == "raw":
            return f"{limit:g}"
        text = f"{100 * limit:g}"
        if self.unit == "percent":
            text += " %"
        return text

    def limit_with_unit(self, limit: float) -> str:
        """Write a limit with its unit.

        >>> Amounts().limit_with_unit(0.02), Amounts("percent").limit_with_unit(0.1)
        ('2 points', '10 %')
        """
        text = self.limit(limit)
        if self.unit == "points":
            text += " points"
        return text

    @property
    def noun(self) -> str:
        """What follows the number of a change."""
        return {"points": " points", "percent": " %", "raw": ""}[self.unit]
