"""Runs HELM offline, with its model `simple/model1`, on a tiny scenario.

    python make_helm.py FOLDER

FOLDER gets the run folders `champion` and `candidate`, which answer with the last and with the
first word of a question, `perturbed`, in which one question is asked in lower case as well and with
two sets of examples, and `one-shot`, whose prompts have one example instead of two.
"""

import shutil
import sys
from pathlib import Path

from helm.benchmark.adaptation.common_adapter_specs import get_generation_adapter_spec
from helm.benchmark.metrics.common_metric_specs import get_basic_metric_specs
from helm.benchmark.run import main as run_helm
from helm.benchmark.run_spec import RunSpec, run_spec_function
from helm.benchmark.scenarios.scenario import (
    CORRECT_TAG,
    Input,
    Instance,
    Output,
    Reference,
    Scenario,
    ScenarioSpec,
)
from helm.clients.simple_client import SimpleClient

QUESTIONS = {"green or Blue": "Blue", "red or White": "White", "pink or Red": "pink"}
EXAMPLES = {"grey or Black": "Black", "gold or Green": "gold", "brown or Red": "brown"}
ENTRIES = {
    "champion": "colours:model=simple/model1",
    "candidate": "colours:model=simple/model1",
    "perturbed": "colours:model=simple/model1,data_augmentation=lower,num_train_trials=2",
    "one-shot": "colours:model=simple/model1,max_train_instances=1",
}
# Files that the gate does not read.
UNREAD = ("stats.json", "scenario.json")


class ColourScenario(Scenario):
    """Asks which of two words is a colour."""

    name = "colours"
    description = "Which of two colours?"
    tags = ["question answering"]

    def get_instances(self, output_path: str) -> list[Instance]:
        """Make the questions."""
        return [
            Instance(
                input=Input(text=question),
                references=[Reference(Output(text=answer), tags=[CORRECT_TAG])],
                split=split,
                sub_split=answer.lower()[0],
            )
            for split, questions in (("train", EXAMPLES), ("test", QUESTIONS))
            for question, answer in questions.items()
        ]


@run_spec_function("colours")
def colours() -> RunSpec:
    """Ask for a word."""
    adapter = get_generation_adapter_spec(
        instructions="Choose.", input_noun=None, output_noun=None, max_train_instances=2
    )
    return RunSpec(
        name="colours",
        scenario_spec=ScenarioSpec(class_name="__main__.ColourScenario"),
        adapter_spec=adapter,
        metric_specs=get_basic_metric_specs(["exact_match", "quasi_exact_match"]),
        groups=["colours"],
    )


def first_word(client: SimpleClient, request: dict[str, object]) -> dict[str, object]:
    """Answer with the first word of the last line."""
    return {"completions": [str(request["prompt"]).strip().splitlines()[-1].split()[0]]}


def main() -> None:
    """Make the runs."""
    last_word = SimpleClient.invoke_model
    for name, entry in ENTRIES.items():
        SimpleClient.invoke_model = first_word if name == "candidate" else last_word
        config = Path(f"{name}.conf")
        config.write_text(f'entries: [{{description: "{entry}", priority: 1}}]\n')
        sys.argv[2:] = ["--conf-paths", str(config), "--suite", name, "--output-path", name]
        # The place of the answers differs, because HELM keeps them to answer equal prompts.
        sys.argv[2:] += ["--local-path", f"{name}-env"]
        sys.argv[2:] += ["--max-eval-instances", "1" if name == "perturbed" else "3"]
        out = Path(sys.argv.pop(1))
        run_helm()
        sys.argv.insert(1, str(out))
        (run,) = (path for path in Path(name, "runs", name).iterdir() if "colours" in path.name)
        shutil.copytree(run, out / name / run.name, ignore=shutil.ignore_patterns(*UNREAD))


if __name__ == "__main__":
    main()
