"""The ledger: every release's results on every task, and what each release lost. Needs no PyTorch."""

from holdfast.ledger.history import History, Loss, history, learnt_scores
from holdfast.ledger.store import Ledger, Release

__all__ = ["History", "Ledger", "Loss", "Release", "history", "learnt_scores"]
