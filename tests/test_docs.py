"""The documentation's code runs, its links lead somewhere, and its tables name what exists."""

import math
import re
import runpy
from pathlib import Path

import pytest

from holdfast.methods.table import markdown_table

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]


def blocks(page: Path) -> list[str]:
    return re.findall(r"```python\n(.*?)```", page.read_text(), re.S)


def test_the_example_of_the_readme_runs_and_is_short(capsys):
    code = blocks(ROOT / "README.md")[0]
    assert len(code.strip().splitlines()) <= 15
    exec(compile(code, "README.md", "exec"), {})
    out = capsys.readouterr().out
    assert re.match(r"backward transfer -0\.\d\d\n\{'0\+1': -?\d", out)


def test_the_tutorial_runs_and_says_what_comes_out(capsys, tmp_path, monkeypatch):
    from holdfast.cli.main import run_cli

    monkeypatch.chdir(tmp_path)
    page = ROOT / "docs" / "tutorial.md"
    exec(compile("\n".join(blocks(page)), "tutorial.md", "exec"), {})
    printed = capsys.readouterr().out
    assert "[ 0. 96.]" in printed  # the collapse
    assert re.search(r"^backward transfer: -0.99$", printed, re.M)
    assert re.search(r"^EWC: -0.9\d$", printed, re.M)
    assert re.search(r"^ER: -0.1\d$", printed, re.M)
    gate = next(line.strip() for line in page.read_text().splitlines() if "holdfast gate" in line)
    with pytest.raises(SystemExit) as ended:
        run_cli(gate.split()[1:])
    assert ended.value.code == 1
    assert capsys.readouterr().out.startswith("fail; worst change: −86.11 points on 0+1+2+3+4")
    assert (tmp_path / "gate" / "verdict.html").exists()


def test_the_loop_of_the_readme_runs():
    import torch

    from holdfast import Learner, parse_method
    from holdfast.models import mlp
    from holdfast.streams import digits, split

    stream = split(digits(), 5, "class")
    model = mlp(stream.shape, "masked", stream.outputs, seed=0)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    learner = Learner(model, parse_method("ER(50) + EWC(1)"), optimizer, scenario="class")
    for task in stream.tasks[:2]:
        learner.begin(task)
        loader = torch.utils.data.DataLoader(
            [task.train.fetch(torch.tensor([k]))[:2] for k in range(len(task.train))],
            16,
            collate_fn=lambda rows: (
                torch.cat([x for x, _ in rows]),
                torch.cat([y for _, y in rows]),
            ),
        )
        exec(
            blocks(ROOT / "README.md")[1],
            {"loader": loader, "optimizer": optimizer, "learner": learner},
        )
        learner.end()
    assert len(learner.method.parts[0].memory) == 50


def test_the_method_of_the_docs_keeps_the_laws():
    from holdfast import check_method

    names: dict[str, type] = {}
    exec(compile(blocks(ROOT / "docs" / "methods.md")[0], "methods.md", "exec"), names)
    check_method(names["PullToStart"](0.1))


def test_the_table_of_methods_is_that_of_their_declarations():
    """If it differs, put in its place what `holdfast methods --markdown` prints."""
    assert markdown_table() in (ROOT / "docs" / "methods.md").read_text()


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    targets = re.findall(r"\]\(([^)#]+?)\)", page.read_text())
    assert [t for t in targets if not t.startswith("http") and not (page.parent / t).exists()] == []


@pytest.mark.parametrize("page", ["CONTRIBUTING.md", "docs/architecture.md"])
def test_files_that_are_named_exist(page):
    """Lists of what a change touches are only useful as long as their files are where they say."""
    named = re.findall(r"`([\w./-]+/[\w./-]*)`", (ROOT / page).read_text())
    roots = (ROOT, ROOT / "src" / "holdfast", ROOT / "src" / "holdfast" / "metrics")
    assert len(named) > 5
    assert [path for path in named if not any((root / path).exists() for root in roots)] == []


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(), re.M)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_links_to_sections_lead_to_a_heading(page):
    links = re.findall(r"\]\(([^)#:]*)#([^)]+)\)", page.read_text())
    lost = [
        f"{target}#{anchor}"
        for target, anchor in links
        if anchor not in anchors(page.parent / target if target else page)
    ]
    assert lost == []


def test_every_public_function_and_class_has_a_docstring():
    import ast

    bare = []
    for path in (ROOT / "src").rglob("*.py"):
        for node in ast.parse(path.read_text()).body:
            public = isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith(
                "_"
            )
            # The function behind overloads has the docstring of all of them.
            overload = public and any(ast.unparse(d) == "overload" for d in node.decorator_list)
            if public and not overload and not ast.get_docstring(node):
                bare.append(f"{path.name}: {node.name}")
    assert bare == []


def test_the_examples_of_planning_and_diagnostics_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "matrix.csv").write_text("trained,A,B,C\nA,,-0.1,0.0\nB,-0.2,,0.1\nC,0.05,0.1,\n")
    for page in ("planning.md", "diagnostics.md"):
        for code in blocks(ROOT / "docs" / page):
            exec(compile(code, page, "exec"), {})


@pytest.mark.filterwarnings("ignore:'pin_memory' argument")  # there is no accelerator
@pytest.mark.parametrize(
    ("page", "examples"),
    [("metrics.md", 1), ("streams.md", 2), ("backbones.md", 1), ("trainer.md", 1)],
)
def test_the_examples_of_pages_run(page, examples, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    for code in blocks(ROOT / "docs" / page)[:examples]:
        exec(compile(code, page, "exec"), names)
    if page == "streams.md":
        matrix = names["run"].matrix
        assert matrix.tasks == ("2026-01", "2026-02")
        # The row of January comes from the first call, so the change since then is known.
        assert not math.isnan(matrix.score("2026-01", after="2026-01"))


@pytest.mark.filterwarnings("ignore::UserWarning")  # random weights learn nothing
def test_the_example_of_classifying_texts_runs_on_a_small_model(tmp_path, monkeypatch):
    transformers = pytest.importorskip("transformers")
    from helpers import save_bert

    monkeypatch.setenv("HOLDFAST_CACHE", str(tmp_path))
    save_bert(tmp_path / "bert", transformers.BertModel)
    code = blocks(ROOT / "docs" / "language-models.md")[0]
    named = code.replace("sentence-transformers/all-MiniLM-L6-v2", str(tmp_path / "bert"))
    assert named != code
    exec(compile(named, "language-models.md", "exec"), {})


@pytest.mark.filterwarnings("ignore::UserWarning")  # random weights learn nothing
def test_the_example_of_teaching_a_language_model_runs_on_a_small_one(tmp_path, capsys):
    pytest.importorskip("transformers")
    example = runpy.run_path(str(ROOT / "examples" / "stages" / "make.py"))
    example["make_model"](tmp_path / "model")
    code = blocks(ROOT / "docs" / "language-models.md")[1]
    named = code.replace("HuggingFaceTB/SmolLM2-135M-Instruct", str(tmp_path / "model"))
    assert named != code
    exec(compile(named, "language-models.md", "exec"), {})
    assert "at least 200 texts" in capsys.readouterr().out


def test_the_examples_of_objectives_run_and_say_what_comes_out(capsys):
    page = ROOT / "docs" / "objectives.md"
    for code in blocks(page):
        exec(compile(code, page.name, "exec"), {})
    said = re.findall(r"```text\n(.*?)```", page.read_text(), re.S)[0]
    # Prices are rounded to whole numbers, whose last digits depend on the machine.
    assert [line[:5] for line in capsys.readouterr().out.splitlines()] == [
        line[:5] for line in said.splitlines()
    ]


def test_the_gate_judges_the_table_that_its_page_makes():
    import numpy as np

    from holdfast.gate import Gate

    class Model:
        def __init__(self, wrong):
            self.wrong = wrong

        def predict_proba(self, x):
            positive = np.where(self.wrong, 1 - x, x)
            return np.column_stack([1 - positive, positive])

    names: dict[str, object] = {}
    exec(compile(blocks(ROOT / "docs" / "gate.md")[0], "gate.md", "exec"), names)
    y = np.arange(1000) % 2
    x = np.where(y, 0.9, 0.1)
    right = names["results"](Model(False), x, y, "cards")
    worse = names["results"](Model(np.arange(1000) < 200), x, y, "cards")
    assert Gate.from_policy("standard").judge(right, right).passed
    assert not Gate.from_policy("standard").judge(right, worse).passed


def test_the_suite_of_the_benchmarks_page_is_one(tmp_path):
    from holdfast.bench.suites import load_suite

    page = (ROOT / "docs" / "benchmarks.md").read_text()
    (tmp_path / "my-suite.toml").write_text(re.findall(r"```toml\n(.*?)```", page, re.S)[0])
    runs = list(load_suite(str(tmp_path / "my-suite.toml")).runs())
    assert len(runs) == 2 * 3 * 5
    assert {config.training.lr for _, config in runs} == {0.01, 0.02}
