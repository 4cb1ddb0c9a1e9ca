"""Regular expressions that are compiled when they are first used.

To compile one takes up to a millisecond, and a command uses few of the hundreds that it loads: compiling them
all would be a quarter of its start.
"""

import re
from typing import Any, AnyStr, cast

_MEMBERS = frozenset(name for name in dir(re.Pattern) if not name.startswith("_"))


class _Lazy:
    """Stands for a pattern: whatever is asked of it first compiles it, and its members become those of it."""

    def __init__(self, source: Any, flags: int) -> None:
        self._source, self._flags = source, flags

    def __getattr__(self, name: str) -> Any:
        if name not in _MEMBERS:
            raise AttributeError(name)
        pattern = re.compile(self._source, self._flags)
        vars(self).update({member: getattr(pattern, member) for member in _MEMBERS})
        return getattr(pattern, name)


def lazy(source: AnyStr, flags: int = 0) -> re.Pattern[AnyStr]:
    """As `re.compile`, later. It has every method and attribute of a pattern and is as quick; a mistake in
    `source` raises re.error at the first use (a test compiles every one). The `re` of a match is the compiled
    pattern, not this. Not for values that travel to other processes.
    """
    return cast("re.Pattern[AnyStr]", _Lazy(source, flags))
