"""Advice: which scenario, architecture and methods fit a problem, and why.

Nothing here needs PyTorch. Where new code belongs:

- `answers`: the questions about a problem, and the facts that follow from the answers.
- `rules.toml`: the rules. New advice goes here, with its reason and its source.
- `rules`: how rules are read, and when one holds.
- `suggestions`: how rules are weighed and turned into methods and commands.
- `audit`: the comparison of training data with serving data.
- `tables`: reading these data from a file.
- `pretrained.py.txt`: the script for pretrained networks that `holdfast advise --script` writes.
"""

from holdfast.advice.answers import Answers
from holdfast.advice.audit import Audit, Missing, audit
from holdfast.advice.rules import Rule, reason, rules
from holdfast.advice.suggestions import (
    SCRIPT,
    Advice,
    Relaxation,
    Suggestion,
    Trial,
    advise,
    pretrained_script,
)
from holdfast.advice.tables import read_table

__all__ = [
    "SCRIPT",
    "Advice",
    "Answers",
    "Audit",
    "Missing",
    "Relaxation",
    "Rule",
    "Suggestion",
    "Trial",
    "advise",
    "audit",
    "pretrained_script",
    "read_table",
    "reason",
    "rules",
]
