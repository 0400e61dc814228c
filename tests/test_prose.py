"""The texts of the project are plain English: documentation, docstrings, comments and messages.

A machine cannot judge whether a page is good, but it can find habits that readers stumble on. Each
rule has sentences that it must find and sentences that it must leave alone.
"""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCE = [
    *sorted((ROOT / "src" / "holdfast").rglob("*.py")),
    *sorted((ROOT / "benchmarks").rglob("*.py")),
]
PACKAGED = sorted(  # texts of the package in other files: suites, rules of the advice, templates
    path
    for ending in ("*.toml", "*.j2", "*.txt")
    for path in (ROOT / "src" / "holdfast").rglob(ending)
)
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "CHANGELOG.md",
    *sorted((ROOT / "docs").rglob("*.md")),
    *sorted((ROOT / "examples").rglob("*.md")),
]
LONGEST_LINE = 100  # of a page; tables and commands cannot be wrapped
SHORTEST_DOCSTRING = 3  # words
LEAST_WORDS = 3  # of a text in the source that is read as a message; shorter ones are names

# Files that still break a rule. Strike off a file once it is clean: a test demands it.
STILL_TO_REWRITE: set[str] = set()

# ---- the rules

UNITS = (
    "batch|boundary|call|case|cell|class|column|core|day|digit|epoch|example|file|group|layer|line|"
    "method|month|order|page|pair|parameter|process|release|row|run|scenario|seed|segment|step|"
    "suite|task|test|unit|value|worker"
)
NUMBER = (
    r"(?:\d[\d,]*|one|two|three|four|five|six|seven|eight|nine|ten|twenty|hundred|several|many|few)"
)
COUNTED = (  # what rates are about; words that can also be verbs are left out
    "adapters?|bars?|basis|bytes|cells?|columns?|epochs|examples|forward passes|gates|hours|"
    "matrices|means?|micro-batches|milliseconds|minutes|networks?|numbers?|outputs|points|rows|"
    "seconds|sentences?|trainings|units|vectors?|workers?"
)
NO_NOUN = (  # words between a number and "a task" that make no rate
    "about|after|as|at|before|between|calls?|for|from|gives?|has|holds?|if|in|into|is|keeps?|like|"
    "makes?|of|on|only|over|per|takes?|than|to|when|where|while|with|within"
)
NOUN = rf"(?!(?:{NO_NOUN})\b)[\w-]+"
GIVING = "(?<!give )(?<!gives )(?<!given )"
RULES = {
    '"per" for rates, not "a"': re.compile(
        rf"(?<!how )(?<!as )\b{NUMBER} {NOUN}(?: {NOUN})? an? (?:{UNITS})\b"
        rf"|{GIVING}\ban? [\w-]+ an? (?:{UNITS})\b"
        rf"|(?<!which )(?<!what )\b(?:{COUNTED}) an? (?:{UNITS})\b",
        re.IGNORECASE,
    ),
    "names of internal papers": re.compile(
        r"\b(?:DESIGN|ECOSYSTEM|EVAL_FORMATS|FINDINGS|FORMULAS|JOURNEYS|REFERENCE_NUMBERS|REVIEW|STYLE)"
        r"(?:\.md\b|\b(?! [a-z_]*\())",
    ),
    "constructions that nobody says": re.compile(
        r"\bgo(?:es|ing)? on (?:to|from|in|where|with)\b"
        r"|\bto the same bits\b"
        r"|\bnobody announces\b"
        r"|\bstands? (?:twice|once|beside|there|nowhere|among)\b"
        r"|\b(?:is|are) told by\b"
        r"|\b(?:be|is|are) otherwise\b"
        r"|\bholds? no more\b"
        r"|\bfor ever\b"
        r"|\bweights of then\b"
        r"|\b(?:hitherto|thence|therein|thereof|thereupon|whence|whereby|wherein)\b",
        re.IGNORECASE,
    ),
}
CHAIN = re.compile(r";[^.!?:|\n]*;")  # two semicolons in one sentence


@dataclass(frozen=True)
class Text:
    """A text and where it is."""

    place: str  # "path:line"
    text: str


def broken_rules(text: str) -> list[str]:
    """The rules that a text breaks, each with the words that break it."""
    plain = " ".join(text.split())
    broken = []
    for rule, pattern in RULES.items():
        match = pattern.search(plain)
        if match:
            broken.append(f"{rule}: {match[0]!r}")
    return broken


# ---- texts of the source


def name_of(path: Path) -> str:
    """A path as messages and the list above give it."""
    return path.relative_to(ROOT).as_posix()


def comments(source: str) -> Iterator[tuple[int, str]]:
    """First line and text of each comment; lines that follow each other are one comment."""
    first, last, block = 0, 0, ""
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type != tokenize.COMMENT:
            continue
        line = token.start[0]
        if block and line != last + 1:
            yield first, block
            block = ""
        first, last = (first, line) if block else (line, line)
        block = f"{block} {token.string.lstrip('#').strip()}"
    if block:
        yield first, block


def texts_of(path: Path) -> Iterator[Text]:
    """Docstrings, messages and comments of a file."""
    source = path.read_text(encoding="utf-8")
    for line, comment in comments(source):
        yield Text(f"{name_of(path)}:{line}", comment)
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.JoinedStr):
            # What is filled in counts as one word.
            parts = [part.value if isinstance(part, ast.Constant) else "…" for part in node.values]
            text = "".join(parts)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            text = node.value
        else:
            continue
        if len(text.split()) >= LEAST_WORDS:
            yield Text(f"{name_of(path)}:{node.lineno}", text)


def short_docstrings(path: Path) -> Iterator[str]:
    """Public names with a docstring of one or two words."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            continue
        docstring = ast.get_docstring(node)
        if node.name.startswith("_") or docstring is None:
            continue
        if len(docstring.split()) < SHORTEST_DOCSTRING:
            yield f"{name_of(path)}:{node.lineno}: {node.name} says only {docstring!r}"


def faults_of_source(path: Path) -> list[str]:
    """Everything that a source file breaks."""
    faults = [
        f"{text.place}: {rule}" for text in texts_of(path) for rule in broken_rules(text.text)
    ]
    return [*faults, *short_docstrings(path)]


# ---- texts of pages


def paragraphs(page: str) -> Iterator[tuple[int, str]]:
    """Line and text of each paragraph, list item, heading and table cell.

    Code, commands and quoted output are left out.
    """
    code = False
    first, block = 0, ""
    for number, line in enumerate(page.splitlines(), 1):
        if line.startswith("```"):
            code = not code
        starts_anew = re.match(r"\s*(?:[-*]|\d+\.) |#", line) is not None
        apart = code or not line.strip() or line.startswith(("```", "    ", "|", ">", "!["))
        if block and (apart or starts_anew):
            yield first, block
            block = ""
        if line.startswith("|"):
            yield from ((number, cell) for cell in line.strip("|").split("|"))
        if not apart:
            first, block = first if block else number, f"{block} {line.strip()}"
    if block:
        yield first, block


def without_code(text: str) -> str:
    """A text without its code, which has its own grammar."""
    return re.sub(r"`[^`]*`", "CODE", text)


def too_long(page: str) -> Iterator[int]:
    """Numbers of the lines that can be wrapped and are too long."""
    code = False
    for number, line in enumerate(page.splitlines(), 1):
        code = code != line.startswith("```")
        fixed = code or line.startswith(("|", "    ", "!["))
        if len(line) > LONGEST_LINE and not fixed:
            yield number


def faults_of_page(name: str, page: str) -> list[str]:
    """Everything that a page breaks."""
    faults = [f"{name}:{line}: longer than {LONGEST_LINE} characters" for line in too_long(page)]
    for line, text in paragraphs(page):
        plain = without_code(text)
        faults += [f"{name}:{line}: {rule}" for rule in broken_rules(plain)]
        if CHAIN.search(plain):
            faults.append(f"{name}:{line}: a chain of semicolons")
    return faults


# ---- the tests


@pytest.mark.parametrize("path", SOURCE, ids=name_of)
def test_the_source_speaks_plain_english(path):
    if name_of(path) not in STILL_TO_REWRITE:
        assert faults_of_source(path) == []


@pytest.mark.parametrize("path", PACKAGED, ids=name_of)
def test_texts_that_are_packaged_speak_plain_english(path):
    lines = path.read_text(encoding="utf-8").splitlines()
    assert [rule for line in lines for rule in broken_rules(line)] == []


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_the_pages_speak_plain_english(path):
    if name_of(path) not in STILL_TO_REWRITE:
        assert faults_of_page(name_of(path), path.read_text(encoding="utf-8")) == []


def test_the_list_of_files_to_rewrite_is_no_longer_than_needed():
    """Strike a file off the list once it breaks no rule."""
    listed = [path for path in SOURCE if name_of(path) in STILL_TO_REWRITE]
    faulty = {name_of(path) for path in listed if faults_of_source(path)}
    for path in PAGES:
        name = name_of(path)
        if name in STILL_TO_REWRITE and faults_of_page(name, path.read_text(encoding="utf-8")):
            faulty.add(name)
    assert STILL_TO_REWRITE - faulty == set()


@pytest.mark.parametrize(
    "sentence",
    [
        "Epochs a task (1), or one number a task.",
        "It uses one worker process a core.",
        "Micro-batches a step.",
        "The figure has a bar a group.",
        "It takes two matrices a layer.",
        "The class scenario has a class a task.",
        "FORMULAS ask for 40 random orders.",
        "See DESIGN.md for the reason.",
        "These are boundaries that nobody announces.",
        "A saved learner goes on to the same bits.",
        "The id 'a' stands twice.",
        "It says which answer would have to be otherwise.",
        "The gaps hold zeros for ever.",
    ],
)
def test_a_bad_sentence_is_found(sentence):
    assert broken_rules(sentence) != []


@pytest.mark.parametrize(
    "sentence",
    [
        "Pass the number of epochs per task.",
        "Give a learner a task that it has not seen.",
        "The stream makes a task of each group of labels.",
        "A run is a training with one seed.",
        "What a step computes is described below.",
        "It depends on the examples, which a task has.",
        "Say which examples a run uses.",
        "The mask is 1 where a parameter belongs to the task.",
        "The letter K stands for the number of tasks.",
        "The design is explained in the architecture page.",
        "Go on reading if you want to know more.",
    ],
)
def test_a_good_sentence_is_left_alone(sentence):
    assert broken_rules(sentence) == []


def test_faults_of_a_page_are_found_with_their_lines():
    long_line = "word " * 25
    texts = f"# Title\n\nOne; two;\nthree.\n\n{long_line}\n"
    page = f"{texts}\n| a | one row a task |\n\n    one row a task; b; c\n"
    assert faults_of_page("page.md", page) == [
        "page.md:6: longer than 100 characters",
        "page.md:3: a chain of semicolons",
        'page.md:8: "per" for rates, not "a": \'one row a task\'',
    ]


def test_a_docstring_of_two_words_is_found(tmp_path, monkeypatch):
    monkeypatch.setattr(f"{__name__}.ROOT", tmp_path)
    path = tmp_path / "module.py"
    path.write_text(
        'def number():\n    """How many."""\n\n\ndef _private():\n    """How many."""\n'
    )
    assert faults_of_source(path) == ["module.py:1: number says only 'How many.'"]


def test_a_message_is_found_although_values_are_filled_in(tmp_path, monkeypatch):
    monkeypatch.setattr(f"{__name__}.ROOT", tmp_path)
    path = tmp_path / "module.py"
    path.write_text('def check(n):\n    raise ValueError(f"id {n} stands twice")\n')
    assert len(faults_of_source(path)) == 1
