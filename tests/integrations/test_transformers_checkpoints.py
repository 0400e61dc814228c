"""A Trainer that was killed resumes bit for bit, and what it leaves behind can be loaded."""

import json
import shutil

import numpy as np
import pytest
import torch
from trainers import bert, texts, trainer
from transformers import BertForSequenceClassification, TrainerCallback

from helpers import same, weights
from holdfast.errors import HoldfastError
from holdfast.gate import read_side
from holdfast.metrics import AccuracyMatrix
from holdfast.models import mlp
from holdfast.streams import digits, split

SAVING = {"save_strategy": "steps", "save_steps": 3, "lr_scheduler_type": "linear"}


class Killed(TrainerCallback):
    """Ends the process, as it were, after some steps of all tasks together."""

    def __init__(self, steps: int) -> None:
        self.left = steps

    def on_step_end(self, *args: object, **more: object) -> None:
        self.left -= 1
        if self.left < 0:
            raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("method", "options"),
    [
        ("ER(20) + EWC(10, samples=4)", {}),
        ("DERpp(20)", {"gradient_accumulation_steps": 2, "per_device_train_batch_size": 5}),
        ("SI(0.5)", {"train_sampling_strategy": "group_by_length"}),
        ("OLoRA", {"bf16": True}),
        ("LwF", {"optim": "adafactor"}),
        # The last checkpoint is that of the end of the first task.
        ("ER(20)", {"save_steps": 6}),
    ],
)
def test_a_killed_run_resumes_bit_for_bit(method, options, tmp_path):
    settings = SAVING | options
    whole = trainer(tmp_path / "whole", texts(), method, **settings)
    run = whole.fit()
    folder = tmp_path / "killed"
    first = trainer(folder, texts(), method, callbacks=[Killed(10)], **settings)
    with pytest.raises(KeyboardInterrupt):
        first.fit()
    second = trainer(folder, texts(), method, **settings)
    torch.manual_seed(99)  # what the process drew before does not matter
    resumed = second.fit(True)
    assert same(weights(second.learner.model), weights(whole.learner.model))
    assert same(weights(second.learner.method), weights(whole.learner.method))
    assert resumed.matrix == run.matrix
    assert [of_task["steps"] for of_task in resumed.cost["by_task"]] == [6, 6]


def test_a_trainer_that_was_interrupted_does_not_go_on(tmp_path):
    first = trainer(tmp_path, texts(), "ER(20)", callbacks=[Killed(9)], **SAVING)
    with pytest.raises(KeyboardInterrupt):
        first.fit()
    for resume in (True, None):
        with pytest.raises(HoldfastError, match="task '1' was interrupted, so this trainer"):
            first.fit(resume)
    second = trainer(tmp_path, texts(), "ER(20)", **SAVING)
    second.train()
    with pytest.raises(HoldfastError, match="this trainer has already trained task '0'"):
        second.train(True)


def test_a_checkpoint_whose_writing_was_interrupted_is_passed_over(tmp_path):
    first = trainer(tmp_path, texts(), "ER(20)", callbacks=[Killed(10)], **SAVING)
    with pytest.raises(KeyboardInterrupt):
        first.fit()
    (tmp_path / "task-02" / "checkpoint-3" / "trainer_state.json").write_text('{"epoch": 1')
    second = trainer(tmp_path, texts(), "ER(20)", **SAVING)
    second.fit(True)
    whole = trainer(tmp_path / "whole", texts(), "ER(20)", **SAVING)
    whole.fit()
    assert same(weights(second.learner.model), weights(whole.learner.model))


def test_a_checkpoint_of_something_else_is_refused_and_changes_nothing(tmp_path):
    first = trainer(tmp_path, texts(), "ER(20)", callbacks=[Killed(4)], **SAVING)
    with pytest.raises(KeyboardInterrupt):
        first.fit()
    other = trainer(tmp_path, texts(), "EWC(10, samples=4)", **SAVING)
    before = weights(other.learner.model)
    with pytest.raises(HoldfastError, match=r"its method is 'ER\(20\)', this learner's is 'EWC"):
        other.fit(True)
    assert same(weights(other.learner.model), before)
    with pytest.raises(HoldfastError, match="is no whole checkpoint of a ContinualTrainer"):
        other.train(tmp_path / "task-01")
    shutil.rmtree(tmp_path / "task-01")
    with pytest.raises(HoldfastError, match="no checkpoint to resume from below"):
        other.fit(True)


# ---- results and models


def test_the_matrix_is_that_of_the_learner_and_can_be_read_by_the_gate(tmp_path):
    stream = texts()
    tested = trainer(tmp_path, stream, "ER(20)", keep_results=True)
    run = tested.fit()
    assert run.matrix.tasks == ("0", "1")
    for task in stream:
        scores = tested.learner.evaluate(task).double()
        assert run.matrix.score(task.name, after="1") == float(scores.mean())
        assert np.array_equal(run.matrix.results(task.name)["1"], scores.numpy())
    (tmp_path / "matrix.json").write_text(json.dumps(run.matrix.to_json()))
    rows = read_side(tmp_path / "matrix.json").rows
    assert len(rows) == sum(len(task.test) for task in stream)
    run.matrix.to_csv(tmp_path / "matrix.csv")
    assert AccuracyMatrix.from_csv(tmp_path / "matrix.csv").tasks == run.matrix.tasks
    with pytest.raises(HoldfastError, match="all 2 tasks of the stream were learnt"):
        tested.train()


def test_in_the_domain_scenario_the_untrained_model_is_scored_too(tmp_path):
    tested = trainer(tmp_path, texts("domain"), "FineTune", model=bert(2))
    matrix = tested.fit().matrix
    assert np.isfinite(matrix.to_array()).all()


def test_a_saved_model_is_loaded_by_transformers_with_its_labels(tmp_path):
    stream = texts()
    tested = trainer(tmp_path, stream, "ER(20) + EWC(10, samples=4)")
    tested.fit()
    tested.save_model(str(tmp_path / "model"))
    loaded = BertForSequenceClassification.from_pretrained(tmp_path / "model").eval()
    x, _, _ = stream[1].test.fetch(torch.arange(4))
    with torch.no_grad():
        logits = loaded(**x.tensors).logits
    assert torch.equal(logits, tested.learner.predict(x))
    assert loaded.config.id2label == {k: str(k) for k in range(4)}


@pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing:FutureWarning")
def test_of_a_model_with_adapters_the_adapters_are_saved(tmp_path):
    peft = pytest.importorskip("peft")
    config = peft.LoraConfig(r=2, target_modules=["query", "value"], task_type="SEQ_CLS")
    tested = trainer(
        tmp_path, texts(), "EWC(10, samples=4)", model=peft.get_peft_model(bert(), config)
    )
    tested.fit()
    tested.save_model(str(tmp_path / "model"))
    assert not (tmp_path / "model" / "model.safetensors").exists()
    loaded = peft.PeftModel.from_pretrained(bert(), tmp_path / "model").eval()
    x, _, _ = texts()[1].test.fetch(torch.arange(4))
    with torch.no_grad():
        logits = loaded(**x.tensors).logits
    assert torch.equal(logits, tested.learner.predict(x))


def test_a_network_of_holdfast_is_trained_and_kept_as_a_learner(tmp_path):
    from holdfast.training import Learner

    stream = split(digits(), 2, "class")
    model = mlp(stream.shape, "growing", seed=0)
    tested = trainer(tmp_path, stream, "ER(50)", model=model, max_steps=20)
    run = tested.fit()
    assert run.matrix.score("0+1+2+3+4", after="0+1+2+3+4") > 0.5
    tested.save_model(str(tmp_path / "kept"))
    loaded = Learner.load(tmp_path / "kept" / "learner.safetensors")
    assert same(weights(loaded.model), weights(tested.learner.model))


def test_what_is_no_model_of_transformers_any_more_is_not_saved_as_one(tmp_path):
    tested = trainer(tmp_path, texts("task"), "FineTune", model=bert())
    tested.fit()
    with pytest.raises(HoldfastError, match=r"keep it with trainer\.learner\.save\(path\)"):
        tested.save_model(str(tmp_path / "model"))
    assert not (tmp_path / "model").exists()
