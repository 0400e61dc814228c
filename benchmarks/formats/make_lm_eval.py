"""Runs lm-evaluation-harness offline, with its model `dummy`, on three tiny tasks.

    python make_lm_eval.py FOLDER

FOLDER gets `champion` and `candidate`, which differ by the seed of the model's random answers, and
`one-shot`, whose prompts have an example. The tasks show what logs of the harness have: `colours`
two metrics, `sums` two filters of each answer, and `prose` a metric with two values per document.
"""

import json
import subprocess
import sys
from pathlib import Path

COLOURS = {
    "nature": [("The sky is", "blue"), ("Grass is", "green"), ("Snow is", "white")],
    "food": [("A lemon is", "yellow"), ("A cherry is", "red"), ("Milk is", "white")],
    "art": [("A mix of red and white is", "pink"), ("A mix of blue and yellow is", "green")],
}
CHOICES = ["blue", "green", "white", "yellow", "red", "pink"]
SUMS = [(3, 4), (10, 5), (8, 8), (20, 1)]
PROSE = ["The gate is open.", "The old wall stands on the hill."]

TASKS = {
    "colours": """
output_type: multiple_choice
doc_to_text: "Question: {{question}}\\nAnswer:"
doc_to_choice: choices
doc_to_target: answer
metric_list:
  - metric: acc
  - metric: acc_norm
metadata: {version: 1.0}
""",
    "sums": """
output_type: generate_until
doc_to_text: "{{question}}"
doc_to_target: "{{answer}}"
generation_kwargs: {until: ["\\n"]}
filter_list:
  - name: strict-match
    filter:
      - {function: regex, regex_pattern: "(-?[0-9]+)$"}
      - {function: take_first}
  - name: flexible-extract
    filter:
      - {function: regex, group_select: -1, regex_pattern: "(-?[0-9]+|l[a-z]*)"}
      - {function: take_first}
metric_list:
  - metric: exact_match
metadata: {version: 3.0}
""",
    "prose": """
output_type: loglikelihood_rolling
doc_to_text: ""
doc_to_target: "{{text}}"
metric_list:
  - metric: word_perplexity
metadata: {version: 2.0}
""",
}
# The model `dummy` answers "lol" to everything.
WRONG_SUMS = {"What does one write after a joke?": "lol"}


def documents() -> dict[str, list[dict[str, object]]]:
    """The documents of each task."""
    colours = [
        {"question": question, "choices": CHOICES, "answer": CHOICES.index(colour), "subject": name}
        for name, questions in COLOURS.items()
        for question, colour in questions
    ]
    sums = [{"question": f"What is {a} + {b}?", "answer": str(a + b)} for a, b in SUMS]
    sums += [{"question": question, "answer": answer} for question, answer in WRONG_SUMS.items()]
    return {"colours": colours, "sums": sums, "prose": [{"text": text} for text in PROSE]}


def write_tasks(folder: Path) -> None:
    """Write the tasks in the harness's own format, next to their documents."""
    for task, rows in documents().items():
        lines = "".join(json.dumps(row) + "\n" for row in rows)
        (folder / f"{task}.jsonl").write_text(lines)
        files = f"dataset_path: json\ndataset_kwargs: {{data_files: {{test: {task}.jsonl}}}}\n"
        head = f"task: {task}\n{files}test_split: test\nfewshot_split: test"
        (folder / f"{task}.yaml").write_text(head + TASKS[task])


def evaluate(out: Path, tasks: str, seed: int, *options: str) -> None:
    """Run the harness as its users do."""
    command = [sys.executable, "-m", "lm_eval", "--model", "dummy", "--include_path", "."]
    command += ["--model_args", "pretrained=random", "--tasks", tasks, "--seed", str(seed)]
    command += ["--log_samples", "--output_path", str(out), *options]
    subprocess.run(command, check=True)


def main() -> None:
    """Make the logs."""
    folder = Path(sys.argv[1])
    write_tasks(Path.cwd())
    evaluate(folder / "champion", "colours,sums,prose", 1)
    evaluate(folder / "candidate", "colours,sums,prose", 2)
    evaluate(folder / "one-shot", "colours", 1, "--num_fewshot", "1", "--limit", "3")


if __name__ == "__main__":
    main()
