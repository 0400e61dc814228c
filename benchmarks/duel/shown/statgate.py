"""Features of statgate."""

from pathlib import Path

from statgate.core.pairing import build_paired
from statgate.records import EvalRecord

from duel.shown.common import CHAMPION, CLUSTERS, UNCLEAR, WORSE, lines, promptfoo, run

PARTLY = {"clusters"}


def _sides(folder: Path, candidate: list[float]) -> list[Path]:
    return [
        lines(folder / f"{name}.jsonl", [{"case_id": str(k), "score": s} for k, s in enumerate(x)])
        for name, x in (("baseline", CHAMPION), ("candidate", candidate))
    ]


def clusters(folder: Path) -> None:
    """The examples of a cluster are the repeated runs of a case, which are averaged."""
    records = [
        EvalRecord(case_id=str(c), score=s, run_index=k)
        for k, (c, s) in enumerate(zip(CLUSTERS, CHAMPION, strict=True))
    ]
    assert build_paired(records, records, "score").n_pairs == len(set(CLUSTERS))


def inconclusive(folder: Path) -> None:
    assert run("statgate", "compare", *_sides(folder, UNCLEAR)).returncode == 2


def planning(folder: Path) -> None:
    baseline, candidate = _sides(folder, UNCLEAR)
    found = run("statgate", "power", "--baseline", baseline, "--candidate", candidate)
    assert "requires about" in found.stdout, found


def looks(folder: Path) -> None:
    found = run("statgate", "sequential", *_sides(folder, WORSE), "--batch-size", "20")
    assert "BLOCK" in found.stdout, found


def promptfoo_logs(folder: Path) -> None:
    sides = [promptfoo(folder, s, m) for s, m in ((CHAMPION, "old"), (WORSE, "new"))]
    assert run("statgate", "compare", *sides).returncode == 1


def exit_code(folder: Path) -> None:
    assert run("statgate", "compare", *_sides(folder, CHAMPION)).returncode == 0
    assert run("statgate", "compare", *_sides(folder, WORSE)).returncode == 1
