"""A cache that evicts the least recently used value when it is full."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock
from typing import Any, TypeVar

T = TypeVar("T")


class LruCache:
    """Values by key, up to a total of `limit` as `size_of` measures each value; by default, that many values.
    A value must depend on its key alone. Safe to share between threads: two that ask for the same key at once
    may both make its value, and neither waits for the other.
    """

    def __init__(self, limit: int, size_of: Callable[[Any], int] = lambda _: 1) -> None:
        self._limit, self._size_of = limit, size_of
        self._size = 0
        self._values: OrderedDict[Hashable, Any] = OrderedDict()
        self._lock = Lock()

    def get_or_make(self, key: Hashable, make: Callable[[], T]) -> T:
        """The value of `key`, made now if it is not cached. A value larger than `limit` is made every
        time.
        """
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
                found: T = self._values[key]
                return found
        made = make()
        with self._lock:
            if key in self._values:
                self._size -= self._size_of(self._values.pop(key))
            self._values[key] = made
            self._size += self._size_of(made)
            while self._size > self._limit:
                self._size -= self._size_of(self._values.popitem(last=False)[1])
        return made
