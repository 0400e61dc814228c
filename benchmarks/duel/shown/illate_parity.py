"""Features of illate-parity."""

from pathlib import Path

from duel.shown.common import CHAMPION, UNCLEAR, WORSE, lines, run


def _code(folder: Path, candidate: list[float]) -> tuple[int, str]:
    rows = {"gold": [1.0] * len(CHAMPION), "current": CHAMPION, "candidate": candidate}
    arguments = ["--margin", "0.02", "--out", folder / "out"]
    for name, scores in rows.items():
        answers = [{"id": str(k), "label": "a" if s else "b"} for k, s in enumerate(scores)]
        arguments += [f"--{name}", lines(folder / f"{name}.jsonl", answers)]
    found = run("illate-parity", "check", *arguments)
    return found.returncode, found.stdout + (folder / "out" / "parity.md").read_text()


def inconclusive(folder: Path) -> None:
    assert "INCONCLUSIVE" in _code(folder, UNCLEAR)[1]


def exit_code(folder: Path) -> None:
    assert _code(folder, CHAMPION)[0] == 0
    assert _code(folder, WORSE)[0] != 0
