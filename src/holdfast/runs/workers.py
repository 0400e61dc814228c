"""Worker processes that never outlive the process that started them."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar

from holdfast.errors import HoldfastError

if TYPE_CHECKING:
    from concurrent.futures import Future
    from multiprocessing.process import BaseProcess

    from joblib.externals.loky import ProcessPoolExecutor

GRACE = 3.0  # seconds for workers to end after they were told to
LOOK_INTO_RUNS = 0.5  # seconds between looks at how far workers are
LOOK_EVERY = 1.0  # seconds between looks at whether the parent is alive
# One thread per worker: torch is told so by the run, libraries below NumPy read these.
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
Result = TypeVar("Result")


def over_workers(
    function: Callable[..., Result],
    tasks: Sequence[tuple[object, ...]],
    jobs: int,
    look: Callable[[], None] | None = None,
) -> Iterator[Result]:
    """Call a function on every task, over worker processes.

    If this process is interrupted or ended by a signal, its workers are killed. If it is killed
    itself (`kill -9`), each worker sees that within seconds and ends.

    Args:
        function: A function of the top level of a module.
        tasks: The arguments of each call.
        jobs: Number of worker processes; with 1 the calls are made in this process.
        look: Called about twice per second while workers are busy. None: nothing is.

    Yields:
        What the calls return, in the order in which they end.

    Raises:
        HoldfastError: A worker process died.

    Example:
        >>> list(over_workers(abs, [(-1,), (2,)], jobs=1))
        [1, 2]
    """
    # A process for a single call would only take time to start.
    if jobs == 1 or len(tasks) <= 1:
        yield from (function(*task) for task in tasks)
        return
    from joblib.externals.loky.process_executor import BrokenProcessPool

    executor = _pool(min(jobs, len(tasks)))
    done = False
    try:
        yield from _as_they_end(executor, function, tasks, jobs, look)
        done = True
    except BrokenProcessPool:
        raise HoldfastError(
            "a worker process died (killed, or out of memory); finished runs are kept, and the "
            "same command continues from the newest checkpoints; use fewer --jobs if memory was "
            "short"
        ) from None
    finally:
        # Shutting down forgets the processes, so they are listed before.
        workers = list((executor._processes or {}).values())
        executor.shutdown(wait=done, kill_workers=not done)
        if not done:
            _see_end_of(workers)


def _pool(workers: int) -> "ProcessPoolExecutor":
    """Make a pool of processes that end with this one."""
    from joblib.externals.loky import ProcessPoolExecutor

    return ProcessPoolExecutor(
        max_workers=workers, initializer=_tie_to, initargs=(os.getpid(),), env=ONE_THREAD
    )


def _as_they_end(
    executor: "ProcessPoolExecutor",
    function: Callable[..., Result],
    tasks: Sequence[tuple[object, ...]],
    jobs: int,
    look: Callable[[], None] | None,
) -> Iterator[Result]:
    """Call a function on every task in the workers of a pool; yield each result as it is there."""
    from joblib.externals.loky import FIRST_COMPLETED, wait

    waiting = list(tasks)
    running: set[Future[Result]] = set()
    while waiting or running:
        # No task waits inside the pool, because a pool that is still handing out work may start a
        # worker while it is killed.
        while waiting and len(running) < jobs:
            running.add(executor.submit(function, *waiting.pop(0)))
        pause = None if look is None else LOOK_INTO_RUNS
        ended, running = wait(running, timeout=pause, return_when=FIRST_COMPLETED)
        if look is not None:
            look()
        yield from (future.result() for future in ended)


def _see_end_of(workers: Sequence["BaseProcess"]) -> None:
    """Wait until killed workers are gone, and kill again what is not: nothing may stay behind."""
    deadline = time.monotonic() + GRACE
    for worker in workers:
        # These errors mean that the worker has ended already.
        with suppress(OSError, ValueError, AssertionError):
            worker.join(max(0.0, deadline - time.monotonic()))
            if worker.is_alive() and worker.pid is not None:
                os.kill(worker.pid, signal.SIGKILL)


def _tie_to(parent: int) -> None:
    """Leave Ctrl-C to the parent, and end when the parent ends. Called in each new worker."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(LOOK_EVERY)
        os._exit(1)

    # Elsewhere a process keeps the number of its dead parent, so the end would not be seen.
    if os.name == "posix":
        threading.Thread(target=watch, daemon=True, name="holdfast-parent").start()
