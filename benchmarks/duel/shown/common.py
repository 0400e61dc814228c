"""Small files of both models, as evaluation tools write them, and commands on them."""

import csv
import json
import subprocess
import sys
import sysconfig
from pathlib import Path

N = 400
CHAMPION = [1.0] * 360 + [0.0] * 40
WORSE = [1.0] * 280 + [0.0] * 120  # 20 points lower
UNCLEAR = [0.0] * 12 + [1.0] * 348 + [0.0] * 36 + [1.0] * 4  # two points lower, which shows nothing
CLUSTERS = [k // 20 for k in range(N)]


def run(command: str, *arguments: object) -> subprocess.CompletedProcess:
    """Run a command of the tool, from the scripts of its environment."""
    script = Path(sysconfig.get_path("scripts")) / command
    return subprocess.run(
        [sys.executable, script, *map(str, arguments)], capture_output=True, text=True
    )


def table(path: Path, columns: dict[str, list]) -> Path:
    """Write a CSV file."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))
    return path


def lines(path: Path, rows: list[dict]) -> Path:
    """Write JSON lines."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def lm_eval(folder: Path, scores: list[float], model: str) -> Path:
    """Write samples as lm-evaluation-harness does with --log_samples."""
    home = folder / model
    home.mkdir()
    rows = [
        {
            "doc_id": k,
            "doc": {"question": f"q{k}"},
            "target": "a",
            "arguments": {"gen_args_0": {"arg_0": f"q{k}"}},
            "resps": [["a"]],
            "filtered_resps": ["a"],
            "filter": "none",
            "metrics": ["acc"],
            "doc_hash": f"d{k}",
            "prompt_hash": f"p{k}",
            "target_hash": f"t{k}",
            "acc": score,
        }
        for k, score in enumerate(scores)
    ]
    return lines(home / "samples_arc_easy_2026-11-20T10-00-00.000000.jsonl", rows)


def inspect_log(folder: Path, scores: list[float], model: str) -> Path:
    """Write a log as inspect-ai does with `--log-format json`."""
    samples = [
        {
            "id": k + 1,
            "epoch": 1,
            "input": f"q{k}",
            "target": "a",
            "metadata": {},
            "scores": {"match": {"value": "C" if score else "I", "answer": "a"}},
        }
        for k, score in enumerate(scores)
    ]
    log = {
        "version": 2,
        "status": "success",
        "eval": {
            "eval_id": model,
            "run_id": model,
            "created": "2026-11-20T10:00:00+00:00",
            "task": "arc",
            "task_id": "arc",
            "task_version": 0,
            "model": f"mockllm/{model}",
            "dataset": {"name": "arc", "samples": len(scores), "shuffled": False},
            "config": {"epochs": 1},
        },
        "plan": {"name": "plan", "steps": []},
        "results": {"total_samples": len(scores), "completed_samples": len(scores), "scores": []},
        "stats": {},
        "samples": samples,
    }
    path = folder / f"{model}.json"
    path.write_text(json.dumps(log), encoding="utf-8")
    return path


def promptfoo(folder: Path, scores: list[float], model: str) -> Path:
    """Write results as `promptfoo eval -o results.json` does."""
    rows = [
        {
            "id": f"{model}-{k}",
            "promptIdx": 0,
            "testIdx": k,
            "testCase": {"vars": {"q": f"q{k}"}},
            "promptId": "p",
            "provider": {"id": "echo", "label": ""},
            "prompt": {"raw": f"q{k}", "label": "{{q}}"},
            "vars": {"q": f"q{k}"},
            "response": {"output": "a"},
            "error": None,
            "failureReason": 0 if score else 1,
            "success": bool(score),
            "score": score,
            "latencyMs": 5,
            "gradingResult": {"pass": bool(score), "score": score, "reason": ""},
            "namedScores": {},
        }
        for k, score in enumerate(scores)
    ]
    results = {"version": 3, "timestamp": "2026-11-20T10:00:00Z", "results": rows, "stats": {}}
    path = folder / f"{model}.json"
    path.write_text(json.dumps({"evalId": "e", "results": results, "config": {}}), "utf-8")
    return path
