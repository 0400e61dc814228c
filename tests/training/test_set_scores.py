"""Scores of whole sets against scikit-learn."""

import numpy as np
import pytest
import torch

from holdfast.errors import HoldfastError
from holdfast.training.scoring import scores_of
from holdfast.training.set_scores import F1, R2, LabelAccuracy, MeanAP, NegativeRMSE

metrics = pytest.importorskip("sklearn.metrics")


def answers_and_labels() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(3)
    # Rounded, so that many outputs are equal.
    answers = torch.randn(60, 4, generator=generator).mul(2).round().div(2)
    labels = (torch.rand(60, 4, generator=generator) < 0.3).float()
    return answers, labels


def test_mean_ap_is_that_of_scikit_learn_with_ties() -> None:
    answers, y = answers_and_labels()
    expected = metrics.average_precision_score(y.numpy(), answers.numpy(), average="macro")
    assert float(MeanAP()(answers, y).mean()) == pytest.approx(expected, abs=1e-6)


def test_f1_is_that_of_scikit_learn() -> None:
    answers, y = answers_and_labels()
    expected = metrics.f1_score(y.numpy(), (answers > 0).numpy(), average="macro")
    assert float(F1()(answers, y).mean()) == pytest.approx(expected, abs=1e-6)


def test_label_accuracy_is_one_minus_the_hamming_loss() -> None:
    answers, y = answers_and_labels()
    expected = 1 - metrics.hamming_loss(y.numpy(), (answers > 0).numpy())
    assert float(LabelAccuracy()(answers, y).mean()) == pytest.approx(expected, abs=1e-6)


def test_r2_and_rmse_are_those_of_scikit_learn() -> None:
    generator = torch.Generator().manual_seed(0)
    y = torch.randn(50, 2, generator=generator) * 3 + 1
    answers = y + torch.randn(50, 2, generator=generator)
    assert float(R2()(answers, y).mean()) == pytest.approx(
        metrics.r2_score(y.numpy(), answers.numpy()), abs=1e-6
    )
    rmse = np.sqrt(metrics.mean_squared_error(y.numpy(), answers.numpy(), multioutput="raw_values"))
    assert float(NegativeRMSE(100)(answers, y).mean()) == pytest.approx(-rmse.mean(), abs=1e-6)


@pytest.mark.parametrize("scorer", [MeanAP(), F1(), LabelAccuracy()])
def test_unknown_labels_and_inactive_outputs_do_not_count(scorer: object) -> None:
    answers, y = answers_and_labels()
    wide = torch.cat([answers, torch.full((60, 1), -torch.inf), torch.randn(60, 1)], 1)
    more = torch.cat([y, torch.ones(60, 1), torch.full((60, 1), torch.nan)], 1)
    alone = scores_of(scorer, answers, y).mean()  # type: ignore[arg-type]
    assert float(scores_of(scorer, wide, more).mean()) == pytest.approx(float(alone), abs=1e-6)  # type: ignore[arg-type]


def test_labels_that_nobody_has_are_left_out() -> None:
    answers, y = answers_and_labels()
    y[:, 3] = 0
    for scorer in (MeanAP(), F1()):
        three = scorer(answers[:, :3], y[:, :3]).mean()
        assert float(scorer(answers, y).mean()) == pytest.approx(float(three), abs=1e-6)


def test_scores_stay_in_their_range() -> None:
    y = torch.arange(10.0)[:, None]
    far = y + 1000
    assert float(scores_of(R2(), far, y).mean()) == -1.0
    assert float(scores_of(NegativeRMSE(9.0), far, y).mean()) == -9.0
    assert float(scores_of(NegativeRMSE(9.0), y, y).mean()) == 0.0
    constant = torch.ones(4, 1)
    assert float(scores_of(R2(), constant, constant).mean()) == 0.0
    with pytest.raises(HoldfastError, match="above 0"):
        NegativeRMSE(0)


def test_perfect_and_constant_answers() -> None:
    _, y = answers_and_labels()
    assert float(MeanAP()(y, y).mean()) == pytest.approx(1.0)
    # With equal outputs for all, precision is the share of examples that have the label.
    shares = y.mean(0).mean()
    assert float(MeanAP()(torch.zeros(60, 4), y).mean()) == pytest.approx(float(shares), abs=1e-6)
