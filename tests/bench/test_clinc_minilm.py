"""The page of the study on MiniLM says what its figures say."""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

from clinc_minilm_page import headline, page

RESULTS = Path(__file__).parents[2] / "benchmarks" / "results"


def test_the_page_is_what_the_figures_give():
    figures = json.loads((RESULTS / "clinc-minilm.json").read_text())
    assert (RESULTS / "clinc-minilm.md").read_text() == page(figures)


def test_the_first_line_follows_the_figures():
    rows = [
        {"network": network, "scenario": "class", "method": method, "accuracy": [score]}
        | {"seconds": [1.0]}
        for network, method, score in (
            ("frozen", "NCM", 90.0),
            ("frozen", "Joint", 99.0),
            ("fine-tuned", "ER", 80.0),
        )
    ]
    assert headline(rows).startswith("**Freeze the encoder and use NCM.")
    better = [*rows, rows[2] | {"method": "OLoRA", "accuracy": [95.0]}]
    assert headline(better).startswith("**Fine-tune the encoder with OLoRA")
    assert "both networks are needed" in headline(rows[:2])
