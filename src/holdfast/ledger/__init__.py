"""The ledger: every release's results on every task, and what each release lost. Needs no PyTorch."""

from holdfast.ledger.history import History, Loss, following, history, sides
from holdfast.ledger.store import Judgement, Ledger, Release

__all__ = ["History", "Judgement", "Ledger", "Loss", "Release", "following", "history", "sides"]
