"""Runs lighteval offline, with its dummy model, on two tiny tasks.

    python make_lighteval.py FOLDER

FOLDER gets `champion` and `candidate`, which differ by the seed of the model's random answers. The
documents of the task `colours` are scored in two ways, by probability and by the text that the
model generates, so lighteval writes two rows per document.
"""

import json
import sys
from pathlib import Path

from lighteval.logging.evaluation_tracker import EvaluationTracker
from lighteval.models.dummy.dummy_model import DummyModelConfig
from lighteval.pipeline import ParallelismManager, Pipeline, PipelineParameters
from lighteval.tasks.registry import Registry

THINGS = {"The sky is": "blue", "Grass is": "green", "Snow is": "white", "A cherry is": "red"}
CHOICES = list(THINGS.values())
TASKS = '''
from lighteval.metrics.metrics import Metrics
from lighteval.tasks.lighteval_task import LightevalTaskConfig
from lighteval.tasks.requests import Doc


def prompt(row, task_name=None):
    """Make a document of a row."""
    return Doc(
        task_name=task_name,
        query=f"Question: {row['question']}\\nAnswer:",
        choices=[f" {choice}" for choice in row["choices"]],
        gold_index=row["answer"],
        specific={"subject": row["subject"]},
    )


def task(name, metrics):
    """Declare a task on the rows of the folder data."""
    return LightevalTaskConfig(
        name=name,
        prompt_function=prompt,
        hf_repo="data",
        hf_subset="default",
        hf_avail_splits=["test"],
        evaluation_splits=["test"],
        few_shots_split="test",
        few_shots_select="random",
        metrics=metrics,
        generation_size=5,
        stop_sequence=["\\n"],
        version=1,
    )


TASKS_TABLE = [
    task("colours", [Metrics.loglikelihood_acc, Metrics.exact_match]),
    task("colours:hard", [Metrics.loglikelihood_acc]),
]
'''


def nothing(*_: object) -> dict[str, object]:
    """Find no tasks."""
    return {}


def main() -> None:
    """Make the logs."""
    # Importing the tasks that come with lighteval downloads data.
    Registry._load_from_files = staticmethod(nothing)
    Registry._load_from_subdirs = staticmethod(nothing)
    rows = [
        {"question": question, "choices": CHOICES, "answer": place, "subject": CHOICES[place % 2]}
        for place, question in enumerate(THINGS)
    ]
    Path("data").mkdir()
    Path("data/test.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    Path("tasks.py").write_text(TASKS)
    for seed, side in enumerate(("champion", "candidate")):
        tracker = EvaluationTracker(output_dir=str(Path(sys.argv[1]) / side))
        parameters = PipelineParameters(
            launcher_type=ParallelismManager.NONE, custom_tasks_directory="tasks.py"
        )
        pipeline = Pipeline(
            tasks="colours|0,colours:hard|0",
            pipeline_parameters=parameters,
            evaluation_tracker=tracker,
            model_config=DummyModelConfig(model_name="random", seed=seed),
        )
        pipeline.evaluate()
        pipeline.save_and_push_results()


if __name__ == "__main__":
    main()
