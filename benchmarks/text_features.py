"""Compare the two kinds of text features: hashed ones, and TF-IDF that was fitted on all tasks.

    python benchmarks/text_features.py --data-dir DATA --write benchmarks/results/text-features.md

The table gives the final accuracy over all 150 intents of CLINC150. Its ten domains are learnt in
the class scenario by an MLP of 256 units, with ER(1000), Joint and FineTune, Adam at 0.002, three
epochs and three seeds. Hashed features are fitted on nothing. TF-IDF of all tasks knows words that
no task so far has used, so its rows show what this knowledge of the future is worth.
"""

import argparse
from pathlib import Path

from holdfast.metrics import average_accuracy, seed_interval
from holdfast.runs.build import build_learner
from holdfast.runs.config import RunConfig
from holdfast.streams import Source, grouped, named
from holdfast.streams.text import FEATURES
from holdfast.validation import validated

METHODS = ("FineTune()", "ER(1000)", "Joint()")
SEEDS = (0, 1, 2)
SETTINGS = {
    "data": {"name": "clinc/clinc_oos", "stream": "grouped", "tasks": 10},
    "model": {"hidden": [256]},
    "training": {"optimizer": "adam", "lr": 0.002, "epochs": 3, "batch_size": 32},
    "scenario": "class",
}


def final_accuracy(source: Source, method: str, seed: int) -> float:
    """ACC after the last task, in percent."""
    config = validated(RunConfig, **SETTINGS, method=method, seed=seed)
    stream = grouped(source, config.scenario, seed=seed)
    return 100 * average_accuracy(build_learner(config, stream).fit(stream).matrix)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data-dir")
    parser.add_argument("--write", type=Path)
    options = parser.parse_args()
    rows = []
    for features in FEATURES:
        source = named("clinc/clinc_oos", options.data_dir, features=features)
        for method in METHODS:
            found = [final_accuracy(source, method, seed) for seed in SEEDS]
            rows.append(f"| {features} | {method} | {seed_interval(found):.1f} |")
            print(rows[-1], flush=True)
    about = " ".join((__doc__ or "").split("\n\n")[2].split())
    lines = [
        "# Features of texts",
        "",
        about,
        "",
        "| features | method | ACC |",
        "|---|---|---|",
        *rows,
        "",
    ]
    if options.write:
        options.write.write_text("\n".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main()
