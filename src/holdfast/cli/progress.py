"""Progress with a time estimate on a terminal, plain lines otherwise."""

import sys
import time
from collections.abc import Callable, Iterable
from typing import Any

EVERY = 0.2  # seconds between updates inside a run


def follow(
    start: Callable[[Callable[[str, float, int], None]], Iterable[tuple[str, Any, float]]],
    total: int,
    done: int,
) -> None:
    """Consumes the runs of `start(tell)` as they end and shows how far it is. `done` of `total` were finished before.

    `tell(label, tasks done, tasks)` is called inside a run that this process trains itself.
    """
    if done:
        print(f"{done} of {total} runs are finished already and are skipped", file=sys.stderr)
    if done < total:
        (_bar if sys.stderr.isatty() else _lines)(start, total, done)


def _lines(start: Callable, total: int, done: int) -> None:
    ended, told = done, 0

    def tell(label: str, tasks_done: float, tasks: int) -> None:
        nonlocal told
        if int(tasks_done) != told:
            told = int(tasks_done)
            if 0 < told < tasks:
                print(
                    f"[{ended + 1}/{total}] {label}: {told} of {tasks} tasks",
                    file=sys.stderr,
                    flush=True,
                )

    for label, config, seconds in start(tell):
        ended += 1
        print(
            f"[{ended}/{total}] {label}, {config.scenario} scenario, seed {config.seed}: {seconds:.1f} s",
            file=sys.stderr,
            flush=True,
        )


def _bar(start: Callable, total: int, done: int) -> None:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        Progress,
        TaskProgressColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    text = TextColumn("{task.description:<48.48}")
    columns = (
        text,
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), speed_estimate_period=600) as bar:
        job = bar.add_task(f"0 of {total - done} runs", total=total - done)
        ended, shown, began = 0, 0.0, time.monotonic()

        def tell(label: str, tasks_done: float, tasks: int) -> None:
            nonlocal shown
            if (now := time.monotonic()) - shown > EVERY:
                shown = now
                bar.update(
                    job,
                    completed=ended + tasks_done / tasks,
                    description=f"{ended} of {total - done} runs; {label}",
                )

        for label, config, _ in start(tell):
            ended += 1
            bar.update(
                job,
                completed=ended,
                description=f"{ended} of {total - done} runs; {label}, {config.scenario}, seed {config.seed}",
            )
        bar.update(job, description=f"{ended} runs in {time.monotonic() - began:.0f} s")
