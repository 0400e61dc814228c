"""Readers of what evaluation tools write.

You rarely have a table with `task, example_id, score`. You have the folder of an evaluation tool,
and each tool has a form of its own. A reader turns that form into a `Log`, which the gate then
checks and judges like any table. No reader needs the tool itself.

What may be put where:

- `log.py`: what a reader returns (`Log`), and what the user may ask of it (`Wanted`).
- `source.py`: a file or folder before it is known which tool wrote it.
- `json_content.py`, `record_fields.py`, `metric_choice.py`, `rows.py`: what readers share, from
  the text of a JSON file to the rows of a `Log`.
- `recognise.py`: the list of readers, and the choice of one by content or by name.
- every other file: the reader of one tool.
"""

from holdfast.gate.formats.log import NOTHING_WANTED, Log, Scale, Wanted
from holdfast.gate.formats.recognise import read_log

__all__ = ["NOTHING_WANTED", "Log", "Scale", "Wanted", "read_log"]
