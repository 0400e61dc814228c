"""The Trainer of transformers as the loop of a learner: a stage for each task of a stream.

A plain `TrainerCallback` does not see enough. No event shows it the batch before the forward pass,
so it could add no stored rows. The Trainer limits the norm of the gradient before its event
`on_pre_optimizer_step`, so penalties and projections would come too late. And its first event comes
after the optimizer was made, so outputs and adapters of a new task would be missing there.
Therefore this is a subclass, which replaces one step of the Trainer (`training_step`) and follows
the optimizer with a callback. Everything else is the Trainer's own.
"""

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from time import perf_counter
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR
from torch.utils.data import Dataset, Sampler
from transformers import Trainer, TrainerCallback, TrainingArguments
from transformers.trainer_pt_utils import LengthGroupedSampler
from transformers.trainer_utils import IntervalStrategy, TrainOutput

from holdfast.errors import UnlearntWarning
from holdfast.integrations.transformers import arguments, folders
from holdfast.integrations.transformers.callback import AfterOptimizer
from holdfast.integrations.transformers.learners import learner_for
from holdfast.integrations.transformers.module import Trained
from holdfast.integrations.transformers.network import save_whole
from holdfast.integrations.transformers.predictions import prediction_of
from holdfast.integrations.transformers.rows import (
    TASK,
    Collator,
    Form,
    TaskRows,
    collator_for,
    joined,
    rows_of,
)
from holdfast.integrations.transformers.samplers import GroupedByLength
from holdfast.integrations.transformers.stages import Stages, validation_of
from holdfast.methods import Method
from holdfast.streams.task import Stream, Task
from holdfast.training import Run
from holdfast.training.evaluation import rehearse
from holdfast.training.optimizers import check_moves
from holdfast.training.stepping import Stepper
from holdfast.training.tracks import Track


class ContinualTrainer(Trainer):
    """A Trainer that trains one task after another with a method, and measures forgetting.

    `fit()` trains all tasks. `train()` trains the next one, so you can also call it once per task.
    Both score all tasks so far after each.

    Args:
        model: A model of transformers for sequence classification, or for texts a causal language
            model, with or without adapters of peft, or a network of Holdfast. The last linear layer
            of a classifier becomes a head that fits the scenario of the tasks.
        args: How to train. Epochs or steps count per task. What would train something else than a
            learner does is refused.
        tasks: The stream. Its inputs have the names that the model expects, such as `input_ids`
            and `attention_mask`.
        method: The method, or its spec such as "ER(500) + EWC(100)". None trains without any.
        learner: More arguments of `Learner`: loss, scorer, outputs, groups, log, log_every.
        data_collator: Makes batches of rows, in which token ids are lists. None fills sequences as
            the stream says.
        eval_dataset: What the Trainer evaluates during a task. None takes the validation part of
            that task if `eval_strategy` asks for evaluations.
        optimizers: An optimizer and a scheduler. By default they follow from `args`.
        callbacks: Callbacks of transformers.
        keep_results: Whether the matrix keeps the score of each example, which the gate needs.
        track: Texts by name, whose token losses are measured before training and after each task,
            as in `Learner.fit`.
        **more: Other arguments of `Trainer`, such as `processing_class`, `compute_metrics` or
            `optimizer_cls_and_kwargs`.

    Raises:
        HoldfastError: Something would be trained in another way, or cannot be trained at all.

    Attributes:
        learner: The learner, with the network (`learner.model`) and the method.
        stages: Which task comes next, and the scores so far.
    """

    def __init__(
        self,
        model: nn.Module,
        args: TrainingArguments,
        *,
        tasks: Stream,
        method: Method | str | None = None,
        learner: Mapping[str, object] | None = None,
        data_collator: Collator | None = None,
        eval_dataset: Dataset[Any] | Mapping[str, Dataset[Any]] | None = None,
        optimizers: tuple[Optimizer | None, LambdaLR | None] = (None, None),
        callbacks: Sequence[TrainerCallback] = (),
        keep_results: bool = False,
        track: Track | None = None,
        **more: Any,
    ) -> None:
        arguments.check_kinds(model, tasks)
        arguments.check_rest(more, type(self).compute_loss is not Trainer.compute_loss)
        self._form = Form.of_stream(tasks)
        self.learner, self._output = learner_for(
            model, args, tasks, method, optimizers[0], learner or {}
        )
        view = self.learner.view
        self._stream = tasks
        self._has_users_optimizer = optimizers[0] is not None
        self._validates = eval_dataset is None and args.eval_strategy != IntervalStrategy.NO
        if self._validates:
            eval_dataset = TaskRows(validation_of(tasks)[0])
        self.stages = Stages(self.learner, tasks, keep_results, track or {})
        self._stepper = Stepper(view, self.learner.records, clips=False)
        self._waiting: list[Any] = []  # the rows of the micro-batches of a step so far
        self._mixed = False  # whether the rows of the current task are of several tasks
        self._started = 0.0  # when the current step began
        super().__init__(
            model=Trained(view.model),
            args=args,
            data_collator=collator_for(data_collator, self._form, tasks),
            train_dataset=TaskRows(tasks[0].train),
            eval_dataset=eval_dataset,
            optimizers=optimizers,
            callbacks=[AfterOptimizer(self._finish_step), *callbacks],
            **more,
        )
        # The order of the examples else depends on the last seed that anybody gave PyTorch.
        if args.data_seed is None:
            self.accelerator.dataloader_config.data_seed = args.seed
        # The module takes its tensors by name, so no column of a batch is unknown to it. The
        # Trainer declares that there are no names yet, which is why they are put there like this.
        vars(self)["_signature_columns"] = self._form.names

    # ---- whole runs

    def fit(self, resume_from_checkpoint: str | Path | bool | None = None) -> Run:
        """Train all tasks that are left, and score the tasks so far after each.

        Args:
            resume_from_checkpoint: A checkpoint folder from which a fresh trainer resumes. True
                takes the newest below `output_dir`.

        Returns:
            The matrix and the cost, as `Learner.fit` returns them.

        Raises:
            HoldfastError: No task is left, or the checkpoint does not fit.

        Warns:
            UnlearntWarning: Tasks were not learnt.
        """
        self.train(resume_from_checkpoint)
        while self.stages.left:
            self.train()
        run = self.stages.run()
        if run.warning:
            warnings.warn(run.warning, UnlearntWarning, stacklevel=2)
        return run

    def train(
        self, resume_from_checkpoint: str | Path | bool | None = None, *rest: Any, **more: Any
    ) -> TrainOutput:
        """Train the next task, let the method close it, and score the tasks so far.

        Args:
            resume_from_checkpoint: As in `fit`.
            *rest: As in `Trainer.train`.
            **more: As in `Trainer.train`.

        Returns:
            What `Trainer.train` returns of this task.

        Raises:
            HoldfastError: No task is left, or the checkpoint does not fit.
        """
        base = Path(str(self.args.output_dir))
        folder = folders.checkpoint_of(resume_from_checkpoint, base, self.stages.tasks)
        self.stages.refuse_used(resumes=folder is not None)
        if folder is None:
            self.stages.measure_untrained()
        else:
            self.stages.load(folder)
        task = self.stages.next_task()
        self._begin(task, is_resumed=folder is not None)
        # Steps count from 0 in each task, so each needs a folder for its checkpoints.
        self.args.output_dir = str(folders.of_task(base, task))
        try:
            output = super().train(None if folder is None else str(folder), *rest, **more)
        finally:
            self.args.output_dir = str(base)
        self._end(task)
        return output

    def _begin(self, task: Task, is_resumed: bool) -> None:
        """Begin a task, and give the Trainer its examples and an optimizer of its parameters."""
        state = self.learner.state
        # A method that starts anew with each task also starts with a new optimizer.
        if state.restarts and not self._has_users_optimizer:
            self.optimizer = None
            state.optimizers.main = None
        # A saved state of the optimizer is restored in `begin`, so the optimizer comes first.
        if is_resumed:
            self._make_optimizer()
        self.learner.begin(task)
        rehearse(self.learner.view, task)  # a scorer of the user must not fail at the end
        self._make_optimizer()
        self.train_dataset = TaskRows(self.learner.view.need_task().train)
        self._mixed = TASK in self.train_dataset[0]
        if self._validates:
            self.eval_dataset = TaskRows(validation_of(self._stream)[task.index])
        self._waiting = []

    def _make_optimizer(self) -> None:
        """Let the Trainer make its optimizer unless there is one, and show it to the learner.

        The learner then lets it follow new outputs and adapters, and keeps it in its checkpoints.
        """
        state = self.learner.state
        if state.optimizers.main is None:
            # Not wrapped by accelerate yet, so that methods and checkpoints see a plain one.
            state.optimizers.main = self.create_optimizer()
            check_moves(state.optimizers.required, state.space.parameters)

    def _end(self, task: Task) -> None:
        """Let the method close a task, which may include more training, and score the tasks."""
        self._stepper.finish_task()
        # The schedule of the Trainer has ended, often at 0. More training takes the first rate.
        for group in self.learner.state.optimizers.required.param_groups:
            group["lr"] = group.get("initial_lr", group["lr"])
        self.learner.end()
        self._stepper.forget()
        self.stages.end(task, self.state.global_step)

    # ---- a step

    def training_step(
        self,
        model: nn.Module,
        inputs: Mapping[str, Any],
        num_items_in_batch: Tensor | int | None = None,
    ) -> Tensor:
        """Compute the gradient of a step, as the Trainer asks for that of a micro-batch.

        Rows of micro-batches wait until the last one of a step, because a method must see whole
        batches. The learner then cuts the batch into as many parts again, stored rows included.

        Args:
            model: The module of the Trainer.
            inputs: A batch of the collator.
            num_items_in_batch: Not used, because the objective weighs the rows.

        Returns:
            The loss of the step, or 0 for a micro-batch that waits.
        """
        view = self.learner.view
        self._waiting.append(rows_of(inputs, self._form, view, self._mixed))
        if not self.accelerator.sync_gradients:
            return torch.zeros((), device=view.device)
        self._started = perf_counter()
        batch = joined(self._waiting, first_epoch=self.state.epoch < 1)
        self._waiting = []
        with view.state.random.active(view.state.draws_widely):
            loss = self._stepper.backward(batch)
            # Before the Trainer limits the norm, which must hold for what the optimizer sees.
            self._stepper.edit_gradient()
        self.stages.losses.see(loss)
        return loss

    def _finish_step(self) -> None:
        """Edit the change of θ and let the method observe, after the optimizer of the Trainer."""
        state = self.learner.state
        with state.random.active(state.draws_widely):
            self._stepper.after_step()
        state.progress.seconds["training"] += perf_counter() - self._started

    def _get_train_sampler(self, train_dataset: Any = None) -> "Sampler[int] | None":
        """Return the sampler of the Trainer, in an order that a resumed run has too."""
        sampler = super()._get_train_sampler(train_dataset)
        if isinstance(sampler, LengthGroupedSampler):
            return GroupedByLength(sampler, self.args.seed)
        return sampler

    # ---- evaluation

    def prediction_step(
        self,
        model: nn.Module,
        inputs: Mapping[str, Any],
        prediction_loss_only: bool,
        ignore_keys: list[str] | None = None,
    ) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
        """Compute loss, logits and labels of an evaluation batch, for the current task.

        Args:
            model: The module of the Trainer.
            inputs: A batch of the collator, with or without labels.
            prediction_loss_only: Whether the loss is enough.
            ignore_keys: Not used, because there are logits alone.

        Returns:
            The loss of the network without terms of the method, the logits, and the labels. There
            are logits alone if there are no labels.
        """
        return prediction_of(self.learner.view, inputs, self._form, prediction_loss_only)

    # ---- files

    def save_model(self, output_dir: str | None = None, _internal_call: bool = False) -> None:
        """Write the model into a folder that `from_pretrained` loads.

        A network of Holdfast becomes a file that `Learner.load` reads. Checkpoints of the Trainer
        get the whole learner, with the state of the method.

        Args:
            output_dir: The folder. None takes that of the arguments.
            _internal_call: Whether the Trainer writes a checkpoint.

        Raises:
            HoldfastError: The network has become something else than the model of transformers.
        """
        folder = Path(str(output_dir or self.args.output_dir))
        if _internal_call:
            self.stages.save(folder)
            return
        save_whole(folder, self.learner, self._output, self._stream, self.processing_class)

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        """Load nothing: `train` has restored the learner, whose network had to grow first."""

    def _load_best_model(self) -> None:
        """Put learner and optimizer back to the best step, as if the task had ended there."""
        self.stages.go_back(Path(str(self.state.best_model_checkpoint)))
