"""The rise of the token loss: by hand, and what its interval says."""

import numpy as np
import pytest

from holdfast.errors import HoldfastError
from holdfast.metrics import TokenLosses


def track(texts=400, seed=0, shift=0.2, spread=0.5):
    rng = np.random.default_rng(seed)
    tokens = rng.integers(5, 40, texts)
    before = rng.exponential(3.0, texts) * tokens
    after = before + (shift + spread * rng.normal(size=texts)) * tokens
    return TokenLosses("general", tokens.tolist(), [None, "a"], [before.tolist(), after.tolist()])


def test_a_mean_is_over_tokens_and_a_rise_is_a_difference_of_means():
    found = track()
    tokens = np.array(found.tokens)
    assert found.mean("a") == pytest.approx(np.sum(found.losses[1]) / tokens.sum())
    rise = found.rise("a")
    assert rise.estimate == pytest.approx(found.mean("a") - found.mean())
    assert rise.low < rise.estimate < rise.high
    assert rise.varies == "texts"


def test_the_interval_is_near_that_of_a_normal_ratio():
    found = track(2000)
    changes = np.subtract(found.losses[1], found.losses[0])
    tokens = np.array(found.tokens)
    rise = found.rise("a")
    error = (changes - rise.estimate * tokens).std() / tokens.mean() / 2000**0.5
    assert (rise.high - rise.low) / (2 * 1.96 * error) == pytest.approx(1, abs=0.08)
    assert found.rise("a", confidence=0.5).high < rise.high


def test_nothing_changed_means_no_width_and_the_order_of_texts_plays_no_part():
    still = TokenLosses("general", [3] * 300, [None, "a"], [[1.0] * 300, [1.0] * 300])
    rise = still.rise("a")
    assert (rise.low, rise.estimate, rise.high) == (0, 0, 0)
    alike = TokenLosses("general", [3] * 300, [None, "a"], [[1.0] * 300, [2.5] * 300])
    assert alike.rise("a").low == pytest.approx(0.5) == alike.rise("a").high
    assert track().rise("a", before="a").estimate == 0


def test_few_texts_have_an_estimate_and_no_interval():
    rise = track(199).rise("a")
    assert not rise.known
    assert "at least 200 texts, there are 199" in rise.reason


def test_unknown_times_and_missing_losses_are_refused():
    with pytest.raises(HoldfastError, match="'b'"):
        track().rise("b")
    with pytest.raises(HoldfastError, match="2 texts, but 1 losses"):
        TokenLosses("general", [1, 2], [None], [[1.0]]).mean()
