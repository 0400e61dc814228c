"""Compare a training step of a language model with a plain loop of transformers.

    python benchmarks/language_overhead.py --write benchmarks/results/language-overhead.md

The plain loop calls the model of transformers with `labels`, and uses the same batches, weights and
optimizer. Both sides run in one process, and every round times a chunk of steps of each side and a
second chunk of the plain loop. The ratio is the median over rounds. "A/A" is the ratio of the two
plain chunks, which shows how much of a ratio is noise.

Holdfast passes only those states through the vocabulary that predict a token which counts, and
transformers passes all of them. Therefore a step on completions is measured beside one on texts of
which every token counts, where both compute the same.
"""

import argparse
import copy
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import nn
from transformers import LlamaConfig, LlamaForCausalLM

from holdfast.models import language_model
from holdfast.named_inputs import NamedInputs
from holdfast.streams.parts import ArrayPart
from holdfast.streams.task import Stream, Task
from holdfast.training import Learner, optimizer

LIMIT = 1.05
WARM_UP = 3  # steps of each side before the first round
SAID = 8  # tokens of a completion


def model(vocabulary: int) -> nn.Module:
    """A model of four layers with a width of 256."""
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=vocabulary,
        hidden_size=256,
        intermediate_size=768,
        num_hidden_layers=4,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=256,
        tie_word_embeddings=True,
    )
    made: nn.Module = LlamaForCausalLM(config)
    return made


def stream(rows: int, length: int, vocabulary: int, *, whole: bool) -> Stream:
    """Random tokens, of which all count or those of a completion."""
    ids = torch.randint(3, vocabulary, (rows, length), generator=torch.Generator().manual_seed(1))
    labels = ids.clone()
    if not whole:
        labels[:, :-SAID] = -100
    tensors = {"input_ids": ids, "attention_mask": torch.ones_like(ids), "labels": labels}
    part = ArrayPart(NamedInputs(tensors), torch.zeros(rows, dtype=torch.long), 0)
    task = Task(0, "tokens", part, part, (0, vocabulary))
    return Stream((task,), "domain", vocabulary, (), objective="language")


def timed(step: Callable[[int], object], first: int, steps: int) -> float:
    """The seconds of some steps."""
    start = time.perf_counter()
    for number in range(first, first + steps):
        step(number)
    return time.perf_counter() - start


def ratios(options: argparse.Namespace, *, whole: bool) -> tuple[list[float], list[float]]:
    """The ratios of Holdfast to the plain loop, and of the plain loop to itself, per round."""
    batches = WARM_UP + 2 * options.rounds * options.steps
    data = stream(options.batch * batches, options.length, options.vocabulary, whole=whole)
    plain = model(options.vocabulary).train()
    fused = {"lr": 1e-4, "fused": True}
    descend = torch.optim.AdamW(plain.parameters(), **fused)
    ours = Learner(
        language_model(copy.deepcopy(plain)),
        "FineTune()",
        optimizer("adamw", lr=1e-4),
        scenario="domain",
        objective="language",
        batch_size=options.batch,
    )
    ours.begin(data[0])
    given = list(ours.view.batches())

    def bare(number: int) -> None:
        descend.zero_grad(set_to_none=True)
        plain(**given[number].x.tensors).loss.backward()
        descend.step()

    def own(number: int) -> None:
        ours.step(given[number])

    timed(bare, 0, WARM_UP)
    timed(own, 0, WARM_UP)
    found: list[float] = []
    control: list[float] = []
    first = WARM_UP
    for _ in range(options.rounds):
        before = timed(bare, first, options.steps)
        middle = timed(own, first, options.steps)
        after = timed(bare, first + options.steps, options.steps)
        found.append(2 * middle / (before + after))
        control.append(after / before)
        first += 2 * options.steps
    return found, control


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--steps", type=int, default=4, help="steps per chunk")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--length", type=int, default=64, help="tokens per text")
    parser.add_argument("--vocabulary", type=int, default=16_384)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--write", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    lines = [
        "# A step of a language model against a plain loop of transformers",
        "",
        f"{options.threads} threads, {options.batch} texts of {options.length} tokens, a "
        f"vocabulary of {options.vocabulary:,}, {options.rounds} rounds. The limit is {LIMIT}.",
        "",
        "| tokens that count | ratio | middle half of the rounds | A/A | holds |",
        "|---|---|---|---|---|",
    ]
    for whole, words in ((True, "all"), (False, f"{SAID} of {options.length}")):
        found, control = ratios(options, whole=whole)
        middle = statistics.median(found)
        low, _, high = statistics.quantiles(found, n=4)
        holds = "yes" if middle <= LIMIT else "no"
        lines.append(
            f"| {words} | {middle:.3f} | {low:.3f} to {high:.3f} | "
            f"{statistics.median(control):.3f} | {holds} |"
        )
        print(lines[-1], flush=True)
    if options.write is not None:
        options.write.write_text("\n".join([*lines, ""]), encoding="utf-8")


if __name__ == "__main__":
    main()
