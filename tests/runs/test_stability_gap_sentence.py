"""What the diagnosis of the stability gap says about gaps of every depth."""

from holdfast.diagnostics import StabilityGap
from holdfast.runs.diagnoses.stability_gap import _sentence

NAMES = {1: "march", 2: "april"}


def test_the_deepest_gap_is_named():
    gaps = {
        1: StabilityGap((0, 1, 2), (0.9, 0.8, 0.85)),
        2: StabilityGap((0, 1, 2), (0.9, 0.5, 0.8)),
    }
    sentence = _sentence(gaps, NAMES)
    assert "boundary to april the old tasks fall 30.0 points" in sentence
    assert "lowest at step 1" in sentence
    assert "17.5 points on average" in sentence


def test_scores_that_only_fall_have_no_gap():
    gaps = {1: StabilityGap((0, 1, 2), (0.9, 0.8, 0.5))}
    assert _sentence(gaps, NAMES).startswith("There is no stability gap")
