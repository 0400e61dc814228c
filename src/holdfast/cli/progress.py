"""Progress with a time estimate on a terminal, plain lines otherwise."""

import sys
import time
from collections.abc import Iterable
from typing import Any


def follow(ended: Iterable[tuple[str, Any, float]], total: int, done: int) -> None:
    """Consumes the runs as they end and tells how far it is. `done` of `total` were finished before."""
    if done:
        print(f"{done} of {total} runs are finished already and are skipped", file=sys.stderr)
    if done == total:
        return
    if not sys.stderr.isatty():
        for k, (label, config, seconds) in enumerate(ended, done + 1):
            print(f"[{k}/{total}] {label}, {config.scenario} scenario, seed {config.seed}: {seconds:.1f} s", file=sys.stderr, flush=True)
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description:<42.42}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), speed_estimate_period=600) as bar:
        job = bar.add_task("starting", total=total - done)
        start = time.monotonic()
        for label, config, _ in ended:
            bar.update(job, advance=1, description=f"{label}, {config.scenario}, seed {config.seed}")
        bar.update(job, description=f"done in {time.monotonic() - start:.0f} s")
