"""Bodies go to the store while files are read: one batch is written while the next is filled."""

from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager
from types import TracebackType

from publisher.ports import Store

BATCH = 4_000_000
"""Characters of bodies that are written at once; twice as many are held."""


class BodyWriter(AbstractContextManager["BodyWriter"]):
    """Stores the bodies it is given; when its block ends, all are. Raises StoreError, OutputError there or
    when it is given more.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._bodies: dict[str, str] = {}
        self._size = 0
        self._pool: ThreadPoolExecutor | None = None
        self._writing: Future[None] | None = None

    def keep(self, hash: str, body: str) -> None:
        """Takes the body of that hash."""
        self._bodies[hash] = body
        self._size += len(body)
        if self._size > BATCH:
            self._write()

    def _write(self) -> None:
        """The disk is waited for by another thread; there is none where one batch is all."""
        self._settle()
        self._pool = self._pool or ThreadPoolExecutor(max_workers=1, thread_name_prefix="bodies")
        self._writing = self._pool.submit(self._store.keep_bodies, self._bodies)
        self._bodies, self._size = {}, 0

    def _settle(self) -> None:
        if self._writing is not None:
            self._writing.result()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if kind is None:
                self._settle()
                if self._bodies:
                    self._store.keep_bodies(self._bodies)
        finally:
            if self._pool is not None:
                self._pool.shutdown()
