"""The ledger: the results of every release of a model, and what each release lost.

Where new code belongs:

- `store`: the class `Ledger`, which users call; each method is one transaction.
- `sides`: the champion and the candidate for the gate, put together from releases.
- `history`: what each release changed and lost; computed from releases, without a database.
- `baselines`: the score that each task is compared with.
- `records`: what a ledger returns, and the checks of names and reasons.
- `entries`: a release or a verdict that is about to be recorded, checked and digested.
- `promises`: the objections to recording results without a reason.
- `columns`: the objections to results that leave out or change a grouping column.
- `content`: the results of a release as bytes, and the scores that are stored beside them.
- `digests`: digests of results and checksums of rows; a change here breaks existing ledgers.
- `transaction`: the statements that read rows, with their checksums.
- `writing`: the statements that insert rows; nothing is ever changed or deleted.
- `stored`: rows as values, before they are read as results or as JSON.
- `tables`: the names of tables and columns.
- `database`: opening an SQLite file or a PostgreSQL server, transactions, and their errors.
- `sqlite_file`: the files of SQLite: read-only opening, copies, the write-ahead log.
- `schema`: the version of the tables, and upgrades to the newest.
- `migrations`: one file for each version of the tables; released ones are never edited.
- `address`: URLs of ledgers, and messages that hide their secrets.
"""

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
