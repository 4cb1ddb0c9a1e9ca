"""Liquid expressions in conditions, as far as they can be known: `page.a == "b" and site.c contains "d"`.

As in Liquid, nil and false are false and everything else is true, even if it is empty. `and` and `or` have no
precedence and are evaluated from the right. What cannot be known is UNKNOWN, and so is what depends on it.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from typing import TypeAlias

from publisher.core.caching import lazy

_TOKEN = lazy(
    r"""\s*(?:(?P<text>"[^"]*"|'[^']*')|(?P<number>-?\d+(?:\.\d+)?(?![\w.]))|(?P<sign>==|!=|<>|<=|>=|<|>)"""
    r"""|(?P<name>[A-Za-z_][\w-]*(?:\.[A-Za-z_][\w-]*|\[(?:"[^"\]]*"|'[^'\]]*')\])*\??))"""
)
_STEP = lazy(r"""[A-Za-z_][\w-]*\??|"[^"]*"|'[^']*'""")
_SIGNS = ("==", "!=", "<>", "<=", ">=", "<", ">", "contains")
Token: TypeAlias = tuple[str, str]
"""The kind and the text of a token."""


class UnknownValue(Enum):
    """Special values: one that only the generator knows; one that is certainly not nil; Liquid's `empty` and
    `blank`.
    """

    UNKNOWN = "unknown"
    SOMETHING = "something"
    EMPTY = "empty"
    BLANK = "blank"


UNKNOWN = UnknownValue.UNKNOWN

LiquidValue: TypeAlias = (
    "str | bool | float | Sequence[LiquidValue] | Mapping[str, LiquidValue] | UnknownValue | None"
)

Lookup: TypeAlias = Callable[[Sequence[str]], LiquidValue]
"""The value of a variable by the words of its name: `page.a.b` is ("page", "a", "b")."""

_LITERALS: Mapping[str, LiquidValue] = {
    "true": True, "false": False, "nil": None, "null": None, "none": None,
    "empty": UnknownValue.EMPTY, "blank": UnknownValue.BLANK,
}  # fmt: skip


def evaluate_condition(text: str, lookup: Lookup) -> bool | None:
    """Whether the condition holds; None if that cannot be known or it is not Liquid."""
    tokens = tokenize(text)
    return evaluate_logic(tokens, lookup) if tokens else None


def evaluate_value(text: str, lookup: Lookup) -> LiquidValue:
    """The value of one literal or variable; UNKNOWN for anything else."""
    tokens = tokenize(text)
    return evaluate_term(tokens[0], lookup) if tokens and len(tokens) == 1 else UNKNOWN


def evaluate_values(text: str, lookup: Lookup) -> list[LiquidValue]:
    """The values of `{% when "a", b or "c" %}`."""
    parts = re.findall(r"""(?:"[^"]*"|'[^']*'|[^,"'])+""", text)
    return [
        evaluate_value(word, lookup)
        for part in parts
        for word in re.findall(r"""(?:"[^"]*"|'[^']*'|(?!\sor\s)[\s\S])+""", part)
    ]


def is_truthy(value: LiquidValue) -> bool | None:
    """Whether a value is true; None if unknown."""
    return None if value is UNKNOWN else not (value is None or value is False)


def values_equal(left: LiquidValue, right: LiquidValue) -> bool | None:
    """Whether two values are equal; None if unknown."""
    for one, other in ((left, right), (right, left)):
        if one is UnknownValue.EMPTY or one is UnknownValue.BLANK:
            return is_empty(other, blank=one is UnknownValue.BLANK)
    if isinstance(left, UnknownValue) or isinstance(right, UnknownValue):
        something = left is UnknownValue.SOMETHING or right is UnknownValue.SOMETHING
        return False if something and (left is None or right is None) else None
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    return left == right


def is_empty(value: LiquidValue, *, blank: bool) -> bool | None:
    """Whether a value equals Liquid's `empty`, or with `blank` its `blank`; None if unknown."""
    if isinstance(value, UnknownValue):
        return None
    if blank and (value is None or value is False):
        return True
    if isinstance(value, str):
        return not (value.strip() if blank else value)
    return isinstance(value, (Sequence, Mapping)) and not value


def tokenize(text: str) -> list[Token] | None:
    """The tokens of an expression; None if there is anything else in it."""
    found: list[Token] = []
    at, text = 0, text.strip()
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            return None
        found.append((match.lastgroup or "", match[match.lastgroup or 0]))
        at = match.end()
    return found


def evaluate_logic(tokens: list[Token], lookup: Lookup) -> bool | None:
    """Comparisons joined by `and` and `or`, which Liquid evaluates from right to left."""
    at = next((n for n, token in enumerate(tokens) if token in (("name", "and"), ("name", "or"))), None)
    if at is None:
        return evaluate_comparison(tokens, lookup)
    left, right = evaluate_comparison(tokens[:at], lookup), evaluate_logic(tokens[at + 1 :], lookup)
    short = tokens[at][1] == "or"  # the value that decides it whatever the other side is
    if short in (left, right):
        return short
    return None if left is None or right is None else not short


def evaluate_comparison(tokens: list[Token], lookup: Lookup) -> bool | None:
    if tokens[:1] == [("name", "not")]:
        inner = evaluate_comparison(tokens[1:], lookup)
        return None if inner is None else not inner
    if len(tokens) == 1:
        return is_truthy(evaluate_term(tokens[0], lookup))
    if len(tokens) != 3 or tokens[1][1] not in _SIGNS:
        return None
    left, right = evaluate_term(tokens[0], lookup), evaluate_term(tokens[2], lookup)
    match tokens[1][1]:
        case "==":
            return values_equal(left, right)
        case "!=" | "<>":
            same = values_equal(left, right)
            return None if same is None else not same
        case "contains":
            if left is None or right is None:
                return False
            if isinstance(left, UnknownValue) or isinstance(right, UnknownValue):
                return None
            if isinstance(left, str):
                return liquid_text(right) in left
            if isinstance(left, Mapping):
                return liquid_text(right) in left
            if isinstance(left, Sequence):
                found = [values_equal(item, right) for item in left]
                return True if True in found else None if None in found else False
            return False
        case sign:
            return compare_order(left, right, sign)


def liquid_text(value: LiquidValue) -> str:
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def compare_order(left: LiquidValue, right: LiquidValue, sign: str) -> bool | None:
    """`<`, `>`, `<=` and `>=` of two numbers or two texts; None if unknown."""
    if left is None or right is None:
        return False
    if isinstance(left, str) and isinstance(right, str):
        order = (left > right) - (left < right)
    elif isinstance(left, bool) or isinstance(right, bool):
        return None
    elif isinstance(left, (int, float)) and isinstance(right, (int, float)):
        order = (left > right) - (left < right)
    else:
        return None
    return {"<": order < 0, ">": order > 0, "<=": order <= 0, ">=": order >= 0}[sign]


def evaluate_term(token: Token, lookup: Lookup) -> LiquidValue:
    kind, text = token
    if kind == "text":
        return text[1:-1]
    if kind == "number":
        return float(text)
    if kind != "name":
        return UNKNOWN
    if text in _LITERALS:
        return _LITERALS[text]
    return lookup([step.strip("\"'") for step in _STEP.findall(text)])


def get_path(value: LiquidValue, steps: Sequence[str]) -> LiquidValue:
    """The value at the path `steps` within `value`."""
    for step in steps:
        if isinstance(value, UnknownValue):
            return UNKNOWN
        if isinstance(value, Mapping):
            value = value.get(step, float(len(value)) if step == "size" else None)
        elif isinstance(value, (str, Sequence)) and step == "size":
            value = float(len(value))
        elif isinstance(value, Sequence) and not isinstance(value, str) and step in ("first", "last"):
            value = value[0 if step == "first" else -1] if value else None
        else:
            value = None
    return value
