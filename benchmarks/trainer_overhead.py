"""Compare steps of the Trainer with tasks to those of a plain Trainer, and our loop to a bare one.

    python benchmarks/trainer_overhead.py --threads 1 --write benchmarks/results/trainer-overhead.md

The model is a BERT for sequence classification (4 layers of width 256), and a batch has 32 texts of
64 tokens. Everything runs in one process, and every round times all sides one after the other, in
an order that turns. A ratio is the median over rounds of the time per step of a side to that of the
bare side in the same round, with the smallest and the largest. The bare side is timed twice per
round, and the ratio of the two says how much of a difference is noise.

Times are those of the processor, so that other programs on the machine count less. The steps of a
Trainer are timed from the beginning of the second to the end of the last, so the preparation of
`train()` does not count. ER adds as many stored texts to a batch, so it is compared with a plain
Trainer at the doubled batch.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import torch
from overhead import processor
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    Trainer,
    TrainerCallback,
    TrainingArguments,
)

from holdfast.integrations.transformers import ContinualTrainer
from holdfast.integrations.transformers.network import network_of
from holdfast.integrations.transformers.rows import LABELS, Form, TaskRows
from holdfast.streams import Stream, from_arrays
from holdfast.training import Learner, optimizer

BATCH = 32
TOKENS = 64
WORDS = 1000
RATE = 1e-4
LIMITS = {"FineTune": 1.10, "our loop": 1.05}


def texts(tasks: int, steps: int) -> Stream:
    """Random token ids in tasks of some steps each. All tasks share two labels."""
    numbers = np.random.default_rng(0)
    rows = tasks * steps * 2 * BATCH  # enough for one epoch of doubled batches
    ids = numbers.integers(1, WORDS, (rows + 2 * tasks, TOKENS))
    task = np.concatenate([np.arange(rows) % tasks, np.repeat(np.arange(tasks), 2)])
    # Two rows per task are enough to be scored, which is not timed.
    is_test = np.arange(len(ids)) >= rows
    labels = np.arange(len(ids)) // tasks % 2
    labels[is_test] = np.arange(2 * tasks) % 2
    inputs = {"input_ids": ids, "attention_mask": np.ones_like(ids)}
    return from_arrays(inputs, labels, task, "domain", test=is_test)


def bert() -> BertForSequenceClassification:
    """The model, always with the same weights."""
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=WORDS,
        hidden_size=256,
        num_hidden_layers=4,
        num_attention_heads=4,
        intermediate_size=1024,
        num_labels=2,
    )
    return BertForSequenceClassification(config)


def arguments(batch: int, steps: int) -> TrainingArguments:
    """How both kinds of Trainer train."""
    return TrainingArguments(
        tempfile.mkdtemp(),
        per_device_train_batch_size=batch,
        max_steps=steps,
        learning_rate=RATE,
        lr_scheduler_type="constant",
        use_cpu=True,
        report_to="none",
        disable_tqdm=True,
        save_strategy="no",
        logging_strategy="no",
    )


class Clock(TrainerCallback):
    """Measures the seconds per step of a Trainer, without its first step."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.began = 0.0

    def on_step_begin(self, args: Any, state: Any, control: Any, **more: Any) -> None:
        if state.global_step == 1:
            self.began = time.process_time()

    def on_step_end(self, args: Any, state: Any, control: Any, **more: Any) -> None:
        if state.global_step > 1:
            self.seconds = (time.process_time() - self.began) / (state.global_step - 1)


def plain_trainer(stream: Stream, batch: int, steps: int) -> Callable[[], float]:
    """The seconds per step of a plain Trainer, which continues with each call."""
    clock = Clock()
    trainer = Trainer(
        bert(),
        arguments(batch, steps),
        train_dataset=TaskRows(stream[0].train),
        data_collator=Form.of_stream(stream).collate,
        callbacks=[clock],
    )

    def run() -> float:
        trainer.train()
        return clock.seconds

    return run


def continual_trainer(stream: Stream, method: str, steps: int) -> Callable[[], float]:
    """The seconds per step of a Trainer with tasks, which trains the next one with each call."""
    clock = Clock()
    trainer = ContinualTrainer(
        bert(), arguments(BATCH, steps), tasks=stream, method=method, callbacks=[clock]
    )

    def run() -> float:
        trainer.train()
        return clock.seconds

    return run


def bare_loop(stream: Stream, steps: int) -> Callable[[], float]:
    """The seconds per step of the loop that a user of transformers would write."""
    model = bert().train()
    opt = torch.optim.AdamW(model.parameters(), lr=RATE, fused=True)
    batches = batches_of(stream, steps)

    def run() -> float:
        start = time.process_time()
        for batch in batches:
            opt.zero_grad()
            model(**batch).loss.backward()
            opt.step()
        return (time.process_time() - start) / steps

    return run


def our_loop(stream: Stream, steps: int) -> Callable[[], float]:
    """The seconds per step of a learner on the same batches."""
    network, _ = network_of(bert(), stream)
    learner = Learner(network, None, optimizer("adamw", lr=RATE), scenario="domain")
    learner.begin(stream[0])
    form = Form.of_stream(stream)
    pairs = [(form.inputs(batch), batch[LABELS]) for batch in batches_of(stream, steps)]

    def run() -> float:
        with learner.state.random.active():  # as in fit
            start = time.process_time()
            for pair in pairs:
                learner.step(pair)
            return (time.process_time() - start) / steps

    return run


def batches_of(stream: Stream, steps: int) -> list[dict[str, Any]]:
    """Batches of the first task in memory."""
    rows = TaskRows(stream[0].train)
    form = Form.of_stream(stream)
    starts = range(0, steps * BATCH, BATCH)
    return [form.collate(rows.__getitems__([*range(k, k + BATCH)])) for k in starts]


def rounds_of(sides: dict[str, Callable[[], float]], rounds: int) -> dict[str, list[float]]:
    """The seconds per step of each side in each round, after a round to warm up."""
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    names = list(sides)
    for number in range(rounds + 1):
        # Whoever comes first may find another state of the machine.
        turn = number % len(names)
        for name in [*names[turn:], *names[:turn]]:
            with redirect_stdout(StringIO()):
                seconds[name].append(sides[name]())
    return {name: values[1:] for name, values in seconds.items()}


def row(name: str, against: str, seconds: dict[str, list[float]], limit: float | None) -> str:
    """A row of the table."""
    pairs = zip(seconds[name], seconds[against], strict=True)
    ratios = [own / bare for own, bare in pairs]
    median = statistics.median(ratios)
    verdict = "–"
    if limit is not None:
        verdict = f"{limit:.2f}, {'holds' if median <= limit else 'exceeded'}"
    own, bare = (1e3 * statistics.median(seconds[side]) for side in (name, against))
    spread = f"{min(ratios):.3f} to {max(ratios):.3f}"
    return f"| {name} | {against} | {own:.1f} | {bare:.1f} | {median:.3f} | {spread} | {verdict} |"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=5, help="steps per round and side")
    parser.add_argument("--write", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    steps = options.steps
    stream = texts(options.rounds + 1, steps)
    loops = {
        "bare loop": bare_loop(stream, steps),
        "bare loop again": bare_loop(stream, steps),
        "our loop": our_loop(stream, steps),
    }
    trainers = {
        "plain Trainer": plain_trainer(stream, BATCH, steps),
        "plain Trainer again": plain_trainer(stream, BATCH, steps),
        "FineTune": continual_trainer(stream, "FineTune", steps),
        "doubled batch": plain_trainer(stream, 2 * BATCH, steps),
        "ER(200)": continual_trainer(stream, "ER(200)", steps),
    }
    seconds = rounds_of(loops, options.rounds) | rounds_of(trainers, options.rounds)
    lines = [
        f"BERT, 4 layers of width 256, {BATCH} texts of {TOKENS} tokens, AdamW, dropout; "
        f"torch {torch.__version__}; {processor()}, {options.threads} threads.",
        f"{options.rounds} interleaved rounds of {steps} steps.",
        "",
        "| side | against | ms | against, ms | ratio, median | ratios | limit |",
        "|---|---|---|---|---|---|---|",
        row("our loop", "bare loop", seconds, LIMITS["our loop"]),
        row("bare loop again", "bare loop", seconds, None),
        row("FineTune", "plain Trainer", seconds, LIMITS["FineTune"]),
        row("plain Trainer again", "plain Trainer", seconds, None),
        row("ER(200)", "doubled batch", seconds, None),
        row("ER(200)", "plain Trainer", seconds, None),
    ]
    print("\n".join(lines))
    if options.write:
        text = f"# Steps inside the Trainer of transformers\n\n{chr(10).join(lines)}\n"
        options.write.write_text(text)


if __name__ == "__main__":
    main()
