"""Features of evalgate-cli."""

from pathlib import Path

from duel.shown.common import CHAMPION, WORSE, run, table


def exit_code(folder: Path) -> None:
    for candidate, expected in ((CHAMPION, 0), (WORSE, 1)):
        columns = {"old": [int(s) for s in CHAMPION], "new": [int(s) for s in candidate]}
        path = table(folder / "results.csv", columns)
        found = run("evalgate", "paired", path, "--baseline", "old", "--candidate", "new")
        assert found.returncode == expected, found
