"""What showing progress costs: the time of steps that are watched, as a ratio to silent ones.

One learner trains in blocks of steps, which are watched in four ways in turn: silently, silently
once more (the control, whose ratio shows the noise of the machine), with the pulse of `holdfast run
--jobs 2`, whose moments go into a file, and with the line of a terminal, which is drawn into
memory. Times are those of the processor, so that other programs of the machine matter little.

The ratio of two blocks is noisy by several per cent, so the time inside the watch is measured as
well, as a share of its blocks. It holds what is drawn and written, and the looks at the clock.
"""

import argparse
import io
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import rich.console
import torch

from holdfast.models import mlp
from holdfast.runs.pulses import write_pulse
from holdfast.streams import digits, split
from holdfast.streams.task import Task
from holdfast.training import Learner, showing
from holdfast.training.display import Pulse, Silent, Watch

STREAM = split(digits(), 5, "class")
EPOCHS = 100_000  # more than are trained, so that one task lasts
LIMIT = 1.01  # times the steps without progress
RESULT = Path(__file__).parent / "results" / "progress-cost.md"


class Timed(Silent):
    """A watch, and the time inside it."""

    def __init__(self, watch: Watch) -> None:
        self.watch = watch
        self.seconds = 0.0

    def step(self, task: Task, step: int, steps: int) -> None:
        began = time.process_time()
        self.watch.step(task, step, steps)
        self.seconds += time.process_time() - began


def into_file(planned: dict[int, int]) -> Watch:
    folder = Path(tempfile.mkdtemp())
    return Pulse(partial(write_pulse, folder / "0.json"), planned)


def on_terminal(planned: dict[int, int]) -> Watch:
    line = showing._Line()
    return Pulse(line, planned, every=showing.EVERY, close=line.close)


def silently(planned: dict[int, int]) -> Watch:
    return Silent()


WAYS: dict[str, Callable[[dict[int, int]], Watch]] = {
    "silent": silently,
    "silent again (control)": silently,
    "moments into a file": into_file,
    "line of a terminal": on_terminal,
}


def measure(hidden: int, rounds: int, seconds: float) -> list[str]:
    """Measure all ways with one network, and write a line of a table for each."""
    model = mlp(STREAM.shape, "growing", hidden=[hidden], seed=0)
    learner = Learner(model, scenario="class", epochs=EPOCHS)
    learner.begin(STREAM[0])
    batches = enumerate(learner.view.batches(), 1)
    steps = learner.view.order(STREAM[0]).steps
    watches = {way: make({0: steps}) for way, make in WAYS.items()}
    timed = {way: Timed(watch) for way, watch in watches.items()}

    def block(watch: Watch, size: int) -> float:
        began = time.process_time()
        for _ in range(size):
            number, batch = next(batches)
            learner.step(batch)
            watch.step(STREAM[0], number, steps)
        return time.process_time() - began

    ratios: dict[str, list[float]] = {way: [] for way in WAYS}
    inside = dict.fromkeys(WAYS, 0.0)
    with learner.state.random.active():
        # The first blocks warm up, and tell how many steps fit into one.
        for watch in watches.values():
            taken = block(watch, 300)
        size = max(1, round(300 * seconds / taken))
        for number in range(rounds):
            # Each way is first, second, … equally often, so that a drift of the machine is shared.
            shift = number % len(WAYS)
            order = [*WAYS][shift:] + [*WAYS][:shift]
            times = {way: block(watches[way], size) for way in order}
            for way, taken in times.items():
                ratios[way].append(taken / times["silent"])
        silent = statistics.median([block(watches["silent"], size) for _ in range(3)])
        for way, watch in timed.items():
            inside[way] = block(watch, size)
    # A line of a terminal takes what is printed as long as it is there.
    for watch in watches.values():
        watch.close()
    lines = []
    for way in list(WAYS)[1:]:
        quarters = statistics.quantiles(ratios[way], n=4)
        # A silent watch costs two looks at the clock of this script, which are taken off.
        spent = timed[way].seconds - timed["silent"].seconds
        share = max(spent, 0) / inside[way]
        lines.append(
            f"| {hidden} | {1e6 * silent / size:.0f} | {way} | {quarters[1]:.3f} "
            f"({quarters[0]:.3f} to {quarters[2]:.3f}) | {100 * share:.2f} % |"
        )
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--seconds", type=float, default=0.4, help="length of a block of steps")
    parser.add_argument("--write", action="store_true", help=f"write results/{RESULT.name}")
    options = parser.parse_args()
    torch.set_num_threads(1)
    # The line of a terminal, without a terminal.
    console = partial(rich.console.Console, file=io.StringIO(), force_terminal=True, width=80)
    rich.console.Console = lambda stderr: console()  # type: ignore[misc, assignment]
    lines = [
        f"Digits, batches of 32, 1 thread; torch {torch.__version__}; {platform.machine()} with "
        f"{os.cpu_count()} cores. Medians and quartiles of {options.rounds} interleaved rounds of "
        f"blocks of about {options.seconds:g} s.",
        "",
        "| units of the MLP | µs per step | progress | ratio to silent steps | inside progress |",
        "|---|---|---|---|---|",
    ]
    print("\n".join(lines), flush=True)
    for hidden in (64, 1024):
        for line in measure(hidden, options.rounds, options.seconds):
            lines.append(line)
            print(line, flush=True)
    if options.write:
        command = "`python benchmarks/progress_cost.py --write`"
        RESULT.write_text(f"# Cost of progress\n\n{command}\n\n" + "\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
