"""Features of errorbars."""

from importlib.metadata import metadata
from importlib.util import find_spec
from pathlib import Path

from errorbars.compare import paired_compare
from errorbars.leaderboard import holm_correction

from duel.shown.common import CHAMPION, CLUSTERS, UNCLEAR, WORSE, inspect_log, lm_eval, run

PARTLY = {"levels"}


def correction(folder: Path) -> None:
    assert min(holm_correction([0.03, 0.04])) > 0.05


def clusters(folder: Path) -> None:
    assert paired_compare(CHAMPION, UNCLEAR, clusters=CLUSTERS).se_clustered


def planning(folder: Path) -> None:
    assert run("errorbars", "power", "--delta", "0.03", "--baseline", "0.5").returncode == 0


def lm_eval_logs(folder: Path) -> None:
    paths = (lm_eval(folder, s, m) for s, m in ((CHAMPION, "old"), (WORSE, "new")))
    sides = [f"{path.parent.name}={path}" for path in paths]
    found = run("errorbars", "compare", *sides)
    assert found.returncode == 0, found


def inspect_logs(folder: Path) -> None:
    """With its extra `inspect`, which installs inspect-ai."""
    assert find_spec("inspect_ai") is None  # so its own reader asks for the extra
    found = run("errorbars", "summarize", inspect_log(folder, WORSE, "new"))
    assert "errorbars[inspect]" in found.stderr, found


def levels(folder: Path) -> None:
    """Its description says that its tests check the coverage of its intervals by simulation."""
    assert "Monte Carlo coverage tests" in str(metadata("errorbars").get_payload())
