"""Compare our results with the published ones, seed by seed.

    holdfast bench van-de-ven-2022
    python benchmarks/compare_published.py van-de-ven-2022 runs/van-de-ven-2022 \\
        --write benchmarks/results/van-de-ven-2022.md

A row has the mean in the paper, the results of the authors' code and ours for the same seeds, and
the interval of the difference. The last column says whether the two agree. Below the table you find
how many pairs of methods come out in the order of the paper.

If a cell differs, run it again with 20 seeds. The script then sets your mean beside that of the
paper, which is of 20 runs as well:

    holdfast bench van-de-ven-2022 --scenarios task --methods FineTune,AGEM --seeds 2-21 \\
        --out runs/van-de-ven-2022-20
    python benchmarks/compare_published.py van-de-ven-2022 runs/van-de-ven-2022 \\
        --more runs/van-de-ven-2022-20

With `--write`, the script also writes a JSON file next to the page, with one row per run.
"""

import argparse
import json
from pathlib import Path

from holdfast.bench.published import TABLES, compare_with_published
from holdfast.metrics import average_accuracy, backward_transfer, seed_interval
from holdfast.results import load_results


def rows_of(folder: Path) -> list[dict]:
    """One row per run, with final ACC and BWT in points and the seconds of learning."""
    rows = [
        {
            "scenario": r.scenario,
            "label": r.label,
            "method": r.method,
            "seed": r.seed,
            "ACC": round(100 * average_accuracy(r.matrix), 2),
            "BWT": round(100 * backward_transfer(r.matrix), 2),
            "seconds": round(r.cost.seconds.learning, 1),
        }
        for r in load_results([folder])
    ]
    return sorted(
        rows,
        key=lambda r: (["task", "domain", "class"].index(r["scenario"]), r["label"], r["seed"]),
    )


def with_more_seeds(rows: list[dict], table: dict) -> list[str]:
    """The means over many seeds against the paper's."""
    lines = [
        "| scenario | method | seeds | ours, mean ± 95 % interval | paper "
        "| authors' code, its seeds | ours, the same seeds |",
        "|---|---|---|---|---|---|---|",
    ]
    for scenario, label in dict.fromkeys((r["scenario"], r["label"]) for r in rows):
        ours = {
            r["seed"]: r["ACC"] for r in rows if (r["scenario"], r["label"]) == (scenario, label)
        }
        published = table[scenario][label]
        code = " · ".join(f"{v:.1f}" for _, v in sorted(published.code.items()))
        same = " · ".join(f"{ours[s]:.1f}" for s in sorted(published.code) if s in ours)
        lines.append(
            f"| {scenario} | {label} | {len(ours)} | {seed_interval(list(ours.values())):.2f} "
            f"| {published.paper} | {code} | {same} |"
        )
    return lines


def order_of_print(rows: list[dict], table: dict) -> list[str]:
    """How many pairs of methods come out in the order of the paper, and which do not.

    Only pairs that are more than 3 points apart in the paper count.
    """
    lines = []
    for scenario, cells in table.items():
        ours = {
            c: [r["ACC"] for r in rows if (r["scenario"], r["label"]) == (scenario, c)]
            for c in cells
        }
        mean = {c: sum(v) / len(v) for c, v in ours.items() if v}
        known = [c for c in mean if cells[c].paper is not None]
        pairs = [(a, b) for a in known for b in known if cells[a].paper > cells[b].paper + 3]
        wrong = [
            f"{a} under {b} ({mean[a]:.1f}, {mean[b]:.1f})" for a, b in pairs if mean[a] <= mean[b]
        ]
        lines += [
            "",
            f"{scenario}: of {len(pairs)} pairs more than 3 points apart in print, "
            f"{len(pairs) - len(wrong)} come out in that order",
        ]
        lines[-1] += f"; not: {', '.join(wrong)}." if wrong else "."
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("table", choices=sorted(TABLES))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--more", type=Path, help="results of some cells with more seeds")
    parser.add_argument(
        "--keep",
        action="store_true",
        help="cells that FOLDER lacks are those of the JSON file written before",
    )
    parser.add_argument("--write", type=Path)
    options = parser.parse_args()
    rows, extra = rows_of(options.folder), []
    if options.keep and options.write:
        have = {(r["scenario"], r["label"]) for r in rows}
        before = json.loads(options.write.with_suffix(".json").read_text())
        extra = [r for r in before if r.get("set") == "more"]
        rows += [
            r for r in before if r.get("set") != "more" and (r["scenario"], r["label"]) not in have
        ]
    lines = [
        "| scenario | method | paper | authors' code | ours | difference, 95 % interval | |",
        "|---|---|---|---|---|---|---|",
    ]
    for scenario, cells in TABLES[options.table].items():
        for label, published in cells.items():
            ours = {
                r["seed"]: r["ACC"]
                for r in rows
                if (r["scenario"], r["label"]) == (scenario, label)
            }
            if not ours:
                continue
            c = compare_with_published(ours, published)
            code = " · ".join(f"{v:.1f}" for _, v in sorted(published.code.items()))
            mine = " · ".join(f"{v:.1f}" for _, v in sorted(ours.items()))
            verdict = (
                "agrees"
                if c.agrees
                else "differs"
                if c.difference == c.difference
                else "nothing to compare with"
            )
            lines.append(
                f"| {scenario} | {label} | {published.paper} | {code} | {mine} "
                f"| {c.difference:+.2f} ± {c.half_width:.2f} | {verdict} |"
            )
    agreed, compared = (
        sum(line.endswith(ends) for line in lines)
        for ends in (("agrees |",), ("agrees |", "differs |"))
    )
    lines += [
        "",
        f"{agreed} of {compared} cells agree.",
        *order_of_print(rows, TABLES[options.table]),
    ]
    if options.more or extra:
        more = (rows_of(options.more) if options.more else []) + extra
        lines += ["", "## More seeds", "", *with_more_seeds(more, TABLES[options.table])]
        rows += [r | {"set": "more"} for r in more]
    print("\n".join(lines))
    if options.write:
        options.write.parent.mkdir(parents=True, exist_ok=True)
        compare = f"python benchmarks/compare_published.py {options.table} …"
        command = f"`holdfast bench {options.table}`, then `{compare}`"
        note = options.write.with_suffix(".notes.md")
        notes = "\n" + note.read_text() if note.exists() else ""
        options.write.write_text(
            f"# {options.table}\n\n{command}\n\n"
            "Final average accuracy, %; seeds in ascending order.\n\n"
            + "\n".join(lines)
            + "\n"
            + notes
        )
        options.write.with_suffix(".json").write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
