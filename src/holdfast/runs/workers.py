"""Worker processes that never outlive the process that started them."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Any

from holdfast.errors import HoldfastError

GRACE = 3.0  # seconds for workers to end after they were told to
LOOK_EVERY = 1.0  # seconds between looks at whether the parent is alive
# One thread per worker: torch is told so by the run, libraries below NumPy read these.
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


def over_workers(
    function: Callable[..., Any], tasks: Sequence[tuple[Any, ...]], jobs: int
) -> Iterator[Any]:
    """Call a function on every task, over worker processes.

    If this process is interrupted or ended by a signal, its workers are killed. If it dies without a
    chance to do so (`kill -9`), each worker sees that within seconds and ends itself.

    Args:
        function: A function of the top level of a module.
        tasks: The arguments of each call.
        jobs: Number of worker processes; with 1 the calls are made in this process.

    Yields:
        What the calls return, in the order in which they end.

    Raises:
        HoldfastError: A worker process died.
    """
    if jobs == 1 or len(tasks) <= 1:
        yield from (function(*task) for task in tasks)
        return
    from joblib.externals.loky import FIRST_COMPLETED, ProcessPoolExecutor, wait
    from joblib.externals.loky.process_executor import BrokenProcessPool

    executor = ProcessPoolExecutor(
        max_workers=min(jobs, len(tasks)),
        initializer=_tie_to,
        initargs=(os.getpid(),),
        env=ONE_THREAD,
    )
    done = False
    try:
        waiting, running = list(tasks), set[Any]()
        while waiting or running:
            while (
                waiting and len(running) < jobs
            ):  # no more, or killing the pool could find it busy
                running.add(executor.submit(function, *waiting.pop(0)))
            ended, running = wait(running, return_when=FIRST_COMPLETED)
            yield from (future.result() for future in ended)
        done = True
    except BrokenProcessPool:
        raise HoldfastError(
            "a worker process died (killed, or out of memory); finished runs are kept, and the same "
            "command continues from the newest checkpoints; use fewer --jobs if memory was short"
        ) from None
    finally:
        workers = list((executor._processes or {}).values())
        executor.shutdown(wait=done, kill_workers=not done)
        if not done:
            _see_end_of(workers)


def _see_end_of(workers: Sequence[Any]) -> None:
    """Wait until killed workers are gone; kill again what is not, because nothing may stay behind."""
    deadline = time.monotonic() + GRACE
    for worker in workers:
        with suppress(OSError, ValueError, AssertionError):  # it has ended already
            worker.join(max(0.0, deadline - time.monotonic()))
            if worker.is_alive():
                os.kill(worker.pid, signal.SIGKILL)


def _tie_to(parent: int) -> None:
    """Runs in a new worker: Ctrl-C is the parent's to handle, and the parent's end is the worker's."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(LOOK_EVERY)
        os._exit(1)

    if os.name == "posix":  # elsewhere a process keeps the number of its parent for ever
        threading.Thread(target=watch, daemon=True, name="holdfast-parent").start()
