"""Saves results with `evaluate.save` of Hugging Face's `evaluate`.

python make_hf_evaluate.py FOLDER
"""

import sys
from pathlib import Path

import evaluate


def main() -> None:
    """Make the files."""
    folder = Path(sys.argv[1])
    # It becomes a part of the files.
    sys.executable = "python"
    evaluate.save(folder / "champion.json", examples=500, accuracy=0.91, f1=0.9)
    evaluate.save(folder / "candidate.json", examples=500, accuracy=0.93, f1=0.91)
    evaluate.save(folder / "without-examples.json", accuracy=0.91)


if __name__ == "__main__":
    main()
