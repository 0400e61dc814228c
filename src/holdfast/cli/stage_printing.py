"""What `holdfast stage` prints."""

import textwrap
from typing import TYPE_CHECKING

from holdfast.cli.printing import print_in_parts, print_table
from holdfast.text import percent, points, safe_name, shown, signed

if TYPE_CHECKING:
    from holdfast.metrics.token_losses import TokenLosses
    from holdfast.planning import Probe, StagedVerification
    from holdfast.results import RunResult
    from holdfast.staging.trained import Stages

WIDTH = 80  # characters of a line


def print_signals(probe: "Probe") -> None:
    """Print how sure a model is of each task before training, and what learning it changes.

    Args:
        probe: A probe with signals.
    """
    sure = probe.signal("confidence")
    entropy = probe.signal("entropy_change")
    rows = []
    for place, name in enumerate(probe.names):
        change = signed(entropy[place], 3)
        rows.append([name, percent(float(sure[place]), 1), change])
    headings = ["task", "confidence before, %", "entropy of all tasks by learning it, nats"]
    print_table(headings, rows)


def print_trained(stages: "Stages", result: "RunResult", losses: "TokenLosses | None") -> None:
    """Print what a model reaches after each stage, and where it is.

    Args:
        stages: The stages.
        result: The result.
        losses: The losses of the general text. None: there is no such text.
    """
    from holdfast.metrics.tables import cells_of
    from holdfast.staging.trained import MODEL

    headings, rows = cells_of(result.matrix)
    print_in_parts(headings, rows, f"{result.config.score} in percent on each task, after each")
    if losses is not None:
        print_losses(losses)
    print(f"model:  {safe_name(str(stages.folder / MODEL))}")
    print(f"result: {safe_name(str(stages.folder))}")


def print_losses(losses: "TokenLosses") -> None:
    """Print by how much the mean loss of a token of general text rose after each stage.

    Args:
        losses: The losses, the first before training.
    """
    print(f"loss per token of general text before training: {losses.mean():.3f} nats")
    reason = ""
    for after in losses.points:
        if after is None:
            continue
        rise = losses.rise(after)
        bounds = ""
        if rise.known:
            bounds = f" [{signed(rise.low, 3)}, {signed(rise.high, 3)}]"
        reason = rise.reason
        print(f"  after {shown(after)}: {signed(rise.estimate, 3)} nats{bounds}")
    if reason:
        print(f"  no interval: {reason}")


def print_staged(verification: "StagedVerification") -> None:
    """Print whether a plan was worth it, and what was compared.

    Args:
        verification: The comparison.
    """
    print(textwrap.fill(verification.verdict, WIDTH))
    rows = []
    for name, mean, what in verification.rows():
        rows.append([name, percent(mean, 1), what])
    print_table(["trained", "score, %", "what"], rows, left=(0, 2))
    if verification.over_groups is not None:
        gain = verification.over_groups
        bounds = ""
        if gain.known and not gain.all_equal:
            bounds = f" [{points(gain.low)}, {points(gain.high)}]"
        print(f"planned order over groups: {points(gain.estimate)} points{bounds}")
    rho = verification.orders.rho
    if rho.known:
        print(f"prediction and result of random orders: ρ = {rho:.2f}")
