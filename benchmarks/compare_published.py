"""Our results beside the published ones, seed by seed.

    holdfast bench van-de-ven-class --out runs/van-de-ven-class
    python benchmarks/compare_published.py van-de-ven-class runs/van-de-ven-class --write benchmarks/results/van-de-ven-class.md

Writes the table, and next to it a JSON file with the row of every seed.
"""

import argparse
import json
from pathlib import Path

from holdfast.bench.published import TABLES, compare
from holdfast.metrics import AccuracyMatrix, average_accuracy, backward_transfer
from holdfast.reports import load_results


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table", choices=sorted(TABLES))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--write", type=Path)
    options = parser.parse_args()
    rows = []
    for r in load_results([options.folder]):
        m = AccuracyMatrix.from_json(r["matrix"])
        rows.append(
            {
                "scenario": r["config"]["scenario"],
                "label": r["label"],
                "method": r["config"]["method"],
                "seed": r["seed"],
                "ACC": round(100 * average_accuracy(m), 2),
                "BWT": round(100 * backward_transfer(m), 2),
                "seconds": round(r["cost"]["seconds"]["training"] + r["cost"]["seconds"]["consolidation"], 1),
            }
        )
    rows.sort(key=lambda r: (r["scenario"], r["label"], r["seed"]))
    lines = ["| scenario | method | paper | authors' code | ours | difference, 95 % interval | |", "|---|---|---|---|---|---|---|"]
    for scenario, cells in TABLES[options.table].items():
        for label, published in cells.items():
            ours = {r["seed"]: r["ACC"] for r in rows if (r["scenario"], r["label"]) == (scenario, label)}
            if not ours:
                continue
            c = compare(ours, published)
            code = " · ".join(f"{v:.1f}" for _, v in sorted(published.code.items()))
            mine = " · ".join(f"{v:.1f}" for _, v in sorted(ours.items()))
            verdict = "agrees" if c.agrees else "differs"
            lines.append(
                f"| {scenario} | {label} | {published.paper} | {code} | {mine} | {c.difference:+.2f} ± {c.half_width:.2f} | {verdict} |"
            )
    print("\n".join(lines))
    if options.write:
        options.write.parent.mkdir(parents=True, exist_ok=True)
        command = f"`holdfast bench {options.table}`, then `python benchmarks/compare_published.py {options.table} …`"
        note = options.write.with_suffix(".notes.md")
        notes = "\n" + note.read_text() if note.exists() else ""
        options.write.write_text(
            f"# {options.table}\n\n{command}\n\nFinal average accuracy, %; seeds in ascending order.\n\n" + "\n".join(lines) + "\n" + notes
        )
        options.write.with_suffix(".json").write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
