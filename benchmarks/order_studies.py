"""Make the two studies of the order of tasks on real data.

    python benchmarks/order_studies.py --data-dir DATA --out runs/orders --write docs/studies

Does a scheduler beat random orders, and does the plan of a short probe hold? Each case probes the
pairs of tasks, plans an order, and trains it beside random orders. The bold sentence at the top of
a page gives the answer, and each case has a table of the gains. The script skips finished runs and
cases. With `--pages`, it only writes the pages and figures again.
"""

import argparse
import hashlib
import json
import os
import tempfile
import textwrap
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from holdfast.bench.probe_runs import ProbeRuns
from holdfast.bench.probe_settings import task_names
from holdfast.bench.probe_signals import measure_signals
from holdfast.bench.verification_runs import verification_runs
from holdfast.files import write_text
from holdfast.metrics import Interval
from holdfast.planning import Outcome, Plan, Verification, make_plan, read_probe, verified
from holdfast.planning.schedulers import SIGNAL_OF
from holdfast.reports.order_figures import distribution, scatter
from holdfast.reports.saving import save
from holdfast.reports.style import figure_of
from holdfast.results.storage import write_json
from holdfast.runs.carry_out import run_all
from holdfast.runs.config import STREAMS, RunConfig
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
    "images": "Order of tasks: rotated and permuted MNIST, Fashion-MNIST and small digits",
    "clinc": "Order of tasks: the ten domains of CLINC150",
}
QUESTION = (
    "Does the order of tasks matter here, and can it be planned? This page is a measurement for "
    "[the order of tasks](../planning.md)."
)
METHOD = (
    "Each case begins with a probe of every ordered pair of tasks (seeds 1 to 3). Then the orders "
    "of all schedulers, the reverse of the plan and 40 random orders are trained, each with "
    "{seeds} fresh seeds. Orders are compared by the mean final test score over tasks. The "
    "interval of a gain is over seeds, for these random orders. It is not corrected for the number "
    "of schedulers, so of a dozen schedulers some do well by chance."
)


def paragraph(text: str) -> str:
    """A paragraph of a page, wrapped."""
    return textwrap.fill(text, 100, break_long_words=False, break_on_hyphens=False)


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
    """Probe, plan and verify one case.

    A change of the training is for the probe, which is then shorter. A change of the model is for
    the verification.
    """
    probed, trained = (
        (changed(settings, change), settings)
        if "training" in change
        else (settings, changed(settings, change))
    )
    config, full = (validated(RunConfig, **s, method=method) for s in (probed, trained))
    names = tuple(task_names(config, data_dir))
    job = ProbeRuns(config, full, names, PROBE_SEEDS)
    for _ in run_all(job.runs(), out, jobs=jobs, data_dir=data_dir):
        pass
    found = (
        measure_signals(config, names, PROBE_SEEDS, out, jobs, data_dir, "cpu")
        if config.scenario == "domain"
        else {}
    )
    job.assemble(out, found)
    check = verification_runs(
        out, orders=ORDERS, seeds=seeds, transfer_to="full" if change else None
    )
    for _ in run_all(check.runs(), out, jobs=jobs, data_dir=data_dir):
        pass
    result = verified(check.outcomes(out))
    write_json(out / "verification.json", result.to_json())
    return result


def headline(results: dict[str, Verification]) -> str:
    """The first line of a page.

    It names the scheduler that gained most where it beat random orders, its gains with their
    intervals, and what to do.
    """
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
        return (
            "**No scheduler beat random orders in half of the cases: take any order, and spend the "
            "time on the method.**"
        )
    gains = ", ".join(
        f"{100 * v.estimate:+.1f} [{100 * v.low:+.1f}, {100 * v.high:+.1f}]" for v in wins[best]
    )
    ranked = sum(r.rho.low > 0 for r in results.values())
    planned = len(wins.get("linear-ordering", []))
    # The exact plan is the default, so the page says how it did even if another rule did better.
    also = "" if best == "linear-ordering" else f"linear-ordering did in {planned}, and "
    probe = "probe with --signals" if best in SIGNAL_OF else "probe the pairs"
    return (
        f"**{best} beat random orders in {len(wins[best])} of {cases} cases, by {gains} points "
        f"({also}the predicted value ranked orders in {ranked}). If you plan an order for such "
        f"tasks, {probe}, plan with {best}, and verify before you rely on it.**"
    )


def table(r: Verification) -> list[str]:
    """One row per scheduler, best first."""
    rows = ["| scheduler | over random orders, points | random orders beaten |", "|---|---|---|"]
    for a in sorted(r.advantages, key=lambda a: -a.gain.estimate):
        gain = f"{100 * a.gain.estimate:+.2f} [{100 * a.gain.low:+.2f}, {100 * a.gain.high:+.2f}]"
        rows.append(f"| {a.scheduler} | {gain} | {100 * a.percentile:.0f} % |")
    return rows


@dataclass(frozen=True)
class Case:
    """What a finished case left: all that its part of the page needs."""

    verification: Verification
    plan: Plan

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> "Case":
        """A case from the file beside the page."""
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "probe.json").write_text(json.dumps(values["probe"]), encoding="utf-8")
            plan = make_plan(read_probe(folder))
        return cls(verification_of(values["verification"]), plan)


def verification_of(values: dict[str, Any]) -> Verification:
    """A verification, computed again from the scores that its JSON holds."""
    return verified(
        [
            Outcome(
                order=tuple(outcome["order"]),
                predicted=outcome["predicted"],
                realised=tuple(outcome["realised"]),
                scheduler=outcome["scheduler"],
            )
            for outcome in values["outcomes"]
        ]
    )


def digest_of(case: tuple, seeds: int) -> str:
    """The same for a case as long as nothing that its results depend on is changed."""
    content = json.dumps([case, PROBE_SEEDS, ORDERS, seeds, STREAMS], sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()[:16]


def section(number: int, name: str, case: str, result: Case, write: Path | None) -> list[str]:
    """The part of the page about one case; its figures are written too."""
    r = result.verification
    random_means = [outcome.mean for outcome in r.outcomes if outcome.scheduler is None]
    lines = ["", f"## {case[0].upper()}{case[1:]}", "", paragraph(r.verdict), ""]
    facts = (
        f"Random orders have {100 * np.mean(random_means):.1f} points with a standard deviation of "
        f"{100 * r.spread:.2f}. The first task alone explains {100 * r.first_task:.0f} % of their "
        f"variance ({100 * r.first_task_by_chance:.0f} % by chance)."
    )
    order = " → ".join(result.plan.order)
    stays = 100 * (result.plan.stays_best or 0)
    facts = f"The plan, {order}, stays the best in {stays:.0f} % of resampled probes. {facts}"
    lines += [paragraph(facts), "", *table(r)]
    if write is not None:
        for kind, draw in (("scatter", scatter), ("orders", distribution)):
            figure = figure_of(partial(draw, r), size=(6, 4))
            save(figure, write / "figures" / f"{name}-{number}-{kind}.png")
        lines += ["", f"![realised against predicted](figures/{name}-{number}-scatter.png)"]
    return lines


def page_of(name: str, results: dict[str, Case], write: Path) -> str:
    """The page of a study."""
    notes = write / f"{name}.notes.md"
    lines = [f"# {TITLES[name]}", "", paragraph(QUESTION), ""]
    lines += [paragraph(headline({case: result.verification for case, result in results.items()}))]
    if notes.exists():
        lines += ["", notes.read_text(encoding="utf-8").strip()]
    lines += ["", paragraph(METHOD.format(seeds=SEEDS[name]))]
    for number, (case, result) in enumerate(results.items(), 1):
        lines += section(number, name, case, result, write)
    return "\n".join([*lines, ""])


def main() -> None:
    """Runs what is not finished, and writes each page after each of its cases."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data-dir")
    parser.add_argument("--out", type=Path, default=Path("runs/orders"))
    parser.add_argument(
        "--write", type=Path, default=Path("docs/studies"), help="folder for pages and figures"
    )
    parser.add_argument("--only", choices=sorted(CASES))
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--pages", action="store_true", help="write the pages without running")
    options = parser.parse_args()
    for name, cases in CASES.items():
        if options.only not in (None, name):
            continue
        file = options.write / f"{name}.json"
        done = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
        for number, (case, what) in enumerate(cases.items(), 1):
            digest = digest_of(what, SEEDS[name])
            if options.pages or done.get(case, {}).get("settings") == digest:
                continue
            folder = options.out / name / str(number)
            result = study(*what, SEEDS[name], folder, options.data_dir, options.jobs)
            print(f"{name}: {case}: {result.verdict}", flush=True)
            done[case] = {
                "settings": digest,
                "probe": json.loads((folder / "probe.json").read_text(encoding="utf-8")),
                "verification": result.to_json(),
            }
            write_text(file, json.dumps({c: done[c] for c in cases if c in done}) + "\n")
        results = {case: Case.from_json(done[case]) for case in cases if case in done}
        write_text(options.write / f"{name}.md", page_of(name, results, options.write))


if __name__ == "__main__":
    main()
