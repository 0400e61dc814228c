"""What `run`, `bench` and `order` do with runs: carry them out, keep what is finished, show tables and write the report."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from holdfast.cli.border import Terminated
from holdfast.cli.given import note
from holdfast.errors import HoldfastError

GO_ON = "The same command goes on with the rest."


@dataclass(frozen=True)
class Work:
    """Where and how runs are carried out."""

    out: Path
    jobs: int
    device: str
    data_dir: str | None
    checkpoint_every: float
    tolerance: float = 0.05  # largest forgetting that a selection accepts
    keep: bool = False  # the learner after every task


def carry_out(runs: Sequence[tuple[str, Any]], work: Work) -> None:
    """Runs what is not finished, with progress; an interruption says what is kept."""
    from holdfast.cli.progress import follow
    from holdfast.runs.carry_out import run_all
    from holdfast.runs.folders import finished, outdated

    check_device(work.device)
    there, total = [c for _, c in runs if finished(work.out, c, work.keep)], len(runs)
    other = sum(outdated(work.out, c, work.data_dir) for c in there)
    if other:
        note([f"the data have changed since {other} of the runs finished; these are trained again"])
    done = len(there) - other
    options: dict[str, Any] = {
        "jobs": min(workers(work.jobs), max(total - done, 1)),
        "data_dir": work.data_dir,
        "device": work.device,
    }
    options |= {"checkpoint_every": work.checkpoint_every, "keep": work.keep}
    try:
        follow(lambda tell: run_all(runs, work.out, **options, tell=tell), total, done)
    except (KeyboardInterrupt, Terminated) as stopped:
        kept = sum(finished(work.out, c) for _, c in runs)
        how = "ended by SIGTERM" if isinstance(stopped, Terminated) else "interrupted"
        print(
            f"\nholdfast: {how}; {kept} of {total} runs are finished and kept in {work.out}. {GO_ON}",
            file=sys.stderr,
        )
        raise


def workers(jobs: int) -> int:
    """Worker processes: those asked for, or one a core."""
    import os

    return jobs or os.cpu_count() or 1


def carry_out_and_show(
    runs: list[tuple[str, Any]], work: Work, title: str, description: str, matrix: bool = False
) -> None:
    """Runs what is not finished, then shows the table and writes the report."""
    from holdfast.reports import find_sweeps, select, summarise, write_report
    from holdfast.reports.results import read_result
    from holdfast.runs.folders import finished, run_folder

    out, failed = work.out, None
    try:
        carry_out(runs, work)
    except HoldfastError as error:
        failed = error  # what is finished is shown first
    labels = {config.hash: label for label, config in runs}
    there = [config for _, config in runs if failed is None or finished(out, config)]
    if failed is not None and not there:
        raise failed
    results = [
        read_result(run_folder(out, config) / "result.json") | {"label": labels[config.hash]}
        for config in there
    ]
    groups = summarise(results)
    from holdfast.cli.tables import print_detection, print_groups, print_growth, print_matrix

    print_groups(groups)
    print_detection(results)
    print_growth(groups)
    if matrix:
        print_matrix(groups[0])
    for sweep in find_sweeps(groups):
        chosen = select(sweep, work.tolerance)
        print(
            f"selected: {chosen.sentence()}"
            if chosen
            else f"no selection for {sweep.method}: no validation data; add --validation 0.1"
        )
    try:
        report_path = write_report(groups, out / "report.html", title, description, work.tolerance)
    except HoldfastError as error:
        raise failed or error from None
    print(f"\nresults: {out}\nreport:  {report_path}")
    if failed is not None:
        raise failed


def check_device(device: str) -> None:
    """Refuses a device that torch cannot use."""
    import torch

    try:
        torch.zeros(1, device=device).cpu()  # what the device "meta" can't do: it holds no values
    except (RuntimeError, AssertionError) as error:
        raise HoldfastError(
            f"device {device!r} cannot be used: {str(error).splitlines()[0]}; expected cpu, or cuda where there is one"
        ) from None
