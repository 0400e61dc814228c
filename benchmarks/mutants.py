"""Measure whether the tests notice faults: `make mutants`.

    python benchmarks/mutants.py                                   # all of it; takes hours
    python benchmarks/mutants.py --only metrics/transfer.py --per-file 40
    python benchmarks/mutants.py --write benchmarks/results/mutants.md

Each mutant is the package with one small fault: a `<` that became `<=`, a `+` that became `-`, a
condition that was turned round, or a statement that was left out. A mutant is killed if a test
fails. A mutant that survives shows a behaviour that no test checks, or a change that makes no
difference. `explained_mutants.toml` says why for those that make none.

First, every test runs once under a profiler, which notes the functions that it calls. A mutant then
meets the tests that call its function, the fastest first, until one fails. What runs on import, as
defaults and declarations do, is called by no test, so such a mutant also meets the fastest of the
other tests. Tests run in processes that are forked from one that has PyTorch loaded, on a copy of
the checkout.

The folder `--keep` holds what is known so far, so a run that was stopped continues. If
you write a test for a survivor, only changed test files are profiled again, and only the survivors
and the mutants of changed files meet the tests again.
"""

import argparse
import ast
import hashlib
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

ROOT = Path(__file__).parents[1]
PACKAGE = Path("src") / "holdfast"
FOLDERS = ("metrics", "gate/statistics", "planning", "methods")
TESTS = (
    "tests/metrics",
    "tests/gate",
    "tests/planning",
    "tests/methods",
    "tests/cli/test_own_method_commands.py",  # the tests of methods/scaffold.py
    "tests/test_checks.py",
    "tests/advice",
)
COPIED = ("src", "tests", "docs", "examples", "benchmarks", "pyproject.toml", "README.md")
PER_FILE = {"metrics": 10, "gate/statistics": 10, "planning": 10, "methods": 5}  # many small files
AIMS = {"metrics": 90, "gate/statistics": 90, "planning": 90, "methods": 80}  # per cent killed
BY_TIME = "killed by time"
EXPLAINED = Path(__file__).with_name("explained_mutants.toml")
INTRODUCTION = (
    "# Do the tests notice faults?",
    "",
    "`benchmarks/mutants.py` made this table. Each mutant is the package with one small fault, and",
    "it is killed if a test fails. The mutants of each file are a random sample.",
    "",
)
SECONDS_PER_MUTANT = 180.0  # after which a mutant counts as killed: it made something endless
OPERATORS: dict[type[ast.AST], type[ast.AST]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
    ast.Pow: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.And: ast.Or,
    ast.Or: ast.And,
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}


@dataclass(frozen=True)
class Mutant:
    """One fault in one file.

    Attributes:
        path: The file, relative to the package.
        line: The line of the fault, from 1.
        start: Where the replaced text begins in the file.
        stop: Where it ends.
        text: The text that replaces it.
        was: The text that it replaces.
    """

    path: str
    line: int
    start: int
    stop: int
    text: str
    was: str

    def applied(self, source: str) -> str:
        """The source of the file with the fault."""
        return source[: self.start] + self.text + source[self.stop :]

    @property
    def fault(self) -> str:
        """What was replaced by what."""
        return f"{short(self.was)} → {short(self.text)}"

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.fault}"


def short(code: str) -> str:
    """Code in one line of a table."""
    line = " ".join(code.split()).replace("|", "\\|")
    return f"`{line}`" if len(line) <= 70 else f"`{line[:69]}…`"


# ---- making mutants


def mutants_of(path: str, source: str) -> list[Mutant]:
    """Every mutant of a file.

    Example:
        >>> [mutant.text for mutant in mutants_of("a.py", "def f(x):\\n    return x + 1\\n")]
        ['x - 1', '2']
    """
    starts = [0]
    for text in source.splitlines(keepends=True):
        starts.append(starts[-1] + len(text))
    lines = source.splitlines(keepends=True)

    def place(line: int, column: int) -> int:
        # Columns of the syntax tree count bytes, and the source has letters such as θ.
        before = lines[line - 1].encode()[:column].decode() if line <= len(lines) else ""
        return starts[line - 1] + len(before)

    mutants = []
    for node, replacement in faults(ast.parse(source)):
        start = place(node.lineno, node.col_offset)
        stop = place(node.end_lineno or node.lineno, node.end_col_offset or 0)
        was = source[start:stop]
        if replacement != was:
            mutants.append(Mutant(path, node.lineno, start, stop, replacement, was))
    return mutants


def faults(tree: ast.Module) -> Iterator[tuple[ast.expr | ast.stmt, str]]:
    """Nodes of a file, each with the code that takes its place in a mutant."""
    ignored = without_behaviour(tree)
    for node in ast.walk(tree):
        if id(node) in ignored:
            continue
        if isinstance(node, ast.expr):
            yield from faults_of_expression(node)
        elif isinstance(node, ast.If):
            yield node.test, f"not ({ast.unparse(node.test)})"
        elif isinstance(node, ast.AugAssign) or is_call(node):
            yield node, "pass"


def is_call(node: ast.AST) -> bool:
    """Whether a statement is a call whose result nobody takes."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)


def without_behaviour(tree: ast.Module) -> set[int]:
    """Nodes that no test should depend on: annotations, decorators and texts of errors."""
    ignored: set[int] = set()
    for node in ast.walk(tree):
        left_out: list[ast.AST | None] = []
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            left_out += [node.returns, *node.decorator_list]
        elif isinstance(node, ast.ClassDef):
            left_out += node.decorator_list  # such as frozen=True
        elif isinstance(node, ast.arg | ast.AnnAssign):
            left_out.append(node.annotation)
        elif isinstance(node, ast.Raise):
            left_out.append(node.exc)
        elif isinstance(node, ast.JoinedStr | ast.Assert):
            left_out.append(node)
        for part in left_out:
            if part is not None:
                ignored.update(id(inner) for inner in ast.walk(part))
    return ignored


def faults_of_expression(node: ast.expr) -> Iterator[tuple[ast.expr, str]]:
    """The replacements of an expression, in parentheses if its neighbours could bind to it."""
    if isinstance(node, ast.BinOp | ast.BoolOp) and type(node.op) in OPERATORS:
        yield node, with_other_operator(node, "op", node.op)
    elif isinstance(node, ast.Compare) and len(node.ops) == 1 and type(node.ops[0]) in OPERATORS:
        yield node, with_other_operator(node, "ops", node.ops[0])
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not | ast.USub):
        yield node, f"({ast.unparse(node.operand)})"
    elif isinstance(node, ast.IfExp):
        yield node.test, f"(not ({ast.unparse(node.test)}))"
    elif isinstance(node, ast.Constant):
        yield from faults_of_constant(node)


def with_other_operator(node: ast.expr, field: str, operator: ast.AST) -> str:
    """The code of an expression with another operator."""
    kept = getattr(node, field)
    other = OPERATORS[type(operator)]()
    setattr(node, field, [other] if isinstance(kept, list) else other)
    code = ast.unparse(node)
    setattr(node, field, kept)
    return code


def faults_of_constant(node: ast.Constant) -> Iterator[tuple[ast.expr, str]]:
    """Another number, or the other truth value."""
    if isinstance(node.value, bool):
        yield node, repr(not node.value)
    elif isinstance(node.value, int):
        yield node, repr(node.value + 1)
    elif isinstance(node.value, float):
        yield node, repr(node.value * 2 + 1)


# ---- which tests call what


class Calls:
    """A plugin of pytest that notes the functions of the package that each test calls."""

    def __init__(self, package: Path) -> None:
        self._prefix = f"{package}{os.sep}"
        self.functions: dict[str, list[list[str]]] = {}
        self.seconds: dict[str, float] = {}

    def pytest_runtest_protocol(self, item, nextitem) -> None:  # type: ignore[no-untyped-def]
        """Watch a test with its fixtures."""
        seen: set[tuple[str, str]] = set()

        def note(frame, event, _argument) -> None:  # type: ignore[no-untyped-def]
            code = frame.f_code
            if event == "call" and code.co_filename.startswith(self._prefix):
                seen.add((code.co_filename.removeprefix(self._prefix), code.co_qualname))

        from _pytest.runner import runtestprotocol

        start = time.perf_counter()
        sys.setprofile(note)
        try:
            runtestprotocol(item, nextitem=nextitem, log=True)
        finally:
            sys.setprofile(None)
        self.seconds[item.nodeid] = time.perf_counter() - start
        self.functions[item.nodeid] = [list(entry) for entry in sorted(seen)]
        return True


def run_tests(tree: Path, arguments: list[str], plugins: list[object], quiet: bool = True) -> int:
    """Run pytest in this process on a copy of the checkout. Meant for a forked child."""
    os.chdir(tree)
    # As `python -m pytest` does in this folder, and the package of the copy before any other.
    sys.path[:0] = [str(tree / "src"), str(tree)]
    os.environ["PYTHONPATH"] = str(tree / "src")
    if quiet:
        silent = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silent, 1)
        os.dup2(silent, 2)
    import pytest

    return int(pytest.main(["-q", "-p", "no:cacheprovider", *arguments], plugins=plugins))


def in_child(seconds: float, work) -> int | None:  # type: ignore[no-untyped-def]
    """The exit status of a forked child that did some work; None if it took too long."""
    child = os.fork()
    if child == 0:
        os.setsid()  # so that processes which a test starts can be ended with it
        status = 70
        try:
            status = work()
        finally:
            os._exit(status)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.02)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return None


def mapped(tree: Path, kept: Path) -> dict[str, dict]:
    """The calls and the seconds of every test; only files that changed since `kept` run again."""
    content: dict[str, dict] = {"functions": {}, "seconds": {}, "files": {}}
    if kept.exists():
        content = json.loads(kept.read_text())
    files = {name: digest(tree / name) for name in files_with_tests(tree)}
    changed = [name for name, now in files.items() if content["files"].get(name) != now]
    if not changed:
        return content
    print(f"profiling the tests of {len(changed)} files", flush=True)

    def watch() -> int:
        calls = Calls(tree / PACKAGE)
        status = run_tests(tree, changed, [calls], quiet=False)
        for part, new in (("functions", calls.functions), ("seconds", calls.seconds)):
            still = {test: v for test, v in content[part].items() if file_of(test) not in changed}
            content[part] = still | new
        content["files"] = files
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_text(json.dumps(content))
        return status

    # 5: none of the files had a test in it, as those have that only hold doctests without examples.
    if in_child(6 * 3600, watch) not in (0, 5):
        kept.unlink(missing_ok=True)
        raise SystemExit("the tests fail without any mutant; mend them first")
    again: dict[str, dict] = json.loads(kept.read_text())
    return again


def files_with_tests(tree: Path) -> list[str]:
    """The test files, and the files of the package, which have doctests."""
    files: list[Path] = []
    for name in TESTS:
        place = tree / name
        files += place.rglob("test_*.py") if place.is_dir() else [place]
    for folder in FOLDERS:
        files += (tree / PACKAGE / folder).glob("*.py")
    return sorted(str(file.relative_to(tree)) for file in files)


def file_of(test: str) -> str:
    """The file of a test."""
    return test.partition("::")[0]


def digest(path: Path) -> str:
    """The same text for the same content of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]


def function_of(tree: ast.Module, line: int) -> str | None:
    """The innermost function around a line, by the name that Python's code objects give it."""
    innermost: str | None = None
    pending: list[tuple[ast.AST, str]] = [(tree, "")]
    while pending:
        node, prefix = pending.pop()
        for child in ast.iter_child_nodes(node):
            inner = prefix
            if isinstance(child, ast.ClassDef):
                inner = f"{prefix}{child.name}."
            elif isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
                name = f"{prefix}{getattr(child, 'name', '<lambda>')}"
                inner = f"{name}.<locals>."
                # Deeper functions come later, so that the last one that fits is the innermost.
                if child.lineno <= line <= (child.end_lineno or child.lineno):
                    innermost = name
            pending.append((child, inner))
    return innermost


def runs_on_import(tree: ast.Module, line: int) -> bool:
    """Whether a line is in no body of a function, as those of defaults and declarations are."""
    functions = [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]
    return not any(f.body[0].lineno <= line <= (f.end_lineno or f.lineno) for f in functions)


def tests_of(mutant: Mutant, source: str, calls: dict[str, dict], most_seconds: float) -> list[str]:
    """The tests that call the mutant's function, the fastest first.

    If no test calls it, they are the tests that call its file. If none does, they are the fastest
    of all tests. Code that runs on import is used without a call, so the fastest of the other tests
    follow.
    """
    tree = ast.parse(source)
    function = function_of(tree, mutant.line)
    exact, near = [], []
    for test, entries in calls["functions"].items():
        called = [name for path, name in entries if path == mutant.path]
        if function in called:
            exact.append(test)
        elif called:
            near.append(test)
    seconds = calls["seconds"]
    chosen = fastest(exact or near or list(seconds), seconds, most_seconds)
    if runs_on_import(tree, mutant.line):
        # They come on top, and a mutant that meets them all must not count as endless.
        others = [test for test in seconds if test not in chosen]
        chosen += fastest(others, seconds, most_seconds / 4)
    return chosen


def fastest(tests: list[str], seconds: dict[str, float], most_seconds: float) -> list[str]:
    """The fastest tests that take no more than some seconds together, and at least one of them."""
    chosen: list[str] = []
    total = 0.0
    for test in sorted(tests, key=seconds.__getitem__):
        total += seconds[test]
        if chosen and total > most_seconds:
            break
        chosen.append(test)
    return chosen


# ---- meeting the tests


def outcome(tree: Path, mutant: Mutant, tests: list[str]) -> str:
    """What became of a mutant: killed, killed by time, survived, or not called by any test."""
    if not tests:
        return "not called"
    path = tree / PACKAGE / mutant.path
    source = path.read_text(encoding="utf-8")
    path.write_text(mutant.applied(source), encoding="utf-8")
    try:
        status = in_child(SECONDS_PER_MUTANT, lambda: run_tests(tree, ["-x", *tests], []))
    finally:
        path.write_text(source, encoding="utf-8")
    if status is None:
        return BY_TIME
    return "survived" if status == 0 else "killed"


class Known:
    """What became of mutants so far, in a file.

    A mutant of a file that has changed is a new one. Tests are only added, so one that was killed
    stays killed.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._outcomes: dict[str, str] = {}
        self._lock = Lock()
        if path.exists():
            self._outcomes = json.loads(path.read_text())

    def _key(self, mutant: Mutant) -> str:
        return f"{digest(ROOT / PACKAGE / mutant.path)} {mutant.start} {mutant}"

    def outcome(self, mutant: Mutant) -> str:
        """What became of a mutant; empty if it is not known."""
        return self._outcomes.get(self._key(mutant), "")

    def killed(self, mutant: Mutant) -> bool:
        """Whether a mutant is known to be killed."""
        return is_killed(self.outcome(mutant))

    def add(self, mutant: Mutant, what: str) -> None:
        """Note what became of a mutant."""
        with self._lock:
            self._outcomes[self._key(mutant)] = what
            self._path.parent.mkdir(parents=True, exist_ok=True)
            # In one step, because a run of hours may be stopped while it writes.
            partial = self._path.with_suffix(".partial")
            partial.write_text(json.dumps(self._outcomes))
            partial.replace(self._path)


def copied_to(folder: Path) -> Path:
    """A copy of what the tests need of the checkout."""
    for name in COPIED:
        place = ROOT / name
        if place.is_dir():
            ignored = shutil.ignore_patterns("__pycache__", "studies")
            shutil.copytree(place, folder / name, ignore=ignored)
        else:
            shutil.copy(place, folder / name)
    return folder


def chosen_mutants(folder: str, only: list[str], per_file: int) -> list[Mutant]:
    """A random choice of the mutants of each file of a folder, the same at every call."""
    chosen: list[Mutant] = []
    for path in sorted((ROOT / PACKAGE / folder).glob("*.py")):
        name = str(path.relative_to(ROOT / PACKAGE))
        if only and name not in only:
            continue
        mutants = mutants_of(name, path.read_text(encoding="utf-8"))
        picked = random.Random(name).sample(mutants, min(per_file, len(mutants)))
        chosen += sorted(picked, key=lambda mutant: mutant.start)
    return chosen


def is_killed(what: str) -> bool:
    """Whether the tests noticed a mutant."""
    return what.startswith("killed")


def explanation(mutant: Mutant) -> str | None:
    """Why a mutant makes no difference that a test should see; None if nobody has said so.

    Where a file has the same fault in several lines, `code` is a part of the line that is meant.
    """
    content = tomllib.loads(EXPLAINED.read_text(encoding="utf-8"))
    line = (ROOT / PACKAGE / mutant.path).read_text(encoding="utf-8").splitlines()[mutant.line - 1]
    for known in content["mutant"]:
        is_meant = (known["file"], known["fault"]) == (mutant.path, mutant.fault)
        if is_meant and known.get("code", "") in line:
            return str(known["reason"])
    return None


def table(results: dict[str, list[tuple[Mutant, str]]]) -> list[str]:
    """The shares that were killed, and the mutants that were not, with the reasons."""
    lines = [
        "| folder | mutants | killed | of these by time | share | aim |",
        "|---|---|---|---|---|---|",
    ]
    for folder, outcomes in results.items():
        killed = sum(is_killed(what) for _, what in outcomes)
        by_time = sum(what == BY_TIME for _, what in outcomes)
        share = 100 * killed / max(len(outcomes), 1)
        lines.append(
            f"| {folder} | {len(outcomes)} | {killed} | {by_time} | {share:.0f} % "
            f"| {AIMS[folder]} % |"
        )
    equivalent, survivors = [], []
    for outcomes in results.values():
        for mutant, what in outcomes:
            if is_killed(what):
                continue
            reason = explanation(mutant)
            if reason is None:
                survivors.append(f"- {mutant} ({what})")
            else:
                equivalent.append(f"- {mutant}. {reason}")
    if survivors:
        lines += ["", f"{len(survivors)} survived, and should have a test:", "", *survivors]
    else:
        lines += ["", "No mutant survived that should have a test."]
    lines += ["", f"{len(equivalent)} survived, and make no difference:", "", *equivalent]
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="*", default=[], help="files, such as metrics/matrix.py")
    parser.add_argument("--folders", nargs="*", default=list(FOLDERS), choices=FOLDERS)
    parser.add_argument("--per-file", type=int, help="mutants of each file; default: PER_FILE")
    parser.add_argument(
        "--seconds", type=float, default=40.0, help="most seconds of tests a mutant"
    )
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--keep", type=Path, default=ROOT / "build" / "mutants")
    parser.add_argument("--write", type=Path)
    options = parser.parse_args()
    import torch

    torch.set_num_threads(1)
    known = Known(options.keep / "outcomes.json")
    results: dict[str, list[tuple[Mutant, str]]] = {}
    with tempfile.TemporaryDirectory() as name:
        trees = [copied_to(Path(name) / f"copy-{number}") for number in range(options.jobs)]
        calls = mapped(trees[0], options.keep / "calls.json")
        free = list(trees)

        def meet(mutant: Mutant) -> tuple[Mutant, str]:
            if known.killed(mutant):
                return mutant, known.outcome(mutant)
            # Survivors take the longest, and no test can kill one that makes no difference.
            if known.outcome(mutant) and explanation(mutant):
                return mutant, known.outcome(mutant)
            tree = free.pop()
            try:
                source = (ROOT / PACKAGE / mutant.path).read_text(encoding="utf-8")
                tests = tests_of(mutant, source, calls, options.seconds)
                what = outcome(tree, mutant, tests)
            finally:
                free.append(tree)
            known.add(mutant, what)
            if not is_killed(what):
                print(f"{what}: {mutant}", flush=True)
            return mutant, what

        for folder in options.folders:
            per_file = options.per_file or PER_FILE[folder]
            mutants = chosen_mutants(folder, options.only, per_file)
            if not mutants:
                continue
            with ThreadPoolExecutor(options.jobs) as pool:
                results[folder] = list(pool.map(meet, mutants))
    lines = table(results)
    print("\n".join(lines))
    if options.write:
        options.write.write_text("\n".join([*INTRODUCTION, *lines]) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
