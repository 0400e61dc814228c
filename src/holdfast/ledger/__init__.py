"""The ledger: every release's results on every task, and what each release lost."""

from holdfast.ledger.history import Column, History, Loss, history
from holdfast.ledger.records import Judgement, Release
from holdfast.ledger.sides import following, sides
from holdfast.ledger.store import Ledger

__all__ = [
    "Column",
    "History",
    "Judgement",
    "Ledger",
    "Loss",
    "Release",
    "following",
    "history",
    "sides",
]
