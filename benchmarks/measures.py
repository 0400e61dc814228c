"""Measure how dense the code is, beside well-kept projects: `make measures`.

    python benchmarks/measures.py                  # the package, and each of its folders
    python benchmarks/measures.py --places         # where the limits are exceeded
    python benchmarks/measures.py --other optax=PATH --other river=PATH
    python benchmarks/measures.py --write benchmarks/results/measures.md

Every figure comes from the syntax tree and the tokens of all `.py` files in a folder. A code line
is a line with at least one token that is neither a comment nor a docstring.
"""

import argparse
import ast
import io
import statistics
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

PACKAGE = Path(__file__).parents[1] / "src" / "holdfast"
LONGEST_LINE, LONGEST_FUNCTION, LONGEST_FILE = 100, 50, 350
LAYOUT = (tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER)
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
DOCUMENTED = (ast.Module, ast.ClassDef, *FUNCTIONS)
LIMITS = {  # measure → the limit, and whether it is the most or the least
    "tokens per code line": (9.0, "most"),
    "comments per 1,000 lines": (40.0, "least"),
    "conditional expressions per 1,000 lines": (10.0, "most"),
    "`Any` per 1,000 lines": (5.0, "most"),
    "type ignores": (15, "most"),
    "lines over 100 characters": (0, "most"),
    "functions over 50 lines": (0, "most"),
    "files over 350 lines": (0, "most"),
}


@dataclass
class Counts:
    """What was counted in some files."""

    lines: int = 0
    code_lines: int = 0
    tokens: int = 0
    comments: int = 0
    conditionals: int = 0
    anys: int = 0
    ignores: int = 0
    docstring_words: list[int] = field(default_factory=list)
    places: dict[str, list[str]] = field(default_factory=dict)

    def note(self, measure: str, place: str) -> None:
        """Remember where a limit is exceeded."""
        self.places.setdefault(measure, []).append(place)

    def figures(self) -> dict[str, float]:
        """The measures that have a limit, and the length of docstrings."""
        thousands = max(self.lines, 1) / 1000
        return {
            "lines": self.lines,
            "tokens per code line": self.tokens / max(self.code_lines, 1),
            "comments per 1,000 lines": self.comments / thousands,
            "conditional expressions per 1,000 lines": self.conditionals / thousands,
            "`Any` per 1,000 lines": self.anys / thousands,
            "type ignores": self.ignores,
            "lines over 100 characters": len(self.places.get("lines over 100 characters", [])),
            "functions over 50 lines": len(self.places.get("functions over 50 lines", [])),
            "files over 350 lines": len(self.places.get("files over 350 lines", [])),
            "words in a public docstring, median": statistics.median(self.docstring_words or [0]),
        }


def docstring_of(node: ast.AST) -> ast.Constant | None:
    """The node of a docstring, if there is one."""
    first = node.body[0] if isinstance(node, DOCUMENTED) and node.body else None
    value = first.value if isinstance(first, ast.Expr) else None
    is_text = isinstance(value, ast.Constant) and isinstance(value.value, str)
    return value if is_text else None


def public_docstrings(tree: ast.Module) -> Iterator[str]:
    """Docstrings of the public classes and functions of a module, and of the classes' methods."""
    scopes: list[ast.Module | ast.ClassDef] = [tree]
    while scopes:
        for node in scopes.pop().body:
            if not isinstance(node, (ast.ClassDef, *FUNCTIONS)) or node.name.startswith("_"):
                continue
            if text := ast.get_docstring(node):
                yield text
            if isinstance(node, ast.ClassDef):
                scopes.append(node)


def count_tokens(text: str, tree: ast.Module, counts: Counts) -> None:
    """Tokens, the lines that hold them, and comments."""
    docstrings = set()
    for node in ast.walk(tree):
        if constant := docstring_of(node):
            docstrings.add((constant.lineno, constant.col_offset))
    code_lines = set()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            counts.comments += 1
            counts.ignores += "type: ignore" in token.string
        elif token.type not in LAYOUT and token.start not in docstrings:
            counts.tokens += 1
            code_lines.add(token.start[0])
    counts.code_lines += len(code_lines)


def count_file(path: Path, counts: Counts) -> None:
    """Add one file to the counts."""
    text = path.read_text(encoding="utf-8")
    tree = ast.parse(text)
    lines = text.splitlines()
    counts.lines += len(lines)
    count_tokens(text, tree, counts)
    for node in ast.walk(tree):
        counts.conditionals += isinstance(node, ast.IfExp)
        counts.anys += isinstance(node, ast.Name) and node.id == "Any"
    counts.docstring_words += [len(words.split()) for words in public_docstrings(tree)]
    if len(lines) > LONGEST_FILE:
        counts.note("files over 350 lines", f"{path}: {len(lines)}")
    for number, line in enumerate(lines, 1):
        if len(line) > LONGEST_LINE:
            counts.note("lines over 100 characters", f"{path}:{number}")
    for node in ast.walk(tree):
        if isinstance(node, FUNCTIONS):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > LONGEST_FUNCTION:
                counts.note(
                    "functions over 50 lines", f"{path}:{node.lineno} {node.name}: {length}"
                )


def counted(folder: Path) -> Counts:
    """The counts of all files in a folder, or of a single file."""
    counts = Counts()
    for path in sorted(folder.rglob("*.py")) if folder.is_dir() else [folder]:
        count_file(path, counts)
    return counts


def table(columns: dict[str, Counts]) -> str:
    """Measures by project or folder, as Markdown."""
    figures = {name: counts.figures() for name, counts in columns.items()}
    measures = list(next(iter(figures.values())))
    rows = ["| | " + " | ".join(measures) + " |", "|---" * (len(measures) + 1) + "|"]
    limits = [
        f"{'≤' if LIMITS[m][1] == 'most' else '≥'} {LIMITS[m][0]:g}" if m in LIMITS else ""
        for m in measures
    ]
    rows.append("| limit | " + " | ".join(limits) + " |")
    for name, values in figures.items():
        shown = [
            f"{v:,.1f}" if isinstance(v, float) and not float(v).is_integer() else f"{v:,.0f}"
            for v in values.values()
        ]
        rows.append(f"| {name} | " + " | ".join(shown) + " |")
    return "\n".join(rows)


def main() -> None:
    """Prints or writes the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--other",
        action="append",
        default=[],
        metavar="NAME=PATH",
        help="another project's source folder",
    )
    parser.add_argument("--places", action="store_true", help="list the places beyond a limit")
    parser.add_argument(
        "--only", type=Path, help="a folder or a file, instead of the whole package"
    )
    parser.add_argument("--write", type=Path, help="file for the table")
    given = parser.parse_args()
    whole = counted(given.only or PACKAGE)
    if given.places:
        for measure, places in whole.places.items():
            print(f"{measure}: {len(places)}", *places, sep="\n  ")
        return
    columns = {"holdfast": whole}
    if not given.only:
        for entry in sorted(PACKAGE.iterdir()):
            if entry.is_dir() and any(entry.glob("*.py")):
                columns[f"{entry.name}/"] = counted(entry)
    for other in given.other:
        name, _, path = other.partition("=")
        columns[name] = counted(Path(path))
    text = table(columns)
    print(text)
    if given.write:
        given.write.write_text(
            f"# Measures of the code\n\n`make measures`\n\n{text}\n", encoding="utf-8"
        )


if __name__ == "__main__":
    main()
