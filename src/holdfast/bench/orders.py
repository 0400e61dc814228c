"""Runs for the planner: probing the transfer between tasks, and training whole orders. Parallel, resumable, over the bench's runner."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import TypeAdapter

from holdfast.bench.suites import Suite, load_suite
from holdfast.errors import HoldfastError, one_of, reading
from holdfast.metrics import AccuracyMatrix
from holdfast.planning import Constraints, Outcome, Probe, order_value, read_probe
from holdfast.planning.probe_files import FILE
from holdfast.planning.schedulers import SCHEDULERS, usable
from holdfast.results.file_names import RESULT
from holdfast.results.storage import read_json, read_result, write_json
from holdfast.runs.config import RunConfig, Seed
from holdfast.runs.folders import run_folder
from holdfast.runs.workers import over_workers
from holdfast.validation import validated

VALIDATION = 0.2  # share of the training examples on which a probe is measured, where the suite sets none aside


def base_config(
    suite: Suite,
    scenario: str | None = None,
    method: str | None = None,
    *,
    epochs: int | None = None,
    steps: int | None = None,
    fraction: float = 1.0,
) -> RunConfig:
    """The run that a suite asks for, by its first method and scenario where none is named; probed with fewer epochs, steps or examples."""
    chosen = suite.only_these(
        None if method is None or not _in(suite, method) else [method],
        None if scenario is None else [scenario],
    )
    _, config = next(iter(chosen.runs()))
    values = config.model_dump(mode="json", exclude_unset=True) | (
        {"method": method} if method else {}
    )
    if epochs is not None and steps is not None:
        raise HoldfastError("give epochs or steps, not both")
    if epochs is not None or steps is not None:
        values["training"] = values.get("training", {}) | {"epochs": epochs or 1, "steps": steps}
    if not 0 < fraction <= 1:
        raise HoldfastError(
            f"fraction is the share of the training examples used, in (0, 1], got {fraction}"
        )
    if fraction < 1:
        values["data"] = values.get("data", {}) | {"fraction": fraction}
    out: RunConfig = validated(RunConfig, **values)
    _same_tasks(out)
    return out


def _in(suite: Suite, method: str) -> bool:
    return any(method in e.names() for e in suite.methods)


def _same_tasks(config: RunConfig) -> None:
    """Refuses streams whose tasks change with the seed: transfer between them has no meaning over seeds."""
    data = config.data
    if data.stream in ("permuted", "rotated") or data.order == "seed" or data.blurry:
        raise HoldfastError(
            f"the tasks of this stream ({data.stream}{', order seed' if data.order == 'seed' else ''}) change with the seed, so there "
            "is no transfer between them to measure; fix them: stream='mixture', pieces such as ylecun/mnist:rotate=90, or list the classes"
        )
    if data.task_order:
        raise HoldfastError(
            "data.task_order is what the planner chooses; leave it out of the suite"
        )


def with_order(
    config: RunConfig, order: Sequence[int], seed: int, validation: float | None = None
) -> RunConfig:
    """A run of some tasks in an order."""
    data = config.data.model_dump(exclude_unset=True) | {"task_order": list(order)}
    if validation is not None and not config.data.validation:
        data["validation"] = validation
    training = config.training.model_dump(exclude_unset=True)
    return validated(
        RunConfig,
        **config.model_dump(exclude_unset=True)
        | {"data": data, "training": training, "seed": seed},
    )


def task_names(config: RunConfig, data_dir: str | None) -> list[str]:
    """The tasks in their own order."""
    from holdfast.runs.build import build_stream

    return [t.name for t in build_stream(config, data_dir)]


@dataclass(frozen=True)
class Probing:
    """What measures the transfer between tasks under `config`.

    `pairwise`: a run of two tasks for each ordered pair and seed, measured on validation examples. `base`: one short run a task, measured
    on training examples (see `holdfast.diagnostics.signals`). `full`: the settings that `verify --transfer-to full` trains with.
    """

    config: RunConfig
    full: RunConfig
    names: tuple[str, ...]
    seeds: tuple[int, ...]
    estimator: str = "pairwise"

    def runs(self) -> list[tuple[str, RunConfig]]:
        """Those of the bench's runner; none for the base estimator."""
        if self.estimator == "base":
            return []
        n = range(len(self.names))
        pairs = [(s, k, i) for s in self.seeds for k in n for i in n if k != i]
        return [
            (f"{self.names[k]} → {self.names[i]}", _pair_config(self.config, k, i, s))
            for s, k, i in pairs
        ]

    def assemble(self, out: Path, signals: Mapping[int, Mapping[str, Any]]) -> Probe:
        """The probe from finished runs in `out` and the signals of every seed (none: not measured); writes probe.json."""
        if self.estimator == "pairwise":
            backward, forward = zip(
                *(_transfer(self.config, self.names, s, out) for s in self.seeds), strict=True
            )
            b, fw = np.array(backward), np.array(forward)
        else:
            b, fw = np.array([_off_diagonal(signals[s]["base"]) for s in self.seeds]), None
        kinds = [k for k in next(iter(signals.values()), {}) if k != "base"]
        found = {k: np.array([signals[s][k] for s in self.seeds]) for k in kinds}
        about = {
            "config": self.config.model_dump(mode="json"),
            "full": self.full.model_dump(mode="json"),
            "seeds": list(self.seeds),
        }
        probe = Probe(self.names, b, fw, self.estimator, found, about)
        write_json(out / FILE, probe.to_json())
        return probe


def _off_diagonal(m: Any) -> np.ndarray:
    out = np.array(m, dtype=float)
    np.fill_diagonal(out, np.nan)
    return out


def _pair_config(config: RunConfig, first: int, second: int, seed: int) -> RunConfig:
    return with_order(config, [first, second], seed, VALIDATION)


def _transfer(
    config: RunConfig, names: Sequence[str], seed: int, out: Path
) -> tuple[np.ndarray, np.ndarray]:
    """B[i, k] = R_{k→i}[k] − R_k[k] and Fw[k, i] = R_{k→i}[i] − R_i[i] of one seed."""
    size = len(names)
    after, alone, gained = (
        np.full((size, size), np.nan),
        np.full((size, size), np.nan),
        np.full((size, size), np.nan),
    )
    for k in range(size):
        for i in range(size):
            if k != i:
                path = run_folder(out, _pair_config(config, k, i, seed)) / RESULT
                m = _validation_of_pair(path)
                first, second = m.tasks
                after[i, k] = m.score(first, after=second)
                alone[k, i] = m.score(first, after=first)
                gained[k, i] = m.score(second, after=second)
    own = np.nanmean(alone, 1)  # the same in every run that begins with the task
    return after - own[None], gained - own[None]


def measure_signals(
    config: RunConfig,
    names: Sequence[str],
    seeds: Sequence[int],
    out: Path,
    jobs: int,
    data_dir: str | None,
    device: str,
) -> dict[int, dict[str, Any]]:
    """The signals of every seed, kept in files of their own so that nothing is measured twice."""
    files = {
        s: out / f"signals-{with_order(config, range(len(names)), s).hash}.json" for s in seeds
    }
    waiting = [
        (with_order(config, range(len(names)), s).model_dump(mode="json"), str(p), data_dir, device)
        for s, p in files.items()
        if not p.exists()
    ]
    for _ in over_workers(_measure, waiting, jobs):
        pass
    return {s: _read_signals(p) for s, p in files.items()}


def _read_signals(path: Path) -> dict[str, Any]:
    """Read the signals of one seed."""
    signals = read_json(path)
    if not isinstance(signals, dict):
        raise HoldfastError(f"{path} does not hold the signals of a probe; delete it and run again")
    return signals


def _measure(values: Mapping[str, Any], path: str, data_dir: str | None, device: str) -> None:
    import torch

    from holdfast.diagnostics.signals import signals
    from holdfast.runs.build import build_learner, build_stream

    torch.set_num_threads(1)
    config: RunConfig = validated(RunConfig, **values)
    stream = build_stream(config, data_dir)

    def learn(i: int) -> Any:
        alone = build_stream(with_order(config, [i], config.seed), data_dir)
        return build_learner(config, alone, device).train(alone[0])

    found = signals(build_learner(config, stream, device), stream, learn)
    write_json(Path(path), {k: np.asarray(v).tolist() for k, v in found.items()})


@dataclass(frozen=True)
class Verifying:
    """What trains planned orders, the plan's reverse and random orders with fresh seeds, under `config`."""

    found: Probe
    config: RunConfig
    tried: tuple[tuple[tuple[int, ...], str | None], ...]  # order, scheduler (None: random)
    seeds: tuple[int, ...]

    def runs(self) -> list[tuple[str, RunConfig]]:
        """One for each order and seed; orders that several schedulers share are trained once."""
        runs = [
            (f"order {n + 1}", with_order(self.config, order, s))
            for n, (order, _) in enumerate(self.tried)
            for s in self.seeds
        ]
        return list({c.hash: (label, c) for label, c in runs}.values())

    def outcomes(self, out: Path) -> list[Outcome]:
        """Predicted value and realised scores of every order, from finished runs in `out`."""
        c = self.found.values().mean(0)
        return [
            Outcome(
                tuple(self.found.names[k] for k in order),
                order_value(c, order),
                tuple(
                    _final(run_folder(out, with_order(self.config, order, s)) / RESULT)
                    for s in self.seeds
                ),
                scheduler,
            )
            for order, scheduler in self.tried
        ]


def verifying(
    source: Path,
    *,
    orders: int = 40,
    seeds: int = 3,
    schedulers: Sequence[str] = (),
    constraints: Sequence[str] = (),
    transfer_to: str | None = None,
) -> Verifying:
    """What is to be trained to verify the plans of a probe.

    `schedulers`: whose orders are tried (default: all that the probe allows); the first is the plan. `transfer_to`: `full`, or a suite,
    to train with other settings than the probe's.
    """
    found = read_probe(source)
    if "config" not in found.about:
        raise HoldfastError(
            f"{source} holds a matrix alone, so there is nothing to train; verify needs the folder of holdfast order probe"
        )
    with reading(f"probe {source}", "a probe of holdfast order probe"):
        config = _verified_config(found, transfer_to)
        first = max(TypeAdapter(list[Seed]).validate_python(found.about["seeds"])) + 1
    tried = _orders(
        found, list(schedulers) or [n for n in usable(found) if n != "random"], constraints, orders
    )
    return Verifying(found, config, tuple(tried), tuple(range(first, first + seeds)))


def _verified_config(found: Probe, transfer_to: str | None) -> RunConfig:
    config: RunConfig = validated(
        RunConfig, **found.about["config" if transfer_to is None else "full"]
    )
    if transfer_to not in (None, "full"):
        other = load_suite(str(transfer_to))
        config = base_config(other, config.scenario)
    return config


def _orders(
    found: Probe, schedulers: Sequence[str], constraints: Sequence[str], count: int
) -> list[tuple[tuple[int, ...], str | None]]:
    """Those of the schedulers, the reverse of the first, and random ones, all different from each other."""
    rules = Constraints.parse(found.names, constraints)
    planned: list[tuple[tuple[int, ...], str | None]] = [
        (tuple(SCHEDULERS[one_of("scheduler", n, SCHEDULERS)](found, rules, 0)), n)
        for n in schedulers
    ]
    if rules.allow(planned[0][0][::-1]):
        planned.append((planned[0][0][::-1], "reverse"))
    rng, random = np.random.default_rng(0), dict[tuple[int, ...], None]()
    for _ in range(100 * count):
        if len(random) == count:
            break
        random.setdefault(tuple(rules.sorted(rng.random(len(found.names)))))
    return planned + [(o, None) for o in random]


def _validation_of_pair(path: Path) -> AccuracyMatrix:
    """Read the validation scores of a run of two tasks."""
    matrix = read_result(path).validation
    if matrix is None or len(matrix.tasks) != 2:
        raise HoldfastError(
            f"{path} must be the result of a run of two tasks with validation examples; "
            "delete it and run again"
        )
    return matrix


def _final(path: Path) -> float:
    """The mean score over tasks after the last."""
    m = read_result(path).matrix
    return float(np.mean([m.score(t, after=m.tasks[-1]) for t in m.tasks]))
