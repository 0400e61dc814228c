"""What the tests of the ledger share."""

import pandas as pd
import pytest

from holdfast.cli.main import run_cli

NASTY = "<script>alert(1)</script>=cmd|'/C calc'!A0 %s \x1b[31m"


def results(**tasks: float) -> pd.DataFrame:
    """A hundred examples of each task, of which a share is right."""
    rows = [
        pd.DataFrame(
            {
                "task": t,
                "example_id": [f"{t}{k}" for k in range(100)],
                "score": [float(k < round(100 * p)) for k in range(100)],
            }
        )
        for t, p in tasks.items()
    ]
    return pd.concat(rows, ignore_index=True)


def call(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """Exit code, output and errors of a command."""
    with pytest.raises(SystemExit) as done:
        run_cli(list(arguments))
    out = capsys.readouterr()
    return int(done.value.code or 0), out.out, out.err


def code_of(arguments: list[str]) -> int:
    """The exit code of a command."""
    with pytest.raises(SystemExit) as done:
        run_cli(arguments)
    return int(done.value.code or 0)
