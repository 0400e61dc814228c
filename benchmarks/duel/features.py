"""What each tool offers: shown by running it, or absent from its sources.

A cell says "yes" or "in part" if the function of `duel/shown` for it works. It says "–" if the tool
has no such function and its installed sources and description do not match the pattern of the
feature, or if what matches was read and is something else, as `READ` says.
"""

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from duel.tools import HOLDFAST, TOOLS, Tool

YES, PARTLY, ABSENT = "yes", "in part", "–"


@dataclass(frozen=True)
class Feature:
    """A row of the table.

    Args:
        title: What the page calls it.
        pattern: What sources that have it would contain.
    """

    title: str
    pattern: str


FEATURES = {
    "tasks": Feature("several tasks in one decision", r"\btasks: (dict|Mapping|list)|per_task"),
    "forgetting": Feature(
        "what a task lost since it was learnt", r"forgetting|backward.transfer|since.it.was.learn"
    ),
    "drift": Feature(
        "limits the loss over a history of releases",
        r"cumulative.(drop|loss|regression|change)|release.(history|ledger)",
    ),
    "segments": Feature("segments of a test set", r"segments?\b|subgroup|per_tag|group_by\b"),
    "correction": Feature(
        "correction for several comparisons", r"\bholm\b|bonferroni|benjamini|tarone|multipletests"
    ),
    "waivers": Feature("waivers with a reason and an end", r"\bwaive"),
    "clusters": Feature("clusters of examples", r"cluster_(id|robust|bootstrap)|\bclusters\b"),
    "inconclusive": Feature("a verdict “inconclusive”", r"inconclusive|unresolved:"),
    "planning": Feature(
        "sample size planning",
        r"required_(n\b|sample)|min(imum)?_detectable|\bmde\b|power.analysis",
    ),
    "looks": Feature(
        "sequential looks",
        r"always.valid\b|confidence.sequence|alpha.spending|group.sequential|sprt\b",
    ),
    "lm_eval_logs": Feature("reads logs of lm-evaluation-harness", r"(?<!l)lm[-_ ]eval"),
    "inspect_logs": Feature("reads logs of inspect-ai", r"inspect[-_ ]ai\b|inspect.log"),
    "promptfoo_logs": Feature("reads results of promptfoo", r"promptfoo"),
    "metrics": Feature("judges AUC, F1 or RMSE", r"roc_auc|\bf1_score|\brmse\b|macro_f1"),
    "costs": Feature("rules on latency or cost", r"max_(latency|cost|mean_cost)|latency"),
    "exit_code": Feature("a command whose exit code decides", r"sys\.exit|Exit\(|exit_code"),
    "junit": Feature("JUnit report", r"junit|testsuite"),
    "html": Feature("HTML report", r"<html|to_html|save_html|\.html['\"]"),
    "registry": Feature(
        "moves a model's alias in a registry", r"registered_model_alias|model_registry|champion@"
    ),
    "levels": Feature("publishes simulated error levels", r"monte.carlo|simulat(ed|ion)"),
}

# What matches a pattern was read, and is not the feature.
READ: dict[str, dict[str, str]] = {
    "evalsig": {
        "segments": "A comment names subgroups as a reason for corrections.",
        "inspect_logs": "Its reader looks for `score` in a sample, where inspect-ai writes "
        "`scores`, and refuses the log.",
    },
    "illate_parity": {
        "metrics": "It prints macro-F1 and does not judge it.",
        "costs": "It prints latencies and does not judge them.",
    },
    "toolkit_eval_harness": {"metrics": "Its F1 is the score of one answer, by words."},
    "evalstats": {
        "forgetting": "The word is in a comment only.",
        "segments": "The words are in a comment and in a plot.",
        "inspect_logs": "It names such logs as data of its simulations.",
        "costs": "It draws trade-offs of a score and a cost, without a rule.",
        "exit_code": "Its exit codes tell mistakes of the user.",
        "html": "A comment names a file.",
    },
    "errorbars": {
        "segments": "An inner function has a similar name.",
        "exit_code": "Its exit codes tell mistakes of the user.",
    },
    "regressgate": {"planning": "Its description announces it."},
    "mlflow": {
        "forgetting": "Prompts of its judges use the word.",
        "segments": "The word is used for parts of paths and in demo data.",
        "clusters": "They are clusters of machines, or of traces.",
        "inconclusive": "A constant for endpoints has a similar name.",
        "exit_code": "The validation raises an exception in Python, and no command runs it.",
        "html": "Other parts write HTML.",
        "levels": "It simulates conversations.",
    },
    "evidently": {"junit": "A class is called `TestSuite`."},
    "deepchecks": {"exit_code": "It is the exit code of a window."},
}


def check(tools: Path, work: Path, environment: Callable[[Tool], dict[str, str]]) -> None:
    """Check the features of all tools, and keep what was found."""
    for tool in judged_once():
        package = tool.package or "holdfast"
        module = package.replace("-", "_")
        python = tool.python(tools) if tool.package else sys.executable
        asked = {key: feature.pattern for key, feature in FEATURES.items()}
        arguments = [module, package, json.dumps(asked), work / f"features_{module}.json"]
        command = [python, "-m", "duel.run_shown", *arguments]
        subprocess.run(command, check=True, env=environment(tool))


def judged_once() -> list[Tool]:
    """The tools, without further ways to use one of them and without the plain rule."""
    seen = set()
    tools = []
    for tool in TOOLS:
        if (tool.package or tool.name == HOLDFAST) and tool.package not in seen:
            seen.add(tool.package)
            tools.append(tool)
    return tools
