"""Small Trainers of transformers, and the loop that they are compared with."""

import gc
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from transformers import BertConfig, BertForSequenceClassification, TrainingArguments

from holdfast.engine.batch import Batch, Rows
from holdfast.integrations.transformers import ContinualTrainer
from holdfast.integrations.transformers.network import network_of
from holdfast.integrations.transformers.rows import LABELS, TASK, Form
from holdfast.streams import Stream, from_arrays
from holdfast.training import Learner, optimizer

LABELS_PER_TASK = 2
# accelerate collects garbage before each task, which takes half a second among all the modules of
# transformers. They are no garbage, so they need not be looked at.
gc.freeze()


def texts(scenario: str = "class", rows: int = 64, **options: Any) -> Stream:
    """Token ids of several lengths in two tasks. Each label has tokens of its own."""
    numbers = np.random.default_rng(0)
    y = np.arange(rows) % (2 * LABELS_PER_TASK)
    ids = [[*numbers.integers(1, 5, numbers.integers(2, 9)) + 5 * label] for label in y]
    masks = [[1] * len(one) for one in ids]
    return from_arrays(
        {"input_ids": ids, "attention_mask": masks},
        y % LABELS_PER_TASK if scenario == "domain" else y,
        y // LABELS_PER_TASK,
        scenario,
        test=0.25,
        padding={"input_ids": 0, "attention_mask": 0},
        **options,
    )


def bert(labels: int = 4, **settings: Any) -> BertForSequenceClassification:
    """A tiny model for sequence classification, with dropout. Its weights are always the same."""
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=50,
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=16,
        num_labels=labels,
        **settings,
    )
    return BertForSequenceClassification(config)


def arguments(folder: Path, **options: Any) -> TrainingArguments:
    """How to train, silently and on the CPU."""
    usual = {
        "per_device_train_batch_size": 8,
        "num_train_epochs": 2,
        "learning_rate": 1e-2,
        "lr_scheduler_type": "constant",
        "use_cpu": True,
        "report_to": "none",
        "disable_tqdm": True,
        "save_strategy": "no",
        "logging_strategy": "no",
    }
    return TrainingArguments(str(folder), **(usual | options))


class Recorded(ContinualTrainer):
    """A trainer that keeps the batches that it trains on."""

    def __init__(self, *positional: Any, **named: Any) -> None:
        super().__init__(*positional, **named)
        self._steps: list[list[dict[str, Tensor]]] = [[]]

    def training_step(self, model: Any, inputs: Any, num_items_in_batch: Any = None) -> Tensor:
        self._steps[-1].append(dict(inputs))
        if self.accelerator.sync_gradients:
            self._steps.append([])
        return super().training_step(model, inputs, num_items_in_batch)

    def taken(self) -> list[Mapping[str, Tensor]]:
        """The batches of the steps since the last call, each of all its micro-batches."""
        steps = [step for step in self._steps if step]
        self._steps = [[]]
        form = Form.of_stream(self._stream)
        return [form.collate([row for batch in step for row in rows(batch)]) for step in steps]


def rows(batch: Mapping[str, Tensor]) -> list[dict[str, Tensor]]:
    """The rows of a batch."""
    pairs = zip(*(tensor.unbind() for tensor in batch.values()), strict=True)
    return [dict(zip(batch, pair, strict=True)) for pair in pairs]


def trainer(folder: Path, stream: Stream, method: str, **options: Any) -> Recorded:
    """A trainer of a tiny model. Options are of `TrainingArguments` if they are known there."""
    own = {}
    for name in ("model", "optimizers", "optimizer_cls_and_kwargs", "callbacks", "learner"):
        if name in options:
            own[name] = options.pop(name)
    for name in ("compute_metrics", "processing_class", "eval_dataset", "keep_results", "track"):
        if name in options:
            own[name] = options.pop(name)
    model = own.pop("model", None) or bert()
    return Recorded(model, arguments(folder, **options), tasks=stream, method=method, **own)


def own_loop(
    stream: Stream,
    method: str,
    batches: list[list[Mapping[str, Tensor]]],
    make: Callable[..., Any],
    model: nn.Module | None = None,
    **settings: Any,
) -> Learner:
    """Train a learner on the same batches, one list of them per task, with `Learner.step`."""
    form = Form.of_stream(stream)
    network, _ = network_of(model or bert(), stream)
    learner = Learner(
        network,
        method,
        make,
        scenario=stream.scenario,
        objective=stream.objective,
        seed=42,
        **({"clip": 1.0, "batch_size": 8} | settings),
    )
    for task, of_task in zip(stream, batches, strict=True):
        learner.begin(task)
        for batch in of_task:
            x, y = form.inputs(batch), batch[LABELS]
            if form.of_texts:
                y = torch.zeros(len(x), dtype=torch.long)
            if TASK in batch:
                learner.step(Batch.of_stream(Rows(x, y, batch[TASK])))
            else:
                learner.step((x, y))
        learner.end()
    return learner


def distance(one: Learner, other: Learner) -> float:
    """The largest difference of a weight."""
    assert one.model.state_dict().keys() == other.model.state_dict().keys()
    pairs = zip(one.model.state_dict().values(), other.model.state_dict().values(), strict=True)
    return max(float((a - b).abs().max()) for a, b in pairs if a.is_floating_point())


SGD = optimizer("sgd", lr=0.05, momentum=0.9)
ADAMW = optimizer("adamw", lr=1e-2, weight_decay=0.0)
