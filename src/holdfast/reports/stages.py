"""The page of a model that was fine-tuned in stages: what to do, and the numbers behind it."""

from dataclasses import dataclass

from holdfast.metrics import AccuracyMatrix, Interval
from holdfast.metrics.tables import cells_of
from holdfast.metrics.token_losses import TokenLosses
from holdfast.planning import Plan, Probe, StagedVerification, Stages
from holdfast.reports.orders import percent_of, points_or_dash, transfer_rows
from holdfast.reports.page import page
from holdfast.text import percent, signed


@dataclass(frozen=True)
class Rise:
    """By how much the loss of general text rose.

    Args:
        after: The stage.
        rise: The rise in nats per token.
        bounds: Its interval; "–" if there is none.
    """

    after: str
    rise: str
    bounds: str


def stages_html(
    probe: Probe,
    plan: Plan,
    stages: Stages,
    verification: StagedVerification,
    matrix: AccuracyMatrix | None = None,
    losses: TokenLosses | None = None,
) -> str:
    """Make the page about stages.

    Args:
        probe: The transfer between tasks.
        plan: The planned order.
        stages: The groups of tasks.
        verification: What trained orders, groups and joint training show.
        matrix: The scores of the trained model after each stage. None: no model was kept.
        losses: The losses of general text after each stage. None: there is no such text.

    Returns:
        HTML in one piece.
    """
    headings: list[str] = []
    cells: list[list[str]] = []
    if matrix is not None:
        headings, cells = cells_of(matrix)
    rows = [(name, percent(mean, 1), what) for name, mean, what in verification.rows()]
    return page(
        "stages.html.j2",
        {"points": points_or_dash, "percent": percent_of},
        probe=probe,
        plan=plan,
        stages=stages,
        verification=verification,
        rows=rows,
        gains=_gains(verification),
        headings=headings,
        cells=cells,
        rises=_rises(losses),
        before=None if losses is None else f"{losses.mean():.3f}",
        heat=transfer_rows(probe, plan.order),
    )


def _gains(verification: StagedVerification) -> list[tuple[str, str, str]]:
    """What the planned order gains over everything else, with intervals."""
    gains = [
        ("random orders, over seeds", verification.over_seeds),
        ("random orders, over orders", verification.over_orders),
        ("joint training, over seeds", verification.over_joint),
    ]
    if verification.over_groups is not None:
        gains.append(("groups, over seeds", verification.over_groups))
    return [(name, points_or_dash(gain.estimate, 2), _bounds(gain)) for name, gain in gains]


def _bounds(gain: Interval) -> str:
    """Both bounds in points, or a dash if there are none that mean anything."""
    if not gain.known or gain.all_equal:
        return "–"
    return f"{points_or_dash(gain.low, 2)} to {points_or_dash(gain.high, 2)}"


def _rises(losses: TokenLosses | None) -> list[Rise]:
    """By how much the loss of general text rose after each stage."""
    if losses is None:
        return []
    rises = []
    for after in losses.points:
        if after is None:
            continue
        rise = losses.rise(after)
        bounds = "–"
        if rise.known:
            bounds = f"{signed(rise.low, 3)} to {signed(rise.high, 3)}"
        rises.append(Rise(after, signed(rise.estimate, 3), bounds))
    return rises
