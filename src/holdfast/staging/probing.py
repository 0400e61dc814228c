"""Which trainings measure the transfer between tasks, and what they show.

With the estimator "pairwise", B[i, k] = R_{k→i}[k] − R_k[k] and Fw[k, i] = R_{k→i}[i] − R_i[i]. All
pairs that begin with the same task share its training, so K tasks need K + K(K − 1) trainings of
one stage. With "base", B[i, k] = R_i[k] − R_0[k] needs K of them. R_0 is the untrained model.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations
from pathlib import Path

import numpy as np

from holdfast.errors import HoldfastError
from holdfast.planning import Probe, read_probe
from holdfast.planning.probe_files import FILE
from holdfast.results.storage import write_json
from holdfast.staging.carry_out import Wanted
from holdfast.staging.execution import Conditions, Scores, read_scores
from holdfast.staging.settings import Places, StageSettings
from holdfast.staging.signals import CONFIDENCE, ENTROPY
from holdfast.staging.training import of_order, untrained
from holdfast.validation import validated

PART = "validation"  # the test examples are kept for the verification of the plan
BASE = "base"
STAGES = "stages"  # the key under which a probe says what was trained
Row = dict[str, float]


@dataclass(frozen=True)
class Probing:
    """The trainings that measure transfer.

    Args:
        settings: What they depend on.
        seeds: The seeds.
        estimator: "pairwise" or "base".
        signals: Whether it is measured how sure the model is before and after each task.
    """

    settings: StageSettings
    seeds: tuple[int, ...]
    estimator: str = "pairwise"
    signals: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the tasks."""
        return tuple(self.settings.tasks)

    def wanted(self) -> list[Wanted]:
        """List the trainings whose scores are needed."""
        # The untrained model shows which tasks are not learnt at all.
        found = [Wanted(untrained(self.settings), PART, signals=self.signals)]
        for seed in self.seeds:
            trainings = [of_order(self.settings, order, seed) for order in self._orders()]
            found += [Wanted(training, PART, signals=self.signals) for training in trainings]
        return found

    def _orders(self) -> list[tuple[str, ...]]:
        """The orders that are trained: each task alone, and pairs if they are asked for."""
        alone = [(name,) for name in self.names]
        if self.estimator == BASE:
            return [*alone]
        return [*alone, *permutations(self.names, 2)]

    def assemble(self, conditions: Conditions) -> Probe:
        """Make the probe from finished trainings, and write it to probe.json.

        Args:
            conditions: Where the results are.

        Raises:
            HoldfastError: A training is not finished, or the file could not be written.
        """
        backward = []
        forward = []
        for seed in self.seeds:
            of_seed = self._transfer(conditions, seed)
            backward.append(of_seed[0])
            forward.append(of_seed[1])
        probe = Probe(
            names=self.names,
            backward=np.array(backward),
            forward=None if self.estimator == BASE else np.array(forward),
            estimator=self.estimator,
            signals=self._signals(conditions),
            about={
                STAGES: {
                    "settings": self.settings.model_dump(mode="json"),
                    "places": conditions.places.model_dump(mode="json"),
                    "held_out": conditions.held_out,
                },
                "seeds": list(self.seeds),
            },
        )
        write_json(conditions.out / FILE, probe.to_json())
        return probe

    def _scores(self, conditions: Conditions, order: Sequence[str], seed: int) -> Scores:
        """What was measured after an order of tasks."""
        training = of_order(self.settings, order, seed)
        return read_scores(conditions.files.scores(training, PART))

    def _transfer(self, conditions: Conditions, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """B and Fw of one seed, (K, K) each."""
        base = read_scores(conditions.files.scores(untrained(self.settings), PART))
        alone = {name: self._scores(conditions, [name], seed) for name in self.names}
        shape = (len(self.names), len(self.names))
        backward = np.full(shape, np.nan)
        forward = np.full(shape, np.nan)
        for k, first in enumerate(self.names):
            for i, second in enumerate(self.names):
                # A task is never learnt after itself.
                if i == k:
                    continue
                if self.estimator == BASE:
                    backward[i, k] = alone[second].mean(first) - base.mean(first)
                    continue
                both = self._scores(conditions, [first, second], seed)
                backward[i, k] = both.mean(first) - alone[first].mean(first)
                forward[k, i] = both.mean(second) - alone[second].mean(second)
        return backward, forward

    def _signals(self, conditions: Conditions) -> dict[str, np.ndarray]:
        """What the same trainings say about single tasks, (S, K)."""
        difficulty = []
        for seed in self.seeds:
            alone = [self._scores(conditions, [name], seed).mean(name) for name in self.names]
            difficulty.append([1 - score for score in alone])
        found = {"difficulty": np.array(difficulty)}
        if self.signals:
            base = read_scores(conditions.files.scores(untrained(self.settings), PART))
            sure = [base.signals[name][CONFIDENCE] for name in self.names]
            # The model before training is the same for every seed.
            found["confidence"] = np.array([sure] * len(self.seeds))
            found["entropy_change"] = self.entropy_changes(conditions).mean(2)
        return found

    def entropy_changes(self, conditions: Conditions) -> np.ndarray:
        """Compute how the entropy of the outputs on each task changes by learning another.

        Args:
            conditions: Where the results are.

        Returns:
            The change on task k by learning task i alone, [s, i, k], in nats, (S, K, K).

        Raises:
            HoldfastError: The signals were not measured.
        """
        base = self._entropies(read_scores(conditions.files.scores(untrained(self.settings), PART)))
        after = [
            [self._entropies(self._scores(conditions, [name], seed)) for name in self.names]
            for seed in self.seeds
        ]
        changes: np.ndarray = np.array(after) - base
        return changes

    def _entropies(self, scores: Scores) -> np.ndarray:
        """The mean entropy of the outputs on each task, (K,)."""
        if not scores.signals:
            raise HoldfastError("the signals were not measured; probe with --signals")
        return np.array([scores.signals[name][ENTROPY] for name in self.names])

    def unlearnt(self, conditions: Conditions) -> list[str]:
        """List the tasks whose own training did not raise their score.

        Args:
            conditions: Where the results are.
        """
        base = read_scores(conditions.files.scores(untrained(self.settings), PART))
        found = []
        for name in self.names:
            own = [self._scores(conditions, [name], seed).mean(name) for seed in self.seeds]
            if float(np.mean(own)) <= base.mean(name):
                found.append(name)
        return found


@dataclass(frozen=True)
class Probed:
    """A probe of stages that was read, with what was trained.

    Args:
        probe: The transfer between tasks.
        settings: What the trainings depend on.
        conditions: Where the files are.
    """

    probe: Probe
    settings: StageSettings
    conditions: Conditions

    @property
    def first_new_seed(self) -> int:
        """The first seed that the plan was not made from."""
        return int(max(self.probe.about["seeds"])) + 1


def read_probed(out: Path, device: str = "cpu") -> Probed:
    """Read a probe of stages.

    Args:
        out: Its folder.
        device: Where to train further stages.

    Raises:
        HoldfastError: There is none, or it is not one of `holdfast stage probe`.
    """
    probe = read_probe(out)
    # Probes of suites and of CSV files have transfer, but nothing to train.
    about = probe.about.get(STAGES)
    if not isinstance(about, dict) or not {"settings", "places", "held_out"} <= set(about):
        raise HoldfastError(
            f"{out} holds no probe of language models, so there is nothing to train; holdfast "
            "stage probe makes one"
        )
    settings = validated(StageSettings, **about["settings"])
    places = validated(Places, **about["places"])
    conditions = Conditions(places, out, float(about["held_out"]), device)
    return Probed(probe, settings, conditions)
