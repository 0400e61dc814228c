"""Runs: their settings, what is refused before they start, and what is kept of them."""

import os

import pytest

from holdfast.errors import HoldfastError
from holdfast.results import write_result
from holdfast.results.storage import write_json
from holdfast.runs.carry_out import run_all
from holdfast.runs.config import DataConfig, RunConfig
from holdfast.runs.execute import execute
from holdfast.runs.folders import contents, finished, outdated
from holdfast.runs.workers import over_workers
from holdfast.validation import validated


def test_a_sequence_names_its_data_sets_once():
    assert DataConfig(name="digits", stream="sequence", then=["ylecun/mnist"]).tasks == 2
    with pytest.raises(HoldfastError, match="give stream='sequence' and then together"):
        validated(DataConfig, then=["ylecun/mnist"])
    with pytest.raises(HoldfastError, match=r"data\.then makes 2 tasks, but data.tasks is 5"):
        validated(DataConfig, stream="sequence", then=["ylecun/mnist"], tasks=5)


def test_evaluation_intervals_of_each_task():
    config = validated(
        RunConfig,
        data={"tasks": 2},
        training={"steps": 6, "evaluate_every": [3, 2]},
        model={"hidden": [8]},
    )
    curves = execute(config, "x", None, "cpu").curves
    assert curves.steps == [3, 6, 8, 10, 12]
    assert len(curves.zero_shot) == 2
    with pytest.raises(HoldfastError, match="lists 3 numbers for 2 tasks"):
        execute(
            config.model_copy(
                update={
                    "training": config.training.model_copy(update={"evaluate_every": [1, 2, 3]})
                }
            ),
            "x",
            None,
            "cpu",
        )
    with pytest.raises(HoldfastError, match=r"epochs lists 1 tasks, '5.6.7.8.9' is number 2"):
        execute(validated(RunConfig, data={"tasks": 2}, training={"epochs": [1]}), "x", None, "cpu")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"training": {"epochs": [1, 2]}}, "epochs lists 2 tasks"),
        ({"training": {"evaluate_every": [1]}}, "evaluate_every lists 1 numbers"),
        ({"training": {"batch_size": 5000, "drop_last": True}}, "drop_last leaves no batch"),
        (
            {"method": "PNN", "scenario": "task", "model": {"name": "convnet"}},
            "use holdfast.models.mlp",
        ),
        ({"model": {"head": "fixed"}}, "contradicts the class scenario"),
        ({"method": "PNN"}, "does not apply to the class scenario"),
    ],
)
def test_mistakes_are_found_before_the_first_run(tmp_path, changes, message):
    good = validated(RunConfig, training={"steps": 1})
    with pytest.raises(HoldfastError, match=message) as caught:
        list(run_all([("good", good), ("bad", validated(RunConfig, **changes))], tmp_path))
    assert "continues with the rest" not in str(caught.value)
    assert not list(tmp_path.rglob("result.json"))


def test_files_of_a_run_have_the_mode_that_the_umask_gives(tmp_path):
    before = os.umask(0o027)
    try:
        write_json(tmp_path / "result.json", {})
    finally:
        os.umask(before)
    assert (tmp_path / "result.json").stat().st_mode & 0o777 == 0o640
    assert [p.name for p in tmp_path.iterdir()] == ["result.json"]


def test_a_result_on_data_that_changed_since_is_not_used(tmp_path):
    def folder(content):
        file = tmp_path / content / "me" / "pets" / "data" / "train.parquet"
        file.parent.mkdir(parents=True)
        file.write_bytes(content.encode())
        return str(tmp_path / content)

    config = validated(RunConfig, data={"name": "me/pets"})
    before, after = folder("before"), folder("after")
    result = execute(validated(RunConfig, training={"steps": 1}), "x", None, "cpu")
    changes = {"hash": config.hash, "data_digests": contents(config, before)}
    result = result.model_copy(update=changes)
    write_result(tmp_path / config.hash / "result.json", result)
    assert finished(tmp_path, config)
    assert not outdated(tmp_path, config, before)
    assert outdated(tmp_path, config, after)
    early = result.model_copy(update={"data_digests": None})
    write_result(tmp_path / config.hash / "result.json", early)
    assert not outdated(tmp_path, config, after), "earlier versions kept no digest"


def test_workers_with_nothing_to_do_do_nothing():
    assert list(over_workers(int, [], jobs=2)) == []


class Interrupted(Exception):
    """In place of a kill, so that the test need not start a process."""


def interrupt_after(tasks):
    def tell(moment):
        if moment.number - 1 + moment.step / moment.steps >= tasks:
            raise Interrupted

    return tell


def test_warnings_of_every_part_of_a_run_are_kept_however_often_it_is_interrupted(tmp_path):
    config = validated(
        RunConfig,
        method="EWC(3000)",  # strong enough for a warning after every task
        training={"steps": 20, "clip": 0.1},
        model={"hidden": [16]},
    )
    whole = execute(config, "x", None, "cpu")
    assert len(whole.remarks) == 5
    for tasks in (1.5, 2.5, 3.5):
        with pytest.raises(Interrupted):
            execute(
                config,
                "x",
                tell=interrupt_after(tasks),
                folder=tmp_path,
                checkpoint_every=0.0,
            )
    resumed = execute(config, "x", folder=tmp_path, checkpoint_every=0.0)
    assert resumed.weights == whole.weights
    assert resumed.warnings == whole.warnings
