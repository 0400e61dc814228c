"""The release gate: may a candidate replace the champion, and what did it forget? Needs no PyTorch."""

from holdfast.gate.judge import Gate, TaskVerdict, Verdict
from holdfast.gate.policy import Policy, TaskRule, read_policy, template

__all__ = ["Gate", "Policy", "TaskRule", "TaskVerdict", "Verdict", "read_policy", "template"]
