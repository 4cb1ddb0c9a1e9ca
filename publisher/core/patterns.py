"""Regular expressions that are compiled when they are first used.

Compiling one takes up to a millisecond, and a command uses few of the hundreds that it loads: compiling all
of them would take a quarter of its start-up.
"""

import re
from typing import Any, AnyStr, cast

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
