"""Evaluates answers with both interfaces of MLflow, and keeps the tables that it logs.

    python make_mlflow.py FOLDER

FOLDER gets `champion` and `candidate`, each with `eval_results_table.json`, which
`mlflow.models.evaluate` logs, and `genai.json`, which is the frame that `mlflow.genai.evaluate`
returns, logged with `mlflow.log_table`.
"""

import os
import shutil
import sys
from pathlib import Path
from typing import Any

os.environ |= {"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true", "LOGNAME": "user"}

import mlflow
import pandas as pd
from mlflow.entities import Feedback
from mlflow.genai.scorers import scorer
from mlflow.metrics import MetricValue, make_metric

CAPITALS = [  # question, right answer, the champion's answer, the candidate's answer
    ("the capital of France", "Paris", "Paris", "Paris"),
    ("the capital of Peru", "Lima", "Lima", "Cusco"),
    ("the capital of Chad", "N'Djamena", "Abuja", "N'Djamena"),
    ("the capital of Japan", "Tokyo", "Tokyo", "Tokyo"),
]


def is_right(predictions: pd.Series, targets: pd.Series, metrics: object = None) -> MetricValue:
    """Compare answers with the right ones."""
    scores = [float(a == b) for a, b in zip(predictions, targets, strict=True)]
    return MetricValue(scores=scores, justifications=["compared"] * len(scores))


def length(predictions: pd.Series, targets: pd.Series, metrics: object = None) -> MetricValue:
    """Count the letters of answers."""
    return MetricValue(scores=[float(len(answer)) for answer in predictions])


METRICS = [
    make_metric(eval_fn=is_right, name="right", greater_is_better=True, version="v1"),
    make_metric(eval_fn=length, name="length", greater_is_better=False),
]


@scorer
def exact(outputs: str, expectations: dict[str, str]) -> bool:
    """Compare an answer with the right one."""
    return outputs == expectations["expected_response"]


@scorer
def tone(outputs: str) -> Feedback:
    """Judge the tone of an answer. It fails for one of them."""
    if outputs == "Tokyo":
        raise ValueError("the judge did not answer")
    return Feedback(value="yes" if len(outputs) > 4 else "no", rationale="by its length")


def evaluate(folder: Path, answers: list[str]) -> None:
    """Evaluate the answers of one side."""
    questions = [question for question, *_ in CAPITALS]
    targets = [target for _, target, *_ in CAPITALS]
    frame = pd.DataFrame({"question": questions, "truth": targets, "answer": answers})
    with mlflow.start_run() as run:
        mlflow.models.evaluate(
            data=frame, targets="truth", predictions="answer", extra_metrics=METRICS
        )
    keep(run, "eval_results_table.json", folder)
    data = [
        {"inputs": {"question": q}, "outputs": a, "expectations": {"expected_response": t}}
        for q, t, a in zip(questions, targets, answers, strict=True)
    ]
    result = mlflow.genai.evaluate(data=data, scorers=[exact, tone])
    # Without the traces themselves, which say again what the other columns say.
    frame = result.result_df.drop(columns=["trace", "spans"])
    for assessments in frame["assessments"]:
        forget_places(assessments)
    with mlflow.start_run() as run:
        mlflow.log_table(frame, "genai.json")
    keep(run, "genai.json", folder)


def forget_places(assessments: list[dict[str, Any]]) -> None:
    """Take out the traceback of a scorer's error, which names folders of this machine."""
    for assessment in assessments:
        assessment.get("feedback", {}).get("error", {}).pop("stack_trace", None)


def keep(run: mlflow.ActiveRun, name: str, folder: Path) -> None:
    """Copy an artifact of a run."""
    file = mlflow.artifacts.download_artifacts(run_id=run.info.run_id, artifact_path=name)
    folder.mkdir(exist_ok=True)
    shutil.copy(file, folder / name)


def main() -> None:
    """Make the files."""
    folder = Path(sys.argv[1])
    mlflow.set_tracking_uri(f"sqlite:///{Path.cwd()}/mlflow.db")
    mlflow.create_experiment("gate", artifact_location=(Path.cwd() / "artifacts").as_uri())
    mlflow.set_experiment("gate")
    evaluate(folder / "champion", [row[2] for row in CAPITALS])
    evaluate(folder / "candidate", [row[3] for row in CAPITALS])


if __name__ == "__main__":
    main()
