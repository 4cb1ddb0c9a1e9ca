"""Patterns of addresses: the words of Jekyll, Hugo, Hexo and Docusaurus, filled for one post.

:year :short_year :month :i_month :day :i_day :y_day :hour :minute :second     of the instant, by the site
:title :slug :titleslug :filename     the file's own name; the slug; the slug, else made of the title; the
                                      name with its date. :title of a file without a date is made of the
                                      title, except where the generator says otherwise; :titleonly always
:monthname :weekday :weekdayname      Hugo's, in small letters
:categories :category :sections :section :sections_rest :sections_last :lang :author :output_ext
:dated        Docusaurus: "2024/05/01/" where the name is dated, else the folders
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote

from publisher.sources.instants import dated_name, own_name
from publisher.sources.people import language_suffix
from publisher.sources.rules import SourceRules
from publisher.sources.values import FrontMatter

NAMED = {  # Jekyll's names
    "pretty": "/:categories/:year/:month/:day/:title/",
    "date": "/:categories/:year/:month/:day/:title.html",
    "ordinal": "/:categories/:year/:y_day/:title.html",
    "none": "/:categories/:title.html",
}

_MONTHS = (
    "january", "february", "march", "april", "may", "june", "july", "august", "september", "october",
    "november", "december",
)  # fmt: skip
_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_SEPARATORS = re.compile(r"^[-_. ]+")
_NOT_SLUG = re.compile(r"[^\w]+")
_NOT_JEKYLLS = re.compile(r"[^\w.~!$&'()+,;=@-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What an address is made of. `local` is the instant in the site's zone; None: no date. `suffixed` is
    whether the file's name ends in its language.
    """

    path: str
    front: FrontMatter
    title: str
    slug: str
    local: datetime | None
    categories: tuple[str, ...]
    author: str
    language: str
    blank: bool
    suffixed: bool


def expand(pattern: str, facts: Facts, rules: SourceRules) -> str:
    """`pattern` with its words filled, not yet a clean path. What stands for nothing is left out."""
    pattern = NAMED.get(pattern, pattern)
    if ":" not in pattern:
        return pattern
    filled = _WORD.sub(lambda match: _WORDS[match[1]](facts, rules), pattern)
    if facts.suffixed and facts.language != rules.language:
        return f"/{facts.language.lower()}/{filled}"  # two files that differ in nothing else
    return filled


def undated(path: str) -> str:
    """The file's or bundle's own name without the date that it begins with."""
    name = own_name(path)
    match = dated_name(path)
    return (_SEPARATORS.sub("", name[match.end() :]) or name) if match else name


def slugify(text: str) -> str:
    """Words in small letters, joined by hyphens."""
    return _NOT_SLUG.sub("-", text.casefold()).strip("-")


def _stem(path: str) -> str:
    return path.rpartition("/")[2].rpartition(".")[0]


def _date(part: Callable[[datetime], str]) -> Callable[[Facts, SourceRules], str]:
    return lambda facts, rules: part(facts.local) if facts.local else ""


def _title(facts: Facts, rules: SourceRules) -> str:
    habits = rules.habits
    if habits.slugged:
        return quote(_NOT_JEKYLLS.sub("-", facts.slug).strip("-"), safe="!$&'()+,;=@~")
    if habits.named:
        inside = rules.profile == "hexo" and "_posts" in rules.in_blog(facts.path).split("/")
        folders = _folders(facts, rules) if inside else []
        return "/".join(quote(name, safe="") for name in (*folders, facts.slug))
    own = undated(facts.path) if dated_name(facts.path) else slugify(facts.title) or facts.slug
    return quote(own, safe="")


def _slug(facts: Facts, rules: SourceRules) -> str:
    # Names of files are literal: a "%" or "#" in them is no escape and no fragment.
    if rules.habits.undated or facts.front.text("slug"):
        return _spelt(facts.slug, rules)
    return _spelt(own_name(facts.path), rules)


def _spelt(name: str, rules: SourceRules) -> str:
    return quote(rules.habits.spell(name) or name, safe="")


def _titleslug(facts: Facts, rules: SourceRules) -> str:
    given = facts.front.text("slug")
    return _spelt(given, rules) if given else _titleonly(facts, rules)


def _titleonly(facts: Facts, rules: SourceRules) -> str:
    return quote(slugify(facts.title) or facts.slug, safe="")


def _own_name(facts: Facts, rules: SourceRules) -> str:
    return _spelt(own_name(facts.path), rules)


def _categories(facts: Facts, rules: SourceRules) -> str:
    if not rules.habits.slugged:
        return "/".join(quote(slugify(name), safe="") for name in facts.categories)
    parts = rules.in_blog(facts.path).split("/")
    folders = parts[: parts.index("_posts")] if rules.rooted and "_posts" in parts else []
    folders = [name for name in folders if name not in ("source", "src")]  # Octopress' own
    names = dict.fromkeys(name.casefold() for name in (*folders, *facts.categories))
    return "/".join(quote(name, safe="") for name in names)


def _folders(facts: Facts, rules: SourceRules) -> list[str]:
    """The folders between the content's root and the post, without the one of its bundle."""
    parts = rules.in_blog(facts.path).split("/")[:-1]
    if parts and _stem(facts.path).removesuffix(language_suffix(_stem(facts.path))).casefold() == "index":
        parts.pop()
    for at in range(len(parts) - 1, -1, -1):
        if parts[at] in rules.habits.roots:
            return parts[at + 1 :]
    return parts


def _sections(facts: Facts, rules: SourceRules) -> str:
    return "/".join(_spelt(name, rules) for name in _folders(facts, rules))


def section(facts: Facts, rules: SourceRules) -> str:
    """The outermost folder of the content; "" for a post that stands in none."""
    return _spelt(folders[0], rules) if (folders := _folders(facts, rules)) else ""


def _dated(facts: Facts, rules: SourceRules) -> str:
    if facts.front.text("slug"):
        return "/"
    if match := dated_name(facts.path):
        return f"/{match[1]}/{match[2]:0>2}/{match[3]:0>2}/"
    folders = _sections(facts, rules)
    return f"/{folders}/"


_WORDS: dict[str, Callable[[Facts, SourceRules], str]] = {
    "year": _date(lambda at: f"{at.year:04}"),
    "short_year": _date(lambda at: f"{at.year % 100:02}"),
    "month": _date(lambda at: f"{at.month:02}"),
    "i_month": _date(lambda at: str(at.month)),
    "day": _date(lambda at: f"{at.day:02}"),
    "monthname": _date(lambda at: f"{_MONTHS[at.month - 1]}"),
    "weekday": _date(lambda at: str(at.isoweekday() % 7)),
    "weekdayname": _date(lambda at: _WEEKDAYS[at.weekday()]),
    "i_day": _date(lambda at: str(at.day)),
    "y_day": _date(lambda at: f"{at:%j}"),
    "yearday": _date(lambda at: f"{at:%j}"),
    "hour": _date(lambda at: f"{at.hour:02}"),
    "minute": _date(lambda at: f"{at.minute:02}"),
    "second": _date(lambda at: f"{at.second:02}"),
    "title": _title,
    "name": _title,
    "post_title": _title,
    "slug": _slug,
    "slugorfilename": _slug,
    "slugorcontentbasename": _slug,
    "titleslug": _titleslug,
    "titleonly": _titleonly,
    "filename": _own_name,
    "contentbasename": _own_name,
    "categories": _categories,
    "category": lambda facts, rules: quote(slugify(facts.categories[0]), safe="") if facts.categories else "",
    "sections": _sections,
    "section": lambda facts, rules: section(facts, rules),
    "sections_rest": lambda facts, rules: "/".join(_sections(facts, rules).split("/")[1:]),
    "sections_last": lambda facts, rules: _sections(facts, rules).rpartition("/")[2],
    "collection": lambda facts, rules: "posts",
    "dated": _dated,
    "lang": lambda facts, rules: quote(facts.language.lower()),
    "author": lambda facts, rules: quote(slugify(facts.author), safe=""),
    "output_ext": lambda facts, rules: ".html",
}
_WORD = re.compile(f":({'|'.join(sorted(_WORDS, key=len, reverse=True))})(?![a-z])")
