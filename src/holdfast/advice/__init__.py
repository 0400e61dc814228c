"""Advice: which scenario, which architecture, which methods, and why. Rules are data (`rules.toml`); nothing here needs PyTorch."""

from holdfast.advice.audit import Audit, audit
from holdfast.advice.rules import (
    SCRIPT,
    Advice,
    Answers,
    Rule,
    Suggestion,
    advise,
    pretrained_script,
    reason,
    rules,
)

__all__ = [
    "SCRIPT",
    "Advice",
    "Answers",
    "Audit",
    "Rule",
    "Suggestion",
    "advise",
    "audit",
    "pretrained_script",
    "reason",
    "rules",
]
