"""Small real streams and learners for tests."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from holdfast.checks import laws, leaks, parts
from holdfast.methods import Method, parse_method
from holdfast.models import Classifier, make_head, mlp
from holdfast.runs.config import RunConfig
from holdfast.streams import Stream, digits, split
from holdfast.training import Learner, optimizer
from holdfast.validation import validated

HEADS = {"task": "separate", "domain": "fixed", "class": "growing"}
SGD = optimizer("sgd", lr=0.05, momentum=0.9, weight_decay=1e-3)
ADAMW = optimizer("adamw", lr=1e-3, weight_decay=0.1)


def stream(scenario: str = "class", tasks: int = 5, **options: object) -> Stream:
    """Digits cut into tasks."""
    return split(digits(), tasks, scenario, **options)  # type: ignore[arg-type]


def learner(
    s: Stream,
    method: str | Method = "FineTune",
    make: Callable = SGD,
    head: str | None = None,
    **options: object,
) -> Learner:
    """A small learner for a stream, weights and batches by seed 0."""
    model = mlp(s.shape, head or HEADS[s.scenario], s.outputs, hidden=(32, 16), seed=0)
    settings = {
        "scenario": s.scenario,
        "batch_size": 32,
        "epochs": 1 if options.get("steps") else 2,
    } | options
    return Learner(
        model, parse_method(method) if isinstance(method, str) else method, make, **settings
    )  # type: ignore[arg-type]


def normed(s: Stream, head: str = "growing") -> Classifier:
    """A tiny network with BatchNorm for a stream of digits."""
    torch.manual_seed(0)
    layers = [nn.Flatten(), nn.Linear(64, 8), nn.BatchNorm1d(8), nn.ReLU()]
    more = [nn.Linear(8, 8), nn.BatchNorm1d(8), nn.ReLU()]
    return Classifier(nn.Sequential(*layers, *more), make_head(head, 8, s.outputs))


def weights(model: nn.Module) -> dict[str, Tensor]:
    """A copy of all parameters and buffers."""
    return {k: v.clone() for k, v in model.state_dict().items()}


def same(a: dict[str, Tensor], b: dict[str, Tensor]) -> bool:
    """Equal to the bit, and of the same names."""
    return a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a)


def quick(
    method: str,
    scenario: str = "class",
    seed: int = 1,
    data: dict | None = None,
    **training: object,
) -> RunConfig:
    """Settings of a run on digits that takes a second."""
    return validated(
        RunConfig,
        method=method,
        scenario=scenario,
        seed=seed,
        training={"epochs": 3, "lr": 0.05} | training,
        model={"hidden": [16]},
        data=data or {},
    )


@contextmanager
def laws_on_digits(examples: int, row_by_row: int) -> Iterator[None]:
    """Check laws on fewer digits than users' methods are checked on.

    Two batches per epoch are as few as have an order. Choose numbers that leave more than 64
    training rows per task, which is the size of a batch.

    Args:
        examples: The number of digits that a stream is made of.
        row_by_row: The same for methods that take a step per row.
    """
    small = partial(parts.small_stream, examples=examples)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parts, "EXAMPLES", examples)
        patch.setattr(parts, "EXAMPLES_ROW_BY_ROW", row_by_row)
        # Methods of a single pass have no more than two steps per task.
        patch.setattr(laws, "SAVED_AT_STEP", 1)
        patch.setattr(parts, "small_stream", small)
        patch.setattr(leaks, "small_stream", small)
        # What was trained on a stream of another size is no reference.
        parts.state_without_method.cache_clear()
        yield
    parts.state_without_method.cache_clear()


def save_bert(folder: Path, kind: Any, **settings: object) -> None:
    """Write a small language model with random weights and its tokenizer into a folder.

    Args:
        folder: The folder, which is made.
        kind: A class of transformers, such as `BertModel`.
        **settings: Further settings of its configuration.
    """
    import transformers

    folder.mkdir(exist_ok=True)
    words = ["the", "parcel", "came", "late", "again", "and", "was", "fine"]
    vocabulary = folder / "words.txt"
    vocabulary.write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *words]))
    torch.manual_seed(0)
    config = transformers.BertConfig(
        vocab_size=13,
        hidden_size=8,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=8,
        **settings,
    )
    kind(config).save_pretrained(folder)
    transformers.BertTokenizer(str(vocabulary)).save_pretrained(folder)
