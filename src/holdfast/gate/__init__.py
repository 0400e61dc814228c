"""The release gate: may a candidate replace the champion, and what did it forget? Needs no PyTorch."""

from holdfast.gate.judge import Gate
from holdfast.gate.policy import Policy, TaskRule, read_policy, template
from holdfast.gate.reading import Side, read_side
from holdfast.gate.verdict import TaskVerdict, Verdict

__all__ = [
    "Gate",
    "Policy",
    "Side",
    "TaskRule",
    "TaskVerdict",
    "Verdict",
    "read_policy",
    "read_side",
    "template",
]
