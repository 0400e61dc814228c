"""The package declares what it imports, and works without what its extras bring.

`make dist-check` builds it, installs it in fresh environments, and measures what it takes there.
"""

import ast
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import holdfast
from holdfast.errors import EXTRAS

ROOT = Path(__file__).parents[1]
SRC = ROOT / "src" / "holdfast"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
IMPORTED_AS = {"pillow": "PIL", "scikit-learn": "sklearn", "mlflow-skinny": "mlflow"}
# By a package that needs them itself.
BROUGHT = {"click": "typer", "pydantic_core": "pydantic", "typing_extensions": "pydantic"}
BROUGHT["huggingface_hub"] = "transformers"
GIVEN = {
    "polars",
    "lightning",
    "transformers",
    "pytest",
}  # imported only if the user hands over their objects, or tests with them

BLOCKED = """
import sys
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.split('.')[0] in {blocked!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Refuse())
from holdfast.cli.main import run_cli
run_cli(sys.argv[1:])
"""
EVERY_EXTRA = sorted({package for packages in EXTRAS.values() for package in packages})


def packages(requirements: list[str]) -> set[str]:
    """The names under which requirements are imported."""
    names = {re.match(r"[A-Za-z0-9_-]+", r)[0] for r in requirements}
    return {IMPORTED_AS.get(n, n) for n in names}


def imported() -> set[str]:
    found = set[str]()
    for path in SRC.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                found |= {a.name.split(".")[0] for a in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                found.add(node.module.split(".")[0])
    return found - set(sys.stdlib_module_names) - {"holdfast"}


def plain(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """A command in an environment that has no package of any extra."""
    command = [sys.executable, "-c", BLOCKED.format(blocked=EVERY_EXTRA), *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True)


def test_every_imported_package_is_declared():
    extras = PROJECT["optional-dependencies"]
    declared = packages(PROJECT["dependencies"]).union(
        *map(packages, (v for k, v in extras.items() if k != "dev"))
    )
    assert imported() - declared - BROUGHT.keys() - GIVEN == set()


def test_messages_name_the_extra_that_brings_a_package():
    for extra, names in EXTRAS.items():
        assert set(names) <= packages(PROJECT["optional-dependencies"][extra]), extra
    core = packages(PROJECT["dependencies"])
    assert not core & set(EVERY_EXTRA)


def test_types_are_shipped_and_the_version_is_one():
    assert (SRC / "py.typed").exists()
    assert PROJECT["version"] == holdfast.__version__


@pytest.fixture
def sides(tmp_path) -> Path:
    rows = [{"task": t, "example_id": k, "score": int(k % 9 > 0)} for t in "ab" for k in range(400)]
    lines = [",".join(map(str, row.values())) for row in rows]
    (tmp_path / "champion.csv").write_text("\n".join(["task,example_id,score", *lines]))
    (tmp_path / "candidate.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return tmp_path


def test_the_gate_gives_the_same_verdict_without_any_extra(sides):
    arguments = ["gate", "--champion", "champion.csv", "--candidate", "candidate.jsonl"]
    done = plain(*arguments, "--out", "plain", folder=sides)
    assert done.returncode == 0, done.stderr
    full = [sys.executable, "-m", "holdfast.cli.main", *arguments, "--out", "full"]
    subprocess.run(full, cwd=sides, check=True, capture_output=True)
    names = sorted(p.name for p in (sides / "full").iterdir())
    assert names == sorted(p.name for p in (sides / "plain").iterdir())
    assert "verdict.html" in names
    for name in names:
        assert (sides / "plain" / name).read_bytes() == (sides / "full" / name).read_bytes(), name


@pytest.mark.parametrize(
    ("arguments", "package", "extra"),
    [
        (["gate", "--champion", "x.parquet", "--candidate", "champion.csv"], "pyarrow", "parquet"),
        (["gate", "--champion", "x.csv.zst", "--candidate", "champion.csv"], "pyarrow", "parquet"),
        (
            ["gate", "--ledger", "sqlite:///l.db", "--model", "m", "--candidate", "champion.csv"],
            "sqlalchemy",
            "ledger",
        ),
        (
            ["record", "--model", "m", "--release", "1", "--results", "champion.csv"],
            "sqlalchemy",
            "ledger",
        ),
        (["advise", "--train", "x.parquet", "--serve", "x.parquet"], "pyarrow", "parquet"),
        (["run", "--out", "runs"], "torch", "train"),
    ],
)
def test_what_needs_an_extra_names_it_in_one_line(sides, arguments, package, extra):
    for name in ("x.parquet", "x.csv.zst"):
        (sides / name).write_bytes(b"PAR1")
    done = plain(*arguments, folder=sides)
    assert done.returncode == 2
    assert f"this needs {package}, which is not installed" in done.stderr
    assert f"pip install '.[{extra}]'" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_metrics_are_printed_without_any_extra(tmp_path):
    (tmp_path / "m.csv").write_text(
        "task,after,score,examples\na,a,0.9,50\na,b,0.6,50\nb,b,0.8,50\n"
    )
    done = plain("metrics", "m.csv", "--chance", "0.5", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "-0.3000" in done.stdout
