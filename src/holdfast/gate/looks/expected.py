"""How much of a test set is used if the candidate is judged at several looks.

Each subject's test is imagined as a normal one: at look k its statistic is Z_k + drift_k, where the
Z_k are those of a Brownian motion and the drift is the one at which the evidence's own plan
(`Evidence.needed`) has the power that it promises. So the price of the gate's exact tests is
counted, and the same works for every kind of evidence.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from holdfast.gate.looks.schedule import Looks
from holdfast.gate.statistics import Spending
from holdfast.gate.statistics.betting import CAPITAL, GAPS
from holdfast.gate.subjects import Subject
from holdfast.metrics.distributions import normal_quantile

SEED = 7
POWER = 0.8  # at which the plan of the evidence is compared with a normal test
MOST_RUNS = 4000
MOST_NUMBERS = 500_000  # that are drawn in all
MOMENTS = 50  # at which a candidate that may be judged at any time is imagined to be judged


@dataclass(frozen=True)
class ExpectedUse:
    """How much of a test set is used, and how often a candidate passes.

    Attributes:
        looks: When the candidate is judged.
        nothing_lost: Mean share of the examples that is used if nothing is lost.
        limit_lost: The same if one task loses exactly what is allowed.
        twice_lost: The same if it loses twice as much.
        passed: Chance of having passed at each planned look if nothing is lost. If the candidate is
            judged at any time, only that at the end of the test set.
    """

    looks: Looks
    nothing_lost: float
    limit_lost: float
    twice_lost: float
    passed: tuple[float, ...]

    def lines(self) -> list[str]:
        """Return sentences for a plan."""
        chances = ", ".join(f"{100 * chance:.0f} %" for chance in self.passed)
        chance = f"with a chance of {chances} by the end of the test set"
        if self.looks.shares:
            listed = ", ".join(f"{100 * share:g} %" for share in self.looks.shares)
            chance = f"with chances of {chances} by the looks at {listed} of the examples"
        return [
            f"If nothing is lost, the candidate passes {chance}. On average, it is then decided "
            f"after {100 * self.nothing_lost:.0f} % of the examples.",
            f"If a task loses exactly what is allowed, it is decided after "
            f"{100 * self.limit_lost:.0f} % on average, and after {100 * self.twice_lost:.0f} % if "
            "it loses twice as much.",
        ]


def expected_use(judged: Sequence[Subject], looks: Looks, alpha: float) -> ExpectedUse:
    """Estimate how much of a test set is used.

    The release is decided at the first look at which every subject passes or one fails. Subjects
    are taken as independent of each other, so the estimate is careful if segments overlap tasks.

    Args:
        judged: What must pass, with evidence from the whole planned test set. At least one.
        looks: When the candidate is judged.
        alpha: Level of each test, such as 0.05.

    Returns:
        The expected use, from a simulation with a fixed seed.
    """
    model = _Model.of(judged, looks, alpha)
    decided = [model.simulated(lost) for lost in (0.0, 1.0, 2.0)]
    shares = [float(model.times[first].mean()) for first, _ in decided]
    first, passes = decided[0]
    places = range(len(model.times))
    if not looks.shares:
        places = range(MOMENTS - 1, MOMENTS)
    return ExpectedUse(
        looks=looks,
        nothing_lost=shares[0],
        limit_lost=shares[1],
        twice_lost=shares[2],
        passed=tuple(float((passes & (first <= place)).mean()) for place in places),
    )


class _Model:
    """Normal tests of S subjects at K looks.

    Args:
        times: Share of the test set at each look, shape (K,).
        drift: Drift of each subject at the end of the test set if it lies δ from the hypothesis,
            shape (S,).
        alpha: Level of each test.
        design: The levels of planned looks, or None if there may be any number of looks.
    """

    def __init__(
        self,
        times: np.ndarray,
        drift: np.ndarray,
        alpha: float,
        design: Spending | None,
    ) -> None:
        self.times = times
        self.drift = drift
        self.alpha = alpha
        self.design = design

    @staticmethod
    def of(judged: Sequence[Subject], looks: Looks, alpha: float) -> "_Model":
        """Make the tests of the subjects."""
        shares = looks.shares or tuple(np.linspace(1 / MOMENTS, 1, MOMENTS).tolist())
        drifts: list[float] = []
        strength = normal_quantile(1 - alpha) + normal_quantile(POWER)
        for subject in judged:
            if subject.evidence is None:
                continue
            evidence = subject.evidence
            examples, _ = evidence.needed(subject.rule.limit, alpha, 0.0, POWER)
            drifts.append(strength * float(np.sqrt(evidence.examples / examples)))
        design = None
        if looks.shares:
            design = Spending(looks.shares)
        return _Model(np.array(shares), np.array(drifts), alpha, design)

    def simulated(self, lost: float) -> tuple[np.ndarray, np.ndarray]:
        """Simulate releases whose first subject loses a multiple of δ, and the others nothing.

        Returns:
            The position of the look at which each release is decided, and whether it passes; each
            of shape (R,).
        """
        subjects = len(self.drift)
        size = len(self.times) * subjects
        # With very many subjects, fewer releases are simulated, so that memory suffices.
        runs = int(np.clip(MOST_NUMBERS // size, 50, MOST_RUNS))
        rng = np.random.default_rng(SEED)
        steps = np.diff(self.times, prepend=0.0)[:, None]
        drift = np.broadcast_to(self.drift, (runs, subjects)).copy()
        drift[:, 0] *= 1 - lost
        moves = rng.normal(size=(runs, len(self.times), subjects)) * np.sqrt(steps)
        sums = np.cumsum(moves + drift[:, None, :] * steps, axis=1)  # S_k, whose variance is t_k

        passes = np.min(self._shown(sums, self.alpha), axis=2)
        # One failure ends the evaluation, so its level is that of the first step of Holm.
        fails = np.max(self._shown(-sums, self.alpha / subjects), axis=2)
        stops: np.ndarray = passes | fails
        # There are no more examples after the last look, whatever it shows.
        stops[:, -1] = True
        first = stops.argmax(1)
        return first, passes[np.arange(runs), first] & ~fails[np.arange(runs), first]

    def _shown(self, sums: np.ndarray, alpha: float) -> np.ndarray:
        """Return where a sum is large enough at a level of the whole series."""
        if self.design is not None:
            levels = [self.design.nominal(alpha, look + 1) for look in range(len(self.times))]
            bounds = np.array([-normal_quantile(level) for level in levels])
            reached: np.ndarray = sums >= (bounds * np.sqrt(self.times))[:, None]
            return reached
        # The gamblers of `statistics.betting`: in the units of these sums, each bets its gap.
        capital = np.full(sums.shape, -np.inf)
        for gap, share in zip(GAPS, CAPITAL, strict=True):
            stake = gap * self.drift
            won = stake * sums - 0.5 * stake**2 * self.times[:, None]
            capital = np.logaddexp(capital, np.log(share) + won)
        # By Ville's inequality the best moment counts, even if the capital is lost again later.
        best_so_far = np.maximum.accumulate(capital, axis=1)
        won_enough: np.ndarray = best_so_far >= -np.log(alpha)
        return won_enough
