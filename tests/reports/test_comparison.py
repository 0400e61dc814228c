"""Ranks, front, sweeps and selection, learning speed, tables, figures, two folders: from real runs on digits."""

import csv
import io
import math

import pytest

from holdfast.bench.sweep import parse_sweep, swept
from holdfast.cli.main import run_cli
from holdfast.errors import HoldfastError
from holdfast.metrics import (
    AccuracyMatrix,
    Interval,
    average_accuracy,
    backward_transfer,
    forgetting,
    paired_seed_interval,
)
from holdfast.reports import (
    as_csv,
    compare_folders,
    find_sweeps,
    latex,
    learning_speed,
    load_results,
    pareto_front,
    ranks,
    select,
    summarise,
    write_report,
)
from holdfast.reports.comparison import on_validation
from holdfast.reports.figures import save, save_all, trade_off_panel
from holdfast.runs.carry_out import run_all
from holdfast.runs.config import RunConfig
from holdfast.validation import validated

QUICK = {"epochs": 3, "lr": 0.05}


def config(method, scenario="class", seed=1, data=None, **training):
    return validated(
        RunConfig,
        method=method,
        scenario=scenario,
        seed=seed,
        training=QUICK | training,
        model={"hidden": [16]},
        data=data or {},
    )


@pytest.fixture(scope="module")
def sweep_folder(tmp_path_factory):
    out = tmp_path_factory.mktemp("sweep")
    runs = []
    for seed in (1, 2):
        base = config("ER(10)", seed=seed, data={"validation": 0.2})
        runs += swept(base, [parse_sweep("capacity=10,60,300")])
    assert len(list(run_all(runs, out))) == 6
    return out


@pytest.fixture(scope="module")
def speed_folder(tmp_path_factory):
    out = tmp_path_factory.mktemp("speed")
    runs = [
        (m, config(m, "task", seed, evaluate_every=5))
        for m in ("FineTune", "PNN", "FromScratch")
        for seed in (1, 2, 3)
    ]
    assert len(list(run_all(runs, out))) == 9
    return out


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
    ((key, rest, points),) = sweep.curves()
    assert (key, rest, [v for v, _ in points]) == ("ER.capacity", "", [10, 60, 300])
    by_hand = {}
    for g in groups:
        m = [AccuracyMatrix.from_json(r["validation"]) for r in g.results]
        by_hand[g.label] = (sum(map(average_accuracy, m)) / 2, sum(map(forgetting, m)) / 2)
    found = {g.label: tuple(v.estimate for v in on_validation(g)) for g in groups}
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
    survivors = [r for r in results if (r["label"], r["seed"]) != (loose.group.label, 2)]
    assert select(find_sweeps(summarise(survivors))[0], 1.0).group.label != loose.group.label
    for r in results:
        r["validation"] = None
    assert select(find_sweeps(summarise(results))[0], 1.0) is None


def test_sweep_specs():
    labels = [
        label
        for label, _ in swept(
            config("ER(10) + LwF"), [parse_sweep("ER.ratio=0.25,0.5"), parse_sweep("batch_size=8")]
        )
    ]
    assert labels == [
        "ER(10, ratio=0.25) + LwF(alpha=1.0), batch_size=8",
        "ER(10) + LwF(alpha=1.0), batch_size=8",
    ]
    assert swept(config("ER(10)"), [("order", ["seed"])])[0][1].data.order == "seed"
    with pytest.raises(
        HoldfastError, match=r"several parts .* say which: AGEM.capacity, ER.capacity"
    ):
        swept(config("ER(10) + AGEM(10)"), [("capacity", [1])])
    with pytest.raises(HoldfastError, match="unknown hyperparameter 'strenght'"):
        swept(config("EWC(1)"), [("strenght", [1])])
    with pytest.raises(HoldfastError, match="expected name=value,value"):
        parse_sweep("strength")
    with pytest.raises(HoldfastError, match="strength must be a number"):
        swept(config("EWC(1)"), [("strength", ["a"])])


def test_learning_speed_against_the_curves_by_hand(speed_folder):
    groups = summarise(load_results([speed_folder]))
    speeds = {s.label: s for s in learning_speed(groups)}
    assert speeds["FromScratch"].area.estimate == 0
    of = {(r["label"], r["seed"]): r["curves"] for r in load_results([speed_folder])}
    by_hand = []
    for seed in (1, 2, 3):
        ours, fresh = of["PNN", seed], of["FromScratch", seed]
        areas = []
        for j in range(1, 5):
            first, last = ours["ends"][j - 1], ours["ends"][j]
            inside = [k for k, s in enumerate(ours["steps"]) if first < s <= last]
            x = [0, *(ours["steps"][k] - first for k in inside)]
            d = [
                ours["zero_shot"][j] - fresh["zero_shot"][j],
                *(ours["scores"][k][j] - fresh["scores"][k][j] for k in inside),
            ]
            areas.append(
                sum((x[i + 1] - x[i]) * (d[i] + d[i + 1]) / 2 for i in range(len(x) - 1)) / x[-1]
            )
        by_hand.append(sum(areas) / 4)
    assert speeds["PNN"].area.estimate == pytest.approx(sum(by_hand) / 3)
    zero = [v for (label, _), c in of.items() if label == "PNN" for v in c["zero_shot"][1:]]
    assert speeds["PNN"].zero_shot.estimate == pytest.approx(sum(zero) / 12)


def test_segments_average_to_their_task(speed_folder):
    r = next(r for r in load_results([speed_folder]) if r["label"] == "FineTune")
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


def test_tables_hold_what_the_groups_hold(speed_folder):
    groups = summarise(load_results([speed_folder]))
    rows = list(csv.DictReader(io.StringIO(as_csv(groups))))
    assert [float(r["ACC"]) for r in rows] == [g.values["ACC"].estimate for g in groups]
    assert [float(r["BWT low"]) for r in rows] == [g.values["BWT"].low for g in groups]
    assert rows[0]["FWT"] == ""
    text = latex(groups)
    assert text.count(r"\\") == 1 + len(groups)
    assert r"$\pm$" in text
    groups[0].results[0]["label"] = "50 % & more_"
    assert r"50 \% \& more\_" in latex(summarise([r for g in groups for r in g.results]))


def test_two_folders_are_compared_by_seed(speed_folder, tmp_path):
    first = summarise(load_results([speed_folder]))
    runs = [
        (m, config(m, "task", seed, evaluate_every=5, lr=0.001))
        for m in ("FineTune", "PNN")
        for seed in (1, 2, 3)
    ]
    list(run_all(runs, tmp_path))
    found = {d.label: d for d in compare_folders(first, summarise(load_results([tmp_path])))}
    assert set(found) == {"FineTune", "PNN"}
    before, after = (
        [
            backward_transfer(AccuracyMatrix.from_json(r["matrix"]))
            for r in load_results([f])
            if r["label"] == "PNN"
        ]
        for f in (speed_folder, tmp_path)
    )
    assert found["PNN"].values["BWT"].estimate == pytest.approx(
        paired_seed_interval(after, before).estimate
    )
    assert found["FineTune"].settings == ("training.lr: 0.05 → 0.001",)
    assert found["FineTune"].verdict("ACC") == "lower"
    same = compare_folders(first, first)[0]
    assert (same.verdict("ACC"), same.settings) == ("same", ())


def test_the_command_compares_exports_and_refuses_strangers(
    speed_folder, sweep_folder, tmp_path, capsys
):
    run_cli_ok(
        capsys, "report", str(speed_folder), str(speed_folder), "--out", str(tmp_path / "two.html")
    )
    assert "Second folder against the first" in (tmp_path / "two.html").read_text()
    with pytest.raises(SystemExit) as stop:
        run_cli(["report", str(speed_folder), str(sweep_folder), "--out", str(tmp_path / "r.html")])
    assert stop.value.code == 2
    assert "--merge" in capsys.readouterr().err
    files = [
        "--latex",
        str(tmp_path / "t.tex"),
        "--csv",
        str(tmp_path / "t.csv"),
        "--figures",
        str(tmp_path / "figures"),
    ]
    run_cli_ok(
        capsys,
        "report",
        str(speed_folder),
        str(sweep_folder),
        "--merge",
        "--out",
        str(tmp_path / "all.html"),
        *files,
    )
    text = (tmp_path / "all.html").read_text()
    assert "Learning speed" in text
    assert "highest validation ACC" in text or "no value keeps forgetting" in text
    names = {p.name for p in (tmp_path / "figures").iterdir()}
    assert {
        "task-trade-off.png",
        "task-trade-off.svg",
        "class-sweep-ER-capacity-1.png",
        "task-transfer.svg",
        "class-matrix-1.png",
    } <= names
    assert (tmp_path / "figures" / "task-over-time.png").read_bytes().startswith(b"\x89PNG")


def run_cli_ok(capsys, *arguments):
    with pytest.raises(SystemExit) as stop:
        run_cli(list(arguments))
    assert not stop.value.code, capsys.readouterr().err


def test_figures_are_written_as_png_or_svg_only(speed_folder, tmp_path):
    groups = summarise(load_results([speed_folder]))
    with pytest.raises(HoldfastError, match=r"\.png or \.svg"):
        save(trade_off_panel(groups), tmp_path / "a.jpg")
    assert len(save_all(groups, tmp_path)) == 2 * (3 + len(groups))


def test_a_sweep_without_validation_says_so_in_the_report(sweep_folder, tmp_path):
    results = load_results([sweep_folder])
    for r in results:
        r["validation"] = None
    assert (
        "test data select nothing"
        in write_report(summarise(results), tmp_path / "r.html").read_text()
    )
