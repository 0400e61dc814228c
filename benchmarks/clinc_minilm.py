"""Which methods keep the intents of earlier domains on a pretrained sentence encoder.

    HOLDFAST_DATA=… python benchmarks/clinc_minilm.py --out runs/clinc-minilm --write
    HOLDFAST_DATA=… python benchmarks/clinc_minilm.py --out runs/clinc-minilm --only frozen

The ten domains of CLINC150 are learnt one after the other with MiniLM, frozen and fine-tuned, and
so is banking77 in seven tasks with the three best methods. Finished runs are skipped, and a run
that was stopped continues, so the same command does the rest. `--jobs 2` uses two processes of one
thread each. With `--pages`, it only writes the page from the JSON file again.
"""

import argparse
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import Any

import weights
from clinc_minilm_page import FROZEN, REFERENCE, TUNED, page

from holdfast.files import write_text
from holdfast.metrics import average_accuracy, backward_transfer
from holdfast.results import RunResult
from holdfast.results.file_names import RESULT
from holdfast.results.storage import read_result, write_json
from holdfast.runs.carry_out import run_all
from holdfast.runs.config import RunConfig
from holdfast.runs.folders import finished, run_folder
from holdfast.validation import validated

RESULTS = Path(__file__).parent / "results"
PAGE, NUMBERS = RESULTS / "clinc-minilm.md", RESULTS / "clinc-minilm.json"
SEEDS = (1, 2, 3)
# Fine-tuning takes minutes per run on a core, so most runs see 40 % of the training sentences.
SHARE = {"fraction": 0.4}
CLINC = {"name": "clinc/clinc_oos", "stream": "grouped", "tasks": 10}
BANKING = {"name": "PolyAI/banking77", "tasks": 7}
EPOCHS = {FROZEN: 5, TUNED: 2}
VALIDATION = 120  # rows of a domain, a fifth of its training sentences
BEST = 3  # methods that learn banking77 as well


@dataclass(frozen=True)
class Row:
    """A row of the table: a method, and how its network is trained.

    Args:
        name: What the page calls it.
        network: `FROZEN` or `TUNED`.
        method: The spec of the method.
        scenario: The scenario.
        rates: Which of the chosen rates it uses: the name of a choice, or empty for none.
        at_once: Whether it learns all domains as one task.
    """

    name: str
    network: str
    method: str
    scenario: str = "class"
    rates: str = ""
    at_once: bool = False


ROWS = (
    Row("NCM", FROZEN, "NCM()"),
    Row("SLDA", FROZEN, "SLDA()"),
    Row("RanPAC", FROZEN, "RanPAC()"),
    Row("FineTune", FROZEN, "FineTune()", rates="head"),
    Row("ER(500)", FROZEN, "ER(500)", rates="head"),
    Row("EWC(100)", FROZEN, "EWC(100)", rates="head"),
    Row(REFERENCE, FROZEN, "Joint()", rates="head"),
    Row("FineTune", TUNED, "FineTune()", rates="network"),
    Row("ER(500)", TUNED, "ER(500)", rates="network"),
    Row("EWC(100)", TUNED, "EWC(100, samples=100, labels='empirical')", rates="network"),
    Row("OLoRA", TUNED, "OLoRA(rank=8, freeze='start')", rates="adapters"),
    Row("LoRA", TUNED, "LoRA(8, freeze='start')", scenario="task", rates="adapters"),
    Row(REFERENCE, TUNED, "FineTune()", rates="network", at_once=True),
)
# The grids are around published values: 2e-5 to 5e-5 for whole transformers (Devlin et al. 2019),
# 1e-3 for adapters (Wang et al. 2023), which learn fast, like a new head.
CHOICES: dict[str, list[dict[str, float]]] = {
    "head": [{"lr": 0.001}, {"lr": 0.003}, {"lr": 0.01}, {"lr": 0.03}],
    "network": [
        {"lr": 0.001, "backbone_lr": 0.00005},
        {"lr": 0.005, "backbone_lr": 0.00005},
        {"lr": 0.005, "backbone_lr": 0.0002},
    ],
    "adapters": [
        {"lr": 0.001, "backbone_lr": 0.001},
        {"lr": 0.005, "backbone_lr": 0.001},
        {"lr": 0.005, "backbone_lr": 0.003},
    ],
}
# Rates are chosen on validation rows of the first domains: what is tried, and on which domains.
TRIED = {
    "head": (Row(REFERENCE, FROZEN, "Joint()"), [0, 1, 2]),
    "network": (Row("FineTune", TUNED, "FineTune()"), [0]),
    "adapters": (Row("LoRA", TUNED, "LoRA(8, freeze='start')", scenario="task"), [0]),
}


class Study:
    """The runs of the study, as far as they are finished.

    Args:
        options: The options of the command: encoder, out, data_dir, jobs, only and no_runs.
    """

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.out: Path = options.out

    def config(
        self, row: Row, data: Mapping[str, Any], rates: Mapping[str, float], seed: int
    ) -> RunConfig:
        """The settings of one run."""
        model: dict[str, Any] = {"backbone": str(self.options.encoder)}
        training: dict[str, Any] = {"batch_size": 32}
        if row.network == FROZEN:
            model["frozen"] = True
        else:
            model["backbone_lr"] = rates["backbone_lr"]
        if rates:
            training |= {"optimizer": "adamw", "lr": rates["lr"], "epochs": EPOCHS[row.network]}
        else:
            training["epochs"] = 1
        if row.at_once:
            data = {**data, "stream": "split", "tasks": 1}
        return validated(
            RunConfig,
            data=data,
            model=model,
            training=training,
            method=row.method,
            scenario=row.scenario,
            seed=seed,
        )

    def carry_out(self, configs: Sequence[tuple[str, RunConfig]]) -> None:
        """Carry out the runs that are not finished."""
        if self.options.no_runs:
            return
        for label, config, seconds in run_all(
            configs,
            self.out,
            jobs=self.options.jobs,
            data_dir=self.options.data_dir,
            checkpoint_every=300,
        ):
            print(f"{label}, seed {config.seed}: {seconds:.0f} s", flush=True)

    def results(self, configs: Sequence[RunConfig]) -> list[RunResult]:
        """The results of those runs that are finished."""
        done = [config for config in configs if finished(self.out, config)]
        return [read_result(run_folder(self.out, config) / RESULT) for config in done]

    def chosen(self, choice: str) -> tuple[dict[str, float], list[float]]:
        """The smallest rates that validation rows of first domains do not tell from the best.

        Returns:
            The rates, and the scores of all that were tried, in percent.
        """
        row, domains = TRIED[choice]
        data = CLINC | SHARE | {"task_order": domains, "validation": 0.2}
        configs = [self.config(row, data, rates, seed=0) for rates in CHOICES[choice]]
        if self.options.only in (None, row.network):
            self.carry_out([(f"rates of the {choice}", config) for config in configs])
        tried = [one.validation for one in self.results(configs)]
        scores = [average_accuracy(matrix) for matrix in tried if matrix is not None]
        best = max(scores, default=0.0)
        # Two standard errors of a share. Smaller rates change less, and so forget less.
        noise = 2 * math.sqrt(best * (1 - best) / (VALIDATION * len(domains)))
        for rates, score in zip(CHOICES[choice], scores, strict=False):
            if score >= best - noise:
                return rates, [100 * score for score in scores]
        return CHOICES[choice][0], []

    def measured(self, row: Row, data: Mapping[str, Any], rates: Mapping[str, float]) -> dict:
        """The figures of one row, over the seeds that are finished."""
        configs = [self.config(row, data, rates, seed) for seed in SEEDS]
        found = self.results(configs)
        accuracies = [100 * average_accuracy(one.matrix) for one in found]
        transfers: list[float] = []
        spec = f"`{row.method}`"
        if row.at_once:
            spec += ", all at once"
        else:
            transfers = [100 * backward_transfer(one.matrix) for one in found]
        return {
            "method": row.name,
            "spec": spec,
            "network": row.network,
            "scenario": row.scenario,
            "rates": dict(rates),
            "accuracy": accuracies,
            "backward_transfer": transfers,
            "method_bytes": [one.cost.method_bytes for one in found],
            "weights": [one.cost.parameters for one in found],
            "seconds": [one.cost.seconds.learning for one in found],
        }

    def table(
        self, rows: Sequence[Row], data: Mapping[str, Any], faster: float = 1.0
    ) -> list[dict[str, Any]]:
        """The figures of some rows, whose missing runs are carried out first.

        The first seed of all rows comes before the second of any, so that a study that is stopped
        has something of each row.
        """
        rates: dict[Row, dict[str, float]] = {}
        for row in rows:
            rates[row] = {}
            if row.rates:
                chosen, _ = self.chosen(row.rates)
                rates[row] = {name: faster * value for name, value in chosen.items()}
        wanted = [row for row in rows if self.options.only in (None, row.network)]
        waiting = []
        for seed in SEEDS:
            for row in wanted:
                label = f"{row.name}, {row.network}, {data['name']}"
                waiting.append((label, self.config(row, data, rates[row], seed)))
        self.carry_out(waiting)
        return [self.measured(row, data, rates[row]) for row in rows]


def best_rows(figures: Sequence[Mapping[str, Any]]) -> list[Row]:
    """The best methods of the class scenario, and the reference on the same networks."""
    ranked = [one for one in figures if one["accuracy"] and one["scenario"] == "class"]
    ranked.sort(key=lambda one: -mean(one["accuracy"]))
    names = [(one["method"], one["network"]) for one in ranked if one["method"] != REFERENCE]
    chosen = names[:BEST]
    networks = {network for _, network in chosen}
    chosen += [(REFERENCE, network) for network in (FROZEN, TUNED) if network in networks]
    return [row for row in ROWS if (row.name, row.network) in chosen]


def main() -> None:
    """Carry out what is missing, and print or write the page."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("--out", type=Path, default=Path("runs/clinc-minilm"))
    parser.add_argument("--data-dir")
    parser.add_argument("--encoder", type=Path, default=weights.minilm())
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--only", choices=(FROZEN, TUNED), help="rows of one kind")
    parser.add_argument("--no-runs", action="store_true", help="use the finished runs only")
    parser.add_argument("--loaded", action="store_true", help="say that the machine was busy")
    parser.add_argument("--pages", action="store_true", help="only write the page again")
    parser.add_argument("--write", action="store_true", help="write results/clinc-minilm.md")
    options = parser.parse_args()
    if options.pages:
        write_text(PAGE, page(json.loads(NUMBERS.read_text(encoding="utf-8"))))
        return
    if options.encoder is None:
        parser.error(weights.missing("MiniLM"))
    study = Study(options)
    frozen = [row for row in ROWS if row.network == FROZEN]
    content = {
        "seeds": len(SEEDS),
        "epochs": EPOCHS,
        "loaded": options.loaded,
        "clinc": study.table(ROWS, CLINC | SHARE),
        "faster": study.table([row for row in frozen if row.rates], CLINC | SHARE, faster=10),
        "clinc_whole": study.table(frozen, CLINC),
    }
    content["banking"] = study.table(best_rows(content["clinc"]), BANKING | SHARE)
    content["rates"] = [
        {"choice": choice, "rates": rates, "accuracy": score}
        for choice in CHOICES
        for rates, score in zip(CHOICES[choice], study.chosen(choice)[1], strict=False)
    ]
    if options.write:
        write_json(NUMBERS, content)
        write_text(PAGE, page(content))
    print(page(content))


if __name__ == "__main__":
    main()
