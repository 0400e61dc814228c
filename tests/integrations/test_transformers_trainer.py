"""A Trainer with a method trains what a loop of Holdfast trains on the same batches."""

import math
import warnings

import numpy as np
import pytest
import torch
from trainers import (
    ADAMW,
    SGD,
    bert,
    distance,
    own_loop,
    texts,
    trainer,
)
from transformers import EarlyStoppingCallback, get_scheduler

from holdfast.engine.batch import Batch, Rows
from holdfast.integrations.transformers.network import network_of
from holdfast.integrations.transformers.rows import LABELS, Form, TaskRows
from holdfast.models import classifier_from
from holdfast.streams import from_arrays
from holdfast.training import Learner

TORCH_SGD = {"optimizer_cls_and_kwargs": (torch.optim.SGD, {"lr": 0.05, "momentum": 0.9})}


def both(folder, method, make=SGD, stream=None, own=None, **options):
    """The learner of a Trainer, and one that was trained on the same batches by `Learner.step`."""
    stream = stream or texts()
    if make is SGD:
        options = TORCH_SGD | options
    tested = trainer(folder, stream, method, **options)
    batches = []
    for _ in stream:
        tested.train()
        batches.append(tested.taken())
    return tested.learner, own_loop(stream, method, batches, make, **(own or {}))


@pytest.mark.parametrize(
    "method",
    [
        "FineTune",
        "ER(20)",
        "DERpp(20)",
        "AGEM(20)",
        "EWC(10, samples=4)",
        "LwF",
        "SI(0.5)",
        "ER(20) + EWC(10, samples=4)",
    ],
)
def test_a_trainer_gives_the_weights_of_our_own_loop(method, tmp_path):
    tested, own = both(tmp_path, method)
    assert tested.state.progress.steps == own.state.progress.steps == 12
    assert distance(tested, own) < 1e-5


@pytest.mark.parametrize("method", ["ER(20)", "ER(20) + EWC(10, samples=4)"])
def test_so_it_does_with_adamw(method, tmp_path):
    tested, own = both(tmp_path, method, ADAMW)
    assert distance(tested, own) < 1e-5


@pytest.mark.parametrize("method", ["Joint", "OLoRA"])
def test_so_it_does_if_a_method_changes_the_examples_the_network_or_the_answers(method, tmp_path):
    tested, own = both(tmp_path, method)
    assert distance(tested, own) < 1e-5


def test_the_training_that_a_method_adds_at_the_end_of_a_task_is_equal_too(tmp_path):
    # A schedule that ends at 0 would leave it without a learning rate.
    tested, own = both(tmp_path, "PackNet(3)", stream=texts("task"))
    assert distance(tested, own) < 1e-5
    assert tested.state.progress.steps > 12


@pytest.mark.parametrize("objective", ["regression", "multilabel"])
def test_targets_that_are_numbers_train_as_in_our_own_loop(objective, tmp_path):
    plain = texts("domain")
    parts = [task.train.fetch(torch.arange(len(task.train))) for task in plain]
    rows = [row["input_ids"].tolist() for task in plain for row in TaskRows(task.train)]
    numbers = torch.cat([y for _, y, _ in parts])
    stream = from_arrays(
        {"input_ids": rows, "attention_mask": [[1] * len(row) for row in rows]},
        torch.stack([numbers, 1 - numbers], 1).float(),
        torch.cat([tasks for _, _, tasks in parts]),
        "domain",
        padding={"input_ids": 0, "attention_mask": 0},
        objective=objective,
    )
    tested = trainer(tmp_path, stream, "ER(20)", model=bert(2), **TORCH_SGD)
    batches = []
    for _ in stream:
        tested.train()
        batches.append(tested.taken())
    own = own_loop(stream, "ER(20)", batches, SGD, bert(2))
    assert distance(tested.learner, own) < 1e-5


def test_a_method_trains_other_weights_than_none(tmp_path):
    learners = []
    for method in ("FineTune", "ER(20)", "EWC(10, samples=4)"):
        tested = trainer(tmp_path, texts(), method, **TORCH_SGD)
        tested.fit()
        learners.append(tested.learner)
    assert distance(learners[0], learners[1]) > 1e-3
    assert distance(learners[0], learners[2]) > 1e-3


@pytest.mark.parametrize("method", ["DERpp(20)", "EWC(10, samples=4)"])
def test_accumulated_micro_batches_are_one_batch_of_the_method(method, tmp_path):
    tested, own = both(
        tmp_path,
        method,
        own={"accumulate": 2},
        per_device_train_batch_size=7,
        gradient_accumulation_steps=2,
    )
    assert own.state.progress.steps == 8
    assert distance(tested, own) < 1e-5


@pytest.mark.parametrize("method", ["ER(20)", "LwF"])
def test_bfloat16_is_that_of_the_learner(method, tmp_path):
    tested, own = both(tmp_path, method, own={"precision": "bfloat16"}, bf16=True)
    assert distance(tested, own) < 1e-5


@pytest.mark.parametrize(
    ("method", "limit"), [("AGEM(20)", 0.0), ("AGEM(20)", 0.05), ("EWC(10, samples=4)", 0.05)]
)
def test_the_norm_is_limited_after_penalties_and_projections(method, limit, tmp_path):
    tested, own = both(tmp_path, method, own={"clip": limit or None}, max_grad_norm=limit)
    assert distance(tested, own) < 1e-5


def test_the_schedule_of_the_learning_rate_begins_anew_with_each_task(tmp_path):
    stream = texts()
    options = {"lr_scheduler_type": "linear", "warmup_steps": 2} | TORCH_SGD
    tested = trainer(tmp_path, stream, "ER(20)", **options)
    network, _ = network_of(bert(), stream)
    opt = torch.optim.SGD(network.parameters(), lr=0.05, momentum=0.9)
    own = Learner(network, "ER(20)", opt, scenario="class", seed=42, clip=1.0)
    form = Form.of_stream(stream)
    for task in stream:
        tested.train()
        own.begin(task)
        schedule = get_scheduler("linear", opt, num_warmup_steps=2, num_training_steps=6)
        for batch in tested.taken():
            own.step((form.inputs(batch), batch[LABELS]))
            schedule.step()
        own.end()
    assert distance(tested.learner, own) < 1e-5


@pytest.mark.parametrize("scenario", ["class", "task"])
def test_an_optimizer_of_the_user_follows_new_outputs(scenario, tmp_path):
    stream = texts(scenario)
    kind = {"class": "growing", "task": "separate"}[scenario]
    networks = [classifier_from(bert(), "classifier", kind, old_output="drop") for _ in range(2)]
    made = [torch.optim.SGD(n.train().parameters(), lr=0.05, momentum=0.9) for n in networks]
    # A head without outputs has nothing to train yet, and its layers join its group.
    tested = trainer(tmp_path, stream, "ER(20)", model=networks[0], optimizers=(made[0], None))
    batches = []
    for _ in stream:
        tested.train()
        batches.append(tested.taken())
    own = own_loop(stream, "ER(20)", batches, made[1], networks[1])
    assert distance(tested.learner, own) < 1e-5
    assert torch.isfinite(tested.learner.evaluate(stream[1])).all()


def test_an_epoch_without_its_last_batch_stays_one_for_the_method(tmp_path):
    stream = texts(rows=56)
    tested = trainer(tmp_path, stream, "ER(20)", dataloader_drop_last=True, **TORCH_SGD)
    network, _ = network_of(bert(), stream)
    own = Learner(network, "ER(20)", SGD, scenario="class", seed=42, clip=1.0)
    form = Form.of_stream(stream)
    for number, task in enumerate(stream):
        tested.train()
        own.begin(task)
        batches = tested.taken()
        assert len(batches) == 4
        for place, batch in enumerate(batches):
            given = Rows.of_task(form.inputs(batch), batch[LABELS], number)
            own.step(Batch.of_stream(given, first_epoch=place < 2))
        own.end()
    assert distance(tested.learner, own) < 1e-5


@pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing:FutureWarning")
def test_adapters_of_peft_are_the_only_weights_that_train(tmp_path):
    peft = pytest.importorskip("peft")

    def adapted():
        config = peft.LoraConfig(
            r=2, target_modules=["query", "value"], task_type="SEQ_CLS", lora_dropout=0.1
        )
        torch.manual_seed(1)
        return peft.get_peft_model(bert(), config)

    options = TORCH_SGD | {"model": adapted()}
    tested, own = both(tmp_path, "ER(20) + EWC(10, samples=4)", own={"model": adapted()}, **options)
    assert distance(tested, own) < 1e-5
    frozen = {n: p for n, p in tested.model.named_parameters() if not p.requires_grad}
    before = dict(adapted().named_parameters())
    for name, parameter in frozen.items():
        assert torch.equal(parameter, before[name.removeprefix("backbone.")])
    # What the penalty keeps is as small as what trains.
    trained = sum(p.numel() for p in tested.model.parameters() if p.requires_grad)
    assert trained <= tested.view.space.theta.numel() < trained + 64


# ---- what a Trainer does beside steps


def test_workers_read_the_same_examples(tmp_path):
    alone = trainer(tmp_path, texts(), "ER(20)")
    alone.train()
    helped = trainer(tmp_path, texts(), "ER(20)", dataloader_num_workers=1)
    helped.train()
    assert distance(alone.learner, helped.learner) == 0


def test_examples_are_grouped_by_length_in_another_order_each_epoch(tmp_path):
    stream = texts()
    grouped = trainer(tmp_path, stream, "ER(20)", train_sampling_strategy="group_by_length")
    grouped.train()
    batches = grouped.taken()
    longest = [batch["input_ids"].shape[1] for batch in batches]
    lengths = sorted(len(row["input_ids"]) for row in TaskRows(stream[0].train))
    assert len(longest) == 6
    assert not torch.equal(batches[0]["input_ids"], batches[3]["input_ids"])
    # The Trainer puts the longest example first, to see early whether memory suffices.
    assert longest[0] == longest[3] == lengths[-1]
    assert min(longest) < lengths[-1]


def test_evaluations_during_a_task_change_no_weight(tmp_path):
    stream = texts(validation=0.25)
    seen = []

    def shares(prediction):
        seen.append(np.isfinite(prediction.predictions).sum(1).tolist())
        right = prediction.predictions.argmax(1) == prediction.label_ids
        return {"accuracy": float(right.mean())}

    options = {"eval_strategy": "steps", "eval_steps": 2, "compute_metrics": shares}
    evaluated = trainer(tmp_path, stream, "ER(20)", **options)
    evaluated.train()
    evaluated.train()
    plain = trainer(tmp_path, stream, "ER(20)")
    plain.train()
    plain.train()
    assert distance(evaluated.learner, plain.learner) == 0
    # Outputs of tasks to come are not in play.
    assert seen == [[2] * 6] * 3 + [[4] * 6] * 3
    logged = [entry for entry in evaluated.state.log_history if "eval_accuracy" in entry]
    assert all(math.isfinite(entry["eval_loss"]) for entry in logged)
    score = evaluated.stages.run().validation.score("1", after="1")
    assert logged[-1]["eval_accuracy"] == pytest.approx(score)


def test_rows_without_labels_are_predicted(tmp_path):
    stream = texts()
    tested = trainer(tmp_path, stream, "ER(20)")
    tested.train()
    rows = [{k: v for k, v in row.items() if k != LABELS} for row in TaskRows(stream[0].test)]
    predicted = tested.predict(rows).predictions
    x, _, _ = stream[0].test.fetch(torch.arange(len(rows)))
    assert predicted.argmax(1).tolist() == tested.learner.predict(x).argmax(1).tolist()


def falling():
    """Metrics that fall with each evaluation of a task, so that its first one is the best."""
    calls = []

    def metric(prediction):
        calls.append(prediction)
        return {"falling": -len(calls)}

    return metric


@pytest.mark.parametrize("method", ["ER(20)", "SI(0.5)"])
def test_the_best_model_is_that_of_a_task_that_ended_at_its_step(method, tmp_path):
    stream = texts(validation=0.25)
    options = {
        "eval_strategy": "steps",
        "eval_steps": 2,
        "save_strategy": "steps",
        "save_steps": 2,
        "load_best_model_at_end": True,
        "metric_for_best_model": "falling",
        "greater_is_better": True,
        "compute_metrics": falling(),
    } | TORCH_SGD
    tested = trainer(tmp_path, stream, method, **options)
    batches = []
    for _ in stream:
        tested.train()
        # Each task begins with the state of the optimizer at the best step of the task before.
        batches.append(tested.taken()[:2])
    assert distance(tested.learner, own_loop(stream, method, batches, SGD)) < 1e-5


def test_a_task_that_is_stopped_early_ends_as_usual(tmp_path):
    stream = texts(validation=0.25)
    options = {
        "eval_strategy": "steps",
        "eval_steps": 2,
        "metric_for_best_model": "falling",
        "greater_is_better": True,
        "compute_metrics": falling(),
        "callbacks": [EarlyStoppingCallback(1)],
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tested, own = both(tmp_path, "ER(20) + EWC(10, samples=4)", stream=stream, **options)
    assert own.state.progress.steps == 8
    assert distance(tested, own) < 1e-5
