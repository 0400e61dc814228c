"""How costs grow with the number of tasks: the fit, and what methods declare."""

import numpy as np
import pytest

from holdfast.errors import HoldfastError
from holdfast.results import fitted_growth, growth, load_results, summarise
from holdfast.runs.carry_out import run_all
from holdfast.runs.config import RunConfig
from holdfast.validation import validated


def test_growth_fits_survive_noise_and_name_the_degree():
    rng, k = np.random.default_rng(0), range(2, 21)
    curves = {
        "constant": [3.0] * 19,
        "linear": [1 + 0.2 * v for v in k],
        "quadratic": [5 + 0.1 * v + 0.05 * v * v for v in k],
    }
    for kind, clean in curves.items():
        for _ in range(50):
            noisy = [
                v * (1 + 0.03 * e) for v, e in zip(clean, rng.standard_normal(19), strict=True)
            ]
            assert fitted_growth(noisy, exact=False) == kind
    with pytest.raises(HoldfastError, match="needs 9 values"):
        fitted_growth([1.0] * 5)


def test_sizes_grow_as_declared(tmp_path):
    """Bytes and parameters of real runs over ten tasks grow as each method declares.

    Times are left to the suite "cost", because they vary too much for a test.
    """
    specs = {
        "FineTune": "task",
        "PNN": "task",
        "GEM(5)": "domain",
        "ER(40)": "domain",
        "EWC(1)": "domain",
        "Cumulative": "domain",
    }
    runs = [
        (
            m,
            validated(
                RunConfig,
                method=m,
                scenario=s,
                data={"stream": "permuted", "tasks": 10},
                training={"steps": 3},
                model={"hidden": [8, 8]},
            ),
        )
        for m, s in specs.items()
    ]
    list(run_all(runs, tmp_path))
    for scenario in ("task", "domain"):
        found = [
            g
            for g in growth(
                [g for g in summarise(load_results([tmp_path])) if g.scenario == scenario]
            )
            if g.cost != "time"
        ]
        assert [(g.label, g.cost, g.fitted) for g in found if not g.agrees] == []
        assert {g.label for g in found} == {m for m, s in specs.items() if s == scenario}
