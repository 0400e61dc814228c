import runpy
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "stages" / "make.py"


@pytest.fixture(scope="session")
def example(tmp_path_factory) -> Path:
    """Three small tasks, general text and a small model of one token per character."""
    folder = tmp_path_factory.mktemp("stages")
    runpy.run_path(str(EXAMPLE))["make"](folder)
    return folder
