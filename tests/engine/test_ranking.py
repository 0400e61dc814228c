"""Herding and k-centre against brute force; memories that hold ranked groups."""

from itertools import combinations

import pytest
import torch

from holdfast import HoldfastError
from holdfast.engine.batch import Rows
from holdfast.engine.memory import Memory
from holdfast.engine.ranking import herding, k_centre


def test_herding_is_greedy_towards_the_mean():
    f = torch.randn(12, 3, generator=torch.Generator().manual_seed(0)).double()
    chosen: list[int] = []
    for k in range(1, 7):
        left = [i for i in range(12) if i not in chosen]
        chosen.append(
            min(left, key=lambda i: float((f.mean(0) - f[[*chosen, i]].sum(0) / k).norm()))
        )
    assert herding(f, 6).tolist() == chosen
    assert sorted(herding(f, 99).tolist()) == list(range(12))


@pytest.mark.parametrize("seed", range(10))
def test_k_centre_covers_within_twice_the_best_radius(seed):
    f = torch.randn(10, 2, generator=torch.Generator().manual_seed(seed)).double()
    radius = lambda centres: float(torch.cdist(f, f[list(centres)]).min(1).values.max())  # noqa: E731
    best = min(radius(c) for c in combinations(range(10), 3))
    assert radius(k_centre(f, 3).tolist()) <= 2 * best + 1e-12


def group(first: int, n: int, y: int, task: int) -> Rows:
    x = torch.arange(first, first + n, dtype=torch.float32)[:, None]
    return Rows.of_task(x, torch.full((n,), y), task)


def test_ranked_groups_keep_their_best_rows_as_shares_shrink():
    m = Memory(10, "herding")
    m.keep_ranked({"0:0": group(0, 20, 0, 0)})
    assert m.group("0:0").x.flatten().tolist() == list(range(10))
    m.keep_ranked({"0:1": group(100, 2, 1, 0), "1:2": group(200, 9, 2, 1)})
    assert m.group("0:0").x.flatten().tolist() == [0, 1, 2]
    assert m.group("0:1").x.flatten().tolist() == [100, 101]
    assert m.group("1:2").x.flatten().tolist() == [200, 201, 202]
    rows = m.everything()
    assert len(m) == 8
    assert sorted(rows.x.flatten().tolist()) == [0, 1, 2, 100, 101, 200, 201, 202]
    assert all(
        t == int(x >= 200)
        for x, t in zip(rows.x.flatten().tolist(), rows.task.tolist(), strict=True)
    )


def test_a_memory_with_fewer_places_than_groups_is_refused():
    m = Memory(2, "herding")
    m.keep_ranked({"0:0": group(0, 5, 0, 0), "0:1": group(0, 5, 1, 0)})
    with pytest.raises(HoldfastError, match="raise capacity to at least 3"):
        m.keep_ranked({"1:2": group(0, 5, 2, 1)})
    with pytest.raises(HoldfastError, match="takes no stream of rows"):
        m.insert(group(0, 5, 2, 1))
