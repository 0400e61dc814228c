"""Does a planned order help a small language model that learns five tasks in stages?

    HOLDFAST_DATA=DATA python benchmarks/stage_study.py --out runs/stages --write

SmolLM2-135M-Instruct learns, with one adapter, four tasks with one right answer (the topic of a
request to a bank, sums of two numbers, a sentence as JSON, words in reverse order) and one that is
open (how a spoken request continues). General text is prose that no task has: the documentation
strings of Python's standard library. Transfer is probed for pairs of tasks. The planned order is
compared with its reverse, random orders, groups, and all tasks at once, in as many steps and with
other seeds.

Every training is a file in `--out`, so the script can be stopped and continued. `--share 0.05`
tries it with a twentieth of the steps and the examples. `--write` writes the page and the numbers.
"""

import argparse
import json
import os
import random
import sys
import textwrap
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import permutations
from pathlib import Path

import numpy as np
from general_texts import general_texts
from pyarrow import parquet
from weights import missing, smollm2

from holdfast.files import write_text
from holdfast.metrics.distributions import ranks
from holdfast.planning import Plan, Probe, StagedVerification, Stages, make_plan, make_stages
from holdfast.results.storage import write_json
from holdfast.staging import Adapter, Places, StageSettings, prepare
from holdfast.staging.carry_out import Wanted, carry_out, is_finished, jobs_of
from holdfast.staging.execution import Conditions
from holdfast.staging.probing import Probing
from holdfast.staging.trained import Stages as Trained
from holdfast.staging.training import Training, of_order
from holdfast.staging.verifying import verifying
from holdfast.text import percent, points

RESULTS = Path(__file__).parent / "results"
KEPT = RESULTS / "stage-study.json"
PAGE = RESULTS / "stage-study.md"
OPEN = "continue"  # the task without one right answer
STEPS = 24  # per task
TRAIN = 320  # examples per task
SCORED = {"validation": 24, "test": 40}
GENERAL = 200  # the fewest texts of which a rise has an interval
LONGEST = 64  # tokens
ADAPTED = ["q_proj", "v_proj"]
PROBE_SEEDS = 1
SEEDS = 3  # of the verification
ORDERS = 10
RESAMPLES = 2000
Pair = tuple[str, str]

# ---- the tasks


def rows_of(name: str, side: str) -> list[dict[str, object]]:
    """The rows of a data set, and the names of its labels under "names" of the first."""
    folder = Path(os.environ["HOLDFAST_DATA"]) / name
    (file,) = sorted(folder.rglob(f"{side}-*.parquet"))[:1]
    rows: list[dict[str, object]] = parquet.read_table(file).to_pylist()
    return rows


def topics() -> list[str]:
    """The names of the topics of Banking77."""
    folder = Path(os.environ["HOLDFAST_DATA"]) / "PolyAI/banking77"
    (file,) = sorted(folder.rglob("test-*.parquet"))[:1]
    facts = json.loads(parquet.read_schema(file).metadata[b"huggingface"])
    names: list[str] = facts["info"]["features"]["label"]["names"]
    return [name.replace("_", " ").lower() for name in names]


def intents(draw: random.Random, number: int) -> list[Pair]:
    """Requests to a bank with their topics."""
    names = topics()
    rows = rows_of("PolyAI/banking77", "test")
    chosen = draw.sample(rows, number)
    return [
        (f"Request: {str(row['text']).strip()}\nTopic:", f" {names[int(str(row['label']))]}")
        for row in chosen
    ]


def sums(draw: random.Random, number: int) -> list[Pair]:
    """Sums of two numbers below 100."""
    pairs = draw.sample(list(permutations(range(100), 2)), number)
    return [(f"{first} + {second} =", f" {first + second}") for first, second in pairs]


NAMES = ("Ada", "Ben", "Cleo", "Dan", "Eva", "Finn", "Gus", "Hana", "Ivo", "Jane")
CITIES = ("Athens", "Berlin", "Cairo", "Delhi", "Lima", "Oslo", "Paris", "Rome", "Tokyo")


def as_json(draw: random.Random, number: int) -> list[Pair]:
    """Sentences that are to be written as JSON."""
    found: dict[str, str] = {}
    while len(found) < number:
        name = draw.choice(NAMES)
        age = draw.randint(18, 80)
        city = draw.choice(CITIES)
        sentence = f"{name} is {age} and lives in {city}."
        found[f"{sentence}\nJSON:"] = " " + json.dumps({"name": name, "age": age, "city": city})
    return list(found.items())


WORDS = ("red", "blue", "green", "tree", "house", "river", "stone", "cloud", "bread", "horse")


def reverse(draw: random.Random, number: int) -> list[Pair]:
    """Words that are to be said in reverse order."""
    found: dict[str, str] = {}
    while len(found) < number:
        words = draw.sample(WORDS, draw.randint(3, 5))
        found[f"Words: {' '.join(words)}\nReverse:"] = " " + " ".join(reversed(words))
    return list(found.items())


def continuations(draw: random.Random, number: int) -> list[Pair]:
    """Spoken requests of which the second half is to be said."""
    texts = [str(row["text"]).split() for row in rows_of("clinc/clinc_oos", "validation")]
    long = [words for words in texts if len(words) >= 8]
    pairs = []
    for words in draw.sample(long, number):
        half = len(words) // 2
        pairs.append((" ".join(words[:half]), " " + " ".join(words[half:])))
    return pairs


TASKS: dict[str, Callable[[random.Random, int], list[Pair]]] = {
    "topics": intents,
    "sums": sums,
    "json": as_json,
    "reverse": reverse,
    OPEN: continuations,
}


def write_tasks(folder: Path, share: float) -> None:
    """Write a file per task, and the general text."""
    sizes = {"train": TRAIN, **SCORED}
    counts = {part: max(8, round(share * size)) for part, size in sizes.items()}
    for name, make in TASKS.items():
        pairs = make(random.Random(0), sum(counts.values()))
        lines = []
        for part, count in counts.items():
            for prompt, completion in pairs[:count]:
                values = {"prompt": prompt, "completion": completion, "split": part}
                lines.append(json.dumps(values))
            pairs = pairs[count:]
        write_text(folder / "tasks" / f"{name}.jsonl", "\n".join(lines) + "\n")
    texts = general_texts(max(8, round(share * GENERAL)), "test")
    write_text(folder / "general.txt", "\n".join(texts) + "\n")


# ---- what is trained


@dataclass(frozen=True)
class Study:
    """What the trainings of the study need.

    Args:
        settings: What they depend on.
        conditions: Where everything is.
        jobs: Worker processes.
        orders: Random orders.
        seeds: Seeds of the verification.
    """

    settings: StageSettings
    conditions: Conditions
    jobs: int
    orders: int
    seeds: int

    def train(self, wanted: Sequence[Wanted]) -> None:
        """Carry out what is not finished, and print each training."""
        jobs = jobs_of(wanted, self.conditions)
        done = sum(is_finished(one, self.conditions) for one in wanted)
        print(f"{done} trainings are finished, {len(jobs)} are left", flush=True)
        for label, training, seconds in carry_out(jobs, self.jobs):
            print(f"  {label}, seed {training.seed}: {seconds:.0f} s", flush=True)


def study_of(options: argparse.Namespace) -> Study:
    """Write the tasks, and make the settings."""
    file = smollm2()
    if file is None:
        raise SystemExit(missing("SmolLM2-135M"))
    write_tasks(options.out, options.share)
    places = Places(
        model=str(file.parent),
        gguf=file.name,
        tasks=str(options.out / "tasks"),
        general=str(options.out / "general.txt"),
    )
    settings = prepare(
        places,
        0.2,
        adapter=Adapter(rank=8, alpha=16, target_modules=ADAPTED),
        steps=max(2, round(options.share * STEPS)),
        max_length=LONGEST,
        threads=options.threads,
    ).settings
    conditions = Conditions(places, options.out, 0.2)
    return Study(settings, conditions, options.jobs, options.orders, options.seeds)


def carried_out(study: Study) -> dict[str, object]:
    """Carry out the whole study, and collect its numbers."""
    began = time.monotonic()
    settings = study.settings
    conditions = study.conditions
    probing = Probing(settings, tuple(range(1, PROBE_SEEDS + 1)), signals=True)
    study.train(probing.wanted())
    probe = probing.assemble(conditions)
    first = PROBE_SEEDS + 1
    verification = verifying(
        probe,
        settings,
        first,
        scheduler="linear-ordering",
        orders=study.orders,
        seeds=study.seeds,
    )
    plan = make_plan(probe)
    order = of_order(settings, plan.order, first)
    groups = make_stages(probe)
    planned = Trained(order, conditions.out / "planned")
    together = Training(settings, (tuple(probe.names),), first)
    joint = Trained(together, conditions.out / "joint")
    study.train([*planned.wanted(), *joint.wanted(), *verification.wanted()])
    found = verification.verification(conditions)
    planned.write(conditions)
    joint.write(conditions)
    entropy = probing.entropy_changes(conditions)
    return {
        "minutes": (time.monotonic() - began) / 60,
        "steps": settings.steps,
        "verification": found.to_json(),
        "page": page_of(study, probe, plan, groups, found, planned, joint, entropy),
    }


# ---- what the page says


def mantel(a: np.ndarray, b: np.ndarray) -> tuple[float, float]:
    """Rank correlation of two matrices over pairs of tasks, and its chance.

    Pairs that share a task are not independent, so chance is that of renaming the tasks of one
    matrix: of all K! ways, those with at least such a correlation count.
    """
    off = ~np.eye(len(a), dtype=bool)

    def correlation(order: Sequence[int]) -> float:
        renamed = a[np.ix_(order, order)]
        return float(np.corrcoef(ranks(renamed[off]), ranks(b[off]))[0, 1])

    every = [correlation(order) for order in permutations(range(len(a)))]
    measured = every[0]
    return measured, float(np.mean(np.abs(every) >= abs(measured) - 1e-12))


def open_ended(probe: Probe, found: StagedVerification) -> str:
    """Whether orders end better with the open task late, over random orders."""
    places = [outcome.order.index(OPEN) for outcome in found.random]
    means = [outcome.mean for outcome in found.random]
    rho = float(np.corrcoef(ranks(places), ranks(means))[0, 1])
    return (
        f"Over {len(places)} random orders, the rank correlation between the place of "
        f"`{OPEN}` and the final score is {rho:+.2f} (above 0: structured tasks first is better)."
    )


def page_of(
    study: Study,
    probe: Probe,
    plan: Plan,
    groups: Stages,
    found: StagedVerification,
    planned: Trained,
    joint: Trained,
    entropy: np.ndarray,
) -> str:
    """The page of the study."""
    backward = probe.backward.mean(0)
    forward = np.zeros_like(backward) if probe.forward is None else probe.forward.mean(0)
    mean_entropy = entropy.mean(0)
    rho, chance = mantel(backward, mean_entropy)
    settings = study.settings
    lines = [
        "# Fine-tuning a language model in stages",
        "",
        *wrapped(f"**{found.verdict}**"),
        "",
        *wrapped(
            f"SmolLM2-135M-Instruct, LoRA of rank 8 on {' and '.join(ADAPTED)}, {settings.steps} "
            f"steps of {settings.batch_size} examples per task, learning rate {settings.lr:g}. "
            f"Scores are the share of tokens that are the most probable ones. The probe has "
            f"{probe.seeds} seed(s), the comparison {study.seeds} others. General text is prose of "
            "Python's documentation strings, which no task has. `benchmarks/stage_study.py` makes "
            "this page."
        ),
        "",
        "## What was compared",
        "",
        "| trained | score, % | what |",
        "|---|---|---|",
        *(f"| {name} | {percent(mean, 1)} | {what} |" for name, mean, what in found.rows()),
        "",
        "## Transfer",
        "",
        *wrapped(
            "Change in points on the task of the column when the task of the row is learnt after "
            "it; behind the stroke, what the task of the column gives to the task of the row."
        ),
        "",
        *table_of(probe.names, lambda i, k: f"{both(backward[i, k], forward[k, i])}"),
        "",
        "## General text",
        "",
        *rises(planned, study.conditions, "planned order"),
        *rises(joint, study.conditions, "joint training"),
        "",
        "## Entropy beside transfer",
        "",
        *wrapped(
            "Change of the mean entropy of the outputs on the task of the column by learning the "
            "task of the row alone, in nats per token."
        ),
        "",
        *table_of(probe.names, lambda i, k: f"{mean_entropy[i, k]:+.3f}"),
        "",
        *wrapped(
            "Is the change of entropy a proxy of backward transfer? The rank correlation over "
            f"pairs of tasks is {rho:+.2f}; {100 * chance:.0f} % of all ways to rename the tasks "
            "give one at least as far from 0. " + open_ended(probe, found)
        ),
        "",
        "## Groups",
        "",
        *wrapped(" → ".join(" + ".join(group) for group in groups.groups)),
        "",
    ]
    return "\n".join(lines)


def wrapped(text: str) -> list[str]:
    """A paragraph as lines."""
    return textwrap.wrap(text, 100)


def both(backward: float, forward: float) -> str:
    """Backward and forward transfer in points."""
    return f"{points(float(backward), 1)} / {points(float(forward), 1)}"


def table_of(names: Sequence[str], cell: Callable[[int, int], str]) -> list[str]:
    """A table over pairs of tasks; the diagonal is empty."""
    lines = [f"| learnt | {' | '.join(names)} |", "|---" * (len(names) + 1) + "|"]
    for i, name in enumerate(names):
        cells = ["" if i == k else cell(i, k) for k in range(len(names))]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return lines


def rises(stages: Trained, conditions: Conditions, name: str) -> list[str]:
    """By how much the loss of general text rose after each stage."""
    losses = stages.losses(conditions)
    if losses is None:
        return []
    lines = [
        *wrapped(
            f"{name.capitalize()}: rise of the loss of a token over {losses.mean():.3f} nats "
            "before training, with its interval of 95 % over texts."
        ),
        "",
        "| after | rise, nats per token |",
        "|---|---|",
    ]
    for after in losses.points:
        if after is not None:
            rise = losses.rise(after)
            bounds = f" ({rise.low:+.3f} to {rise.high:+.3f})" if rise.known else ""
            lines.append(f"| {after} | {rise.estimate:+.3f}{bounds} |")
    return [*lines, ""]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("runs/stages"))
    parser.add_argument("--share", type=float, default=1.0, help="of steps and examples")
    parser.add_argument("--orders", type=int, default=ORDERS, help="random orders")
    parser.add_argument("--seeds", type=int, default=SEEDS, help="seeds of the comparison")
    parser.add_argument("--jobs", type=int, default=2, help="processes, each with a model")
    parser.add_argument("--threads", type=int, default=1, help="threads of a process")
    parser.add_argument("--write", action="store_true", help="write page and numbers")
    options = parser.parse_args()
    found = carried_out(study_of(options))
    page = str(found.pop("page"))
    if options.write:
        write_text(PAGE, page)
        write_json(KEPT, found)
    print(page, file=sys.stdout)
    print(f"{found['minutes']:.1f} minutes in this process")


if __name__ == "__main__":
    main()
