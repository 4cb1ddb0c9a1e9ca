"""What is made once and kept: a cache that evicts the least recently used value when it is full, and regular
expressions that are compiled when they are first used.

Compiling one takes up to a millisecond, and a command uses few of the hundreds that it loads: compiling all
of them would take a quarter of its start-up.
"""

import re
from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock
from typing import Any, AnyStr, TypeVar, cast

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

    def __contains__(self, key: Hashable) -> bool:
        with self._lock:
            return key in self._values

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


_MEMBERS = frozenset(name for name in dir(re.Pattern) if not name.startswith("_"))


class _Lazy:
    """A pattern that compiles itself when any of its members is first used, and then has the members of the
    compiled pattern.
    """

    def __init__(self, source: Any, flags: int) -> None:
        self._source, self._flags = source, flags

    def __getattr__(self, name: str) -> Any:
        if name not in _MEMBERS:
            raise AttributeError(name)
        pattern = re.compile(self._source, self._flags)
        vars(self).update({member: getattr(pattern, member) for member in _MEMBERS})
        return getattr(pattern, name)


def lazy(source: AnyStr, flags: int = 0) -> re.Pattern[AnyStr]:
    """Like `re.compile`, but compiled at the first use. It has every method and attribute of a pattern and is
    as quick. A mistake in `source` raises re.error at the first use (a test compiles all of them). The `re`
    of a match is the compiled pattern, not this object. Not for values that are sent to other processes.
    """
    return cast("re.Pattern[AnyStr]", _Lazy(source, flags))
