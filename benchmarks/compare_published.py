"""Our results beside the published ones, seed by seed.

    holdfast bench van-de-ven-2022
    python benchmarks/compare_published.py van-de-ven-2022 runs/van-de-ven-2022 --write benchmarks/results/van-de-ven-2022.md

Cells that differ are run again with 20 seeds, and those means set against the paper's, which are of 20 runs as well:

    holdfast bench van-de-ven-2022 --scenarios task --methods FineTune,AGEM --seeds 2-21 --out runs/van-de-ven-2022-20
    python benchmarks/compare_published.py van-de-ven-2022 runs/van-de-ven-2022 --more runs/van-de-ven-2022-20

Writes the tables, and next to them a JSON file with the row of every seed.
"""

import argparse
import json
from pathlib import Path

from holdfast.bench.published import TABLES, compare
from holdfast.metrics import AccuracyMatrix, average_accuracy, backward_transfer, seed_interval
from holdfast.reports import load_results


def rows_of(folder: Path) -> list[dict]:
    """A row a run: final ACC and BWT in points, seconds."""
    rows = []
    for r in load_results([folder]):
        m, seconds = AccuracyMatrix.from_json(r["matrix"]), r["cost"]["seconds"]
        rows.append(
            {
                "scenario": r["config"]["scenario"],
                "label": r["label"],
                "method": r["config"]["method"],
                "seed": r["seed"],
                "ACC": round(100 * average_accuracy(m), 2),
                "BWT": round(100 * backward_transfer(m), 2),
                "seconds": round(seconds["training"] + seconds["consolidation"], 1),
            }
        )
    return sorted(rows, key=lambda r: (["task", "domain", "class"].index(r["scenario"]), r["label"], r["seed"]))


def with_more_seeds(rows: list[dict], table: dict) -> list[str]:
    """The means over many seeds against the paper's."""
    lines = ["| scenario | method | seeds | ours, mean ± 95 % interval | paper | authors' code, its seeds | ours, the same seeds |"]
    lines.append("|---|---|---|---|---|---|---|")
    for scenario, label in dict.fromkeys((r["scenario"], r["label"]) for r in rows):
        ours = {r["seed"]: r["ACC"] for r in rows if (r["scenario"], r["label"]) == (scenario, label)}
        published = table[scenario][label]
        code = " · ".join(f"{v:.1f}" for _, v in sorted(published.code.items()))
        same = " · ".join(f"{ours[s]:.1f}" for s in sorted(published.code) if s in ours)
        lines.append(
            f"| {scenario} | {label} | {len(ours)} | {seed_interval(list(ours.values())):.2f} | {published.paper} | {code} | {same} |"
        )
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table", choices=sorted(TABLES))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--more", type=Path, help="results of some cells with more seeds")
    parser.add_argument("--write", type=Path)
    options = parser.parse_args()
    rows = rows_of(options.folder)
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
    agreed = sum(line.endswith("agrees |") for line in lines)
    lines += ["", f"{agreed} of {len(lines) - 2} cells agree."]
    if options.more:
        more = rows_of(options.more)
        lines += ["", "## More seeds", "", *with_more_seeds(more, TABLES[options.table])]
        rows += [r | {"set": "more"} for r in more]
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
