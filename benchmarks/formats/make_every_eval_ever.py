"""Converts the logs of lm-evaluation-harness to Every Eval Ever, with its own converter.

    python make_every_eval_ever.py FOLDER

It needs Python 3.12, and the logs in `tests/gate/data/formats/lm-eval`. FOLDER gets `champion` and
`candidate`.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

LOGS = Path(os.environ["FORMATS"]) / "lm-eval"  # the folder of all test files
MODEL = "acme/small"  # the converter wants the developer of a model, which `dummy` has not


def convert(side: str, out: Path) -> None:
    """Convert the logs of one side."""
    (logs,) = (LOGS / side).iterdir()
    copy = Path.cwd() / side
    shutil.copytree(logs, copy)
    (results,) = copy.glob("results_*.json")
    content = json.loads(results.read_text())
    content["model_name"] = MODEL
    content["config"]["model_args"] = {"pretrained": MODEL}
    results.write_text(json.dumps(content))
    command = [sys.executable, "-m", "every_eval_ever", "convert", "lm_eval", "--log_path"]
    command += [str(copy), "--output_dir", str(out / "data"), "--include_samples"]
    command += ["--source_organization_name", "acme", "--evaluator_relationship", "first_party"]
    subprocess.run(command, check=True)


def main() -> None:
    """Make the files."""
    folder = Path(sys.argv[1])
    for side in ("champion", "candidate"):
        convert(side, folder / side)


if __name__ == "__main__":
    main()
