"""`{% if %}`, `{% unless %}` and `{% case %}` in bodies: keeps the branch that the generator would show.

Front matter (`page.`) and the configuration (`site.`) decide. What they do not set is nil, and so false;
`jekyll.environment` is "production". If only the generator could decide a condition, its else branch is
shown, with a warning. Both branches are never shown, because one of them may be what the author hides.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from publisher.core.caching import lazy
from publisher.core.posts.markdown_regions import blank_code, blank_literal_regions
from publisher.sources.frontmatter.values import FrontMatter, Quoted, Value, fold, scalars, word_set
from publisher.sources.liquid.expressions import (
    UNKNOWN,
    LiquidValue,
    UnknownValue,
    evaluate_condition,
    evaluate_value,
    evaluate_values,
    get_path,
    values_equal,
)

PROFILES = frozenset({"jekyll", "eleventy", "hexo", "none", "auto"})
"""Generators that run such tags in posts; for others they are text."""

_TAG = lazy(
    r"\{%-?\s{0,99}(?P<name>if|elsif|elseif|elif|else|endif|unless|endunless|case|when|endcase|for|endfor|assign"
    r"|set|capture)\b(?P<words>(?:[^%{]|%(?!\})|\{(?!%)){0,2000}?)-?%\}"
)
_COMMENT = lazy(r"\{#[-\s](?:(?!\{#)[\s\S]){0,5000}?#\}")
_ASSIGNED = lazy(r"\s*([\w-]+)\s*=\s*(.+?)\s*\Z", re.DOTALL)
_ENDS = {"endif": "if", "endunless": "unless", "endcase": "case", "endfor": "for"}
_NUMBER = lazy(r"-?\d+(?:\.\d+)?")
_DATE = lazy(r"\d{4}-\d\d?-\d\d?\b.*")

_TRUE, _FALSE = frozenset({"true", "yes", "on"}), frozenset({"false", "no", "off"})
_ALWAYS_SET = word_set("title url id date content path name slug relative_path excerpt ext")
"""What all of Jekyll's posts have, with values that we do not know."""
_UNKNOWN_FIELDS = word_set("next previous dir output")
_ELEVENTY_FIELDS = word_set(
    "url date inputPath fileSlug filePathStem outputPath outputFileExtension templateSyntax lang rawInput"
)
_GENERATED_FIELDS = word_set(
    "time posts pages related_posts static_files html_pages html_files data collections documents categories"
    " tags github source destination collections_dir cache_dir plugins_dir layouts_dir data_dir includes_dir"
    " safe include exclude keep_files encoding markdown_ext strict_front_matter limit_posts future"
    " unpublished whitelist plugins markdown highlighter lsi excerpt_separator incremental detach port host"
    " permalink show_dir_listing paginate_path timezone quiet verbose defaults liquid kramdown"
)
"""What `site.` has besides the configuration."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LiquidScope:
    """What a post's conditions are decided by. `given` is its own front matter, `head` the text of that, and
    `front` the front matter with the site's defaults. `site` is the configuration by its keys as written, and
    `page` what is known of Eleventy's `page`.
    """

    given: FrontMatter
    front: FrontMatter
    head: str
    site: Mapping[str, Value]
    profile: str
    page: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(slots=True)
class _Frame:
    """An open condition or loop: whether the text around it is shown (`above`), whether a branch was taken,
    whether the current one is shown, and the value of a case.
    """

    kind: str
    above: bool
    taken: bool = False
    shown: bool = True
    value: LiquidValue = None


def resolve_conditions(body: str, scope: LiquidScope, *, markdown: bool) -> tuple[str, list[tuple[int, str]]]:
    """`body` with one branch of each condition and all its line breaks; and (line from 1, tag) of conditions
    that only the generator could decide. Code stays as it is.
    """
    if "{%" not in body or not any(f"{kind} " in body for kind in ("if", "unless", "case")):
        return body, []
    if scope.profile not in PROFILES or scope.front.flag("render_with_liquid") is False:
        return body, []
    prose = blank_literal_regions(blank_code(body) if markdown else body)
    return _ConditionPass(body, scope).run(prose)


def strip_comments(body: str, *, markdown: bool) -> str:
    """`body` without Nunjucks comments, `{# ... #}`, but with all its line breaks. Code stays."""
    prose = blank_literal_regions(blank_code(body) if markdown else body)
    parts: list[str] = []
    at = 0
    for match in _COMMENT.finditer(prose):
        parts += [body[at : match.start()], "\n" * match[0].count("\n")]
        at = match.end()
    return "".join([*parts, body[at:]])


@dataclass(slots=True)
class _ConditionPass:
    """One pass through a body. `assigned` are variables of its own."""

    body: str
    scope: LiquidScope
    frames: list[_Frame] = field(default_factory=list[_Frame])
    assigned: dict[str, LiquidValue] = field(default_factory=dict[str, LiquidValue])
    unknown: list[tuple[int, str]] = field(default_factory=list[tuple[int, str]])
    parts: list[str] = field(default_factory=list[str])

    def run(self, prose: str) -> tuple[str, list[tuple[int, str]]]:
        """The text that is shown, and the conditions that could not be decided; `prose` is the body with its
        code blanked.
        """
        at = 0
        for tag in _TAG.finditer(prose):
            self.emit(at, tag.start(), shown=self.is_visible())
            stays = not self.handle_tag(tag)
            self.emit(tag.start(), tag.end(), shown=stays and self.is_visible())
            at = tag.end()
        self.emit(at, len(self.body), shown=self.is_visible())
        return "".join(self.parts), self.unknown

    def emit(self, start: int, end: int, *, shown: bool) -> None:
        self.parts.append(self.body[start:end] if shown else "\n" * self.body.count("\n", start, end))

    def is_visible(self) -> bool:
        return all(frame.shown for frame in self.frames)

    def handle_tag(self, tag: re.Match[str]) -> bool:
        """Handles a tag; returns whether it belongs to a condition and so is not shown."""
        name, top = tag["name"], self.frames[-1] if self.frames else None
        match name:
            case "if" | "unless" | "case":
                self.open_condition(name, tag)
            case "elsif" | "elseif" | "elif" if top and top.kind in ("if", "unless"):
                self.take_branch(top, tag, self.holds(tag) if top.above and not top.taken else False)
            case "when" if top and top.kind == "case":
                holds: bool | None = False
                if top.above and not top.taken:
                    values = evaluate_values(tag["words"], self.lookup)
                    same = [values_equal(top.value, value) for value in values]
                    holds = True if True in same else None if None in same else False
                self.take_branch(top, tag, holds)
            case "else" if top and top.kind != "for":
                top.shown = top.above and not top.taken
                top.taken = True
            case "for":
                self.frames.append(_Frame("for", above=self.is_visible()))
                self.assigned[(tag["words"].split() or [""])[0]] = UNKNOWN
                return False
            case "endif" | "endunless" | "endcase" | "endfor":
                kind = _ENDS[name]
                if all(frame.kind != kind for frame in self.frames):
                    return False
                while self.frames.pop().kind != kind:
                    pass
                return kind != "for"
            case "assign" | "set" | "capture":
                self.assign(tag["words"], known=name != "capture")
                return False
            case _:
                return False
        return True

    def open_condition(self, name: str, tag: re.Match[str]) -> None:
        frame = _Frame(name, above=self.is_visible(), shown=False)
        if frame.above and name == "case":
            frame.value = evaluate_value(tag["words"], self.lookup)
        elif frame.above:
            found = self.holds(tag)
            self.take_branch(frame, tag, found if found is None else found is (name == "if"))
        self.frames.append(frame)

    def take_branch(self, frame: _Frame, tag: re.Match[str], holds: bool | None) -> None:
        """Enters the next branch of a condition. If `holds` is None, nobody knows, and it is not shown."""
        if holds is None:
            line = 1 + self.body.count("\n", 0, tag.start())
            self.unknown.append((line, " ".join(tag[0].split())))
        frame.shown = holds is True
        frame.taken = frame.taken or frame.shown

    def holds(self, tag: re.Match[str]) -> bool | None:
        return evaluate_condition(tag["words"], self.lookup)

    def assign(self, words: str, *, known: bool) -> None:
        """Assigns a variable. It is known unless it is captured, or assigned in a loop."""
        match = _ASSIGNED.match(words)
        name = match[1] if match else (words.split() or [""])[0]
        if not self.is_visible():
            return
        once = known and match is not None and all(frame.kind != "for" for frame in self.frames)
        self.assigned[name] = evaluate_value(match[2], self.lookup) if match and once else UNKNOWN

    def lookup(self, steps: Sequence[str]) -> LiquidValue:
        first, *rest = steps
        first = first.rstrip("?")
        jekyll = self.scope.profile not in ("eleventy", "hexo")
        if first in self.assigned:
            return get_path(self.assigned[first], rest)
        if first == "page" and rest and self.scope.profile == "hexo":
            return None  # whose posts know their front matter by its bare names alone
        if first == "page" and rest:
            return get_path(self.page_value(rest[0]), rest[1:])
        if first == "site" and rest and jekyll:
            return get_path(self.site_value(rest[0]), rest[1:])
        if first == "jekyll" and jekyll:
            return "production" if rest == ["environment"] else UNKNOWN
        if first in ("page", "site", "layout", "content", "theme", "forloop"):
            return UNKNOWN
        if jekyll:
            return None  # a post has no other variables
        found = self.front_value(first)
        return get_path(found, rest) if found is not None else UNKNOWN

    def page_value(self, name: str) -> LiquidValue:
        if self.scope.profile == "eleventy":  # whose front matter has no such name before it
            known = self.scope.page.get(name)
            return (
                known if known is not None else UnknownValue.SOMETHING if name in _ELEVENTY_FIELDS else None
            )
        if name in ("tags", "categories"):
            value = self.scope.front.get(name, name.replace("ies", "y").removesuffix("s"))
            return value.split() if isinstance(value, str) else scalars(value)
        found = self.front_value(name)
        if found is not None:
            return found
        if name == "collection":
            return "posts"
        return UnknownValue.SOMETHING if name in _ALWAYS_SET else UNKNOWN if name in _UNKNOWN_FIELDS else None

    def front_value(self, name: str) -> LiquidValue:
        """The front matter under exactly this name: for Liquid, `Draft` is not `draft`."""
        value, own = self.scope.front.values.get(fold(name)), fold(name) in self.scope.given.values
        if own and not re.search(rf"""(?<![\w-]){re.escape(name)}["']?\s*[:=]""", self.scope.head):
            return None
        return typed_value(value)

    def site_value(self, name: str) -> LiquidValue:
        made = self.scope.site.get("collections")
        collections = made if isinstance(made, dict) else scalars(made)
        if name in collections or name in ("posts", "data", "collections", "github"):
            return UNKNOWN
        if name in self.scope.site:
            return typed_value(self.scope.site[name])
        return UNKNOWN if name in _GENERATED_FIELDS else "" if name == "baseurl" else None


def typed_value(value: Value) -> LiquidValue:
    """A value with YAML's types; front matter keeps scalars as text."""
    if isinstance(value, list):
        return [typed_value(item) for item in value]
    if isinstance(value, dict):
        return {key: typed_value(item) for key, item in value.items()}
    if value is None or isinstance(value, Quoted):
        return value
    word = value.strip().casefold()
    if word in _TRUE or word in _FALSE:
        return word in _TRUE
    if _NUMBER.fullmatch(word):
        return float(word)
    return UnknownValue.SOMETHING if _DATE.fullmatch(word) else value
