"""Two studies of the order of tasks on real data: does a scheduler beat random orders, and does the plan of a short probe hold?

    python benchmarks/order_studies.py --data-dir DATA --out runs/orders --write docs/studies

Each case: a probe of every ordered pair (seeds 1-3), then the orders of all schedulers, the plan's reverse and 40 random orders, each
trained with fresh seeds (images 3, CLINC 5), compared by the mean final test score over tasks. Intervals of gains are over seeds, for these
random orders, and each for itself: of a dozen schedulers some do well by chance. Finished runs are skipped.
"""

import argparse
import json
import os
from pathlib import Path

import numpy as np

from holdfast.bench.config import RunConfig
from holdfast.bench.orders import Probing, measure_signals, task_names, verifying
from holdfast.bench.runner import run_all, write_json
from holdfast.metrics import Interval
from holdfast.planning import Verification, make_plan, read_probe, verified
from holdfast.planning.schedulers import SIGNAL_OF
from holdfast.reports.figures import figure_of, save
from holdfast.reports.orders import distribution, scatter
from holdfast.validation import validated

PROBE_SEEDS, ORDERS = (1, 2, 3), 40
SEEDS = {"images": 3, "clinc": 5}  # fresh ones for every order
IMAGES = {
    "data": {
        "name": "ylecun/mnist",
        "stream": "mixture",
        "pieces": [
            "ylecun/mnist",
            "ylecun/mnist:rotate=45",
            "ylecun/mnist:rotate=90",
            "ylecun/mnist:permute=1",
            "ylecun/mnist:permute=2",
            "zalando-datasets/fashion_mnist",
            "digits",
        ],
    },
    "model": {"hidden": [100, 100]},
    "training": {"optimizer": "sgd", "lr": 0.05, "momentum": 0.0, "steps": 400, "batch_size": 32},
    "scenario": "domain",
}
TURNS = IMAGES | {
    "data": {
        "name": "ylecun/mnist",
        "stream": "mixture",
        "pieces": [f"ylecun/mnist:rotate={a}" for a in (0, 30, 60, 90, 120, 150, 180, 210)],
    }
}
CLINC = {
    "data": {"name": "clinc/clinc_oos", "stream": "grouped", "tasks": 10},
    "model": {"hidden": [100]},
    "training": {"optimizer": "adam", "lr": 0.002, "epochs": 3, "batch_size": 32},
}
LARGE = {"model": {"hidden": [400, 400]}}
LINEAR = {"model": {"hidden": []}}
SHORT = {"training": {"steps": 100}}
CASES = {  # study → name → settings of the probe, of the verification where they differ, the method
    "images": {
        "mixture, FineTune": (IMAGES, {}, "FineTune()"),
        "mixture, FineTune, probe of a quarter of the steps": (IMAGES, SHORT, "FineTune()"),
        "mixture, FineTune, plan for a four times wider network": (IMAGES, LARGE, "FineTune()"),
        "eight rotations, FineTune": (TURNS, {}, "FineTune()"),
    },
    "clinc": {
        "class-incremental, MLP, ER of 300 examples": (
            CLINC | {"scenario": "class"},
            {},
            "ER(300)",
        ),
        "class-incremental, linear, ER of 300 examples": (
            CLINC | LINEAR | {"scenario": "class"},
            {},
            "ER(300)",
        ),
        "domain-incremental, MLP, FineTune": (CLINC | {"scenario": "domain"}, {}, "FineTune()"),
        "domain-incremental, linear, FineTune": (
            CLINC | LINEAR | {"scenario": "domain"},
            {},
            "FineTune()",
        ),
    },
}
TITLES = {
    "images": "Order of tasks: turned and permuted MNIST, Fashion-MNIST and small digits",
    "clinc": "Order of tasks: the ten domains of CLINC150",
}


def changed(base: dict, change: dict) -> dict:
    """Settings with some of a part's replaced."""
    return base | {part: base.get(part, {}) | values for part, values in change.items()}


def study(
    settings: dict,
    change: dict,
    method: str,
    seeds: int,
    out: Path,
    data_dir: str | None,
    jobs: int,
) -> Verification:
    """Probes, plans and verifies one case. A change of the training is the probe's (a shorter one), one of the model the verification's."""
    probed, trained = (
        (changed(settings, change), settings)
        if "training" in change
        else (settings, changed(settings, change))
    )
    config, full = (validated(RunConfig, **s, method=method) for s in (probed, trained))
    names = tuple(task_names(config, data_dir))
    job = Probing(config, full, names, PROBE_SEEDS)
    for _ in run_all(job.runs(), out, jobs=jobs, data_dir=data_dir):
        pass
    found = (
        measure_signals(config, names, PROBE_SEEDS, out, jobs, data_dir, "cpu")
        if config.scenario == "domain"
        else {}
    )
    job.assemble(out, found)
    check = verifying(out, orders=ORDERS, seeds=seeds, transfer_to="full" if change else None)
    for _ in run_all(check.runs(), out, jobs=jobs, data_dir=data_dir):
        pass
    result = verified(check.outcomes(out))
    write_json(out / "verification.json", result.to_json())
    return result


def headline(results: dict[str, Verification]) -> str:
    """The first line: the scheduler that gained most where it beat random orders, with its intervals, and what to do."""
    wins: dict[str, list[Interval]] = {}
    for r in results.values():
        for a in r.advantages:
            if a.gain.low > 0 and not a.gain.all_equal and a.scheduler != "reverse":
                wins.setdefault(a.scheduler, []).append(a.gain)
    cases, best = (
        len(results),
        max(wins, key=lambda n: sum(v.estimate for v in wins[n]), default=None),
    )
    if best is None or 2 * len(wins[best]) < cases:
        return "**No scheduler beat random orders in half of the cases: take any order, and spend the time on the method.**"
    gains = ", ".join(
        f"{100 * v.estimate:+.1f} [{100 * v.low:+.1f}, {100 * v.high:+.1f}]" for v in wins[best]
    )
    ranked = sum(r.rho.low > 0 for r in results.values())
    also = (
        ""
        if best == "linear-ordering"
        else f"linear-ordering did in {len(wins.get('linear-ordering', []))}; "
    )
    probe = "probe with --signals" if best in SIGNAL_OF else "probe the pairs"
    return (
        f"**{best} beat random orders in {len(wins[best])} of {cases} cases, by {gains} points ({also}the predicted value ranked "
        f"orders in {ranked}): {probe}, plan with {best}, and verify before you rely on it.**"
    )


def table(r: Verification) -> list[str]:
    """A row a scheduler, best first."""
    rows = ["| scheduler | over random orders, points | random orders beaten |", "|---|---|---|"]
    for a in sorted(r.advantages, key=lambda a: -a.gain.estimate):
        gain = f"{100 * a.gain.estimate:+.2f} [{100 * a.gain.low:+.2f}, {100 * a.gain.high:+.2f}]"
        rows.append(f"| {a.scheduler} | {gain} | {100 * a.percentile:.0f} % |")
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data-dir")
    parser.add_argument("--out", type=Path, default=Path("runs/orders"))
    parser.add_argument("--write", type=Path, help="folder for the pages and their figures")
    parser.add_argument("--only", choices=sorted(CASES))
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    for name, cases in CASES.items():
        if options.only not in (None, name):
            continue
        results, lines = {}, []
        for k, (case, (settings, change, method)) in enumerate(cases.items(), 1):
            folder = options.out / name / str(k)
            results[case] = r = study(
                settings, change, method, SEEDS[name], folder, options.data_dir, options.jobs
            )
            print(f"{name}: {case}: {r.verdict}", flush=True)
            plan = make_plan(read_probe(folder))
            values = r.to_json()
            lines += ["", f"## {case[0].upper()}{case[1:]}", "", r.verdict, ""]
            lines += [
                f"The plan, {' → '.join(plan.order)}, stays the best in {100 * (plan.stays_best or 0):.0f} % of resampled probes. "
            ]
            lines += [
                f"Random orders: {100 * np.mean([o.mean for o in r.outcomes if o.scheduler is None]):.1f} points, standard deviation "
            ]
            lines[-1] += (
                f"{100 * r.spread:.2f}. The first task alone explains {100 * r.first_task:.0f} % of their variance "
            )
            lines[-1] += f"({100 * r.first_task_by_chance:.0f} % by chance)."
            lines += ["", *table(r)]
            if options.write:
                for kind, draw in (("scatter", scatter), ("orders", distribution)):
                    save(
                        figure_of(draw, values, size=(6, 4)),
                        options.write / "figures" / f"{name}-{k}-{kind}.png",
                    )
                lines += ["", f"![realised against predicted](figures/{name}-{k}-scatter.png)"]
        notes = options.write / f"{name}.notes.md" if options.write else None
        said = [notes.read_text().strip(), ""] if notes and notes.exists() else []
        how = " ".join((__doc__ or "").split("\n\n")[2].split())
        page = [headline(results), "", f"# {TITLES[name]}", "", *said, how, *lines, ""]
        if options.write:
            (options.write / f"{name}.md").write_text("\n".join(page))
            (options.write / f"{name}.json").write_text(
                json.dumps({c: r.to_json() for c, r in results.items()}) + "\n"
            )


if __name__ == "__main__":
    main()
