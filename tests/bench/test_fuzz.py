"""A small part of benchmarks/fuzz.py.

Every altered input must be read or be refused in one line, and none may pass the gate wrongly.
"""

import sys
import warnings
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

import fuzz
from fuzzing.targets import SHARES

SLICE = fuzz.shares(2000)


def test_every_target_has_a_share():
    assert SHARES.keys() == fuzz.TARGETS.keys()
    assert sum(SHARES.values()) == 100


@pytest.mark.parametrize("name", fuzz.TARGETS)
def test_no_altered_input_is_a_fault_or_passes_wrongly(name):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        counts, faults, _ = fuzz.fuzz(name, SLICE[name], seed=1)
    assert faults == []
    assert counts["refused"] > 0.3 * SLICE[name], "the alterations are not harmless"
    assert sum(counts.values()) == SLICE[name]


def test_a_fault_is_found_and_named(monkeypatch):
    def broken(folder):
        def case(rng):
            if rng.random() < 0.5:
                raise KeyError("cells")
            return "refused"

        return case

    monkeypatch.setitem(fuzz.TARGETS, "specs", broken)
    counts, faults, _ = fuzz.fuzz("specs", 20)
    assert counts["fault"] == len(faults)
    assert 0 < counts["fault"] < 20
    assert "KeyError: \"'cells'\"" in faults[0]


def test_the_same_seed_makes_the_same_inputs():
    assert fuzz.fuzz("matrices", 50, seed=3)[0] == fuzz.fuzz("matrices", 50, seed=3)[0]
