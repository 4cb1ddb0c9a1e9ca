"""Patterns of addresses: the words of Jekyll, Hugo, Hexo and Docusaurus, filled for one post.

:year :month :day ...        of the instant, by the site; all of them are in `datewords`
:title :slug :titleslug :filename     the file's own name; the slug; the slug, else made of the title; the
                                      name with its date. :title of a file without a date is made of the
                                      title, except where the generator says otherwise; :titleonly always
:hash :abbrlink ...          Hexo's: a digest; what front matter says under that word
:categories :slugified_categories :category :lang :author :output_ext
:sections :section :sections_rest :sections_last       the folders, the first, those after it, the last
:entry        Astro: the slug, else the folders below the collection's and the name
:dated        Docusaurus: the slug, else "2024/5/1/", folders and name; without a date the path

The words of permalinks that stand for parts of a date, in Jekyll's, Hugo's and Hexo's spelling.

Months and days are named in English, as these generators do in addresses whatever the site speaks.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha1
from html import unescape
from urllib.parse import quote

from publisher.core.patterns import lazy
from publisher.sources.fields.authors_and_terms import language_of_path, language_suffix
from publisher.sources.fields.publication_date import date_in_name, post_name
from publisher.sources.fields.slugs import HugoPaths
from publisher.sources.frontmatter.values import FrontMatter, scalars
from publisher.sources.rules import DEFAULT_LANGUAGE, SourceRules

_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
    "November", "December",
)  # fmt: skip
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")

DATE_WORDS: Mapping[str, Callable[[datetime], str]] = {
    "year": lambda at: f"{at.year:04}",
    "short_year": lambda at: f"{at.year % 100:02}",
    "month": lambda at: f"{at.month:02}",
    "i_month": lambda at: str(at.month),
    "short_month": lambda at: _MONTHS[at.month - 1][:3],
    "long_month": lambda at: _MONTHS[at.month - 1],
    "monthname": lambda at: _MONTHS[at.month - 1].lower(),
    "day": lambda at: f"{at.day:02}",
    "i_day": lambda at: str(at.day),
    "y_day": lambda at: f"{at.timetuple().tm_yday:03}",
    "yearday": lambda at: str(at.timetuple().tm_yday),
    "w_year": lambda at: f"{at.isocalendar().year:04}",
    "week": lambda at: f"{at.isocalendar().week:02}",
    "w_day": lambda at: str(at.isoweekday()),
    "short_day": lambda at: _DAYS[at.weekday()][:3],
    "long_day": lambda at: _DAYS[at.weekday()],
    "weekday": lambda at: str(at.isoweekday() % 7),
    "weekdayname": lambda at: _DAYS[at.weekday()].lower(),
    "hour": lambda at: f"{at.hour:02}",
    "minute": lambda at: f"{at.minute:02}",
    "second": lambda at: f"{at.second:02}",
    "timestamp": lambda at: str(int(at.timestamp())),
}
"""By word; each takes the instant in the site's zone."""

STRFTIME_WORDS: Mapping[str, str] = {
    "%Y": "year", "%y": "short_year", "%m": "month", "%-m": "i_month", "%b": "short_month",
    "%B": "long_month", "%d": "day", "%-d": "i_day", "%e": "i_day", "%j": "y_day", "%a": "short_day",
    "%A": "long_day", "%u": "w_day", "%V": "week", "%G": "w_year",
    "%H": "hour", "%M": "minute", "%S": "second",
}  # fmt: skip
"""The signs of strftime, as Pelican and Liquid know them, by our words."""

STRFTIME_DIRECTIVE = lazy(r"%-?[A-Za-z]")

NAMED = {  # Jekyll's names
    "pretty": "/:categories/:year/:month/:day/:title/",
    "date": "/:categories/:year/:month/:day/:title.html",
    "ordinal": "/:categories/:year/:y_day/:title.html",
    "weekdate": "/:categories/:year/W:week/:short_day/:title.html",
    "none": "/:categories/:title.html",
}
_IN_YEAR = lazy(r"(?:^|/)\d{4}/\d{1,2}-\d{1,2}-[^/]+(?:/index)?\.\w+$", re.IGNORECASE)  # 2024/05-01-a.md
_MONTH_DAY = lazy(r"^\d{1,2}-\d{1,2}-")
_LAST_DATE = lazy(r"(.*)(?<!\d)(\d{4}[/-]\d{1,2}[/-]\d{1,2})[/-]?(.*)")  # Docusaurus' own
_TRANSLATED = lazy(r"i18n/([^/]+)/docusaurus-plugin-content-blog(?:-[^/]+)?/")
_SEPARATORS = lazy(r"^[-_. ]+")
_ANGLES = lazy(r"<[^<>]*>")
_NOT_SLUG = lazy(r"[^\w]+")
_NAMED = "!$&'()*+,:;=@~"  # what a name in a path may hold (RFC 3986 3.3)
_PATHS = f"/{_NAMED}"
_NOT_JEKYLLS = lazy(r"[^\w.~!$&'()+,;=@]+")  # Utils.slugify, "pretty"; a run with hyphens is one
_ANY_WORD = lazy(r":([A-Za-z]\w*)")


def expand_strftime(pattern: str, at: datetime) -> str:
    """`pattern` with each sign of strftime as the part of the date that it stands for."""
    return STRFTIME_DIRECTIVE.sub(
        lambda match: DATE_WORDS[STRFTIME_WORDS[match[0]]](at) if match[0] in STRFTIME_WORDS else "", pattern
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class PermalinkFacts:
    """What an address is made of. `local` is the instant in the site's zone; None: no date. `suffixed` is
    whether the file's name ends in its language; `stem` is Eleventy's page.filePathStem.
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
    stem: str = ""


def expand(pattern: str, facts: PermalinkFacts, rules: SourceRules) -> str:
    """`pattern` with its words filled, not yet a clean path. What stands for nothing is left out."""
    pattern = NAMED.get(pattern, pattern)
    if ":" not in pattern:
        return pattern
    if rules.conventions.any_field:  # every word of its front matter is one, such as a plugin's :abbrlink
        pattern = _ANY_WORD.sub(lambda match: _given(match, facts), pattern)
    filled = _WORD.sub(lambda match: _WORDS[match[1]](facts, rules), pattern)
    if rules.conventions.slugify_names:
        filled = filled.replace("./", "")  # Jekyll's URL.sanitize_url
    locale = locale_of(facts, rules)
    if (place := rules.locale_addresses.get(locale)) is not None:
        return place + filled.lstrip("/")
    if locale and locale.casefold() != (rules.language or DEFAULT_LANGUAGE).casefold():
        return f"/{locale}/{filled}"
    return f"/{_tongue(facts, rules).lower()}/{filled}" if _apart(facts, rules) else filled


def locale_of(facts: PermalinkFacts, rules: SourceRules) -> str:
    """The locale of Docusaurus among whose translations a post stands; "" for the blog's own."""
    match = _TRANSLATED.match(rules.in_blog(facts.path)) if rules.profile == "docusaurus" else None
    return match[1] if match else ""


def _apart(facts: PermalinkFacts, rules: SourceRules) -> bool:
    """Whether the post's language is a folder of its address: two files may differ in nothing else."""
    tongues = rules.languages
    if tongues is None:
        return facts.suffixed and facts.language != (rules.language or DEFAULT_LANGUAGE)
    return len(tongues.codes) > 1 and _tongue(facts, rules).casefold() != tongues.main.casefold()


def _tongue(facts: PermalinkFacts, rules: SourceRules) -> str:
    """The language that an address is in: Hugo's by the path alone."""
    return language_of_path(facts.path, rules) if rules.languages else facts.language


def _given(match: re.Match[str], facts: PermalinkFacts) -> str:
    text = "" if _WORD.match(match[0]) else facts.front.text(match[1])
    return quote(text, safe=_PATHS) if text else match[0]


def undated_name(path: str) -> str:
    """The file's or bundle's own name without the date that it begins with."""
    name = post_name(path)
    if match := date_in_name(path):
        return _SEPARATORS.sub("", name[match.end() :]) or name
    return _MONTH_DAY.sub("", name) if _IN_YEAR.search(path) else name


def slugify(text: str) -> str:
    """Words in small letters, joined by hyphens."""
    return _NOT_SLUG.sub("-", text.casefold()).strip("-")


def _stem(path: str) -> str:
    return path.rpartition("/")[2].rpartition(".")[0]


def _date(part: Callable[[datetime], str]) -> Callable[[PermalinkFacts, SourceRules], str]:
    return lambda facts, rules: part(facts.local) if facts.local else ""


def _title(facts: PermalinkFacts, rules: SourceRules) -> str:
    habits = rules.conventions
    if habits.slugify_names:
        own = facts.slug if facts.front.text("slug") else facts.slug.rstrip(".")
        return quote(_NOT_JEKYLLS.sub("-", own).strip("-"), safe=_NAMED)
    if rules.profile == "hexo":
        return "/".join(quote(name, safe=_NAMED) for name in _hexos(facts, rules))
    if habits.title_is_slug:
        return quote(facts.slug, safe=_NAMED)
    own = undated_name(facts.path) if date_in_name(facts.path) else slugify(facts.title) or facts.slug
    return quote(own, safe=_NAMED)


def _hexos(facts: PermalinkFacts, rules: SourceRules) -> list[str]:
    """Hexo's :title: the file by its folders and name. What front matter calls slug is none to it."""
    inside = "_posts" in rules.in_blog(facts.path).split("/")
    own = undated_name(facts.path) if rules.strips_dates else post_name(facts.path)
    return [*_folders(facts, rules), own] if inside else [own]


def _slug(facts: PermalinkFacts, rules: SourceRules) -> str:
    # Names of files are literal: a "%" or "#" in them is no escape and no fragment.
    if facts.front.text("slug") and isinstance(rules.spell, HugoPaths):
        return quote(rules.spell.slug(facts.slug) or facts.slug, safe=_PATHS)
    if facts.front.text("slug"):
        return _spelt(facts.slug, rules, facts.path)
    own = facts.slug if rules.strips_dates else post_name(facts.path)
    # The ".fr" of a file's name that is no language of a Hugo blog: part of the name like any other
    # word.
    stem = _stem(facts.path)
    suffix = language_suffix(stem) if rules.languages else ""
    known = {code.casefold() for code in rules.languages.codes} if rules.languages else set[str]()
    return _spelt(
        own + ("" if suffix[1:].casefold() in known or stem.casefold().startswith("index.") else suffix),
        rules,
        facts.path,
    )


def _slug_or_name(facts: PermalinkFacts, rules: SourceRules) -> str:
    """Hugo's: the slug, else the file's name, as words of a permalink are spelt."""
    if isinstance(rules.spell, HugoPaths) and facts.front.text("slug"):
        return _worded(facts.slug, rules)
    return _own_name(facts, rules)


def _spelt(name: str, rules: SourceRules, path: str = "") -> str:
    """A name as it is spelt in addresses; `path` is the post's, where names are spelt as it tells."""
    if rules.profile == "astro" and rules.in_blog(path).startswith("src/pages/"):
        return quote(name, safe=_NAMED)  # a page of Astro's own is where its file is
    return quote(rules.spell(name) or name, safe=_NAMED)


def _titleslug(facts: PermalinkFacts, rules: SourceRules) -> str:
    given = facts.front.text("slug")
    if given and rules.profile == "pelican":
        return quote(given, safe=_NAMED)  # as it stands
    return _worded(given, rules) if given else _titleonly(facts, rules)


def _titleonly(facts: PermalinkFacts, rules: SourceRules) -> str:
    if isinstance(rules.spell, HugoPaths):
        return quote(rules.spell.title(facts.title) or facts.slug, safe=_NAMED)
    title = facts.title
    if rules.profile == "pelican":  # which takes away everything between angles
        title = unescape(_ANGLES.sub("", facts.front.text("title"))) or title
    return _worded(title, rules) or quote(facts.slug, safe=_NAMED)


def _worded(text: str, rules: SourceRules) -> str:
    """A title or a slug as it is spelt where addresses are made of it."""
    if isinstance(rules.spell, HugoPaths):
        return quote(rules.spell.words(text.strip("-")).strip("/"), safe=_PATHS)
    return quote((rules.spell if rules.profile == "pelican" else slugify)(text), safe=_NAMED)


def _own_name(facts: PermalinkFacts, rules: SourceRules) -> str:
    if isinstance(rules.spell, HugoPaths):
        return quote(rules.spell.words(post_name(facts.path)), safe=_NAMED)
    return _spelt(post_name(facts.path), rules)


def _categories(facts: PermalinkFacts, rules: SourceRules) -> str:
    if not rules.conventions.slugify_names:
        return "/".join(quote(slugify(name), safe=_NAMED) for name in facts.categories)
    names = dict.fromkeys(name.lower() for name in facts.categories)
    return "/".join(quote(name, safe=_NAMED) for name in names)


def _category(facts: PermalinkFacts, rules: SourceRules) -> str:
    """The first; Hexo's is the last, with those above it."""
    if rules.profile == "pelican":
        return _spelt(facts.categories[0] if facts.categories else "misc", rules)
    if rules.profile == "hexo":
        from publisher.sources.generators.hexo import CategoryAddresses

        filing = rules.category_addresses or CategoryAddresses()
        words = map(filing.word, _last_category(facts) or (filing.usual,))
        return "/".join(quote(_NOT_SLUG.sub("-", word).strip("-"), safe=_NAMED) for word in words)
    return quote(slugify(facts.categories[0]), safe=_NAMED) if facts.categories else ""


def _last_category(facts: PermalinkFacts) -> Sequence[str]:
    """Of Hexo's categories the last with those above it: a list is one in another, [[a], [b, c]] are two."""
    value = facts.front.get("categories", "category")
    if isinstance(value, list) and any(isinstance(item, list) for item in value):
        return scalars(value[-1])
    return facts.categories


def _author(facts: PermalinkFacts, rules: SourceRules) -> str:
    return (
        _spelt(facts.author, rules)
        if rules.profile == "pelican"
        else quote(slugify(facts.author), safe=_NAMED)
    )


def _hash(facts: PermalinkFacts, rules: SourceRules) -> str:
    """Hexo's: twelve digits of its slug and time."""
    second = int(facts.local.timestamp()) if facts.local else 0
    return sha1(f"{'/'.join(_hexos(facts, rules))}{second}".encode(), usedforsecurity=False).hexdigest()[:12]


def _folders(facts: PermalinkFacts, rules: SourceRules) -> list[str]:
    """The folders between the content's root and the post, without the one of its bundle."""
    parts = rules.in_blog(facts.path).split("/")[:-1]
    if parts and _stem(facts.path).removesuffix(language_suffix(_stem(facts.path))).casefold() == "index":
        parts.pop()
    if rules.languages and (place := rules.languages.of_folder(rules.in_blog(facts.path))[0]):
        target = rules.languages.targets.get(place, "")
        return [*filter(None, target.split("/")), *parts[place.count("/") + 1 :]]
    parts = content_folders(parts[3:] if locale_of(facts, rules) else parts, rules)
    if rules.profile == "eleventy" and parts and parts[-1] == _stem(facts.path):
        parts.pop()  # about/about.md is as good as about/index.md
    return parts


def content_folders(parts: list[str], rules: SourceRules) -> list[str]:
    """The folders below the one that holds the content: the one that is set, else the last so called."""
    if rules.content_folder is not None:
        above = rules.content_folder.split("/") if rules.content_folder else []
        return parts[len(above) :] if parts[: len(above)] == above else parts
    for at in range(len(parts) - 1, -1, -1):
        if parts[at] in rules.conventions.roots:
            return parts[at + 1 :]
    return parts


def _sections(facts: PermalinkFacts, rules: SourceRules) -> str:
    if rules.profile == "zola":  # which spells only names of pages its own way
        return "/".join(quote(name, safe=_NAMED) for name in _folders(facts, rules))
    return "/".join(_spelt(name, rules, facts.path) for name in _folders(facts, rules))


def section(facts: PermalinkFacts, rules: SourceRules) -> str:
    """The outermost folder of the content; "" for a post that stands in none."""
    return _spelt(folders[0], rules, facts.path) if (folders := _folders(facts, rules)) else ""


def _entry(facts: PermalinkFacts, rules: SourceRules) -> str:
    """Astro's name of a post in its collection: what it calls its slug, else folders and name."""
    if slug := facts.front.text("slug").strip("/"):
        return quote(slug, safe=_PATHS)
    return f"{'/'.join(_sections(facts, rules).split('/')[1:])}/{_slug(facts, rules)}"


def _dated(facts: PermalinkFacts, rules: SourceRules) -> str:
    if slug := facts.front.text("slug").strip("/"):
        return f"/{quote(slug, safe=_PATHS)}"
    stem = "/".join([*_folders(facts, rules), post_name(facts.path)])
    if match := _LAST_DATE.fullmatch(stem):
        stem = "/".join((match[2].replace("-", "/"), match[1] + match[3]))
    return f"/{quote(stem, safe=_PATHS)}"


_WORDS: dict[str, Callable[[PermalinkFacts, SourceRules], str]] = {
    **{word: _date(part) for word, part in DATE_WORDS.items()},
    "title": _title,
    "name": lambda facts, rules: _title(facts, rules).rpartition("/")[2],
    "post_title": _titleonly,
    "slug": _slug,
    "slugorfilename": _slug_or_name,
    "slugorcontentbasename": _slug_or_name,
    "titleslug": _titleslug,
    "titleonly": _titleonly,
    "filename": _own_name,
    "contentbasename": _own_name,
    "categories": _categories,
    "slugified_categories": lambda facts, rules: "/".join(
        quote(name, safe=_NAMED) for name in dict.fromkeys(map(slugify, facts.categories))
    ),
    "category": _category,
    "hash": _hash,
    "sections": _sections,
    "section": lambda facts, rules: section(facts, rules),
    "sections_rest": lambda facts, rules: "/".join(_sections(facts, rules).split("/")[1:]),
    "sections_last": lambda facts, rules: _sections(facts, rules).rpartition("/")[2],
    "collection": lambda facts, rules: "posts",
    "dated": _dated,
    "entry": _entry,
    "lang": lambda facts, rules: quote(facts.language.lower()),
    "author": _author,
    "output_ext": lambda facts, rules: ".html",
}
_WORD = lazy(f":({'|'.join(sorted(_WORDS, key=len, reverse=True))})(?![a-z])")
