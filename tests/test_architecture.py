"""Imports point one way, and light commands stay light."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

SRC = Path(__file__).parents[1] / "src" / "holdfast"
ALLOWED = {  # layer → what it may import
    "errors": set(),
    "text": set(),
    "files": {"errors"},
    "validation": {"errors"},
    "settings": {"errors", "validation"},
    "named_inputs": {"errors"},
    "own_code": {"errors"},
    "advice": {"errors"},
    "gate": {"errors", "metrics"},
    "ledger": {"errors", "metrics", "gate"},
    "metrics": {"errors"},
    "planning": {"errors", "metrics"},
    "results": {"errors", "metrics"},
    "reports": {"errors", "metrics", "results", "gate", "ledger", "planning"},
    "models": {"errors"},
    "streams": {"errors"},
    "engine": {"errors", "streams", "models"},
    "methods": {"errors", "advice", "streams", "models", "engine"},
    "training": {"errors", "metrics", "results", "streams", "models", "engine", "methods"},
    "checks": {"errors", "streams", "models", "engine", "methods", "training"},
    "diagnostics": {"errors", "metrics", "streams", "models", "engine", "methods", "training"},
    "runs": {
        "errors",
        "diagnostics",
        "metrics",
        "results",
        "streams",
        "models",
        "engine",
        "methods",
        "training",
    },
    "bench": {
        "errors",
        "diagnostics",
        "methods",
        "metrics",
        "planning",
        "results",
        "runs",
        "training",
    },
    "staging": {
        "errors",
        "metrics",
        "planning",
        "results",
        "runs",
        "streams",
        "models",
        "engine",
        "methods",
        "training",
        "diagnostics",
    },
    "integrations": {"errors", "metrics", "gate", "reports"},
    # A Trainer of another library trains with the learner, so it needs what the learner needs.
    "integrations/transformers": {
        "errors",
        "integrations",
        "streams",
        "models",
        "engine",
        "methods",
        "training",
    },
    "cli": {
        "errors",
        "advice",
        "planning",
        "diagnostics",
        "gate",
        "ledger",
        "integrations",
        "metrics",
        "results",
        "reports",
        "runs",
        "bench",
        "staging",
        "checks",
        "methods",
    },
}
LEAVES = {"text", "files", "validation", "settings", "own_code"}  # every layer may use them
# Every layer that needs PyTorch may use it: what inputs of several tensors are.
TORCH_LEAVES = {"named_inputs"}
NO_TORCH = (
    "planning",
    "errors",
    "advice",
    "gate",
    "ledger",
    "integrations",
    "metrics",
    "results",
    "reports",
    "cli",
)
HEAVY = ("torch", "scipy", "pandas", "matplotlib")


def layer(path: Path) -> str:
    parts = path.relative_to(SRC).parts
    if "/".join(parts[:2]) in ALLOWED:
        return "/".join(parts[:2])
    return parts[0].removesuffix(".py")


def imports(path: Path):
    """Modules imported in a file, those inside functions and for type checkers included."""
    for node in ast.walk(ast.parse(path.read_text())):
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
            leaves = LEAVES if mine in NO_TORCH else LEAVES | TORCH_LEAVES
            assert parts[1] == mine or parts[1] in ALLOWED[mine] | leaves, (
                f"{path.name} imports {module}"
            )
        if parts[0] == "torch" and mine in NO_TORCH:
            assert path.name == "work.py", (
                f"{path} imports torch"
            )  # the CLI asks torch about the device, inside a function


def loaded(code: str) -> set[str]:
    names = (*HEAVY, "numpy")
    script = f"{code}\nimport sys\nprint('LOADED', *[m for m in {names!r} if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    return set(done.stdout.splitlines()[-1].split()[1:])


def test_import_holdfast_loads_nothing_heavy():
    assert not loaded("import holdfast") & set(HEAVY)


def test_the_package_shows_and_has_all_of_its_names():
    import holdfast

    assert set(holdfast.__all__) <= set(dir(holdfast))
    for name in holdfast.__all__:
        assert getattr(holdfast, name) is not None


def test_the_plugin_of_pytest_loads_nothing_heavy():
    # Every run of pytest loads it, also of projects that only have Holdfast installed.
    code = "import sys, holdfast.integrations.pytest_gate\nassert 'pydantic' not in sys.modules"
    assert not loaded(code)


def test_help_loads_nothing_heavier_than_numpy():
    code = """
from holdfast.cli.main import run_cli
try:
    run_cli(["--help"])
except SystemExit as ending:
    assert not ending.code
"""
    assert not loaded(code) & set(HEAVY)


def test_metrics_and_reports_load_no_torch():
    assert "torch" not in loaded(
        "import holdfast.metrics, holdfast.results, holdfast.reports, holdfast.reports.figures"
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


def modules_of(path: Path) -> set[str]:
    """The files of the package that a file imports when it is loaded, by module name.

    Imports inside functions are left out: they run later, so they make no circle.
    """
    found = set()
    for node in ast.parse(path.read_text()).body:
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            for inner in node.body:
                if isinstance(inner, ast.ImportFrom) and inner.module:
                    names.append(inner.module)
        found |= {name for name in names if name in MODULES}
    return found


def module_name(path: Path) -> str:
    return ".".join(["holdfast", *path.relative_to(SRC).with_suffix("").parts])


MODULES = {module_name(path) for path in FILES if path.name != "__init__.py"}


def test_no_file_imports_itself_through_others():
    waiting = {module_name(p): modules_of(p) for p in FILES if p.name != "__init__.py"}
    # Take away what imports nothing that is left, until nothing can be taken away.
    while free := [name for name, imported in waiting.items() if not imported & waiting.keys()]:
        for name in free:
            del waiting[name]
    assert sorted(waiting) == []


def test_methods_do_not_know_the_learner():
    for path in FILES:
        if layer(path) in ("engine", "methods"):
            assert not any("training" in module for module in imports(path)), path


def test_nobody_reaches_into_a_learner():
    private = re.compile(r"\b(?:learner|view|state|setup)\._(?!version)[a-z]")
    found = [
        f"{path.relative_to(SRC)}:{number}"
        for path in FILES
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if private.search(line)
    ]
    assert found == []


def test_the_learner_stays_small():
    from holdfast.training import Learner

    public = [name for name in vars(Learner) if not name.startswith("_")]
    assert len(public) <= 13, public
    assert len((SRC / "training" / "learner.py").read_text().splitlines()) <= 250


LONGEST_FILE = 350  # lines
LONGEST_METHOD = 180  # half of which are the paper, the equation and the meaning of the arguments


def test_files_stay_short():
    too_long = {}
    for path in FILES:
        is_method = "methods" in path.parts and path.stem not in ("method", "compose", "view")
        lines = len(path.read_text().splitlines())
        if lines > (LONGEST_METHOD if is_method else LONGEST_FILE):
            too_long[str(path.relative_to(SRC))] = lines
    assert too_long == {}
