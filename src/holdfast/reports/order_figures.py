"""Figures of a verified plan: what trained orders reach, against what was predicted."""

from typing import TYPE_CHECKING

from holdfast.planning import Outcome, Verification
from holdfast.reports.style import COLOURS, GREY, colour, whole_numbers

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SCORE = "mean final score (points)"
FEWEST_BINS, MOST_BINS = 5, 15
ORDERS_PER_BIN = 3


def scatter(verification: Verification, axes: "Axes") -> "Axes":
    """Draw the mean final score of every order against its predicted value.

    Args:
        verification: The trained orders.
        axes: Where to draw.

    Returns:
        The axes: random orders in grey, those of schedulers in colour.
    """
    random = _random_orders(verification)
    axes.plot(
        [outcome.predicted for outcome in random],
        [100 * outcome.mean for outcome in random],
        "o",
        color=GREY,
        alpha=0.6,
        markersize=4,
    )
    markers = ("D", "s")
    for number, (name, outcome) in enumerate(_planned_orders(verification)):
        # When colours repeat, another marker tells the orders apart.
        marker = markers[number // len(COLOURS) % len(markers)]
        axes.plot(
            [outcome.predicted],
            [100 * outcome.mean],
            marker,
            color=colour(number),
            markersize=6,
            label=name,
        )
    axes.set_xlabel("predicted value of the order")
    axes.set_ylabel(SCORE)
    return axes


def distribution(verification: Verification, axes: "Axes") -> "Axes":
    """Draw how many random orders reach which mean final score.

    Args:
        verification: The trained orders.
        axes: Where to draw.

    Returns:
        The axes: random orders as bars, those of schedulers as lines.
    """
    scores = [100 * outcome.mean for outcome in _random_orders(verification)]
    # About three orders per bar: fewer make a comb, more hide the shape.
    bins = min(MOST_BINS, max(FEWEST_BINS, len(scores) // ORDERS_PER_BIN))
    axes.hist(scores, bins=bins, color=GREY, alpha=0.5)
    dashes = ("-", "--")
    for number, (name, outcome) in enumerate(_planned_orders(verification)):
        axes.axvline(
            100 * outcome.mean,
            color=colour(number),
            linestyle=dashes[number // len(COLOURS) % len(dashes)],
            linewidth=1.6,
            label=name,
        )
    whole_numbers(axes.yaxis)
    axes.set_xlabel(SCORE)
    axes.set_ylabel("random orders")
    return axes


def _random_orders(verification: Verification) -> list[Outcome]:
    """Return the orders that no scheduler made."""
    return [outcome for outcome in verification.outcomes if outcome.scheduler is None]


def _planned_orders(verification: Verification) -> list[tuple[str, Outcome]]:
    """Return the orders of schedulers; one that several share has all their names."""
    # Two schedulers often find the same order, and two lines would hide each other.
    outcomes: dict[tuple[str, ...], Outcome] = {}
    names: dict[tuple[str, ...], list[str]] = {}
    for outcome in verification.outcomes:
        if outcome.scheduler is not None:
            outcomes.setdefault(outcome.order, outcome)
            names.setdefault(outcome.order, []).append(outcome.scheduler)
    return [(", ".join(names[order]), outcome) for order, outcome in outcomes.items()]
