"""Advice: which scenario, which architecture, which methods, and why. Rules are data (`rules.toml`); nothing here needs PyTorch."""

from holdfast.advice.audit import Audit, audit
from holdfast.advice.rules import Advice, Answers, Rule, Suggestion, advise, reason, rules

__all__ = ["Advice", "Answers", "Audit", "Rule", "Suggestion", "advise", "audit", "reason", "rules"]
