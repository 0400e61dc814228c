"""Logs tables with W&B offline.

    python make_wandb.py FOLDER

FOLDER gets the folders `champion` and `candidate`, each with the table of an artifact, and
`run.table.json`, which is the same table among the files of a run.
"""

import os
import shutil
import sys
from pathlib import Path

os.environ |= {"WANDB_MODE": "offline", "WANDB_SILENT": "true", "WANDB_DIR": str(Path.cwd())}

import numpy as np
import wandb

COLUMNS = ["id", "question", "task", "score", "seconds", "embedding"]
EXAMPLES = 60  # of each of two tasks


def rows(wrong: int) -> list[list[object]]:
    """The rows of a table; the given number of answers about the south are wrong."""
    found: list[list[object]] = []
    for task in ("north", "south"):
        for number in range(EXAMPLES):
            right = number % 10 > 0
            if task == "south" and number < wrong:
                right = False
            question = f"Where is place {number} in the {task}?"
            embedding = np.array([number / EXAMPLES, 1.0])
            found.append(
                [f"{task}-{number}", question, task, right, 0.25 + number / 100, embedding]
            )
    # The judge of one answer did not return a score.
    found[5][3] = None
    return found


def main() -> None:
    """Make the files."""
    folder = Path(sys.argv[1])
    run = wandb.init(project="gate", settings=wandb.Settings(console="off"))
    for side, wrong in (("champion", 0), ("candidate", 20)):
        table = wandb.Table(columns=COLUMNS, data=rows(wrong), allow_mixed_types=True)
        artifact = wandb.Artifact(side, type="evaluation")
        artifact.add(table, "predictions")
        # Offline, the file of an artifact stays where it waits to be sent.
        entry = artifact.manifest.entries["predictions.table.json"]
        (folder / side).mkdir()
        shutil.copyfile(entry.local_path, folder / side / "predictions.table.json")
    run.log({"predictions": wandb.Table(columns=COLUMNS, data=rows(0), allow_mixed_types=True)})
    run.finish()
    (file,) = Path.cwd().glob("wandb/offline-run-*/files/media/table/*.table.json")
    shutil.copyfile(file, folder / "run.table.json")


if __name__ == "__main__":
    main()
