"""Reading the results of one model from any source.

What may be put where:

- `sides.py`: `read_side`, and the checked results of one model. Files of evaluation tools are
  read by `holdfast.gate.formats`.
- `raw_table.py`: a table before it is checked, and the names of its columns.
- `files.py`: files by their ending, compression, text encoding, Parquet.
- `csv_files.py`: the layouts of CSV.
- `json_files.py`: the layouts of JSON and JSON lines.
- `dataframes.py`: tables of pandas and of libraries that speak Arrow.
- `values.py`: values of any type as text or numbers.
- `column_names.py`: the names of columns, and those that are missing.
- `checks.py`: what the columns must hold, and how they fit together.
- `matrices.py`: accuracy matrices as results.
- `repeats.py`: several scores of one example.
"""

from holdfast.gate.reading.sides import Side, read_results, read_side, scores_of

__all__ = ["Side", "read_results", "read_side", "scores_of"]
