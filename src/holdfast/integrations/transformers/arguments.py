"""What `TrainingArguments` say about a learner, and what is refused before the first step.

A step takes the loss, the penalties and the projection from Holdfast, and the batches, the norm of
the gradient, the optimizer and the learning rate from the Trainer. What would come between them is
refused here, because it would train something else without a word.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from torch import nn
from torch.optim import Optimizer
from transformers import TrainingArguments

from holdfast.errors import HoldfastError
from holdfast.methods import Method
from holdfast.streams.task import Stream

# What a user may still say about the learner. All else is in `TrainingArguments` or in the stream.
LEARNERS_OWN = ("loss", "scorer", "outputs", "groups", "log", "log_every")
IN_STEP = ("lomo", "adalomo")  # optimizers that move weights within the backward pass
SWAPPING = "schedule_free"  # optimizers that keep other weights for evaluation


@dataclass(frozen=True)
class Refusal:
    """An argument that is refused unless it has a certain value.

    Args:
        name: The name of the argument.
        refused: (arguments) → whether it is refused.
        why: The reason and the way out, as the end of a sentence.
    """

    name: str
    refused: Callable[[TrainingArguments], object]
    why: str


REFUSED = (
    Refusal(
        "more than one process or device",
        lambda args: args.world_size > 1 or args.n_gpu > 1,
        "memories and reference gradients would differ between the processes; start one process, "
        "and show it one device with CUDA_VISIBLE_DEVICES=0",
    ),
    Refusal(
        "deepspeed",
        lambda args: args.deepspeed,
        "it cuts up the parameters of which θ consists; leave it out",
    ),
    Refusal("fsdp", lambda args: args.fsdp, "it cuts up the parameters of which θ consists"),
    Refusal(
        "parallelism_config",
        lambda args: args.parallelism_config is not None,
        "it cuts up the parameters of which θ consists; leave it out",
    ),
    Refusal(
        "fp16",
        lambda args: args.mixed_precision not in ("no", "bf16"),
        "accelerate scales the gradient and would scale penalties and projections with it; pass "
        "bf16=True",
    ),
    Refusal(
        "fp16_full_eval or bf16_full_eval",
        lambda args: args.fp16_full_eval or args.bf16_full_eval,
        "it rounds the weights themselves, of which training continues; leave it out",
    ),
    Refusal(
        "label_smoothing_factor",
        lambda args: args.label_smoothing_factor,
        "the loss is that of Holdfast's objective; leave it out, or smooth labels in a loss of "
        'your own: learner={"loss": ...}',
    ),
    Refusal(
        "neftune_noise_alpha",
        lambda args: args.neftune_noise_alpha is not None,
        "its noise would also change the importances and distances that methods compute; leave it "
        "out",
    ),
    Refusal(
        "use_liger_kernel",
        lambda args: args.use_liger_kernel,
        "its loss does not give the logits that methods need; leave it out",
    ),
    Refusal(
        "torch_compile",
        lambda args: args.torch_compile,
        "the learner calls the parts of the network and not the compiled whole; leave it out",
    ),
    Refusal(
        "activation_checkpointing",
        lambda args: args.activation_checkpointing,
        "switch it on in your model before you pass it: model.gradient_checkpointing_enable()",
    ),
    Refusal(
        "auto_find_batch_size",
        lambda args: args.auto_find_batch_size,
        "it begins a task again with memories that have seen a part of it; choose a batch size",
    ),
    Refusal(
        "enable_jit_checkpoint",
        lambda args: args.enable_jit_checkpoint,
        "it saves in the middle of a step; use save_strategy='steps'",
    ),
    Refusal(
        "push_to_hub",
        lambda args: args.push_to_hub,
        "checkpoints hold a learner and no model of the hub; push the folder that "
        "trainer.save_model(folder) writes",
    ),
    Refusal(
        "dataloader_persistent_workers",
        lambda args: args.dataloader_persistent_workers,
        "the workers would keep the evaluation data of the first task; leave it out",
    ),
    Refusal(
        "use_seedable_sampler=False",
        lambda args: not getattr(args.accelerator_config, "use_seedable_sampler", True),
        "a resumed run would read the examples in another order; leave it out",
    ),
    Refusal(
        "dataloader_drop_last with gradient_accumulation_steps",
        lambda args: args.dataloader_drop_last and args.gradient_accumulation_steps > 1,
        "the Trainer then leaves out micro-batches, and Holdfast whole batches; use one of them",
    ),
    Refusal(
        "optim",
        lambda args: _optimizer_name(args) in IN_STEP or "layerwise" in _optimizer_name(args),
        "it moves weights within the backward pass, before penalties and projections; use another "
        "optimizer",
    ),
    Refusal(
        "optim",
        lambda args: SWAPPING in _optimizer_name(args),
        "it trains other weights than those that are evaluated; use another optimizer",
    ),
)


def _optimizer_name(args: TrainingArguments) -> str:
    """Return the name of the optimizer, such as "adamw_torch"."""
    return str(getattr(args.optim, "value", args.optim))


def check(args: TrainingArguments) -> None:
    """Refuse arguments that would train something else than a learner does.

    Args:
        args: The arguments of a Trainer.

    Raises:
        HoldfastError: The message names the first of them, and what to do.
    """
    for refusal in REFUSED:
        if refusal.refused(args):
            raise HoldfastError(f"ContinualTrainer refuses {refusal.name}: {refusal.why}")


def settings_of(args: TrainingArguments) -> dict[str, object]:
    """Return the settings of a learner that trains as the arguments say.

    Args:
        args: The arguments of a Trainer, which `check` has let through.

    Raises:
        HoldfastError: A task has no whole number of epochs.
    """
    parts = args.gradient_accumulation_steps
    settings: dict[str, object] = {
        "batch_size": args.per_device_train_batch_size * parts,
        "accumulate": parts,
        "drop_last": args.dataloader_drop_last,
        "precision": "float32",
    }
    if args.mixed_precision == "bf16":
        settings["precision"] = "bfloat16"
    # The Trainer takes 0 for "no limit".
    if args.max_grad_norm > 0:
        settings["clip"] = args.max_grad_norm
    if args.max_steps > 0:
        return settings | {"steps": args.max_steps}
    if args.num_train_epochs != int(args.num_train_epochs):
        raise HoldfastError(
            "a task takes whole epochs, because methods tell its first epoch from later ones, got "
            f"num_train_epochs={args.num_train_epochs}; pass max_steps for a part of an epoch"
        )
    return settings | {"epochs": int(args.num_train_epochs)}


def more_of_learner(given: Mapping[str, object]) -> dict[str, object]:
    """Check what a user says about the learner besides `TrainingArguments`.

    Args:
        given: Arguments of `Learner` by name.

    Returns:
        The same arguments.

    Raises:
        HoldfastError: One of them is decided elsewhere.
    """
    for name in given:
        if name not in LEARNERS_OWN:
            raise HoldfastError(
                f"learner may hold {', '.join(LEARNERS_OWN)}, got {name!r}; TrainingArguments or "
                "the stream decide everything else"
            )
    return dict(given)


OF_STAGES = {  # arguments of a Trainer that tasks decide
    "train_dataset": "each task has its own examples; pass tasks, a stream",
    "model_init": "a model that begins anew would know nothing of earlier tasks; pass model",
    "compute_loss_func": "methods need the logits; pass a loss for an objective of your own: "
    'learner={"loss": ...}',
}


def check_rest(given: Mapping[str, object], overrides_loss: bool) -> None:
    """Refuse other arguments of a Trainer that a learner would pass over.

    Args:
        given: The arguments by name.
        overrides_loss: Whether a subclass has a `compute_loss` of its own.

    Raises:
        HoldfastError: The message names the argument, and what to do.
    """
    for name, why in OF_STAGES.items():
        if given.get(name) is not None:
            raise HoldfastError(f"ContinualTrainer refuses {name}: {why}")
    if overrides_loss:
        raise HoldfastError(
            "ContinualTrainer does not call compute_loss, because methods need the logits; pass a "
            'loss for an objective of your own: learner={"loss": ...}'
        )


def check_kinds(model: object, tasks: object) -> None:
    """Refuse something else than a model in memory and a stream.

    Args:
        model: What the user passed as the model.
        tasks: What the user passed as the tasks.

    Raises:
        HoldfastError: The message says how to make it.
    """
    if not isinstance(model, nn.Module):
        raise HoldfastError(
            f"model is a model in memory, got {type(model).__name__}; load it first, for example "
            "with AutoModelForSequenceClassification.from_pretrained(name, num_labels=...)"
        )
    if not isinstance(tasks, Stream):
        raise HoldfastError(
            f"tasks is a stream, got {type(tasks).__name__}; make one with from_arrays, "
            "from_datasets, from_frame or from_prompts of holdfast.streams"
        )


def check_method(method: Method) -> None:
    """Refuse a method that leaves the Trainer nothing to do.

    Args:
        method: The method.

    Raises:
        HoldfastError: It trains no weights.
    """
    for part in method.parts:
        if not part.declare().trains:
            raise HoldfastError(
                f"{part.name} trains no weights, so a Trainer has nothing to do; use it with "
                "Learner(...).fit(stream)"
            )


def check_optimizer(optimizer: Optimizer, network: nn.Module) -> None:
    """Refuse an optimizer of parameters that the model has lost.

    Args:
        optimizer: The optimizer of the user.
        network: The network that is going to be trained.

    Raises:
        HoldfastError: It was made before the output layer became a head with new parameters.
    """
    known = {id(parameter) for parameter in network.parameters()}
    for group in optimizer.param_groups:
        if any(id(p) not in known and p.requires_grad for p in group["params"]):
            raise HoldfastError(
                "the optimizer holds parameters that the model no longer has, because its output "
                "layer became a head; pass optimizer_cls_and_kwargs=(torch.optim.SGD, {...}), or "
                "make the network with holdfast.models.classifier_from before the optimizer"
            )
