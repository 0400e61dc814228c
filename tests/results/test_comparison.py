"""Ranks, front, sweeps and selection, learning speed, two folders: from real runs on digits."""

import math

import pytest

from helpers import quick
from holdfast.metrics import (
    Interval,
    average_accuracy,
    backward_transfer,
    forgetting,
    paired_seed_interval,
)
from holdfast.results import (
    compare_folders,
    find_sweeps,
    learning_speed,
    load_results,
    on_validation,
    pareto_front,
    ranks,
    select,
    summarise,
)
from holdfast.runs.carry_out import run_all


class Fake:
    """Only what ranks reads."""

    def __init__(self, low, high):
        self.values = {"ACC": Interval((low + high) / 2, low, high, 0.95, "seeds", 3)}


def test_ranks_mark_overlaps_as_ties():
    assert ranks([Fake(0.8, 0.9), Fake(0.75, 0.85), Fake(0.5, 0.6), Fake(0.1, 0.2)]) == [
        "=1",
        "=1",
        "3",
        "4",
    ]
    assert ranks([Fake(math.nan, math.nan), Fake(0.5, 0.6)]) == ["–", "1"]


def test_the_front_against_brute_force():
    points = [
        (0.9, -0.1, -5),
        (0.8, -0.2, -6),
        (0.95, -0.3, -9),
        (0.9, -0.1, -5),
        (0.2, 0.0, -1),
        (math.nan, 1, 1),
    ]
    for k, best in enumerate(pareto_front(points)):
        beaten = any(
            all(a >= b for a, b in zip(q, points[k], strict=True))
            and any(a > b for a, b in zip(q, points[k], strict=True))
            for q in points
        )
        assert best == (not beaten and not math.isnan(points[k][0]))


def test_sweeps_are_found_in_result_files_and_selection_looks_at_validation_alone(sweep_folder):
    results = load_results([sweep_folder])
    groups = summarise(results)
    (sweep,) = find_sweeps(groups)
    assert (sweep.method, sweep.varied) == ("ER", ("ER.capacity",))
    (curve,) = sweep.curves()
    assert (curve.hyperparameter, curve.others) == ("ER.capacity", "")
    assert [point.value for point in curve.points] == [10, 60, 300]
    by_hand = {}
    for g in groups:
        m = [r.validation for r in g.results]
        by_hand[g.label] = (sum(map(average_accuracy, m)) / 2, sum(map(forgetting, m)) / 2)
    scores = {g.label: on_validation(g) for g in groups}
    found = {k: (v.accuracy.estimate, v.forgetting.estimate) for k, v in scores.items()}
    assert found == {k: pytest.approx(v) for k, v in by_hand.items()}
    assert found["ER(300)"] != pytest.approx(
        (groups[0].values["ACC"].estimate, groups[0].values["forgetting"].estimate)
    )
    loose = select(sweep, 1.0)
    assert loose.group.label == max(by_hand, key=lambda k: by_hand[k][0])
    assert loose.within
    least = min(by_hand, key=lambda k: by_hand[k][1])
    strict = select(sweep, by_hand[least][1] / 2)
    assert (strict.group.label, strict.within) == (least, False)
    assert "no value keeps forgetting" in strict.sentence()
    middle = select(sweep, by_hand["ER(60)"][1])
    assert middle.group.label == max(
        (k for k in by_hand if by_hand[k][1] <= by_hand["ER(60)"][1]), key=lambda k: by_hand[k][0]
    )
    survivors = [r for r in results if (r.label, r.seed) != (loose.group.label, 2)]
    assert select(find_sweeps(summarise(survivors))[0], 1.0).group.label != loose.group.label
    tested_only = [r.model_copy(update={"validation": None}) for r in results]
    assert select(find_sweeps(summarise(tested_only))[0], 1.0) is None


def test_learning_speed_against_the_curves_by_hand(speed_folder):
    groups = summarise(load_results([speed_folder]))
    speeds = {s.label: s for s in learning_speed(groups)}
    assert speeds["FromScratch"].area.estimate == 0
    of = {(r.label, r.seed): r.curves for r in load_results([speed_folder])}
    by_hand = []
    for seed in (1, 2, 3):
        ours, fresh = of["PNN", seed], of["FromScratch", seed]
        areas = []
        for j in range(1, 5):
            first, last = ours.ends[j - 1], ours.ends[j]
            inside = [k for k, s in enumerate(ours.steps) if first < s <= last]
            x = [0, *(ours.steps[k] - first for k in inside)]
            d = [
                ours.zero_shot[j] - fresh.zero_shot[j],
                *(ours.scores[k][j] - fresh.scores[k][j] for k in inside),
            ]
            areas.append(
                sum((x[i + 1] - x[i]) * (d[i] + d[i + 1]) / 2 for i in range(len(x) - 1)) / x[-1]
            )
        by_hand.append(sum(areas) / 4)
    assert speeds["PNN"].area.estimate == pytest.approx(sum(by_hand) / 3)
    zero = [v for (label, _), c in of.items() if label == "PNN" for v in c.zero_shot[1:]]
    assert speeds["PNN"].zero_shot.estimate == pytest.approx(sum(zero) / 12)


def test_segments_average_to_their_task(speed_folder):
    r = next(r for r in load_results([speed_folder]) if r.label == "FineTune").to_json()
    cells = {
        (c["after"], c.get("segment")): c
        for c in r["matrix"]["cells"]
        if c["task"] == r["matrix"]["tasks"][0]
    }
    last = r["matrix"]["tasks"][-1]
    parts = [c for (after, segment), c in cells.items() if after == last and segment]
    whole = cells[last, None]
    assert {c["segment"] for c in parts} == {"0", "1"}
    assert sum(c["examples"] for c in parts) == whole["examples"]
    assert sum(c["score"] * c["examples"] for c in parts) / whole["examples"] == pytest.approx(
        whole["score"]
    )
    g = next(g for g in summarise(load_results([speed_folder])) if g.label == "FineTune")
    assert set(g.segment_transfers) == set("01234567")
    assert sum(v.estimate for v in g.transfers) / 4 == pytest.approx(g.values["BWT"].estimate)


def test_two_folders_are_compared_by_seed(speed_folder, tmp_path):
    first = summarise(load_results([speed_folder]))
    runs = [
        (m, quick(m, "task", seed, evaluate_every=5, lr=0.001))
        for m in ("FineTune", "PNN")
        for seed in (1, 2, 3)
    ]
    list(run_all(runs, tmp_path))
    found = {d.label: d for d in compare_folders(first, summarise(load_results([tmp_path])))}
    assert set(found) == {"FineTune", "PNN"}
    before, after = (
        [backward_transfer(r.matrix) for r in load_results([f]) if r.label == "PNN"]
        for f in (speed_folder, tmp_path)
    )
    assert found["PNN"].values["BWT"].estimate == pytest.approx(
        paired_seed_interval(after, before).estimate
    )
    assert found["FineTune"].settings == ("training.lr: 0.05 → 0.001",)
    assert found["FineTune"].verdict("ACC") == "lower"
    same = compare_folders(first, first)[0]
    assert (same.verdict("ACC"), same.settings) == ("same", ())
