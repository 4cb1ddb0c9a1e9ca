"""Documents are staged by threads: packing one and waiting for the disk take as long as making the next."""

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager
from types import TracebackType

from publisher.core.errors import OutputError
from publisher.ports import Shelf

THREADS = 4
"""More than cores: most of the time the disk is waited for."""

MOST = 16
"""Documents in memory that are yet to be staged."""


class Staging(AbstractContextManager["Staging"]):
    """Stages the documents it is given; when its block ends, all are. Raises OutputError there or when it is
    given more; then nothing that was staged is left, so that a full disk has room again.
    """

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf
        self._pool: ThreadPoolExecutor | None = None
        self._under_way: deque[Future[None]] = deque()

    def stage(self, path: str, data: bytes) -> None:
        """Takes a document."""
        if len(self._under_way) >= MOST:
            self._under_way.popleft().result()
        self._pool = self._pool or ThreadPoolExecutor(max_workers=THREADS, thread_name_prefix="staging")
        self._under_way.append(self._pool.submit(self._shelf.stage, path, data))

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            while error is None and self._under_way:
                self._under_way.popleft().result()
        except OutputError as failed:
            error = failed
            raise
        finally:
            if self._pool is not None:
                self._pool.shutdown(cancel_futures=True)
            if isinstance(error, OutputError):
                self._shelf.sweep()
