"""Make the examples of the documentation of diagnostics.

    python benchmarks/diagnostics_figures.py --data-dir DATA --out runs/diagnostics \\
        --write docs/diagnostics
    python benchmarks/diagnostics_figures.py --write docs/diagnostics --pages

Each example is a run of `holdfast run`, followed by `holdfast diagnose`. The script copies the
figure and the numbers of each diagnostic into the folder of the page, and it writes the page. With
`--pages`, it only writes the page again, from the findings and notes that are beside it.
"""

import argparse
import json
import shutil
import subprocess
import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path

WIDTH = 100  # characters of a line of the page
MNIST = (
    "--data ylecun/mnist --tasks 5 --hidden 256,256 --optimizer sgd --lr 0.01 --momentum 0.9 "
    "--epochs 1 --batch-size 64"
)
PERMUTED = (
    "--data ylecun/mnist --stream permuted --tasks 5 --hidden 100,100 --lr 0.1 --momentum 0 "
    "--batch-size 128"
)
LANDSCAPE = (
    "--data ylecun/mnist --stream sequence --then zalando-datasets/fashion_mnist --scenario domain "
    "--model convnet --optimizer sgd --lr 0.01 --momentum 0.9 --epochs 1,10"
)
INTRODUCTION = """\
# What diagnostics say

Look here before you run `holdfast diagnose`, to see what its sentences and figures look like and
how to read them ([what each diagnostic measures](../diagnostics.md)). Each section is one run with
one seed, and `--keep-checkpoints` added to its command. Below the command you find the sentence of
the diagnostic, what we conclude from it, and the figure.

`python benchmarks/diagnostics_figures.py` runs everything again. The JSON files in this folder have
the numbers.
"""


@dataclass(frozen=True)
class Case:
    """One example: a run, and one of its diagnostics."""

    title: str
    settings: list[str]
    what: str


def case(title: str, method: list[str], settings: str, what: str) -> Case:
    """Make a case from its options, which are the method's and the others."""
    return Case(title, [*method, *settings.split()], what)


CASES = {
    "stability-gap-class": case(
        "How deep is the dip after a boundary? Class scenario, ER",
        ["--scenario", "class", "--method", "ER(500)"],
        MNIST,
        "stability-gap",
    ),
    "stability-gap-domain": case(
        "How deep is the dip after a boundary? Domain scenario, ER",
        ["--scenario", "domain", "--method", "ER(500)"],
        MNIST,
        "stability-gap",
    ),
    "saturation-class": case(
        "How much of the network is held? Class scenario, EWC",
        ["--scenario", "class", "--method", "EWC(100)"],
        MNIST,
        "saturation",
    ),
    "saturation-permuted": case(
        "How much of the network is held? Permuted MNIST, EWC",
        ["--scenario", "domain", "--method", "EWC(10)"],
        PERMUTED,
        "saturation",
    ),
    "interference-class": case(
        "Do new and old gradients work against each other? Class scenario, plain training",
        ["--scenario", "class", "--method", "FineTune"],
        MNIST,
        "interference",
    ),
    "layers-domain": case(
        "Which layer forgets? Domain scenario, plain training",
        ["--scenario", "domain", "--method", "FineTune"],
        MNIST,
        "layers",
    ),
    "landscape": case(
        "What lies between the solutions? MNIST, then Fashion-MNIST", [], LANDSCAPE, "landscape"
    ),
}


def diagnose(folder: Path, case: Case, where: list[str], write: Path | None) -> None:
    """Run a case and its diagnosis, and keep finding and figure beside the page."""
    holdfast = [sys.executable, "-m", "holdfast.cli.main"]
    subprocess.run(
        [*holdfast, "run", *case.settings, *where, "--keep-checkpoints", "--out", str(folder)],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    subprocess.run(
        [*holdfast, "diagnose", str(folder), "--what", case.what, "--examples", "1000", *where],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    results = next(folder.glob("*/diagnostics.json"))
    findings = json.loads(results.read_text())["findings"]
    finding = next(one for one in findings if one["what"] == case.what)
    print(f"{folder.name}: {finding['sentence']}", flush=True)
    if write is not None:
        figure = results.parent / "diagnostics" / f"{case.what}.png"
        shutil.copy(figure, write / f"{folder.name}.png")
        (write / f"{folder.name}.json").write_text(json.dumps(finding) + "\n")


def section(name: str, case: Case, write: Path) -> list[str]:
    """The part of the page about one case, from the files beside it."""
    finding = json.loads((write / f"{name}.json").read_text())
    command = " ".join(f'"{word}"' if "(" in word else word for word in case.settings)
    sentence = textwrap.fill(
        finding["sentence"], WIDTH, initial_indent="> ", subsequent_indent="> "
    )
    lines = [f"## {case.title}", "", f"    holdfast run {command}", "", sentence]
    if case.what == "saturation":
        lines += ["", *shares(finding["numbers"]["by_threshold"])]
    notes = write / f"{name}.notes.md"
    if notes.exists():
        lines += ["", notes.read_text().strip()]
    return [*lines, "", f"![{name}]({name}.png)", ""]


def shares(by_threshold: dict[str, list[float]]) -> list[str]:
    """A table with the share of held parameters after each task."""
    tasks = range(1, len(next(iter(by_threshold.values()))) + 1)
    lines = [
        "| parameters above | " + " | ".join(f"after task {task}" for task in tasks) + " |",
        "|---" * (len(tasks) + 1) + "|",
    ]
    for threshold, after in by_threshold.items():
        lines.append(f"| {threshold} | " + " | ".join(f"{100 * v:.0f} %" for v in after) + " |")
    return lines


def page(write: Path) -> str:
    """The page of all cases."""
    lines = [INTRODUCTION]
    for name, case in CASES.items():
        lines += section(name, case, write)
    return "\n".join(lines)


def main() -> None:
    """Run the cases that are wanted, and write the page."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data-dir")
    parser.add_argument("--out", type=Path, default=Path("runs/diagnostics"))
    parser.add_argument("--write", type=Path)
    parser.add_argument("--only", choices=sorted(CASES), help="run this case alone")
    parser.add_argument("--pages", action="store_true", help="write the page without running")
    options = parser.parse_args()
    where = ["--data-dir", options.data_dir] if options.data_dir else []
    for name, case in CASES.items():
        if not options.pages and options.only in (None, name):
            diagnose(options.out / name, case, where, options.write)
    if options.write is not None:
        (options.write / "README.md").write_text(page(options.write))


if __name__ == "__main__":
    main()
