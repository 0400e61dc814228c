"""Transfer over releases: which changes count, and with which sign."""

import pytest

from holdfast.metrics.releases import standing, standing_since


def test_a_claim_to_have_learnt_a_task_hides_a_gain_and_never_a_loss():
    baselines = {"x": 0.9, "y": 0.5, "z": 0.5}
    scores = {"x": 0.8, "y": 0.9, "z": 0.2}
    honest = standing_since(scores, baselines)
    assert honest.transfer == pytest.approx((-0.1 + 0.4 - 0.3) / 3)
    claimed = standing_since(scores, baselines, learning=["y", "z"])
    assert claimed.transfer == pytest.approx((-0.1 - 0.3) / 2)
    assert claimed.forgetting == pytest.approx({"x": 0.1, "y": -0.4, "z": 0.3})
    assert claimed.accuracy == pytest.approx((0.8 + 0.9 + 0.2) / 3)


def test_what_the_last_release_learnt_or_nobody_tested_has_no_transfer():
    rows = [{"x": 0.9}, {"y": 0.7}, {"x": 0.8, "y": 0.6, "z": 0.4}]
    s = standing(rows, {"x": 0, "y": 1, "z": 2, "w": 1})
    assert s.forgetting == pytest.approx({"x": 0.1, "y": 0.1})
    assert s.transfer == pytest.approx(-0.1)
    assert standing([{"x": 0.9}], {"x": 0}).transfer is None
