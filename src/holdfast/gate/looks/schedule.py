"""When a candidate is judged: at planned shares of its test set, or at any time."""

from dataclasses import dataclass

import numpy as np

from holdfast.errors import HoldfastError
from holdfast.gate.statistics.spending import checked_shares
from holdfast.text import shown

ANY = "any"  # the spelling of looks after any number of examples
ROUNDING = 1e-9  # of a share times a number of examples


@dataclass(frozen=True)
class Looks:
    """When a candidate is judged.

    Attributes:
        shares: Share of the test set at each planned look, in rising order; the last is 1. Empty
            if the candidate may be judged after any number of examples.

    Example:
        >>> Looks.parse("0.5, 0.75, 1").shares, Looks.parse("any").shares
        ((0.5, 0.75, 1.0), ())
    """

    shares: tuple[float, ...]

    @staticmethod
    def parse(text: str) -> "Looks":
        """Read looks from the text of an option.

        Args:
            text: Shares that are separated by commas, such as "0.5,0.75,1.0", or "any".

        Raises:
            HoldfastError: The text is neither of both, or the shares do not rise to 1.
        """
        if text.strip().lower() == ANY:
            return Looks(())
        try:
            shares = [float(part) for part in text.split(",")]
        except ValueError:
            raise HoldfastError(
                f"looks must be shares of the test set such as 0.5,0.75,1.0, or the word {ANY}, "
                f"got {shown(text)}"
            ) from None
        return Looks(checked_shares(shares))

    def needed(self, number: int, planned: np.ndarray) -> np.ndarray:
        """Return how many examples of each task a look needs.

        Args:
            number: Number of the look, from 1.
            planned: Number of examples of each task in the whole test set.
        """
        # As floats, 0.07 · 100 is a little more than 7, and its ceiling would be 8.
        exact = self.shares[number - 1] * planned
        return np.ceil(exact - ROUNDING).astype(int)
