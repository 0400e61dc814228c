"""Every shell line that a text of this repository prints is run as it is printed.

All lines of `holdfast` on a page run in one folder, one after another, through the same entry point
as in a shell. Commands that take seconds run to their end.

Commands that train (`run`, `bench`, `order`) would take too long. Their first and their last run go
as far as the first training step, on a fiftieth of a data set of the hub. Pages of results name the
large suites, so their commands stop just before they read data.
"""

import os
import re
import runpy
import shlex
import tomllib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import typer
from PIL import Image

from holdfast.advice import pretrained_script
from holdfast.cli.main import app, run_cli
from holdfast.runs.execute import execute

ROOT = Path(__file__).parents[1]
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "CHANGELOG.md",
    *sorted((ROOT / "docs").rglob("*.md")),
    *sorted((ROOT / "examples").rglob("*.md")),
    *sorted((ROOT / "benchmarks").rglob("*.md")),
]
PROGRAMS = ("holdfast", "make", "pip", "python", "python3", "git", "docker")
# Names of commands and options in running text, which are no whole lines.
SHORT = re.compile(r"holdfast( [a-z-]+)*|holdfast [^ ]+ NAME|holdfast gate --(plan|init)|.*…")
# Lines that cannot run here, with the reason, and where else they are checked.
ELSEWHERE = {
    "holdfast gate run runs:/": (
        "needs a tracking server; tests/integrations/test_mlflow.py runs it on one"
    ),
    "holdfast gate run models:/": "needs a registry; tests/integrations/test_mlflow.py has one",
    "finetuned.csv": "needs the files of the page's own code, in tests/test_docs.py",
    "examples/release-gate": "runs with the example, in tests/examples/test_release_gate.py",
}


def lines_of(page: Path) -> list[str]:
    """The shell lines of a page: indented, in a block of a shell, or as code in a sentence."""
    text = page.read_text()
    blocks = re.findall(r"```(?:bash|sh|shell|console)\n(.*?)```", text, re.S)
    prose = re.sub(r"```.*?```", "", text, flags=re.S)
    found = [line.strip().removeprefix("$ ") for block in blocks for line in block.splitlines()]
    found += [line.strip() for line in prose.splitlines() if line.startswith("    ")]
    found += [code for code in re.findall(r"`([^`\n]+)`", prose) if not SHORT.fullmatch(code)]
    return [line for line in found if line.split(" ")[0] in PROGRAMS and " " in line]


LINES = {page: found for page in PAGES if (found := lines_of(page))}


def words_of(line: str) -> list[str]:
    return shlex.split(line, comments=True)


class FirstStep(SystemExit):
    """Training has begun: the command is as good as its line."""


def first_steps(runs, out, *, data_dir=None, device="cpu", **rest):
    """In place of `run_all`: everything up to the first step of the first and the last run."""

    def stop(*where):
        raise FirstStep(0)

    for label, config in {c.hash: (label, c) for label, c in (runs[0], runs[-1])}.values():
        # Small data sets would have classes of one example, of which none can be held out.
        fraction = 0.1 if config.data.stream == "mixture" else 0.02
        is_small = config.data.sets == {"digits"} or config.data.content
        small = {} if is_small else {"fraction": fraction}
        fast = config.model_copy(update={"data": config.data.model_copy(update=small)})
        with pytest.raises(FirstStep):
            execute(fast, label, data_dir, device, tell=stop)
    raise FirstStep(0)


def no_steps(runs, out, **rest):
    """In place of `run_all` on pages of results."""
    assert runs
    raise FirstStep(0)


def fill(folder: Path) -> None:
    """The files that the lines name: small tables, and finished runs of two steps a task."""
    rng = np.random.default_rng(0)
    task = np.repeat(["cards", "wallet"], 600)
    ids = [f"e{k}" for k in range(1200)]
    right = (rng.random(1200) < 0.9).astype(int)
    worse = np.where((task == "wallet") & (rng.random(1200) < 0.2), 0, right)
    champion = pd.DataFrame({"task": task, "example_id": ids, "score": right})
    candidate = champion.assign(score=worse)
    for name in ("a", "champion", "results"):
        champion.to_parquet(folder / f"{name}.parquet")
    for name in ("b", "candidate"):
        candidate.to_parquet(folder / f"{name}.parquet")
    predictions(folder, rng)
    # Suites of the pages, which say in their first line what their file is called.
    suites = (ROOT / "docs" / "suites.md").read_text()
    for name, text in re.findall(r"```toml\n# (\S+\.toml)\n(.*?)```", suites, re.S):
        (folder / name).write_text(text)
    page = (ROOT / "docs" / "methods.md").read_text()
    (folder / "mine.py").write_text(re.findall(r"```python\n(.*?)```", page, re.S)[0])
    (folder / "compare.toml").write_text(re.findall(r"```toml\n(.*?)```", page, re.S)[0])
    (folder / "scores.csv").write_text("task,after,score\na,a,0.9\na,b,0.6\nb,b,0.8\n")
    (folder / "matrix.csv").write_text("trained,A,B,C\nA,,-0.1,0.0\nB,-0.2,,0.1\nC,0.05,0.1,\n")
    shop = rng.integers(0, 3, 90)
    serve = pd.DataFrame({"price": rng.normal(size=90)})
    serve.to_parquet(folder / "serve.parquet")
    serve.assign(shop=shop, fraud=shop % 2).to_parquet(folder / "train.parquet")
    own_data(folder, rng)
    targets(folder, rng)
    # Logs that evaluation tools wrote, by the name of the tool.
    for logs in (ROOT / "tests" / "gate" / "data" / "formats").iterdir():
        (folder / logs.name).symlink_to(logs)
    # What `python pretrained.py` on a page would make, but without its training.
    (folder / "pretrained.py").write_text(pretrained_script())
    make = runpy.run_path(str(folder / "pretrained.py"))["make"]
    torch.save(make().state_dict(), folder / "pretrained.pt")


def predictions(folder: Path, rng: np.random.Generator) -> None:
    """Tables of predictions of two models, of classes and of numbers."""
    fraud = (rng.random(4000) < 0.2).astype(int)
    score = fraud + rng.normal(0, 0.4, 4000)
    price = rng.normal(100, 20, 4000)
    for name in ("old", "new"):
        noise = rng.normal(0, 0.05, 4000)
        table = pd.DataFrame({"id": range(4000), "y_true": fraud, "y_score": score + noise})
        table.to_csv(folder / f"fraud-{name}.csv", index=False)
        guess = price + 5 * np.sin(np.arange(4000)) + noise
        numbers = pd.DataFrame({"id": range(4000), "y_true": price, "y_pred": guess})
        numbers.to_csv(folder / f"prices-{name}.csv", index=False)


def targets(folder: Path, rng: np.random.Generator) -> None:
    """Tables of the page on objectives, and the loss that it writes down."""
    days = pd.date_range("2026-01-01", periods=120, freq="12h").strftime("%Y-%m-%d")
    houses = {"sold": days, "rooms": rng.integers(1, 7, 120), "price": rng.normal(3e5, 1e5, 120)}
    pd.DataFrame(houses).to_csv(folder / "houses.csv", index=False)
    films = {"year": [2020] * 60 + [2021] * 60, "plot": ["a man sees a war far away"] * 120}
    tags = ["war;love", "war", ""] * 20 + ["war;moon", "moon", ""] * 20
    pd.DataFrame(films | {"tags": tags}).to_csv(folder / "films.csv", index=False)
    page = (ROOT / "docs" / "objectives.md").read_text()
    (folder / "losses.py").write_text(re.findall(r"```python\n(.*?)```", page, re.S)[1])


def own_data(folder: Path, rng: np.random.Generator) -> None:
    """A table of sales and a folder of images, as a user may have them."""
    days = pd.date_range("2026-01-01", periods=180, freq="8h").strftime("%Y-%m-%d")
    table = {"sold": days, "price": rng.normal(size=180), "label": rng.integers(0, 2, 180)}
    pd.DataFrame(table).to_csv(folder / "sales.csv", index=False)
    folders = {"photos": ("cat", "dog"), "2026-11": ("cat", "dog"), "2026-12": ("dog", "owl")}
    for place in [folder / month / name for month in folders for name in folders[month]]:
        place.mkdir(parents=True)
        for number in range(6):
            pixels = rng.integers(0, 255, (8, 8, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(place / f"{number}.png")
    (folder / "shop").mkdir()
    items = {"photo": [], "price": rng.normal(size=12), "label": ["shoe", "hat"] * 6}
    for number in range(12):
        items["photo"].append(f"{number}.png")
        pixels = rng.integers(0, 255, (8, 8, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / "shop" / f"{number}.png")
    pd.DataFrame(items).to_csv(folder / "shop" / "items.csv", index=False)


PROBE = """
name = "turns"
scenarios = ["domain"]
seeds = [1]
methods = [{ spec = "FineTune()" }]
training = { steps = 2 }
[data]
name = "digits"
stream = "mixture"
pieces = ["digits", "digits:rotate=90", "digits:permute=1"]
"""


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    """Runs that texts take for granted, of two steps a task, and a probe of three orders."""
    folder = tmp_path_factory.mktemp("finished")
    small = ["--tasks", "2", "--steps", "2", "--hidden", "16", "--fraction", "0.2"]
    run = ["run", "--method", "FineTune()", *small]
    for name in ("demo", "er"):
        assert code([*run, "--keep-checkpoints", "--out", str(folder / name)]) == 0
    for name in ("before", "after", "a", "b", "digits", "mine", "mnist-to-fashion"):
        (folder / name).symlink_to(folder / "demo")
    (folder / "turns.toml").write_text(PROBE)
    assert (
        code(
            [
                "order",
                "probe",
                "--suite",
                str(folder / "turns.toml"),
                "--jobs",
                "1",
                "--out",
                str(folder / "probe"),
            ]
        )
        == 0
    )
    stages(folder)
    return folder


# What the page on stages prints, so that its other lines find finished trainings.
RUN = (
    "holdfast stage run --tasks tasks --model model --general general.txt --steps 20 --seeds 1 "
    "--orders 3 --verify-seeds 1"
)


def stages(folder: Path) -> None:
    """The files and the results of the example of language models that are trained in stages."""
    runpy.run_path(str(ROOT / "examples" / "stages" / "make.py"))["make"](folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert code(RUN.split()[1:]) == 0


def code(words: list[str]) -> int:
    with pytest.raises(SystemExit) as ended:
        run_cli(words)
    return int(ended.value.code or 0)


def lacks_data(line: str) -> bool:
    """Whether a line trains on a data set that is neither in the package nor on this machine."""
    named = re.search(r"--data \S+/|holdfast bench [a-z]|holdfast order (probe|verify)", line)
    return named is not None and not os.environ.get("HOLDFAST_DATA")


@pytest.mark.parametrize("page", LINES, ids=lambda p: str(p.relative_to(ROOT)))
def test_every_printed_command_runs(page, finished, tmp_path, monkeypatch, capsys):
    results = "results" in page.parts
    monkeypatch.setattr("holdfast.runs.carry_out.run_all", no_steps if results else first_steps)
    prepare(tmp_path, finished, monkeypatch)
    for line in LINES[page]:
        words = words_of(line)
        if words[0] != "holdfast" or any(part in line for part in ELSEWHERE):
            continue
        if lacks_data(line) and not results:
            continue
        check_line(page.name, line, capsys)


def prepare(folder: Path, finished: Path, monkeypatch) -> None:
    """Work in a folder with the files that the lines name."""
    fill(folder)
    (folder / "runs").symlink_to(finished)
    for name in ("probe", "stage", "tasks", "model", "general.txt"):
        (folder / name).symlink_to(finished / name)
    monkeypatch.chdir(folder)


# Lines that depend on nothing but finished runs, take seconds, and are printed on several pages.
ONCE = {"holdfast diagnose runs/er"}
RAN: set[str] = set()


def check_line(where: str, line: str, capsys) -> None:
    """Run a line. A verdict that fails is as good as a pass, because the files are made up."""
    if line in RAN:
        return
    words = words_of(line)
    ended = code(words[1:])
    said = capsys.readouterr()
    verdict = words[1] == "gate" and ended == 1 and said.out.startswith("fail")
    assert ended == 0 or verdict, f"{where}: {line}\n{said.err}{said.out}"
    if line in ONCE:
        RAN.add(line)


def commands_of(group, path=("holdfast",)):
    """Every command with the words that call it, groups before their commands."""
    yield path, group
    for name, command in getattr(group, "commands", {}).items():
        yield from commands_of(command, (*path, name))


COMMANDS = dict(commands_of(typer.main.get_command(app)))


def examples_of(command) -> list[str]:
    """The lines below "Examples:" at the end of a help."""
    lines = (command.epilog or "").partition("Examples:")[2].splitlines()
    return [line.strip() for line in lines if line.strip()]


def test_every_help_says_what_the_command_does_when_and_how():
    for path, command in COMMANDS.items():
        name = " ".join(path)
        text = command.help or ""
        # click cuts the first sentence at this length in the list of commands.
        assert len(text.partition(".")[0]) <= 62 or command.name == "holdfast", name
        assert len(path) == 1 or "Use this" in text, name
        assert examples_of(command), name
        assert all(line.startswith(name) for line in examples_of(command)), name
        for parameter in command.params:
            assert parameter.help is None or parameter.help[0].isupper(), (name, parameter.name)
            assert parameter.name == "help" or parameter.help, (name, parameter.name)


def test_every_example_of_a_help_runs(finished, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("holdfast.runs.carry_out.run_all", first_steps)
    prepare(tmp_path, finished, monkeypatch)
    for path, command in COMMANDS.items():
        for line in examples_of(command):
            # Verifying is tried in tests/cli/test_order_and_diagnose.py with orders that are few.
            if not lacks_data(line):
                check_line(" ".join(path), line, capsys)


def test_the_targets_of_make_exist():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M))
    named = {
        w
        for found in LINES.values()
        for line in found
        if line.startswith("make ")
        for w in words_of(line)[1:2]
    }
    assert {"demo", "test"} <= named <= targets


def test_scripts_that_are_named_exist():
    for page, found in LINES.items():
        for line in found:
            words = words_of(line)
            if (
                words[0].startswith("python")
                and words[1].endswith(".py")
                and words[1] != "pretrained.py"
            ):
                assert (ROOT / words[1]).exists(), f"{page.name}: {line}"


def test_lines_of_pip_install_from_a_checkout_with_extras_that_exist():
    """They need the network; `make dist-check` installs the package in fresh environments."""
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"][
        "optional-dependencies"
    ]
    lines = [
        line for found in LINES.values() for line in found if re.match(r"(python3? -m )?pip ", line)
    ]
    assert len(lines) >= 4
    pinned = (ROOT / "constraints.txt").read_text()
    for line in lines:
        words = words_of(line)
        if "--constraint" in words:
            at = words.index("--constraint")
            assert (ROOT / words[at + 1]).exists(), line
            del words[at : at + 2]
        for target in words[words.index("install") + 1 :]:
            local = re.fullmatch(r"\.(\[([a-z,]+)\])?", target)
            assert local or target in pinned or target.startswith("git+https://git.example.com/"), (
                line
            )
            assert not local or not local[2] or set(local[2].split(",")) <= extras.keys(), line


def test_a_line_that_fails_would_be_found(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    page = tmp_path / "page.md"
    page.write_text(
        "Text.\n\n    holdfast gate --champoin a.csv   # a slip\n\n"
        "And `holdfast run --step 3`, not `holdfast run`.\n"
    )
    assert lines_of(page) == ["holdfast gate --champoin a.csv   # a slip", "holdfast run --step 3"]
    assert [code(words_of(line)[1:]) for line in lines_of(page)] == [2, 2]
