"""What was made once and is used again: the least recently used goes first when there is no room."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock
from typing import Any, TypeVar

T = TypeVar("T")


def _one(_value: Any) -> int:
    return 1


class LruCache:
    """Values by key, up to `limit` of what `size_of` says of a value; without it, that many values. Only what
    depends on its key alone may be kept here. Safe to share between threads: two that ask for the same key at
    once may both make its value, and neither waits for the other.
    """

    def __init__(self, limit: int, size_of: Callable[[Any], int] = _one) -> None:
        self._limit, self._size_of = limit, size_of
        self._size = 0
        self._values: OrderedDict[Hashable, Any] = OrderedDict()
        self._lock = Lock()

    def get_or_make(self, key: Hashable, make: Callable[[], T]) -> T:
        """The value of `key`, made now where it is not known. A value larger than all there is room for is
        made each time.
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
