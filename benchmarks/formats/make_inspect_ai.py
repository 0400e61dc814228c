"""Runs inspect-ai offline, with its model `mockllm/model`, and keeps its logs.

    python make_inspect_ai.py FOLDER

FOLDER gets `champion.eval` (compressed with Zstandard, as inspect-ai writes by default),
`candidate.json`, `errors.json`, in which one sample failed, `failed.json`, which ended in an error,
and `folder` with the logs of two tasks. Each question is asked in two epochs. One score of the
candidate is NaN.
"""

import shutil
import sys
from pathlib import Path

from inspect_ai import Task, task
from inspect_ai import eval as evaluate
from inspect_ai.dataset import Sample
from inspect_ai.model import ModelOutput, ModelUsage, get_model
from inspect_ai.scorer import Score, accuracy, match, mean, scorer
from inspect_ai.solver import TaskState, generate

COLOURS = {"sky": "blue", "grass": "green", "snow": "white", "cherry": "red"}
SUBJECTS = {"sky": "nature", "grass": "nature", "snow": "nature", "cherry": "food"}


@scorer(metrics={"length": [mean()], "short": [accuracy()]})
def style():
    """Score two things at once, so that the value of a score is an object."""

    async def score(state: TaskState, target: object) -> Score:
        length = len(state.output.completion)
        # No answer has no style.
        short = float("nan") if not length else float(length < 6)
        return Score(value={"length": length, "short": short})

    return score


@task
def colours(samples: int = 4):
    """Ask for the colours of things."""
    things = list(COLOURS)[:samples]
    dataset = [
        Sample(
            id=thing,
            input=f"What colour is {thing}?",
            target=COLOURS[thing],
            metadata={"subject": SUBJECTS[thing]},
        )
        for thing in things
    ]
    return Task(dataset=dataset, solver=generate(), scorer=[match(), style()], version=3)


@task
def sums():
    """Ask for sums."""
    dataset = [Sample(id=a, input=f"What is {a} + 1?", target=str(a + 1)) for a in range(1, 4)]
    return Task(dataset=dataset, solver=generate(), scorer=match())


def model(answers: dict[str, str]):
    """A model that knows some answers. It says nothing to other questions, and fails at "fail"."""

    def answer(messages, *_) -> ModelOutput:
        question = messages[-1].text
        known = [words for thing, words in answers.items() if thing in question]
        text = (known or [""])[0]
        if text == "fail":
            raise RuntimeError("the provider is down")
        output = ModelOutput.from_content("mockllm/model", text)
        output.usage = ModelUsage(input_tokens=6, output_tokens=len(text), total_tokens=6)
        return output

    return get_model("mockllm/model", custom_outputs=answer, memoize=False)


def run(out: Path, what: Task, answers: dict[str, str], form: str, **options: object) -> None:
    """Evaluate a task, and keep its log as a file or in a folder."""
    folder = Path("logs") / out.name
    evaluate(
        what, model=model(answers), log_dir=str(folder), log_format=form, display="none", **options
    )
    (log,) = folder.iterdir()
    if out.suffix:
        shutil.copy(log, out)
    else:
        out.mkdir(parents=True, exist_ok=True)
        shutil.copy(log, out)
    shutil.rmtree(folder)


def main() -> None:
    """Make the logs."""
    out = Path(sys.argv[1])
    old = {"sky": "blue", "grass": "green", "snow": "white", "cherry": "blue", " 2 +": "3"}
    new = {"sky": "blue", "grass": "green", "snow": "", "cherry": "red"}
    down = new | {"grass": "fail"}
    run(out / "champion.eval", colours(), old, "eval", epochs=2)
    run(out / "candidate.json", colours(), new, "json", epochs=2)
    run(out / "errors.json", colours(), down, "json", epochs=2, fail_on_error=False)
    run(out / "failed.json", colours(), down, "json")
    run(out / "folder", colours(samples=2), old, "eval")
    run(out / "folder", sums(), old, "eval")


if __name__ == "__main__":
    main()
