"""What is written out in JavaScript: objects, lists, texts and numbers. Nothing is run.

What only running it could tell is `Code`, its source: a function, a call, a name, a text with `${...}`.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from publisher.core.patterns import lazy
from publisher.sources.frontmatter.values import Value

MAX_TOKENS = 20_000
MAX_DEPTH = 40

# Each branch takes what never closes up to the end, so that no text takes longer than its length.
_TOKEN = lazy(
    r"(?P<space>\s+|//[^\n]*|/\*(?:[^*]|\*(?!/))*(?:\*/)?)"
    r"|(?P<text>\"(?:[^\"\\\n]|\\[\s\S])*\"?|'(?:[^'\\\n]|\\[\s\S])*'?|`(?:[^`\\]|\\[\s\S])*`?)"
    r"|(?P<word>[\w$.@+-]+)|(?P<sign>=>|[\s\S])"
)
_ESCAPE = lazy(r"\\(?:u([0-9A-Fa-f]{4})|\n|([\s\S]))")
_SHORT = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "v": "\v", "0": ""}
_NUMBER = lazy(r"[+-]?\d+(?:\.\d+)?")
_ENDS = frozenset({",", "}", "]", ";", ")", ""})
_OPEN, _CLOSE = frozenset("([{"), frozenset(")]}")


class JsCode(str):
    """An expression's source."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    start: int
    end: int


def exported(text: str) -> dict[str, Value] | None:
    """The object that a module gives out (`module.exports = {...}`, `export default {...}`, or what a
    function that it gives out returns), as far as it is written out; None: there is none.
    """
    tokens = _tokens(text)
    for at, token in enumerate(tokens):
        equals = token.text == "module.exports" and _text(tokens, at + 1) == "="
        if equals or (token.text == "default" and at and tokens[at - 1].text == "export"):
            start = _object(tokens, at + (2 if equals else 1))
            return _LiteralParser(text, tokens).object(start, 0)[0] if start >= 0 else None
    return None


def known(value: Value) -> Value:
    """`value` without what is Code."""
    if isinstance(value, JsCode):
        return None
    if isinstance(value, list):
        return [known(item) for item in value if not isinstance(item, JsCode)]
    if isinstance(value, dict):
        return {key: known(item) for key, item in value.items() if not isinstance(item, JsCode)}
    return value


def _tokens(text: str) -> list[_Token]:
    found: list[_Token] = []
    for match in _TOKEN.finditer(text):
        if match.lastgroup != "space":
            found.append(_Token(match.lastgroup or "", match[0], match.start(), match.end()))
        if len(found) >= MAX_TOKENS:
            break
    return found


def _text(tokens: Sequence[_Token], at: int) -> str:
    return tokens[at].text if at < len(tokens) else ""


def _object(tokens: Sequence[_Token], at: int) -> int:
    """Where the object begins that stands at `at`, or that the function there returns; -1: nowhere."""
    if _text(tokens, at) == "{":
        return at
    for here in range(at, len(tokens) - 1):
        before = (_text(tokens, here - 1), tokens[here].text)
        if tokens[here + 1].text == "{" and (before == ("=>", "(") or before[1] == "return"):
            return here + 1
    return -1


@dataclass(frozen=True, slots=True)
class _LiteralParser:
    """Reads values; each method takes where one begins and gives it with where the rest begins."""

    text: str
    tokens: Sequence[_Token]

    def object(self, at: int, depth: int) -> tuple[dict[str, Value], int]:
        found: dict[str, Value] = {}
        at += 1
        while _text(self.tokens, at) not in ("}", ""):
            token, after = self.tokens[at], _text(self.tokens, at + 1)
            named = token.kind in ("text", "word") and not token.text.startswith("...")
            key = _unquoted(token) if token.kind == "text" else token.text
            if named and after == ":":
                found[key], at = self.value(at + 2, depth + 1)
            else:
                end = self.past(at)
                if named and after == "(":
                    found[key] = JsCode(self.text[token.end : self.tokens[end - 1].end])
                at = end
            at += _text(self.tokens, at) == ","
        return found, at + 1

    def list(self, at: int, depth: int) -> tuple[list[Value], int]:
        found: list[Value] = []
        at += 1
        while _text(self.tokens, at) not in ("]", ""):
            item, at = self.value(at, depth + 1)
            found.append(item)
            at += _text(self.tokens, at) == ","
        return found, at + 1

    def value(self, at: int, depth: int) -> tuple[Value, int]:
        end = at
        value: Value = JsCode()
        if at < len(self.tokens) and depth < MAX_DEPTH:
            token = self.tokens[at]
            if token.text == "{":
                value, end = self.object(at, depth)
            elif token.text == "[":
                value, end = self.list(at, depth)
            else:
                value, end = _scalar(token), at + 1
        if isinstance(value, JsCode) or _text(self.tokens, end) not in _ENDS:
            end = self.past(at)
            return JsCode(
                self.text[self.tokens[at].start : self.tokens[end - 1].end] if end > at else ""
            ), end
        return value, end

    def past(self, at: int) -> int:
        """Where the expression at `at` has ended: at a comma, or what closes the whole. It is never empty,
        so that every loop goes on.
        """
        start, open_ = at, 0
        while at < len(self.tokens):
            sign = self.tokens[at].text
            if open_ == 0 and (sign in _CLOSE or sign == ",") and at > start:
                break
            open_ = max(open_ + (sign in _OPEN) - (sign in _CLOSE), 0)
            at += 1
        return at


def _scalar(token: _Token) -> Value:
    if token.kind == "text":
        whole = len(token.text) > 1 and token.text[-1] == token.text[0]
        return _unquoted(token) if whole and not (token.text[0] == "`" and "${" in token.text) else JsCode()
    if token.text in ("true", "false") or _NUMBER.fullmatch(token.text):
        return token.text
    return None if token.text in ("null", "undefined") else JsCode()


def _unquoted(token: _Token) -> str:
    return _ESCAPE.sub(_meant, token.text[1:-1])


def _meant(match: re.Match[str]) -> str:
    if match[1]:
        return chr(int(match[1], 16))
    return _SHORT.get(match[2], match[2]) if match[2] else ""
