"""Worker processes, by `concurrent.futures`.

Left to itself, its worker prints a traceback at Ctrl-C, and when the process that started it is killed it
stays for ever, with the locks that it inherited: the pipe it waits on is open in itself too. These do
neither.
"""

import os
import signal
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

if TYPE_CHECKING:
    from concurrent.futures import Future, ProcessPoolExecutor

StartMethod: TypeAlias = Literal["fork", "spawn"]
"""Always given, for Python's own choice depends on its version and the system. A fork starts in a millisecond
and needs no pickled arguments, but is safe only where no other thread runs; a spawned process is a fresh
Python.
"""


def start_pool(
    workers: int, method: StartMethod, prepare: Callable[..., object], *args: Any
) -> "tuple[ProcessPoolExecutor, Future[object]]":
    """A pool whose workers call `prepare(*args)` before anything else, and what is done once one of them has.

    A worker that dies breaks the pool: its futures raise BrokenProcessPool. Raises OSError: the system has no
    room for another process, or none of what processes need to wait for each other.
    """
    from concurrent.futures import ProcessPoolExecutor  # with all it needs, some 25 ms to load
    from multiprocessing import active_children, get_context

    try:
        pool = ProcessPoolExecutor(workers, get_context(method), _prepare_worker, (prepare, args))
    except (ImportError, NotImplementedError) as error:  # no semaphores, or too few
        raise OSError(str(error)) from error
    others = active_children()
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])  # processes inherit it
    try:
        return pool, pool.submit(object)  # the first task starts them
    except OSError:
        for worker in active_children():
            if worker not in others:  # it would wait for tasks, and we for its end
                worker.kill()
        raise
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def _prepare_worker(prepare: Callable[..., object], args: tuple[Any, ...]) -> None:
    from multiprocessing import parent_process

    def end_with_parent() -> None:
        if parent := parent_process():
            parent.join()
        os._exit(1)

    threading.Thread(target=end_with_parent, daemon=True).start()
    prepare(*args)
