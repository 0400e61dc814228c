"""The examples of docs/learner.md."""

import re
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "learner.md"


def test_the_examples_of_the_page_run_one_after_another():
    found = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.S)
    names: dict[str, object] = {}
    for code in found:
        exec(compile(code, PAGE.name, "exec"), names)
    assert len(names["records"]) > 5
