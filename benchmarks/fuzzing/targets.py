"""What is fuzzed: each parser with valid samples, and what happens to an altered one.

A target is a function of a folder. It returns another function, which takes random numbers, reads
one altered input, and returns "refused" (it raised one HoldfastError), "accepted" (read, with other
content) or "same" (read, with the content of the valid sample). Any other exception is a fault, and
so is `WrongPass`.
"""

import json
import random
import tomllib
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from fuzzing.mutations import altered_bytes, altered_value, as_json, as_toml
from holdfast.errors import HoldfastError

Outcome = str
Case = Callable[[random.Random], Outcome]
SHARES = {  # of 100 inputs; parsers that are quick get more
    "specs": 23, "policies": 12, "suites": 8, "matrices": 12, "results through the gate": 20,
    "result.json": 4, "probes": 5, "checkpoints": 5, "ledgers": 5, "audit tables": 4,
    "logs of evaluation tools": 2,
}  # fmt: skip


class WrongPass(AssertionError):
    """The gate let a file pass that does not hold what the valid one holds."""


def outcome(
    read: Callable[[], Any], valid: Any, same: Callable[[Any, Any], bool] | None = None
) -> Outcome:
    """What reading gives; a message must be one short line."""
    try:
        found = read()
    except HoldfastError as error:
        text = str(error)
        if "\n" in text.strip():
            raise AssertionError(f"the message has several lines: {text[:200]!r}") from None
        return "refused"
    equal = same(found, valid) if same else found == valid
    return "same" if equal else "accepted"


def specs(folder: Path) -> Case:
    from holdfast.methods import METHODS, PRESETS, parse_method

    valid = [
        n
        for n, m in METHODS.items()
        if all(p.default is not p.empty for p in m.signature().values())
    ]
    valid += [
        *PRESETS,
        "ER(500) + LwF(alpha=1.0)",
        "EWC(100, samples=20)",
        "GEM(100, strength=0.5)",
    ]
    valid += [
        "GenerativeReplay(hidden=(40, 40))",
        "DERpp(200, alpha=0.1, beta=0.5) + EWC(1)",
        "iCaRL(capacity=200)",
    ]
    texts = [v.encode() for v in valid]

    def case(rng: random.Random) -> Outcome:
        spec = rng.choice(texts)
        text = altered_bytes(spec, rng, texts).decode(
            "utf-8", rng.choice(("surrogateescape", "replace"))
        )
        return outcome(
            lambda: parse_method(text), spec.decode(), lambda m, s: repr(m) == repr(parse_method(s))
        )

    return case


def policies(folder: Path) -> Case:
    from holdfast.gate import template
    from holdfast.gate.policy import policy_from, read_policy

    path = folder / "gate.toml"
    example = Path(__file__).parents[2] / "examples/release-gate/gate.toml"
    texts = [example.read_bytes(), template("standard").encode(), template("simple").encode()]
    waiver = (
        '[default]\ndelta = 0.01\n[[waivers]]\ntask = "a"\nreason = "known and accepted"\n'
        "expires = 2030-01-01\n"
    )
    texts += [waiver.encode()]
    values = [tomllib.loads(t.decode()) for t in texts]

    def case(rng: random.Random) -> Outcome:
        k = rng.randrange(len(texts))
        content = (
            altered_bytes(texts[k], rng, texts)
            if rng.random() < 0.5
            else as_toml(_plain(altered_value(values[k], rng)))
        )
        path.write_bytes(content)
        return outcome(lambda: read_policy(path), policy_from(values[k]) if k < 3 else None)

    return case


def _plain(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {"value": value}


def suites(folder: Path) -> Case:
    from holdfast.bench.suites import Suite, load_suite

    path = folder / "suite.toml"
    # Backslashes at line ends keep the bytes, and so the inputs of a seed, as they are.
    text = b"""\
name = "s"
description = "d"
scenarios = ["class", "task"]
seeds = [1, 2]
methods = [{ spec = "FineTune" }, { label = "r", class = "ER(200)", \
task = "ER(100)", training = { lr = 0.1 } }]
[data]
name = "digits"
tasks = 5
validation = 0.1
[model]
hidden = [64, 32]
[training]
epochs = 2
lr = 0.01
[only.task.training]
lr = 0.02
"""
    value = tomllib.loads(text.decode())
    valid = Suite(**value)

    def read() -> Suite:
        suite = load_suite(str(path))
        for _, run in zip(range(20), suite.runs(), strict=False):
            run[1].hash  # noqa: B018
        return suite

    def case(rng: random.Random) -> Outcome:
        path.write_bytes(
            altered_bytes(text, rng)
            if rng.random() < 0.5
            else as_toml(_plain(altered_value(value, rng)))
        )
        return outcome(read, valid)

    return case


def matrices(folder: Path) -> Case:
    from holdfast.metrics import AccuracyMatrix, summary

    m = AccuracyMatrix(["a", "b"])
    for task, after, results in (
        ("a", None, [0, 1, 0]),
        ("a", "a", [1, 1, 0]),
        ("a", "b", [1, 0, 0]),
        ("b", "b", [1, 1]),
    ):
        m.record(task, after=after, results=results)
    m.record("a", after="b", score=0.5, examples=40, segment="x")
    table = folder / "m.csv"
    m.to_csv(table)
    text, value = table.read_bytes(), m.to_json()
    plain = AccuracyMatrix.from_csv(table)

    def read(kind: int, given: Any) -> AccuracyMatrix:
        found = AccuracyMatrix.from_csv(table) if kind == 0 else AccuracyMatrix.from_json(given)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            summary(found, 0.1)
        return found

    def case(rng: random.Random) -> Outcome:
        kind = rng.randrange(3)
        if kind == 0:
            table.write_bytes(altered_bytes(text, rng))
            return outcome(lambda: read(0, None), plain)
        altered = (
            altered_value(value, rng)
            if kind == 1
            else altered_bytes(as_json(value), rng).decode("utf-8", "surrogateescape")
        )
        if isinstance(altered, str) and not altered.lstrip().startswith("{"):
            altered = "{" + altered
        return outcome(lambda: read(kind, altered), m)

    return case


def audit_tables(folder: Path) -> Case:
    from holdfast.advice import audit, read_table

    rng0 = np.random.default_rng(0)
    frame = pd.DataFrame(
        {"shop": list("abc") * 20, "price": rng0.random(60), "n": range(60), "y": [0, 1] * 30}
    )
    frames = {
        "t.csv": frame.to_csv(index=False).encode(),
        "t.json": frame.to_json(orient="records").encode(),
    }
    frames["t.jsonl"] = frame.to_json(orient="records", lines=True).encode()
    frame.to_parquet(folder / "t.parquet")
    frames["t.parquet"] = (folder / "t.parquet").read_bytes()

    def read(path: Path) -> pd.DataFrame:
        found = read_table(path)
        audit(
            found,
            frame[["price"]],
            "shop" if "shop" in found else None,
            "y" if "y" in found else None,
        )
        return found

    def case(rng: random.Random) -> Outcome:
        name = rng.choice(list(frames))
        (folder / name).write_bytes(altered_bytes(frames[name], rng))
        return outcome(lambda: read(folder / name), frame, lambda a, b: a.equals(b))

    return case


def probes(folder: Path) -> Case:
    from holdfast.planning import Probe, make_plan, read_probe

    rng0 = np.random.default_rng(0)
    probe = Probe(
        ("a", "b", "c"),
        rng0.normal(size=(2, 3, 3)),
        rng0.normal(size=(2, 3, 3)),
        signals={"difficulty": rng0.random((2, 3))},
    )
    value = probe.to_json()
    table = b"trained,a,b,c\na,,-0.1,0.2\nb,-0.3,,0.1\nc,0.0,-0.2,\n"
    where, csv = folder / "probe.json", folder / "p.csv"

    def read(path: Path) -> Any:
        found = read_probe(path)
        make_plan(found, resamples=2)
        return found.to_json()

    def case(rng: random.Random) -> Outcome:
        if rng.random() < 0.4:
            csv.write_bytes(altered_bytes(table, rng))
            return outcome(lambda: read(csv), None)
        where.write_bytes(
            altered_bytes(as_json(value), rng)
            if rng.random() < 0.3
            else as_json(altered_value(value, rng))
        )
        return outcome(lambda: read(where), value)

    return case


def result_files(folder: Path) -> Case:
    from holdfast.reports import as_csv, latex, markdown
    from holdfast.reports.html import render
    from holdfast.results import growth, learning_speed, load_results, summarise
    from holdfast.runs.carry_out import run_all
    from holdfast.runs.config import RunConfig
    from holdfast.validation import validated

    runs = []
    for method, seed in (("ER(30)", 1), ("ER(60)", 1), ("FromScratch", 1)):
        training = {"evaluate_every": 10, "steps": 20}
        data, model = {"validation": 0.1, "examples": 400}, {"hidden": [8]}
        runs.append(
            (
                method,
                validated(
                    RunConfig, method=method, seed=seed, training=training, data=data, model=model
                ),
            )
        )
    list(run_all(runs, folder))
    paths = sorted(folder.glob("*/result.json"))
    texts = {p: p.read_bytes() for p in paths}
    values = {p: json.loads(t) for p, t in texts.items()}

    def read(whole: bool) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            results = load_results([folder])
            groups = summarise(results)
            for write in (markdown, latex, as_csv):
                write(groups)
            growth(groups)
            learning_speed(groups)
            if whole:
                render(groups, "t")
        return [r.to_json() for r in results]

    def case(rng: random.Random) -> Outcome:
        path = rng.choice(paths)
        try:
            path.write_bytes(
                altered_bytes(texts[path], rng)
                if rng.random() < 0.2
                else as_json(altered_value(values[path], rng))
            )
            return outcome(lambda: read(rng.random() < 0.02), [values[p] for p in paths])
        finally:
            path.write_bytes(texts[path])

    return case


def checkpoints(folder: Path) -> Case:
    import torch
    from safetensors import safe_open
    from safetensors.torch import save_file

    from holdfast.runs.build import build_learner, build_stream
    from holdfast.runs.config import RunConfig
    from holdfast.training.checkpoint_file import checksum
    from holdfast.training.contents import forms
    from holdfast.validation import validated

    torch.set_num_threads(1)
    config = validated(
        RunConfig, method="ER(40) + EWC(1) + LwF", model={"hidden": [16]}, data={"examples": 400}
    )
    stream = build_stream(config)
    path = folder / "c.safetensors"
    learner = build_learner(config, stream)
    learner.train(stream[0])
    learner.begin(stream[1])
    for batch, _ in zip(learner.view.batches(), range(2), strict=False):
        learner.step(batch)
    learner.save(path)
    raw = path.read_bytes()
    with safe_open(path, "pt") as file:
        tensors = {k: file.get_tensor(k) for k in file.keys()}  # noqa: SIM118
        about = json.loads(file.metadata()["holdfast"])

    def forge(rng: random.Random) -> None:
        """A right checksum over altered content."""
        other, found = altered_value(about, rng) if rng.random() < 0.7 else about, dict(tensors)
        if other is about:
            name = rng.choice(sorted(found))
            t = found.pop(name)
            shapes = [
                t.reshape(-1),
                t.reshape(-1)[:1],
                t.double(),
                t.reshape(1, *t.shape),
                torch.zeros(0),
            ]
            found[rng.choice((name, name, "x." + name))] = rng.choice(shapes).clone().contiguous()
            other = {**about, "tensors": forms(found)} if rng.random() < 0.7 else about
        text = json.dumps(other)
        save_file(found, path, {"holdfast": text, "sha256": checksum(found, text)})

    def read() -> bool:
        ours = build_learner(config, stream)
        before = {k: v.clone() for k, v in ours.model.state_dict().items()}
        try:
            ours.load(path, list(stream.tasks))
        except HoldfastError:
            now = ours.model.state_dict()
            assert not ours.state.progress.names
            assert all(torch.equal(now[k], v) for k, v in before.items()), (
                "a refused checkpoint changed the learner"
            )
            raise
        if ours.state.active:
            ours.begin(stream[1])
            for batch, _ in zip(ours.view.batches(), range(2), strict=False):
                ours.step(batch)
        return path.read_bytes() == raw

    def case(rng: random.Random) -> Outcome:
        if rng.random() < 0.3:
            path.write_bytes(altered_bytes(raw, rng))
        else:
            forge(rng)
        return outcome(read, True)

    return case
