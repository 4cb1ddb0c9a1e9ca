"""A bound on what one template may do: steps, processor time, and text. A template is its author's program:
two nested loops over `range(99999)` would otherwise keep `publisher run` from its work for hours.

Every turn of a loop, call, filter and include is a step, and so are every hundred characters made. What a
single operation could make of a small template ("x" * 10 ** 9) is refused before it is made.
"""

import re
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sized
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from typing import Any, cast

from jinja2 import Template, nodes
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.visitor import NodeTransformer

MAX_STEPS = 1_000_000
"""Turns of loops and filters of one rendering; a call counts as 5 of them, an include as 50."""

MAX_SECONDS = 5.0
"""Processor time of one rendering, in seconds. A busy machine does not change it."""

MAX_TEXT = 5_000_000
"""Characters of one text, and items of one list."""

MAX_NUMBER = 1_000_000
"""The largest width, count or precision that a call or filter is given."""

_CHARACTERS_A_STEP = 100
_STEPS_A_LOOK = 500
"""Steps between two looks at the clock."""

_PADDING = frozenset(
    {"center", "expandtabs", "indent", "ljust", "rjust", "round", "slice", "batch", "wordwrap", "zfill"}
)
"""Methods and filters that do work in proportion to a number that they are given."""

_WIDE_FORMAT = re.compile(r"\d{7}|%[^%a-zA-Z]*\*")


class TooMuchWork(Exception):
    """A template goes beyond a limit."""


class Work:
    """What one rendering has done."""

    def __init__(self) -> None:
        self._steps = 0
        self._next_look = _STEPS_A_LOOK
        self._ends = time.thread_time() + MAX_SECONDS

    def add(self, steps: int) -> None:
        """Counts `steps`. Raises TooMuchWork."""
        self._steps += steps
        if self._steps < self._next_look:
            return
        if self._steps > MAX_STEPS:
            raise TooMuchWork(f"does more than {MAX_STEPS:,} steps (turns of loops, and calls)")
        if time.thread_time() > self._ends:
            raise TooMuchWork(f"takes more than {MAX_SECONDS:g} seconds")
        self._next_look = self._steps + _STEPS_A_LOOK


_current: ContextVar[Work | None] = ContextVar("work", default=None)


@contextmanager
def bounded_work() -> Generator[None, None, None]:
    """Bounds what templates do while the block runs."""
    token = _current.set(Work())
    try:
        yield
    finally:
        _current.reset(token)


def _spend(steps: int) -> None:
    if (work := _current.get()) is not None:
        work.add(steps)


def _checked(value: Any) -> Any:
    """`value`, whose size is counted. Raises TooMuchWork."""
    size = len(value) if type(value).__module__ == "builtins" and hasattr(value, "__len__") else 0
    if isinstance(value, str):
        size = len(value)
    if size > MAX_TEXT:
        raise TooMuchWork(f"makes a text or list of more than {MAX_TEXT:,} characters or items")
    if size > _CHARACTERS_A_STEP:
        _spend(size // _CHARACTERS_A_STEP)
    return value


def _turns(values: Iterable[object]) -> Iterator[object]:
    """The items of a loop, each counted."""
    for value in values:
        _spend(1)
        yield value


def _refuse_large(name: str, subject: object, given: tuple[object, ...]) -> None:
    """Raises TooMuchWork for a call that would make far more than its template holds."""
    if name in _PADDING and any(isinstance(n, int | float) and abs(n) > MAX_NUMBER for n in given):
        raise TooMuchWork(f"gives {name} a number above {MAX_NUMBER:,}")
    if name == "replace" and isinstance(subject, str) and len(given) >= 2:
        old, new = str(given[0]), str(given[1])
        if subject.count(old) * len(new) > MAX_TEXT:
            raise TooMuchWork(f"makes a text of more than {MAX_TEXT:,} characters")
    if name == "join" and given:
        separator, items = (subject, given[0]) if isinstance(subject, str) else (given[0], subject)
        if isinstance(items, Sized) and len(items) * len(str(separator)) > MAX_TEXT:
            raise TooMuchWork(f"makes a text of more than {MAX_TEXT:,} characters")
    if name == "format" and isinstance(subject, str):
        _refuse_wide(subject)


def _refuse_wide(pattern: str) -> None:
    if _WIDE_FORMAT.search(pattern):
        raise TooMuchWork("has a format that is too wide")


def bounded_filter(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """A filter whose work is counted."""
    first = 1 if hasattr(function, "jinja_pass_arg") else 0

    @wraps(function)
    def counted(*given: Any, **named: Any) -> Any:
        _spend(1)
        if len(given) > first:
            _refuse_large(name, given[first], (*given[first + 1 :], *named.values()))
        return _checked(function(*given, **named))

    return counted


class _CountWork(NodeTransformer):
    """Makes the loops of a template, and the texts that it joins with `~`, count."""

    def visit_For(self, node: nodes.For) -> nodes.Node:  # noqa: N802  # Jinja finds it by this name
        self.generic_visit(node)
        assert isinstance(node.iter, nodes.Expr)  # noqa: S101  # Jinja's grammar
        node.iter = _filtered(node.iter, "_turns")
        return node

    def visit_Concat(self, node: nodes.Concat) -> nodes.Node:  # noqa: N802  # as above
        self.generic_visit(node)
        return _filtered(node, "_checked")


def _filtered(node: nodes.Expr, name: str) -> nodes.Filter:
    return nodes.Filter(node, name, [], [], None, None, lineno=node.lineno, environment=node.environment)


class BoundedEnvironment(ImmutableSandboxedEnvironment):
    """Jinja's sandbox, which counts what a template does."""

    intercepted_binops = frozenset({"+", "*", "**", "%"})

    def __init__(self, **options: Any) -> None:
        super().__init__(finalize=_checked, **options)
        self.globals.pop("lipsum", None)  # as long as its argument says

    def bound_filters(self) -> None:
        """Makes the filters count; called once all of them are there."""
        self.filters = {name: bounded_filter(name, function) for name, function in self.filters.items()}
        self.filters |= {"_turns": _turns, "_checked": _checked}

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        tree = super()._parse(source, name, filename)
        _CountWork().visit(tree)
        return tree

    def get_template(self, name: str | Template, *given: Any, **named: Any) -> Template:
        _spend(50)
        return super().get_template(name, *given, **named)

    def call(self, context: Context, obj: Any, /, *given: Any, **named: Any) -> Any:
        _spend(5)
        _refuse_large(getattr(obj, "__name__", ""), getattr(obj, "__self__", None), given)
        return _checked(super().call(context, obj, *given, **named))

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        if operator == "*":
            for one, times in ((left, right), (right, left)):
                if isinstance(one, str | list | tuple) and isinstance(times, int):
                    _refuse_size(len(cast("Sized", one)) * times)
        if operator in {"*", "**"} and isinstance(left, int) and isinstance(right, int):
            bits = left.bit_length() * right if operator == "**" else left.bit_length() + right.bit_length()
            _refuse_size(bits)
        if operator == "%" and isinstance(left, str):
            _refuse_wide(left)
        return _checked(super().call_binop(context, operator, left, right))

    @staticmethod
    def concat(parts: Iterable[str]) -> str:
        """The text of `parts`. Raises TooMuchWork before it is longer than MAX_TEXT."""
        kept: list[str] = []
        size = 0
        for part in parts:
            size += len(part)
            if size > MAX_TEXT:
                raise TooMuchWork(f"makes a text of more than {MAX_TEXT:,} characters")
            kept.append(part)
        _spend(size // _CHARACTERS_A_STEP)
        return "".join(kept)


def _refuse_size(size: int) -> None:
    if size > MAX_TEXT:
        raise TooMuchWork(f"makes a text, list or number of more than {MAX_TEXT:,} characters or items")
