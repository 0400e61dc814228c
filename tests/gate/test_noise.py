"""Repeats of examples, and how much two runs of one model differ."""

import numpy as np
import pandas as pd
import pytest

from holdfast.errors import HoldfastError
from holdfast.gate.judge import Gate
from holdfast.gate.noise import NoiseFloor, below_floor, noise_floor
from holdfast.gate.policy import policy_from
from holdfast.gate.reading import read_side
from holdfast.gate.reading.repeats import average_repeats, split_repeats
from holdfast.gate.rules import TaskRule
from holdfast.gate.statistics import Paired


def repeated(times: int, n: int = 4, **columns: object) -> pd.DataFrame:
    """Checked rows of n examples with several repeats each, run after run."""
    frame = pd.DataFrame(
        {
            "task": "a",
            "example_id": [str(row) for row in range(n)] * times,
            "score": np.repeat(np.arange(times), n) % 2.0,
            "repeat": np.repeat(np.arange(times), n).astype(str),
        }
    )
    return frame.assign(**columns)


# ---- repeats


def test_repeats_become_one_row_with_the_mean_of_their_numbers():
    latency = np.arange(8.0)
    latency[3] = np.nan
    rows = repeated(2, latency_ms=latency, segment=["x", "y"] * 4, label="1")
    averaged, notes = average_repeats(rows, "champion")
    assert averaged["example_id"].tolist() == ["0", "1", "2", "3"]
    assert averaged["score"].tolist() == [0.5] * 4
    assert averaged["latency_ms"].tolist() == [2, 3, 4, 7]
    assert averaged["segment"].tolist() == ["x", "y", "x", "y"]
    assert "repeat" not in averaged
    assert notes == ("champion: 4 examples with 2 repeats each were averaged.",)


def test_examples_keep_the_order_of_their_first_row_and_tasks_are_apart():
    rows = pd.concat([repeated(2), repeated(2).assign(task="b")]).sample(frac=1, random_state=1)
    averaged, _ = average_repeats(rows.reset_index(drop=True), "champion")
    firsts = rows.drop_duplicates(["task", "example_id"])
    assert averaged["example_id"].tolist() == firsts["example_id"].tolist()
    assert averaged["task"].tolist() == firsts["task"].tolist()
    assert (averaged["score"] == 0.5).all()


def test_rows_without_repeats_stay_as_they_are():
    rows = repeated(1)
    averaged, notes = average_repeats(rows, "champion")
    assert averaged.equals(rows.drop(columns="repeat"))
    assert notes == ()


def test_unequal_numbers_of_repeats_are_named():
    rows = repeated(3)[:-1]
    averaged, [note] = average_repeats(rows, "candidate b.csv")
    assert averaged["score"].tolist() == pytest.approx([1 / 3, 1 / 3, 1 / 3, 0.5])
    assert "different numbers of repeats (3 with 3, 1 with 2)" in note


@pytest.mark.parametrize("column", ["cluster", "segment", "label"])
def test_what_describes_an_example_must_be_the_same_in_all_of_its_repeats(column):
    rows = repeated(2, **{column: ["u", "v", "w", "x", "u", "v", "w", "y"]})
    with pytest.raises(HoldfastError, match=f"example '3' of task 'a'.* {column}: 'x' and 'y'"):
        average_repeats(rows, "champion")


def test_answers_that_differ_are_left_out_since_their_mean_is_that_of_an_ensemble():
    rows = repeated(2, prediction=list("abcdabce"), probability=0.5, proba_1=np.arange(8) / 8)
    averaged, notes = average_repeats(rows, "champion")
    assert "prediction" not in averaged
    assert "proba_1" not in averaged
    assert (averaged["probability"] == 0.5).all()
    assert "differ in the column prediction, proba_1" in notes[1]


def test_repeats_that_count_as_examples_break_the_level_and_averages_hold_it():
    """Each of 200 examples loses δ = 2 points on average, in all of 5 repeats or in none."""
    rng = np.random.default_rng(1)
    passed = np.zeros(2)
    runs = 100
    for _ in range(runs):
        lost = (rng.random(200) < 0.02).astype(float)
        rows = repeated(5, n=200).assign(score=np.tile(1 - lost, 5))
        after = average_repeats(rows, "candidate")[0]["score"].to_numpy()
        single = rows["score"].to_numpy()
        for place, scores in enumerate((single, after)):
            passed[place] += Paired(np.ones(len(scores)), scores).p_loses_less(0.02) <= 0.05
    # 23 and 2 are expected.
    assert passed[0] >= 12
    assert passed[1] <= 5


def test_runs_are_split_by_their_repeats():
    rows = repeated(3)
    runs = split_repeats(rows, "champion")
    assert [run["score"].tolist() for run in runs] == [[0.0] * 4, [1.0] * 4, [0.0] * 4]
    assert "repeat" not in runs[0]
    with pytest.raises(HoldfastError, match="at least two runs"):
        split_repeats(repeated(1), "champion")
    with pytest.raises(HoldfastError, match="no column that numbers the repeats"):
        split_repeats(repeated(2).drop(columns="repeat"), "champion")


# ---- the noise floor


def run(scores: np.ndarray, **columns: object):
    frame = pd.DataFrame({"task": "a", "example_id": range(len(scores)), "score": scores})
    return read_side(frame.assign(**columns))


def test_five_of_a_hundred_pairs_of_runs_differ_by_more_than_the_floor():
    rng = np.random.default_rng(2)
    chance = rng.beta(2, 1, 500)  # that the model answers an example correctly
    runs = (rng.random((2000, 500)) < chance).astype(float)
    floors = [noise_floor([run(runs[0]), run(runs[1])])[0].floor]
    floors += [noise_floor([run(row) for row in runs[:5]])[0].floor]
    differences = np.abs(runs[::2].mean(1) - runs[1::2].mean(1))
    for floor in floors:
        assert 0.02 < (differences > floor).mean() < 0.08


def test_the_floor_is_the_normal_one_of_the_paired_differences_by_example_and_by_cluster():
    one = np.arange(400) % 2.0
    other = np.where(np.arange(400) < 10, 1 - one, one)
    third = np.where(np.arange(400) >= 390, 1 - one, one)
    [floor] = noise_floor([run(one), run(other), run(third)])
    # The pairs differ in 10, 10 and 20 of 400 examples, as often upwards as downwards.
    assert floor.floor == pytest.approx(1.959964 * np.sqrt((10 + 10 + 20) / 3) / 400)
    assert floor.changed == pytest.approx(1 / 30)
    assert floor.largest == 0
    assert (floor.runs, floor.examples, floor.clusters) == (3, 400, None)

    cluster = np.arange(400) // 100
    moved = np.where(cluster == 0, 1.0, np.where(cluster == 1, 0.0, one))
    [by_cluster] = noise_floor([run(one, cluster=cluster), run(moved)])
    assert by_cluster.clusters == 4
    assert by_cluster.floor == pytest.approx(1.959964 * np.sqrt(2 * 50**2) / 400)


def test_the_floor_is_not_below_what_the_runs_show():
    """Another seed moved all examples together, far more than independent examples would."""
    one = np.ones(1000)
    other = one - (np.arange(1000) < 200)
    [floor] = noise_floor([run(one), run(other)])
    assert floor.largest == pytest.approx(0.2)
    assert floor.floor == pytest.approx(1.959964 * 0.2)
    [none] = noise_floor([run(one), run(one)])
    assert (none.floor, none.changed) == (0.0, 0.0)


def test_segments_have_a_floor_of_their_own():
    segment = np.where(np.arange(100) < 20, "small", "large")
    floors = noise_floor([run(np.ones(100), segment=segment), run(1 - (np.arange(100) < 1.0))])
    assert {floor.name for floor in floors} == {"a", "a/small", "a/large"}
    sizes = {floor.name: floor.floor for floor in floors}
    assert sizes["a/small"] > sizes["a"] > sizes["a/large"] == 0


def test_a_limit_below_the_floor_is_warned_of():
    noisy = NoiseFloor("a", "x", 0.0312, 0.02, 0.1, 400, None, 2)
    warning = below_floor(TaskRule(delta=0.02), noisy)
    assert "'a/x': delta is 2 points" in warning
    assert "more than 3.12 points" in warning
    assert "set delta above 3.2 points" in warning
    assert below_floor(TaskRule(delta=0.032), noisy) == ""


def test_a_limit_and_its_floor_have_the_unit_of_the_metric():
    slow = NoiseFloor("a", "", 12.0, 5.0, 1.0, 400, None, 2, score=200.0, is_share=False)
    assert "delta is 10, but" in below_floor(TaskRule(metric="ms", delta=10.0), slow)
    assert "more than 6.00 %" in below_floor(TaskRule(metric="ms", delta="5%"), slow)
    assert below_floor(TaskRule(metric="ms", delta="7%"), slow) == ""
    gate = Gate(policy_from({"default": {"metric": "ms", "direction": "lower", "delta": 10}}))
    rng = np.random.default_rng(3)
    sides = []
    for _ in range(2):
        table = pd.DataFrame({"task": "a", "example_id": range(50), "ms": rng.normal(200, 5, 50)})
        sides.append(gate.read(table, "run"))
    [floor] = noise_floor(sides, gate.compare)
    differences = sides[0].rows["ms"].to_numpy() - sides[1].rows["ms"].to_numpy()
    assert floor.floor == pytest.approx(1.959964 * np.sqrt((differences**2).sum()) / 50)
    assert not floor.is_share
    assert floor.score == pytest.approx(200, abs=3)


def test_runs_that_cannot_be_compared_are_refused():
    scores = np.ones(10)
    with pytest.raises(HoldfastError, match="from 2 to 20 runs of the same model, got 1"):
        noise_floor([run(scores)])
    with pytest.raises(HoldfastError, match="different examples of task 'a'"):
        noise_floor([run(scores), run(scores[:9])])
    with pytest.raises(HoldfastError, match=r"run 1 and run 2 cannot be compared: .* no task"):
        noise_floor([run(scores), run(scores, task="b")])
    other = pd.DataFrame({"task": ["a", "b"], "example_id": 0, "score": 1})
    for order in (1, -1):
        with pytest.raises(HoldfastError, match="different examples of task 'b'"):
            noise_floor([read_side(other), read_side(other[:1])][::order])
    whole = read_side(pd.DataFrame({"task": ["a"], "score": [0.5], "examples": [10]}))
    with pytest.raises(HoldfastError, match="results are aggregated"):
        noise_floor([whole, whole])
