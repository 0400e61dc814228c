"""What `run`, `bench` and `order` do with runs: carry them out, show tables, write the report."""

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from holdfast.cli.border import Terminated
from holdfast.cli.command_line import note
from holdfast.errors import HoldfastError, one_of

if TYPE_CHECKING:
    from holdfast.cli.progress import Ended, Tell
    from holdfast.results import Group, RunResult
    from holdfast.runs.config import RunConfig

EXPORTS = ("every-eval-ever",)  # formats of --export
MOST_WARNINGS = 3  # lines about tasks that were not learnt, for runs that have no table
AGAIN = "Give the same command again to finish the rest."
Jobs = Annotated[
    int,
    typer.Option(
        min=0,
        metavar="N",
        help="Number of worker processes, each with one thread. 0: one per core.",
    ),
]
Device = Annotated[
    str,
    typer.Option(
        metavar="NAME", help="Device to compute on: cpu, cuda, or cuda:N for one of several GPUs."
    ),
]
DataDir = Annotated[
    str | None,
    typer.Option(
        metavar="FOLDER",
        help="Folder of data sets in the layout of the Hugging Face hub. "
        "By default it is that of the environment variable HOLDFAST_DATA.",
    ),
]
Every = Annotated[
    float,
    typer.Option(
        min=0,
        metavar="SECONDS",
        help="Time between checkpoints of a run. A run that was killed continues from the "
        "newest one.",
    ),
]
Tolerance = Annotated[
    float,
    typer.Option(
        min=0,
        metavar="POINTS",
        help="Most forgetting on validation data that a value selected from a sweep may have.",
    ),
]
Keep = Annotated[
    bool,
    typer.Option(
        "--keep-checkpoints", help="Keep the learner after every task, for `holdfast diagnose`."
    ),
]
Export = Annotated[
    str | None,
    typer.Option(
        metavar="FORMAT",
        help="Also write the score of each test example after the last task, into a folder of "
        "this name beside the report: every-eval-ever.",
    ),
]


@dataclass(frozen=True)
class Work:
    """Where and how runs are carried out. Each field but the first is an option of the command.

    Args:
        out: The folder for results.
        jobs: The number of worker processes. 0: one per core.
        device: The device to train on.
        data_dir: The folder of data sets. None: that of the environment.
        checkpoint_every: The time between checkpoints, in seconds.
        tolerance: The most forgetting that a selection from a sweep accepts, in points.
        keep_checkpoints: Whether the learner is kept after every task.
        export: The format in which scores of single examples are written. None: they are not.
    """

    out: Path = Path("runs")
    jobs: Jobs = 1
    device: Device = "cpu"
    data_dir: DataDir = None
    checkpoint_every: Every = 30.0
    tolerance: Tolerance = 5.0
    keep_checkpoints: Keep = False
    export: Export = None

    @property
    def keeps_examples(self) -> bool:
        """Whether the scores of single examples are kept."""
        return self.export is not None

    def check(self) -> None:
        """Refuse an unknown format before the first run, and not after the last one.

        Raises:
            HoldfastError: There is no such format.
        """
        if self.export is not None:
            one_of("--export", self.export, EXPORTS)


def carry_out(runs: Sequence[tuple[str, "RunConfig"]], work: Work) -> None:
    """Run what is not finished, and show progress.

    Args:
        runs: The label and the settings of each run.
        work: Where and how they are carried out.

    Raises:
        HoldfastError: The device cannot be used, or a run failed. The others are finished first.
        KeyboardInterrupt: The user interrupted the command. A message says what is kept.
    """
    from holdfast.cli.progress import follow
    from holdfast.runs.carry_out import run_all
    from holdfast.runs.folders import finished, outdated

    check_device(work.device)
    there = []
    for _, config in runs:
        if finished(work.out, config, work.keep_checkpoints, work.keeps_examples):
            there.append(config)
    changed = sum(outdated(work.out, config, work.data_dir) for config in there)
    if changed:
        note([f"the data changed after {changed} of the runs finished; these are trained again"])
    done = len(there) - changed

    def start(tell: "Tell") -> "Ended":
        return run_all(
            runs,
            work.out,
            # More workers than runs would only be started and ended.
            jobs=min(workers(work.jobs), max(len(runs) - done, 1)),
            data_dir=work.data_dir,
            device=work.device,
            tell=tell,
            checkpoint_every=work.checkpoint_every,
            keep=work.keep_checkpoints,
            examples=work.keeps_examples,
        )

    try:
        follow(start, len(runs), done)
    except (KeyboardInterrupt, Terminated) as stopped:
        kept = sum(finished(work.out, config) for _, config in runs)
        how = "ended by SIGTERM" if isinstance(stopped, Terminated) else "interrupted"
        print(
            f"\nholdfast: {how}; {kept} of {len(runs)} runs are finished and kept in {work.out}. "
            f"{AGAIN}",
            file=sys.stderr,
        )
        raise


def warn_of_unlearnt(runs: Sequence[tuple[str, "RunConfig"]], out: Path) -> None:
    """Print a warning if finished runs have tasks that were not learnt.

    Args:
        runs: The label and the settings of each run.
        out: The folder for results.
    """
    from holdfast.cli.printing import print_unlearnt
    from holdfast.results import advice_on, summarise

    groups = summarise(_results_of(runs, out))
    lines = [group.unlearnt for group in groups if group.unlearnt]
    if len(lines) > MOST_WARNINGS:
        lines[MOST_WARNINGS:] = [f"the same in {len(lines) - MOST_WARNINGS} more runs"]
    print_unlearnt(lines, advice_on(groups))


def workers(jobs: int) -> int:
    """Give the number of worker processes: as many as asked for, or one per core for 0."""
    return jobs or os.cpu_count() or 1


def carry_out_and_show(
    runs: Sequence[tuple[str, "RunConfig"]],
    work: Work,
    title: str,
    description: str,
    matrix: bool = False,
) -> None:
    """Run what is not finished, show the tables, and write the report.

    If a run fails, the tables and the report of the finished ones come first.

    Args:
        runs: The label and the settings of each run.
        work: Where and how they are carried out.
        title: The title of the report.
        description: What the report says below its title.
        matrix: Whether the accuracy matrix of the first method is shown.

    Raises:
        HoldfastError: A run failed, or the report could not be written.
    """
    from holdfast.reports import write_report
    from holdfast.results import summarise
    from holdfast.runs.folders import finished

    work.check()
    failed = None
    try:
        carry_out(runs, work)
    except HoldfastError as error:
        failed = error
    if failed is not None:
        runs = [(label, config) for label, config in runs if finished(work.out, config)]
        if not runs:
            raise failed
    results = _results_of(runs, work.out)
    groups = summarise(results)
    _show(groups, results, matrix)
    # A suite names its sizes of a memory to compare them, and need not select one.
    _show_selections(groups, work.tolerance / 100, is_sweep=matrix)
    page = work.out / "report.html"
    try:
        write_report(groups, page, title, description, work.tolerance / 100)
    except HoldfastError as error:
        # The failed run matters more to the user than the report that could not be written.
        raise failed or error from None
    print(f"\nresults: {work.out}\nreport:  {page}")
    _export(runs, results, work)
    if failed is not None:
        raise failed


def _export(
    runs: Sequence[tuple[str, "RunConfig"]], results: "Sequence[RunResult]", work: Work
) -> None:
    """Write the scores of single examples if they were asked for."""
    from holdfast.reports.every_eval_ever import export_runs
    from holdfast.runs.folders import run_folder

    if work.export is None:
        return
    folder = work.out / work.export
    folders = [run_folder(work.out, config) for _, config in runs]
    export_runs(list(zip(results, folders, strict=True)), folder)
    print(f"export:  {folder}")


def _results_of(runs: Sequence[tuple[str, "RunConfig"]], out: Path) -> "list[RunResult]":
    """Read the results of finished runs, each under the label that it has now."""
    from holdfast.results import read_result
    from holdfast.results.file_names import RESULT
    from holdfast.runs.folders import run_folder

    # Runs of the same settings share a folder, whose file has the label of the run that wrote it.
    labels = {config.hash: label for label, config in runs}
    results = []
    for _, config in runs:
        result = read_result(run_folder(out, config) / RESULT)
        results.append(result.model_copy(update={"label": labels[config.hash]}))
    return results


def _show(groups: Sequence["Group"], results: "Sequence[RunResult]", matrix: bool) -> None:
    """Print the tables of finished runs."""
    from holdfast.cli.tables import (
        print_detection,
        print_groups,
        print_growth,
        print_matrix,
        print_pivot,
    )
    from holdfast.reports.layout import memory_sizes

    print_groups(groups)
    # Only a suite compares sizes of memories. Those of one method are a sweep.
    if not matrix and memory_sizes(groups):
        print_pivot(groups)
    print_detection(results)
    print_growth(groups)
    if matrix:
        print_matrix(groups[0])


def _show_selections(groups: Sequence["Group"], tolerance: float, is_sweep: bool) -> None:
    """Print which value of each sweep is selected on validation data, or why a sweep has none."""
    from holdfast.results import find_sweeps, select

    for sweep in find_sweeps(groups):
        selection = select(sweep, tolerance)
        if selection is not None:
            print(f"selected: {selection.sentence()}")
        elif is_sweep:
            print(f"no selection for {sweep.method}: no validation data; add --validation 0.1")


def check_device(device: str) -> None:
    """Refuse a device that PyTorch cannot use.

    Args:
        device: The name of the device, such as "cuda:0".

    Raises:
        HoldfastError: PyTorch does not know the device, or the machine does not have it.
    """
    import torch

    try:
        # The device "meta" can make a tensor, but it holds no values to copy.
        torch.zeros(1, device=device).cpu()
    except (RuntimeError, AssertionError) as error:
        raise HoldfastError(
            f"device {device!r} cannot be used: {str(error).splitlines()[0]}; "
            "expected cpu, or cuda if this machine has a GPU"
        ) from None
