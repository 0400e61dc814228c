"""Results of runs in the format of Every Eval Ever, which the gate and other tools read.

Each run becomes an aggregate file `<uuid>.json` and, beside it, `<uuid>_samples.jsonl` with a line
per test example. They hold the scores after the last task, valid against the schemas of
`every_eval_ever` 0.3. A task is an evaluation.

References:
    https://github.com/evaleval/every_eval_ever
"""

import hashlib
import json
import re
import statistics
import time
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path

from holdfast import __version__
from holdfast.files import write_text
from holdfast.results.examples import TestScores, read_examples
from holdfast.results.record import RunResult

SCHEMA = "0.3.0"
DEVELOPER = "holdfast"  # the folder of models that were trained with Holdfast
Values = dict[str, object]


def export_runs(runs: Sequence[tuple[RunResult, Path]], out: Path) -> list[Path]:
    """Write finished runs in the format of Every Eval Ever.

    Args:
        runs: The result and the folder of each run. The folder has the scores of single examples.
        out: The folder to write to. The files lie at `data/DATA SET/holdfast/MODEL/` in it, where
            the model is the method, its scenario and its seed.

    Returns:
        The aggregate files.

    Raises:
        HoldfastError: A run kept no scores of single examples, or a file could not be written.
    """
    # No run of one export is newer than another, so all of them get the same time.
    now = time.time()
    # All runs are read before the first file is written.
    found = [(result, read_examples(folder)) for result, folder in runs]
    return [_export(result, examples, out, now) for result, examples in found]


def _export(result: RunResult, examples: dict[str, TestScores], out: Path, now: float) -> Path:
    """Write one run."""
    model = f"{DEVELOPER}/{_file_name(f'{result.label}-{result.scenario}-seed{result.seed}')}"
    data = _file_name(result.config.data_set.name)
    name = _identifier(result)
    folder = Path("data") / data / model
    samples = folder / f"{name}_samples.jsonl"
    evaluation = f"{data}/{model}/{name}"
    lines = [json.dumps(line) for line in _samples(result, examples, evaluation, model)]
    content = _aggregate(result, examples, evaluation, model, now)
    # A score of a whole set has no samples.
    if lines:
        text = "\n".join(lines) + "\n"
        content["detailed_evaluation_results"] = {
            "format": "jsonl",
            "file_path": samples.as_posix(),
            "hash_algorithm": "sha256",
            "checksum": hashlib.sha256(text.encode()).hexdigest(),
            "total_rows": len(lines),
        }
        write_text(out / samples, text)
    # The aggregate file is written last, so that whoever finds it also finds its samples.
    path = out / folder / f"{name}.json"
    write_text(path, json.dumps(content, indent=1) + "\n")
    return path


def _file_name(text: str) -> str:
    """Write a name with letters, digits and a few signs, because it becomes a folder."""
    # A name such as ".." would lead to another folder.
    return re.sub(r"[^0-9A-Za-z.+=\-]+", "_", text).strip("._") or "unnamed"


def _identifier(result: RunResult) -> uuid.UUID:
    """Name a run. The same run has the same name, so a second export replaces the first one."""
    digest = hashlib.sha256(f"{result.hash} {result.label}".encode()).digest()
    # The schema wants the form of version 4, whose other bits are random.
    return uuid.UUID(bytes=digest[:16], version=4)


# ---- the file of samples


def _samples(
    result: RunResult, examples: dict[str, TestScores], evaluation: str, model: str
) -> Iterator[Values]:
    """Make the line of each test example."""
    name = result.config.data_set.name
    for task, found in examples.items():
        for number, score in enumerate(found.scores):
            # Other objectives have no labels, and their lists stay empty.
            reference = found.labels[number : number + 1]
            yield {
                "schema_version": SCHEMA,
                "evaluation_id": evaluation,
                "model_id": model,
                "evaluation_name": task,
                "evaluation_result_id": _result_id(task, result),
                "sample_id": f"{task}/{number}",
                "interaction_type": "single_turn",
                # Holdfast keeps scores, and neither inputs nor answers.
                "input": {
                    "raw": f"test example {number} of task {task} of {name}",
                    "reference": reference,
                },
                "output": {"raw": []},
                "answer_attribution": [],
                # The schema demands a yes or no, which only a perfect score earns.
                "evaluation": {"score": score, "is_correct": score == 1},
            }


def _result_id(task: str, result: RunResult) -> str:
    """Name the result of a task."""
    return f"{task}:{result.config.score}"


# ---- the aggregate file


def _aggregate(
    result: RunResult,
    examples: dict[str, TestScores],
    evaluation: str,
    model: str,
    now: float,
) -> Values:
    """Make the content of the aggregate file."""
    return {
        "schema_version": SCHEMA,
        "evaluation_id": evaluation,
        # The schema wants the seconds since 1970 as text.
        "retrieved_timestamp": f"{now:.3f}",
        "source_metadata": {
            "source_name": "Holdfast",
            "source_type": "evaluation_run",
            "source_organization_name": "the user of Holdfast",
            "evaluator_relationship": "first_party",
        },
        "eval_library": {"name": "holdfast", "version": __version__},
        "model_info": {
            "name": result.label,
            "id": model,
            "developer": DEVELOPER,
            "additional_details": {
                "deployment_type": "self_deployed",
                "model_availability": "unknown",
                "method": result.method,
                "scenario": result.scenario,
                "seed": str(result.seed),
                "run": result.hash,
            },
        },
        "evaluation_results": [_result(result, task, examples) for task in result.matrix.tasks],
    }


def _result(result: RunResult, task: object, examples: dict[str, TestScores]) -> Values:
    """Make the entry of a task: its score after the last task."""
    name = str(task)
    low, high = result.matrix.score_range
    # Matrices know tasks by any value, and files by text.
    scores = examples.get(name, TestScores(scores=[])).scores
    return {
        "evaluation_result_id": _result_id(name, result),
        "evaluation_name": name,
        "source_data": {
            "dataset_name": result.config.data_set.description,
            "source_type": "other",
        },
        "metric_config": {
            "metric_name": result.config.score,
            "lower_is_better": False,
            "score_type": "continuous",
            "min_score": low,
            "max_score": high,
        },
        "score_details": {
            "score": result.matrix.score(task, after=result.matrix.tasks[-1]),
            "uncertainty": _uncertainty(scores),
        },
    }


def _uncertainty(scores: Sequence[float]) -> Values | None:
    """Say how the scores of single examples vary. One example does not tell."""
    if len(scores) < 2:
        return None
    deviation = statistics.stdev(scores)
    return {
        "standard_deviation": deviation,
        "standard_error": {"value": deviation / len(scores) ** 0.5, "method": "analytic"},
        "num_samples": len(scores),
    }
