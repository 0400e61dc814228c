"""Checks what `holdfast run --export every-eval-ever` writes with the validator of the format.

    python benchmarks/formats/validate_export.py     # ends with exit code 1 if a file is not valid

The validator needs Python 3.12. It is that of the environment `every-eval-ever`; see `make.py`.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from make import ENVS, python_of


def main() -> None:
    """Export a run of every kind of score, and validate the files."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--envs", type=Path, default=ENVS)
    python = python_of("every-eval-ever", parser.parse_args().envs)
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "holdfast.cli.main", "run", "--method", "ER(40)"]
        command += ["--tasks", "2", "--seeds", "0,1", "--export", "every-eval-ever"]
        subprocess.run([*command, "--out", folder], check=True)
        export = Path(folder) / "every-eval-ever"
        files = [str(path.relative_to(export)) for path in export.rglob("*.json*")]
        validate = [str(python), "-m", "every_eval_ever", "validate", *files]
        sys.exit(subprocess.run(validate, cwd=export, check=False).returncode)


if __name__ == "__main__":
    main()
