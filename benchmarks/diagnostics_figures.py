"""The figures of the documentation: stability gap, saturation and landscape, each from `holdfast run` and `holdfast diagnose`.

python benchmarks/diagnostics_figures.py --data-dir DATA --out runs/diagnostics --write docs/diagnostics
"""

import argparse
import json
import shutil
import subprocess
import sys
from pathlib import Path

MNIST = [
    "--data",
    "ylecun/mnist",
    "--tasks",
    "5",
    "--hidden",
    "256,256",
    "--optimizer",
    "sgd",
    "--lr",
    "0.01",
    "--momentum",
    "0.9",
]
SPLIT = [*MNIST, "--epochs", "1", "--batch-size", "64"]
PERMUTED = [
    "--data",
    "ylecun/mnist",
    "--stream",
    "permuted",
    "--tasks",
    "5",
    "--hidden",
    "100,100",
    "--lr",
    "0.1",
    "--momentum",
    "0",
]
LANDSCAPE = [
    "--data",
    "ylecun/mnist",
    "--stream",
    "sequence",
    "--then",
    "zalando-datasets/fashion_mnist",
    "--scenario",
    "domain",
]
LANDSCAPE += [
    "--model",
    "convnet",
    "--optimizer",
    "sgd",
    "--lr",
    "0.01",
    "--momentum",
    "0.9",
    "--epochs",
    "1,10",
]
CASES = {  # name → settings of the run, diagnostic
    "stability-gap-class": (
        ["--scenario", "class", "--method", "ER(500)", *SPLIT],
        "stability-gap",
    ),
    "stability-gap-domain": (
        ["--scenario", "domain", "--method", "ER(500)", *SPLIT],
        "stability-gap",
    ),
    "saturation-class": (["--scenario", "class", "--method", "EWC(100)", *SPLIT], "saturation"),
    "saturation-permuted": (
        ["--scenario", "domain", "--method", "EWC(10)", *PERMUTED, "--batch-size", "128"],
        "saturation",
    ),
    "interference-class": (["--scenario", "class", "--method", "FineTune", *SPLIT], "interference"),
    "layers-domain": (["--scenario", "domain", "--method", "FineTune", *SPLIT], "layers"),
    "landscape": (LANDSCAPE, "landscape"),
}


def diagnosed(
    folder: Path, settings: list[str], what: str, where: list[str], write: Path | None, again: bool
) -> dict:
    """The finding of a case: from a run and its diagnosis, or, where it is not wanted again, as it was written before."""
    if not again and write:
        return json.loads((write / f"{folder.name}.json").read_text())
    holdfast = [sys.executable, "-m", "holdfast.cli.main"]
    subprocess.run(
        [*holdfast, "run", *settings, *where, "--keep-checkpoints", "--out", str(folder)],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    subprocess.run(
        [*holdfast, "diagnose", str(folder), "--what", what, "--examples", "1000", *where],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    found = next(folder.glob("*/diagnostics.json"))
    finding = next(f for f in json.loads(found.read_text())["findings"] if f["what"] == what)
    if write:
        shutil.copy(found.parent / "diagnostics" / f"{what}.png", write / f"{folder.name}.png")
        (write / f"{folder.name}.json").write_text(json.dumps(finding) + "\n")
    return finding


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data-dir")
    parser.add_argument("--out", type=Path, default=Path("runs/diagnostics"))
    parser.add_argument("--write", type=Path)
    parser.add_argument(
        "--only",
        choices=sorted(CASES),
        help="run this case again, take the others as they were written",
    )
    options = parser.parse_args()
    where = ["--data-dir", options.data_dir] if options.data_dir else []
    lines = [
        "# What diagnostics say",
        "",
        "From `benchmarks/diagnostics_figures.py`; one seed each.",
        "",
    ]
    for name, (settings, what) in CASES.items():
        finding = diagnosed(
            options.out / name, settings, what, where, options.write, options.only in (None, name)
        )
        print(f"{name}: {finding['sentence']}", flush=True)
        command = " ".join(f'"{s}"' if "(" in s else s for s in settings)
        lines += [f"## {name}", "", f"`holdfast run {command}`", "", finding["sentence"], ""]
        if what == "saturation":
            for threshold, share in finding["numbers"]["by_threshold"].items():
                lines += [
                    f"Above {threshold} after each task: "
                    + ", ".join(f"{100 * v:.0f} %" for v in share)
                    + ".",
                    "",
                ]
        notes = options.write / f"{name}.notes.md" if options.write else None
        lines += [notes.read_text().strip(), ""] if notes and notes.exists() else []
        lines += [f"![{name}]({name}.png)", ""]
    if options.write:
        (options.write / "README.md").write_text("\n".join(lines))


if __name__ == "__main__":
    main()
