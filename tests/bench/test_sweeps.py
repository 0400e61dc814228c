"""Sweeps as the command line names them."""

import pytest

from helpers import quick
from holdfast.bench.sweep import parse_sweep, swept
from holdfast.errors import HoldfastError


def test_sweep_specs():
    labels = [
        label
        for label, _ in swept(
            quick("ER(10) + LwF"), [parse_sweep("ER.ratio=0.25,0.5"), parse_sweep("batch_size=8")]
        )
    ]
    assert labels == [
        "ER(10, ratio=0.25) + LwF(alpha=1.0), batch_size=8",
        "ER(10) + LwF(alpha=1.0), batch_size=8",
    ]
    assert swept(quick("ER(10)"), [("order", ["seed"])])[0][1].data.order == "seed"
    with pytest.raises(
        HoldfastError, match=r"several parts .* say which: AGEM.capacity, ER.capacity"
    ):
        swept(quick("ER(10) + AGEM(10)"), [("capacity", [1])])
    with pytest.raises(HoldfastError, match="unknown hyperparameter 'strenght'"):
        swept(quick("EWC(1)"), [("strenght", [1])])
    with pytest.raises(HoldfastError, match="expected name=value,value"):
        parse_sweep("strength")
    with pytest.raises(HoldfastError, match="strength must be a number"):
        swept(quick("EWC(1)"), [("strength", ["a"])])
