"""Bodies that were made safe, kept by what they were made of: feeds, pages and mails show the same ones."""

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable

LIMIT = 16_000_000
"""Characters of HTML that are kept; the longest unused go first."""


class Kept:
    """Texts by their inputs, within a number of characters. Safe to share between threads."""

    def __init__(self, limit: int = LIMIT) -> None:
        self._limit = limit
        self._size = 0
        self._texts: OrderedDict[bytes, str] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, inputs: tuple[object, ...], make: Callable[[], str]) -> str:
        """What `make` made of equal `inputs` before, else what it makes now. They are told apart by repr."""
        name = hashlib.sha256(repr(inputs).encode("utf-8", "surrogatepass")).digest()
        with self._lock:
            found = self._texts.get(name)
            if found is not None:
                self._texts.move_to_end(name)
                return found
        made = make()
        with self._lock:
            self._size += len(made) - len(self._texts.get(name, ""))
            self._texts[name] = made
            while self._size > self._limit:
                self._size -= len(self._texts.popitem(last=False)[1])
        return made
