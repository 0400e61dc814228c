"""What a Trainer would train otherwise than a learner is refused before the first step."""

import pytest
import torch
from torch import nn
from trainers import arguments, bert, texts, trainer

from holdfast.errors import HoldfastError
from holdfast.integrations.transformers import ContinualTrainer
from holdfast.streams import from_arrays


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"label_smoothing_factor": 0.1}, "refuses label_smoothing_factor: the loss is that of"),
        ({"neftune_noise_alpha": 5.0}, "refuses neftune_noise_alpha: its noise would also"),
        ({"auto_find_batch_size": True}, "refuses auto_find_batch_size: it begins a task again"),
        ({"activation_checkpointing": True}, r"pass it: model.gradient_checkpointing_enable\(\)"),
        ({"bf16_full_eval": True}, "it rounds the weights themselves"),
        ({"optim": "adalomo"}, "refuses optim: it moves weights within the backward pass"),
        ({"optim": "galore_adamw_layerwise"}, "refuses optim: it moves weights within"),
        ({"optim": "schedule_free_adamw"}, "refuses optim: it trains other weights"),
        ({"num_train_epochs": 1.5}, "got num_train_epochs=1.5; pass max_steps"),
        ({"enable_jit_checkpoint": True}, "it saves in the middle of a step"),
        (
            {"dataloader_drop_last": True, "gradient_accumulation_steps": 2},
            "refuses dataloader_drop_last with gradient_accumulation_steps",
        ),
        (
            {"dataloader_persistent_workers": True, "dataloader_num_workers": 1},
            "would keep the evaluation data of the first task",
        ),
        (
            {"accelerator_config": {"use_seedable_sampler": False}},
            "a resumed run would read the examples in another order",
        ),
        ({"learner": {"clip": 1.0}}, "got 'clip'; TrainingArguments or the stream decide"),
        ({"eval_strategy": "epoch"}, "task '0' has no validation part, and test examples must"),
    ],
)
def test_arguments_that_would_change_a_step_are_refused(options, message, tmp_path):
    with pytest.raises(HoldfastError, match=message):
        trainer(tmp_path, texts(), "ER(20)", **options)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("_n_gpu", 2), "more than one process or device: memories and reference gradients"),
        (("deepspeed", {"zero": 3}), "refuses deepspeed: it cuts up the parameters"),
        (("fsdp", True), "refuses fsdp: it cuts up the parameters"),
        (("mixed_precision", "fp16"), "refuses fp16: accelerate scales the gradient"),
        (("torch_compile", True), "refuses torch_compile: the learner calls the parts"),
        (("use_liger_kernel", True), "refuses use_liger_kernel"),
        (("push_to_hub", True), "refuses push_to_hub"),
    ],
)
def test_what_this_machine_cannot_even_ask_for_is_refused_too(change, message, tmp_path):
    args = arguments(tmp_path)
    setattr(args, *change)
    with pytest.raises(HoldfastError, match=message):
        ContinualTrainer(bert(), args, tasks=texts(), method="ER(20)")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"train_dataset": [1]}, "refuses train_dataset: each task has its own examples"),
        ({"model_init": bert}, "refuses model_init"),
        ({"compute_loss_func": len}, "refuses compute_loss_func: methods need the logits"),
    ],
)
def test_arguments_that_tasks_decide_are_refused(given, message, tmp_path):
    with pytest.raises(HoldfastError, match=message):
        ContinualTrainer(bert(), arguments(tmp_path), tasks=texts(), **given)


def test_a_name_is_no_model_and_a_list_is_no_stream(tmp_path):
    with pytest.raises(HoldfastError, match="model is a model in memory, got str; load it first"):
        ContinualTrainer("bert-base-uncased", arguments(tmp_path), tasks=texts())
    with pytest.raises(HoldfastError, match="tasks is a stream, got list; make one with"):
        ContinualTrainer(bert(), arguments(tmp_path), tasks=[[1, 2]])


def test_a_loss_of_a_subclass_is_refused_because_nobody_would_call_it(tmp_path):
    class Own(ContinualTrainer):
        def compute_loss(self, model, inputs, return_outputs=False, num_items_in_batch=None):
            return super().compute_loss(model, inputs, return_outputs, num_items_in_batch)

    with pytest.raises(HoldfastError, match="does not call compute_loss"):
        Own(bert(), arguments(tmp_path), tasks=texts())


def test_a_method_without_steps_and_a_model_without_an_output_layer_are_refused(tmp_path):
    for parameter in (model := bert()).parameters():
        parameter.requires_grad = False
    with pytest.raises(HoldfastError, match="has no trained linear layer with one output per"):
        trainer(tmp_path, texts(), "NCM", model=model)
    from holdfast.models import classifier_from

    frozen = classifier_from(bert(), "classifier", "growing").freeze()
    with pytest.raises(HoldfastError, match="NCM trains no weights, so a Trainer has nothing"):
        trainer(tmp_path, texts(), "NCM", model=frozen)
    with pytest.raises(HoldfastError, match="but Linear has no trained linear layer"):
        trainer(tmp_path, texts(), "ER(20)", model=nn.Linear(3, 2))


def test_an_optimizer_of_a_layer_that_is_gone_is_refused(tmp_path):
    # In the task scenario each task gets a layer of its own in place of the old one.
    model = bert()
    opt = torch.optim.SGD(model.parameters(), lr=0.1)
    with pytest.raises(HoldfastError, match="optimizer holds parameters that the model no longer"):
        trainer(tmp_path, texts("task"), "ER(20)", model=model, optimizers=(opt, None))


def test_a_collator_that_loses_or_adds_inputs_is_refused(tmp_path):
    def losing(rows):
        return {"labels": torch.tensor([row["labels"] for row in rows])}

    with pytest.raises(HoldfastError, match="made batches of no inputs, but the inputs of the"):
        ContinualTrainer(bert(), arguments(tmp_path), tasks=texts(), data_collator=losing)


def test_an_input_with_the_name_of_the_labels_is_refused(tmp_path):
    rows = {"input_ids": [[1, 2]] * 8, "labels": [[1]] * 8}
    stream = from_arrays(rows, [0, 1] * 4, [0] * 8, "class", test=0.5)
    with pytest.raises(HoldfastError, match="an input of the stream is called 'labels'"):
        ContinualTrainer(bert(2), arguments(tmp_path), tasks=stream)
