"""Eleventy: permalinks that are templates, the input folder, and data files.

Eleventy's own filters and those of its template languages are known. Any other filter is the blog's own code,
which is never run; but if it formats a date, its pattern tells how: `{{ page.date | dateFormat("yyyy/MM") }}`
has Luxon's tokens, `"YYYY/MM"` those of Moment and Day.js.

Data files hold front matter that posts need not repeat:

    _data/metadata.json, _data/site.json                 for the blog: its `language` and its `author`
    posts/posts.json, posts/posts.11tydata.json          for a folder; it overrides the folders above it
    posts/low-tide.json, posts/low-tide.11tydata.json    for the post beside it; it overrides the folder's

A data file may be code (posts/posts.11tydata.js), which is never run: the literal values in it are read, and
if there is more in the file, the user is told.
"""

import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import product
from pathlib import Path, PurePosixPath

from publisher.core.caching import lazy
from publisher.sources.fields.permalinks import DATE_WORDS, PermalinkFacts, expand_strftime, undated_name
from publisher.sources.frontmatter.values import (
    COLLECTED,
    COMPUTED,
    Defaults,
    Value,
    fold,
    folded_map,
    scalars,
    word_set,
)
from publisher.sources.generators import profiles
from publisher.sources.generators.js_literals import JsCode, exported, known
from publisher.sources.source_rules import SourceRules, read_config_map, read_text

_TEMPLATE = lazy(r"\{\{-?\s*([^{}]{1,200}?)\s*-?\}\}")
_QUOTED = lazy(r"\"[^\"]*\"|'[^']*'")
_OR = lazy(r"\s*(?:\|\||\?\?)\s*|\s+or\s+")
_NAME = lazy(r"[A-Za-z_]\w*")
_TEXT = lazy(r"`((?:[^`\\]|\\[\s\S]){0,500})`|\"([^\"\\\n]{0,500})\"|'([^'\\\n]{0,500})'")
_PLACE = lazy(r"\$\{\s*([^{}]{1,200}?)\s*\}")
_CALL = lazy(r"((?:\w+\.)*)(slug(?:ify)?)\(\s*(.*?)\s*\)")
_DATA = lazy(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*(?:\(\))?")
_FUNCTION = lazy(
    r"(?:async\s{1,9})?(?:function\b\s{0,9}\w{0,60}\s{0,9})?"
    r"(?:\(\s{0,9}(?:(?P<given>\w{1,60})|\{(?P<names>[\w\s,]{0,300})\})?(?:\s{0,9}=\s{0,9}\{\s{0,9}\})?\s{0,9}\)"
    r"|(?P<alone>\w{1,60}))\s{0,9}(?:=>)?\s{0,9}(?P<value>\S[\s\S]{0,2000})"
)
_DRAFT = r"(?:\w+\??\.)?draft\b(?:\s*&&[^?|{}\n]{0,200})?"
_DRAFT_GUARD = lazy(
    rf"^\s*if\s*\(\s*{_DRAFT}\s*\)\s*(?:\{{\s*return\s+false\s*;?\s*\}}|return\s+false\s*;)", re.MULTILINE
)
_DRAFT_TERNARY = lazy(rf"^{_DRAFT}\s*\?\s*false\s*:\s*")
_RETURN = lazy(r"return\b\s*(\S[\s\S]*?)\s*;?\s*")
_INPUT = lazy(
    r"""(?:\bdir\s*:\s*\{[^{}]{0,500}?\binput\s*:|\bsetInputDirectory\()\s*["'`]([^"'`${}\n]*)["'`]"""
)
_COMMAND_INPUT = lazy(r"""\beleventy\s[^"\n]{0,200}?--input[= ]\\?['"]?([\w./-]+)""")
_FILTER = lazy(r"""([A-Za-z_]\w*)\s*(?::\s*(.*)|\(\s*(.*?)\s*\))?""", re.DOTALL)
_ARGUMENT = lazy(r"""\s*(?:"([^"]*)"|'([^']*)')\s*(?:,|$)""")
_TOKEN = lazy(r"y+|Y+|M+|L+|d+|D+|[A-Za-z]")
_LUXON = {
    "yyyy": "year", "yy": "short_year", "MM": "month", "LL": "month", "M": "i_month", "L": "i_month",
    "dd": "day", "d": "i_day",
}  # fmt: skip
_MOMENT = {
    "YYYY": "year", "YY": "short_year", "MM": "month", "M": "i_month", "DD": "day", "D": "i_day",
}  # fmt: skip
_NO_OP_FILTERS = frozenset({"url", "safe", "string"})
_TEXT_FILTERS: Mapping[str, Callable[[str], str]] = {
    "slugify": profiles.slugify_filter,
    "slug": profiles.slug_filter,
    "downcase": str.lower,
    "lower": str.lower,
    "upcase": str.upper,
    "upper": str.upper,
    "strip": str.strip,
    "trim": str.strip,
}
_FILTERS_WITH_ARGUMENTS: Mapping[str, Callable[[str, list[str]], str]] = {
    "append": lambda text, given: text + given[0],
    "prepend": lambda text, given: given[0] + text,
    "remove": lambda text, given: text.replace(given[0], ""),
    "replace": lambda text, given: text.replace(given[0], given[1]),
    "default": lambda text, given: text or given[0],
}

_VARIABLES: Mapping[str, Callable[[PermalinkFacts], str]] = {
    "page.fileSlug": lambda facts: undated_name(facts.path),
    "page.filePathStem": lambda facts: facts.stem,
    "slug": lambda facts: facts.front.text("slug"),
    "title": lambda facts: facts.title,
    "page.date.getFullYear()": lambda facts: f"{facts.local:%Y}" if facts.local else "",
    "page.date.getUTCFullYear()": lambda facts: f"{facts.local:%Y}" if facts.local else "",
    "page.lang": lambda facts: facts.language,
}

CODE_ENDS = (".js", ".cjs", ".mjs", ".ts")

_KEYS_WE_READ = word_set(
    "permalink tags author authors lang language locale date draft title slug categories"
)

MAX_FOLDERS = 2_000
"""The most folders whose data files are read."""

_COLLECTION_TAGS = frozenset({"all", "post", "posts", "blog"})
"""Tags that only make a collection of all posts, and are no tags for readers."""

_DATA_MARK = ".11tydata."
_ENDS = (".json", ".11tydata.json", *(f".11tydata{end}" for end in CODE_ENDS))


def expand_permalink(template: str, facts: PermalinkFacts) -> tuple[str | None, str]:
    """The permalink that `template` makes, and ""; or None and the reason, if only Eleventy could know it."""
    unknown: list[str] = []

    def shown(match: re.Match[str]) -> str:
        value, why = expression_value(match[1], facts)
        if why:
            unknown.append(why)
        return value

    made = _TEMPLATE.sub(shown, template)
    if "{" in made and not unknown:
        unknown.append("template code")
    return (None, unknown[0]) if unknown else (made, "")


def expression_value(expression: str, facts: PermalinkFacts) -> tuple[str, str]:
    """What `{{ expression }}` shows, and ""; or "" and why only Eleventy could know it."""
    name, *filters = (part.strip() for part in _OR.sub(" or ", expression).split("|"))
    value: str | None
    if name in ("page.date", "date") and filters and facts.local:
        date_filter, *filters = filters
        if (value := apply_date_filter(facts.local, date_filter)) is None:
            return "", f"the filter {parse_filter(date_filter)[0]!r}, which is code"
    else:
        value = next((found for part in name.split(" or ") if (found := plain_value(part, facts))), "")
    for one in filters:
        if (value := apply_text_filter(value, one)) is None:
            return "", f"the filter {parse_filter(one)[0]!r}, which is code"
    return (value, "") if value else ("", f"{name[:40]!r}, which has no plain value")


def plain_value(name: str, facts: PermalinkFacts) -> str:
    """The text of a quoted literal, a variable of Eleventy's or a key of the front matter; else ""."""
    if _QUOTED.fullmatch(name):
        return name[1:-1]
    if name in _VARIABLES:
        return _VARIABLES[name](facts)
    return facts.front.text(name) if _NAME.fullmatch(name) else ""


def input_folder(config: str, package: str) -> str | None:
    """The folder where URLs begin, by the configuration or by the command in package.json: "src", or "" for
    the root itself; None if neither sets it.
    """
    found = _INPUT.search(config) or _COMMAND_INPUT.search(package)
    return "/".join(part for part in found[1].split("/") if part not in ("", ".")) if found else None


def template_from_function(code: str, file: str = "") -> str | None:
    """The template, for `expand_permalink`, that is equivalent to a function such as `data =>
    `/a/${data.slug}/``; "" if it returns the post's own, `data.permalink`; None if it does neither, or either
    of them. `file` is the text of the function's file. What it returns for drafts does not matter, since they
    are hidden.
    """
    match = _FUNCTION.fullmatch(code.strip())
    if match is None:
        return None
    names = _NAME.findall(match["names"] or "") if match["names"] is not None else None
    given = match["given"] or match["alone"] or ""
    body = match["value"]
    if body.startswith("{"):
        body = _DRAFT_GUARD.sub("", body[1:].removesuffix("}"), count=3).strip()
        if not (returned := _RETURN.fullmatch(body)):
            return None
        body = returned[1]
    if body.startswith("(") and body.endswith(")"):
        body = body[1:-1].strip()
    body = _DRAFT_TERNARY.sub("", body)
    if body in (f"{given}.permalink", "permalink" if names and "permalink" in names else ""):
        return ""
    text = _TEXT.fullmatch(body)
    if text is None:
        return None
    slugs = ("this.",) if "@sindresorhus/slugify" not in file else ("this.", "")
    parts: list[str] = []
    at = 0
    template = text[1] or text[2] or text[3] or ""
    for place in _PLACE.finditer(template) if text[1] else ():
        word = template_expression(place[1], given, names, slugs)
        if word is None:
            return None
        parts += [template[at : place.start()], f"{{{{ {word} }}}}"]
        at = place.end()
    return "".join([*parts, template[at:]])


def template_expression(
    inside: str, given: str, names: Sequence[str] | None, slugs: Sequence[str]
) -> str | None:
    """The expression in `${...}` in the syntax of templates; None if it is not the post's data, which the
    function gets as the argument `given`, or destructured into `names`.
    """
    if call := _CALL.fullmatch(inside):
        inner = template_expression(call[3], given, names, slugs)
        return f"{inner} | {call[2]}" if call[1] in slugs and inner is not None else None
    words: list[str] = []
    for part in _OR.split(inside.replace("?.", ".")):
        name = part.strip().removeprefix(f"{given}.") if names is None else part.strip()
        of_post = part.strip().startswith(f"{given}.") if names is None else name.partition(".")[0] in names
        if not _DATA.fullmatch(name) or not of_post:
            return None
        words.append(name)
    return " or ".join(words)


def apply_text_filter(value: str, filter: str) -> str | None:
    """A text after one filter of a template; None if only the blog's code could tell."""
    name, given = parse_filter(filter)
    if name in _NO_OP_FILTERS:
        return value
    if name in _TEXT_FILTERS:
        return _TEXT_FILTERS[name](value)
    try:
        return _FILTERS_WITH_ARGUMENTS[name](value, given) if name in _FILTERS_WITH_ARGUMENTS else None
    except IndexError:
        return None


def apply_date_filter(at: datetime, filter: str) -> str | None:
    """A date after one filter; None as for texts."""
    name, given = parse_filter(filter)
    pattern = given[0] if len(given) >= 1 else ""
    if name == "date" and "%" in pattern:  # Liquid's own
        return expand_strftime(pattern, at)
    tokens = set(_TOKEN.findall(pattern))
    for words_of in (_LUXON, _MOMENT):
        if tokens and tokens <= words_of.keys() and ("date" in name.lower() or "format" in name.lower()):
            parts = _TOKEN.split(pattern)
            words = [DATE_WORDS[words_of[token]](at) for token in _TOKEN.findall(pattern)]
            return "".join(part + word for part, word in zip(parts, [*words, ""], strict=True))
    return None


def parse_filter(filter: str) -> tuple[str, list[str]]:
    """The name of a filter, and those of its arguments that are literal texts."""
    match = _FILTER.fullmatch(filter.strip())
    if match is None:
        return filter.strip(), []
    given = [found[1] or found[2] or "" for found in _ARGUMENT.finditer(match[2] or match[3] or "")]
    return match[1], given


@dataclass(frozen=True, slots=True)
class DataFile:
    """The contents of a data file, keyed by values.fold; `whole` is False if not all of it was understood."""

    values: Mapping[str, Value]
    whole: bool = True


def read_data_file(file: Path) -> DataFile:
    """The contents of `file`; empty if there is none. A permalink that a function returns becomes a template,
    or stays JsCode if that is not possible; that of `eleventyComputed` is under COMPUTED.
    """
    if file.suffix not in CODE_ENDS:
        return make_data_file(read_config_map(file), "")
    if not file.is_file():
        return DataFile({})
    text = read_text(file)
    top = exported(text, file.suffix)
    return (
        DataFile({}, whole=False)
        if top is None
        else make_data_file({fold(key): top[key] for key in top}, text)
    )


def make_data_file(top: dict[str, Value], text: str) -> DataFile:
    """The data file whose exported map is `top` and whose text is `text`."""
    computed = folded_map(top.pop("eleventycomputed", None))
    if "permalink" in computed:
        top[COMPUTED] = computed["permalink"]
    for name in ("permalink", COMPUTED):
        if isinstance(code := top.get(name), JsCode):
            made = template_from_function(code, text)
            top[name] = code if made is None else made
            if made == "":
                del top[name]
    whole = all(has_no_code(top[name]) for name in (*_KEYS_WE_READ, COMPUTED) if name in top)
    links = ("permalink", COMPUTED)
    values = {
        name: value if name in links else known(value)
        for name, value in top.items()
        if name in links or not isinstance(value, JsCode)
    }
    return DataFile(values, whole)


def has_no_code(value: Value) -> bool:
    """Whether a value is entirely literal."""
    if isinstance(value, (list, dict)):
        return all(map(has_no_code, value.values() if isinstance(value, dict) else value))
    return not isinstance(value, JsCode)


def apply_data_files(rules: SourceRules, folder: Path, root: Path, paths: Sequence[str]) -> SourceRules:
    """`rules` with the data files of the blog at `root`; the posts at `paths` are in `folder`."""
    unread: list[str] = []
    defaults = (*site_metadata(root, rules, unread), *folder_defaults(folder, rules, paths, unread))
    of_posts = defaults_of_posts(folder, rules, paths, unread)
    code = tuple(sorted(set(unread)))
    return replace(rules, defaults=(*defaults, *rules.defaults), post_defaults=of_posts, unread_code=code)


def site_metadata(root: Path, rules: SourceRules, unread: list[str]) -> tuple[Defaults, ...]:
    """The blog's own author and language, unless our settings name them."""
    for place, name in product(("_data", "src/_data", "content/_data"), ("metadata", "site", "meta")):
        if top := read_data_named(root, f"{place}/{name}", (".json", *CODE_ENDS), unread):
            values: dict[str, Value] = {}
            if (author := top.get("author")) and rules.author is None:
                values["author"] = author
            if (language := top.get("language") or top.get("lang")) and rules.language is None:
                values["lang"] = language
            return (Defaults(values=values),) if values else ()
    return ()


def folder_defaults(
    folder: Path, rules: SourceRules, paths: Sequence[str], unread: list[str]
) -> tuple[Defaults, ...]:
    """The defaults that folders set for the posts at `paths`, the broadest scope first."""
    root = folder / rules.below if rules.below else folder
    if rules.above and not rules.below:
        root = folder.parents[len(rules.above) - 1]
    own = {rules.in_blog(path).rpartition("/")[0] for path in paths}
    every = {str(above) for place in own for above in (PurePosixPath(place), *PurePosixPath(place).parents)}
    broadest_first = sorted(every - {".", ""}, key=lambda place: (place.count("/"), place))
    found: list[Defaults] = []
    for place in broadest_first[:MAX_FOLDERS]:
        name = PurePosixPath(place).name
        if values := read_data_named(root, f"{place}/{name}", _ENDS, unread):
            found.append(Defaults(scope=place, values=post_defaults(values, name)))
    return tuple(found)


def defaults_of_posts(
    folder: Path, rules: SourceRules, paths: Sequence[str], unread: list[str]
) -> Mapping[str, Mapping[str, Value]]:
    """The defaults in posts' own data files. Each folder is listed once to see whether it has any."""
    posts = {path.rpartition(".")[0]: path for path in paths}
    found: dict[str, Mapping[str, Value]] = {}
    for place in sorted({path.rpartition("/")[0] for path in paths})[:MAX_FOLDERS]:
        before = f"{place}/" if place else ""
        own = PurePosixPath(rules.in_blog(f"{before}x")).parent.name
        try:
            with os.scandir(folder / place) as entries:
                names = [entry.name for entry in entries]
        except OSError:
            continue
        of_data = (
            it for it in names if it.endswith(".json") or (_DATA_MARK in it and it.endswith(CODE_ENDS))
        )
        for name in sorted(of_data, key=lambda name: _DATA_MARK in name):
            stem = name.partition(_DATA_MARK)[0] if _DATA_MARK in name else name.removesuffix(".json")
            path = posts.get(before + stem)
            if path is None or stem == own:
                continue
            data = read_data_file(folder / place / name)
            unread += [] if data.whole else [rules.in_blog(before + name)]
            if values := post_defaults(data.values, own):
                found[path] = {**found.get(path, {}), **values}
    return found


def read_data_named(root: Path, stem: str, ends: Sequence[str], unread: list[str]) -> dict[str, Value]:
    """The contents of the files named `stem` with one of `ends`; the last of them wins."""
    values: dict[str, Value] = {}
    for end in ends:
        data = read_data_file(root / (stem + end))
        unread += [] if data.whole else [stem + end]
        values.update(data.values)
    return values


def post_defaults(values: Mapping[str, Value], folder: str) -> dict[str, Value]:
    """A data file's values as front matter of posts, without the tags that only make a collection."""
    public = (tag for tag in scalars(values.get("tags")) if not tag.startswith("_"))  # internal by convention
    tags: list[Value] = [tag for tag in public if tag not in _COLLECTION_TAGS and tag != folder]
    rest = {name: value for name, value in values.items() if name != "tags"}
    if scalars(values.get("tags")):
        rest[COLLECTED] = "true"
    return {**rest, "tags": tags} if tags else rest
