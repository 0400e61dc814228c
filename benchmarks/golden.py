"""Record what Holdfast computes, as hashes, and compare it with another revision.

    python benchmarks/golden.py --against HEAD~3  # runs the same script of that revision, here
    python benchmarks/golden.py --against benchmarks/results/golden.json
    python benchmarks/golden.py --write benchmarks/results/golden.json

Run it before and after a change that must not change any result. It prints "same", or what differs.

The script trains every method in every scenario that the method allows, on the digits. It also
tries the options of the learner, resumes a run in the middle of a task, and runs the commands
`run`, `bench`, `gate`, `order`, `diagnose` and `metrics`. From each of these it keeps hashes of the
accuracy matrix, the final weights, the state of the method and the outputs.

The bits of a training run depend on the processor and on the version of PyTorch. The file therefore
names both, and a comparison with a file from elsewhere is refused: compare with a revision instead,
which is run on your machine.
"""

import argparse
import hashlib
import json
import os
import platform
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from holdfast.ledger import Ledger, history
from holdfast.methods import METHODS, parse_method
from holdfast.models import convnet, mlp, slim_resnet18
from holdfast.models.heads import FITS
from holdfast.streams import Stream, blurry, digits, permuted, split
from holdfast.streams.task import SCENARIOS
from holdfast.training import Learner, optimizer
from holdfast.training.boundary_free import fit_boundary_free

ROOT = Path(__file__).parents[1]
TASKS = 3
SUMS = [
    "ER(40) + LwF(alpha=1.0) + EWC(1.0)",
    "AGEM(40) + ER(40)",
    "DER(40) + SI(0.5)",
    "ER(40) + MAS(0.05)",
]
EVERYTHING = "ER(40) + EWC(1.0)"
SGD = optimizer("sgd", lr=0.05, momentum=0.9)
OPTIONS: dict[
    str, dict[str, Any]
] = {  # what a learner can be told, tried with a sum of two methods
    "adamw": {"make": optimizer("adamw", lr=1e-3, weight_decay=0.1)},
    "accumulate": {"accumulate": 2},
    "bfloat16": {"precision": "bfloat16"},
    "clip": {"clip": 0.5},
    "cosine": {"schedule": "cosine"},
    "current outputs": {"outputs": "current"},
    "all outputs": {"outputs": "all"},
    "drop last": {"drop_last": True},
    "in order": {"shuffle": False},
    "renewed optimizer": {"renew_optimizer": True},
    "separate groups": {"groups": "separate"},
    "steps": {"steps": 7, "epochs": 1},
    "epochs per task": {"epochs": [1, 2, 1]},
    "seed": {"seed": 5},
}
VOLATILE = {
    "digest",
    "judged",
    "machine",
    "peak_bytes",
    "provenance",
    "seconds",
    "versions",
}  # keys that tell when and where
# Entries of verdicts that were added later, with the value that older verdicts stand for.
ADDED = {"look": "", "lower_is_better": False, "metric": "score", "share": True, "unit": "points"}
CLOCKS = {"training", "consolidation", "evaluation"}  # so are these, if they are numbers


def small(stream: Stream) -> Stream:
    """The first tasks of a stream."""
    return replace(stream, tasks=stream.tasks[:TASKS])


def digest(*values: Any) -> str:
    """One hash of tensors, numbers and texts, in their order."""
    total = hashlib.sha256()
    for value in values:
        if isinstance(value, Tensor):
            value = value.detach().cpu().contiguous()
            total.update(f"{value.dtype}{tuple(value.shape)}".encode())
            total.update(
                value.reshape(-1).view(torch.uint8).numpy().tobytes() if value.numel() else b""
            )
        else:
            total.update(repr(value).encode())
    return total.hexdigest()[:16]


def named(tensors: dict[str, Tensor]) -> str:
    """The hash of tensors with their names."""
    return digest(*(part for name in sorted(tensors) for part in (name, tensors[name])))


def left_by(learner: Learner, stream: Stream, matrix: Any) -> dict[str, str]:
    """Hashes of all that a trained learner leaves."""
    outputs = [
        learner.predict(task.test.fetch(torch.arange(len(task.test)))[0], task.index)
        for task in stream
    ]
    return {
        "matrix": digest(json.dumps(matrix.to_json(), sort_keys=True)),
        "weights": named(learner.model.state_dict()),
        "state": named(learner.method.state_dict()),
        "outputs": digest(*outputs),
    }


def make_learner(
    spec: str,
    stream: Stream,
    make: Any = SGD,
    network: Any = None,
    **options: Any,
) -> Learner:
    """A small learner for a stream."""
    method = parse_method(spec)
    head = "masked" if options.get("outputs") == "all" else FITS[stream.scenario][0]
    model = network or mlp(stream.shape, head, stream.outputs, hidden=(24, 16), seed=0)
    if not all(part.declare().trains for part in method.parts):
        model.freeze()
    settings: dict[str, Any] = {"scenario": stream.scenario, "batch_size": 32, "epochs": 1}
    return Learner(model, method, make, **(settings | options))


def fitted(spec: str, stream: Stream, **options: Any) -> dict[str, str]:
    """Hashes after a whole run."""
    learner = make_learner(spec, stream, **options)
    return left_by(learner, stream, learner.fit(stream).matrix)


def of_methods() -> Iterator[tuple[str, Any]]:
    """Every method, with the small specs that it declares, in every scenario that it allows."""
    streams = {scenario: small(split(digits(), 5, scenario)) for scenario in SCENARIOS}
    specs = [spec for method in METHODS.values() for spec in method.small_specs()]
    for spec in specs + SUMS:
        for scenario, stream in streams.items():
            parts = parse_method(spec).parts
            if all(scenario in part.declare().scenarios for part in parts):
                yield f"{spec}, {scenario}", fitted(spec, stream)


def of_options() -> Iterator[tuple[str, Any]]:
    """Settings of the learner, other streams and other networks."""
    stream = small(split(digits(), 5, "class"))
    for name, options in OPTIONS.items():
        yield f"option: {name}", fitted(EVERYTHING, stream, **options)
    yield "stream: blurry", fitted("ER(40)", blurry(stream, 0.2, seed=1))
    yield "stream: validation", fitted("ER(40)", small(split(digits(), 5, "class", validation=0.2)))
    yield "stream: permuted", fitted("ER(40)", permuted(digits(), TASKS, "domain"))
    for network, extra in ((convnet, "GPM()"), (slim_resnet18, "AGEM(40)")):
        for spec in ("ER(40)", "EWC(1.0)", "LwF(alpha=1.0)", extra):
            model = network(stream.shape, "growing", stream.outputs, seed=0)
            yield (
                f"network: {network.__name__}, {spec}",
                fitted(spec, stream, network=model, steps=3),
            )
    domain = small(split(digits(), 5, "domain"))
    learner = make_learner("OnlineEWC(1.0)", domain)
    yield (
        "boundaries: never",
        left_by(learner, domain, fit_boundary_free(learner, domain, None).matrix),
    )


def of_resumed() -> Iterator[tuple[str, Any]]:
    """A run that is saved in the middle of its second task, and resumed in another learner."""
    stream = small(split(digits(), 5, "class"))
    for spec in ("ER(40) + LwF(alpha=1.0) + EWC(1.0)", "SI(0.5)", "iCaRL(40)", "GPM()", "HAT()"):
        if parse_method(spec).parts[0].declare().scenarios == ("task",):
            stream = small(split(digits(), 5, "task"))
        first = make_learner(spec, stream, schedule="cosine")
        first.train(stream.tasks[0])
        first.begin(stream.tasks[1])
        with first.state.random.active():
            for _, batch in zip(range(4), first.view.batches(), strict=False):
                first.step(batch)
        with tempfile.TemporaryDirectory() as folder:
            first.save(Path(folder) / "middle.safetensors")
            second = make_learner(spec, stream, schedule="cosine")
            second.load(Path(folder) / "middle.safetensors", stream.tasks)
        yield f"resumed: {spec}", left_by(second, stream, second.fit(stream).matrix)


SUITE = """
name = "golden"
description = "Two methods on digits"
scenarios = ["task", "class"]
seeds = [1, 2]
methods = [{ spec = "FineTune()" }, { spec = "ER(40)" }]

[data]
name = "digits"
tasks = 5
validation = 0.2

[model]
hidden = [16]

[training]
lr = 0.05
batch_size = 32
"""
ORDERS = """
name = "golden-orders"
description = "Turned and permuted digits"
scenarios = ["domain"]
seeds = [1]
methods = [{ spec = "FineTune()" }]

[data]
stream = "mixture"
pieces = ["digits", "digits:rotate=40", "digits:permute=1"]

[model]
hidden = [16]

[training]
lr = 0.05
steps = 10
"""


def command(*arguments: str, allowed: tuple[int, ...] = (0,)) -> str:
    """Carries out a command of Holdfast and returns what it printed."""
    environment = os.environ | {"OMP_NUM_THREADS": "1", "COLUMNS": "100", "NO_COLOR": "1"}
    line = [sys.executable, "-m", "holdfast.cli.main", *arguments]
    done = subprocess.run(line, capture_output=True, text=True, env=environment)
    if done.returncode not in allowed:
        raise SystemExit(
            f"holdfast {' '.join(arguments)} ended with {done.returncode}:\n{done.stderr}"
        )
    return done.stdout


def without_words(value: Any) -> Any:
    """A result without entries that may change freely.

    These are sentences, paths, times, versions and the machine.
    """
    if isinstance(value, dict):
        return {key: without_words(v) for key, v in value.items() if not is_volatile(key, v)}
    if isinstance(value, list):
        return [without_words(v) for v in value if not is_prose(v)]
    return None if is_prose(value) else value


def is_volatile(key: str, value: Any) -> bool:
    """Whether an entry of a result tells of the machine or the time."""
    return key in VOLATILE or (key in CLOCKS and isinstance(value, float))


def is_prose(value: Any) -> bool:
    """Whether a value is a sentence or a path: the wording of messages is no result."""
    return isinstance(value, str) and (value.count(" ") > 1 or value.startswith(os.sep))


def of_file(path: Path) -> str:
    """The hash of the results in a JSON file."""
    return digest(
        json.dumps(without_words(json.loads(path.read_text(encoding="utf-8"))), sort_keys=True)
    )


def of_verdict(path: Path) -> str:
    """The hash of a verdict, without the entries that are newer than the file of hashes.

    They are left out only where they have the value that every older verdict stands for.
    """
    verdict = json.loads(path.read_text(encoding="utf-8"))
    for entries in (verdict, *verdict["tasks"]):
        for name, usual in ADDED.items():
            if entries.get(name) == usual:
                del entries[name]
    return digest(json.dumps(without_words(verdict), sort_keys=True))


def of_folder(folder: Path) -> dict[str, str]:
    """The hash of each JSON file in a folder, by its path there."""
    return {str(path.relative_to(folder)): of_file(path) for path in sorted(folder.rglob("*.json"))}


def scores_of_releases(folder: Path) -> None:
    """Two tables of results: the candidate is a little better on one task and worse on another."""
    generator = torch.Generator().manual_seed(0)
    for name, shares in {"champion": (0.90, 0.80), "candidate": (0.93, 0.70)}.items():
        rows = ["task,example_id,segment,score"]
        for task, share in zip(("old", "new"), shares, strict=True):
            right = (torch.rand(400, generator=generator) < share).int().tolist()
            rows += [f"{task},{n},{'ab'[n % 2]},{score}" for n, score in enumerate(right)]
        (folder / f"{name}.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")


def of_commands() -> Iterator[tuple[str, Any]]:
    """What the commands leave in their folders."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "suite.toml").write_text(SUITE, encoding="utf-8")
        command("bench", str(folder / "suite.toml"), "--jobs", "1", "--out", str(folder / "bench"))
        yield "command: bench", of_folder(folder / "bench")

        settings = ["--tasks", "5", "--hidden", "16", "--method", "ER(40)", "--evaluate-every", "5"]
        command("run", *settings, "--keep-checkpoints", "--out", str(folder / "run"))
        yield "command: run", of_folder(folder / "run")
        command("diagnose", str(folder / "run"))
        yield "command: diagnose", of_folder(folder / "run")

        (folder / "orders.toml").write_text(ORDERS, encoding="utf-8")
        probe = str(folder / "probe")
        sizes = ["--seeds", "1,2", "--jobs", "1"]
        command(
            "order",
            "probe",
            "--suite",
            str(folder / "orders.toml"),
            "--signals",
            *sizes,
            "--out",
            probe,
        )
        yield "command: order probe", of_folder(folder / "probe")
        plan = json.loads(command("order", "plan", "--from", probe, "--json"))
        yield "command: order plan", digest(json.dumps(without_words(plan), sort_keys=True))
        command("order", "verify", "--from", probe, "--orders", "4", "--seeds", "2", "--jobs", "1")
        yield "command: order verify", of_folder(folder / "probe")

        scores_of_releases(folder)
        sides = [
            "--champion",
            str(folder / "champion.csv"),
            "--candidate",
            str(folder / "candidate.csv"),
        ]
        command("gate", *sides, "--out", str(folder / "gate"), allowed=(0, 1))
        yield "command: gate", of_verdict(folder / "gate" / "verdict.json")
        ledger = f"sqlite:///{folder / 'ledger.db'}"
        for release in ("champion", "candidate"):
            results = str(folder / f"{release}.csv")
            command(
                "record",
                "--ledger",
                ledger,
                "--model",
                "m",
                "--release",
                release,
                "--results",
                results,
            )
        found = history(Ledger(ledger, mode="read").releases("m"), threshold=0.02)
        yield "command: record", digest(json.dumps(without_words(asdict(found)), sort_keys=True))


SECTIONS = {
    "methods": of_methods,
    "options": of_options,
    "resumed": of_resumed,
    "commands": of_commands,
}


def computed(sections: list[str]) -> dict[str, Any]:
    """All hashes, with the machine and the versions that they hold for."""
    torch.set_num_threads(1)
    # These runs are too short to learn much, which is no matter here.
    warnings.filterwarnings("ignore", message=".*not learnt|nothing was learnt")
    results = {name: value for section in sections for name, value in SECTIONS[section]()}
    return {"machine": machine(), "torch": torch.__version__, "hashes": results}


def machine() -> str:
    """The kind of processor, as far as the bits of a run depend on it."""
    return f"{platform.machine()}, {torch.backends.cpu.get_cpu_capability()}"


def of_revision(revision: str, sections: list[str]) -> dict[str, Any]:
    """The hashes that another revision's own script computes on this machine."""
    with tempfile.TemporaryDirectory() as name:
        tree, result = Path(name) / "tree", Path(name) / "golden.json"
        subprocess.run(
            ["git", "-C", str(ROOT), "worktree", "add", "--quiet", "--detach", str(tree), revision],
            check=True,
        )
        try:
            line = [
                sys.executable,
                "benchmarks/golden.py",
                "--write",
                str(result),
                "--only",
                *sections,
            ]
            environment = os.environ | {"PYTHONPATH": str(tree / "src")}
            subprocess.run(line, cwd=tree, env=environment, check=True)
            return json.loads(result.read_text(encoding="utf-8"))
        finally:
            subprocess.run(
                ["git", "-C", str(ROOT), "worktree", "remove", "--force", str(tree)], check=True
            )


def differences(then: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """What differs, a line per run."""
    lines = []
    for name in sorted(then.keys() | now.keys()):
        if name not in then or name not in now:
            lines.append(f"{name}: only {'now' if name in now else 'then'}")
        elif then[name] != now[name]:
            before, after = then[name], now[name]
            whole = not isinstance(before, dict)
            parts = (
                []
                if whole
                else [key for key in before | after if before.get(key) != after.get(key)]
            )
            lines.append(f"{name}: differs" + (f" in {', '.join(parts)}" if parts else ""))
    return lines


def main() -> None:
    """Writes or compares the hashes."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--against", help="a revision, or a file that --write wrote")
    parser.add_argument("--write", type=Path, help="file for the hashes")
    parser.add_argument(
        "--only", nargs="*", default=list(SECTIONS), choices=list(SECTIONS), help="sections"
    )
    given = parser.parse_args()
    now = computed(given.only)
    if given.write:
        given.write.write_text(json.dumps(now, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    if not given.against:
        print(f"{len(now['hashes'])} runs")
        return
    from_file = Path(given.against).is_file()
    then = (
        json.loads(Path(given.against).read_text(encoding="utf-8"))
        if from_file
        else of_revision(given.against, given.only)
    )
    here, there = ((side["machine"], side["torch"]) for side in (now, then))
    if here != there:
        raise SystemExit(
            f"the hashes are of {there}, this machine is {here}; compare with a revision instead"
        )
    found = differences(then["hashes"], now["hashes"])
    print("\n".join(found) if found else f"same ({len(now['hashes'])} runs)")
    raise SystemExit(bool(found))


if __name__ == "__main__":
    main()
