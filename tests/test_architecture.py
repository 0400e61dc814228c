"""Imports point one way, and light commands stay light."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

SRC = Path(__file__).parents[1] / "src" / "holdfast"
ALLOWED = {  # layer → what it may import
    "errors": set(),
    "text": set(),
    "files": {"errors"},
    "advice": {"errors"},
    "gate": {"errors", "metrics"},
    "ledger": {"errors", "metrics", "gate"},
    "metrics": {"errors"},
    "planning": {"errors", "metrics"},
    "reports": {"errors", "metrics"},
    "models": {"errors"},
    "streams": {"errors"},
    "engine": {"errors", "streams", "models"},
    "methods": {"errors", "advice", "streams", "models", "engine"},
    "training": {"errors", "metrics", "streams", "models", "engine", "methods"},
    "checks": {"errors", "streams", "models", "engine", "methods", "training"},
    "diagnostics": {"errors", "metrics", "streams", "models", "engine", "methods", "training"},
    "bench": {
        "errors",
        "planning",
        "diagnostics",
        "metrics",
        "streams",
        "models",
        "engine",
        "methods",
        "training",
    },
    "integrations": {"errors", "metrics", "gate", "reports"},
    "cli": {
        "errors",
        "advice",
        "planning",
        "diagnostics",
        "gate",
        "ledger",
        "integrations",
        "metrics",
        "reports",
        "bench",
        "methods",
    },
}
LEAVES = {"text", "files"}  # every layer may use them
NO_TORCH = (
    "planning",
    "errors",
    "advice",
    "gate",
    "ledger",
    "integrations",
    "metrics",
    "reports",
    "cli",
)
HEAVY = ("torch", "scipy", "pandas", "matplotlib")


def layer(path: Path) -> str:
    return path.relative_to(SRC).parts[0].removesuffix(".py")


def imports(path: Path, everywhere: bool = True):
    """Modules imported in a file, those for type checkers alone left out."""
    tree = ast.parse(path.read_text())
    skip = {
        id(n)
        for i in ast.walk(tree)
        if isinstance(i, ast.If) and "TYPE_CHECKING" in ast.unparse(i.test)
        for n in ast.walk(i)
    }
    for node in ast.walk(tree) if everywhere else tree.body:
        if id(node) in skip:
            continue
        if isinstance(node, ast.Import):
            yield from (a.name for a in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


FILES = sorted(p for p in SRC.rglob("*.py") if p != SRC / "__init__.py")


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(SRC)))
def test_imports_point_one_way(path):
    mine = layer(path)
    for module in imports(path):
        parts = module.split(".")
        if parts[0] == "holdfast" and len(parts) > 1:
            assert parts[1] == mine or parts[1] in ALLOWED[mine] | LEAVES, (
                f"{path.name} imports {module}"
            )
        if parts[0] == "torch" and mine in NO_TORCH:
            assert path.name == "work.py", (
                f"{path} imports torch"
            )  # the CLI asks torch about the device, inside a function


def loaded(code: str) -> set[str]:
    script = f"{code}\nimport sys\nprint('LOADED', *[m for m in {HEAVY!r} + ('numpy',) if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    return set(done.stdout.splitlines()[-1].split()[1:])


def test_import_holdfast_loads_nothing_heavy():
    assert not loaded("import holdfast") & set(HEAVY)


def test_help_loads_nothing_heavier_than_numpy():
    code = "from holdfast.cli.main import run_cli\ntry:\n    run_cli(['--help'])\nexcept SystemExit as e:\n    assert not e.code"
    assert not loaded(code) & set(HEAVY)


def test_metrics_and_reports_load_no_torch():
    assert "torch" not in loaded(
        "import holdfast.metrics, holdfast.reports, holdfast.reports.figures"
    )


WITHOUT_TORCH = """
import sys
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.split('.')[0] in ('torch', 'safetensors', 'joblib', 'datasets'):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Refuse())
from holdfast.cli.main import run_cli
run_cli(sys.argv[1:])
"""


def test_without_the_training_extra_metrics_work_and_training_names_the_extra(tmp_path):
    (tmp_path / "m.csv").write_text("task,after,score\na,a,0.9\na,b,0.6\nb,b,0.8\n")

    def run(*arguments):
        return subprocess.run(
            [sys.executable, "-c", WITHOUT_TORCH, *arguments], capture_output=True, text=True
        )

    done = run("metrics", str(tmp_path / "m.csv"))
    assert done.returncode == 0, done.stderr
    assert "-0.3000" in done.stdout
    done = run("run", "--out", str(tmp_path / "o"))
    assert done.returncode == 2
    assert "pip install '.[train]'" in done.stderr
    assert "Traceback" not in done.stderr


def test_files_stay_short():
    methods = [
        p for p in FILES if "methods" in p.parts and p.stem not in ("method", "compose", "__init__")
    ]
    assert [str(p) for p in methods if len(p.read_text().splitlines()) > 100] == []
