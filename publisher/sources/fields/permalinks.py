"""Permalink patterns in the words of Jekyll, Hugo, Hexo and Docusaurus, expanded for one post.

:year :month :day ...        of the post's date in the site's zone; DATE_WORDS lists them all
:title :slug :titleslug :filename     the file's own name; the slug; the slug, else made of the title; the
                                      name with its date. :title of a file without a date is made of the
                                      title, except where the generator says otherwise; :titleonly always
:hash :abbrlink ...          Hexo's: a digest; what front matter says under that word
:categories :slugified_categories :category :lang :author :output_ext
:sections :section :sections_rest :sections_last       the folders, the first, those after it, the last
:entry        Astro: the slug, else the folders below the collection's and the name
:dated        Docusaurus: the slug, else "2024/5/1/", folders and name; without a date the path

Months and days are named in English, as these generators do in addresses whatever language the site is in.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha1
from html import unescape
from urllib.parse import quote

from publisher.core.caching import lazy
from publisher.core.site import DEFAULT_LANGUAGE
from publisher.sources.fields.authors_and_terms import language_of_path, language_suffix
from publisher.sources.fields.dates_and_visibility import date_in_name, post_name
from publisher.sources.frontmatter.values import FrontMatter, scalars
from publisher.sources.generators.profiles import HugoPaths
from publisher.sources.source_rules import SourceRules

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
"""strftime directives, as in Pelican and Liquid, and our words for them."""

STRFTIME_DIRECTIVE = lazy(r"%-?[A-Za-z]")

NAMED_PERMALINKS = {  # Jekyll's names
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
_SEGMENT_SAFE = "!$&'()*+,:;=@~"  # what a name in a path may hold (RFC 3986 3.3)
_PATH_SAFE = f"/{_SEGMENT_SAFE}"
_NOT_JEKYLL_SLUG = lazy(r"[^\w.~!$&'()+,;=@]+")  # Utils.slugify, "pretty"; a run with hyphens is one
_ANY_WORD = lazy(r":([A-Za-z]\w*)")


def expand_strftime(pattern: str, at: datetime) -> str:
    """`pattern` with each strftime directive replaced by that part of the date."""
    return STRFTIME_DIRECTIVE.sub(
        lambda match: DATE_WORDS[STRFTIME_WORDS[match[0]]](at) if match[0] in STRFTIME_WORDS else "", pattern
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class PermalinkFacts:
    """What a permalink is made of. `local` is the instant in the site's time zone, None without a date;
    `suffixed`: the file's name ends in its language; `stem` is Eleventy's page.filePathStem.
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
    """`pattern` with its words filled in, not yet a clean path. Words without a value are left out."""
    pattern = NAMED_PERMALINKS.get(pattern, pattern)
    if ":" not in pattern:
        return pattern
    if rules.conventions.any_field:  # every key of its front matter is a word, such as a plugin's :abbrlink
        for match in reversed([*_ANY_WORD.finditer(pattern)]):
            text = "" if _WORD.match(match[0]) else facts.front.text(match[1])
            if text:
                pattern = pattern[: match.start()] + quote(text, safe=_PATH_SAFE) + pattern[match.end() :]
    filled = _WORD.sub(lambda match: _WORDS[match[1]](facts, rules), pattern)
    if rules.conventions.slugify_names:
        filled = filled.replace("./", "")  # Jekyll's URL.sanitize_url
    locale = locale_of(facts, rules)
    if (place := rules.locale_addresses.get(locale)) is not None:
        return place + filled.lstrip("/")
    if locale and locale.casefold() != (rules.language or DEFAULT_LANGUAGE).casefold():
        return f"/{locale}/{filled}"
    # Two files may differ in nothing but their language, which is then a folder of the address.
    if rules.languages is None:
        foreign = facts.suffixed and facts.language != (rules.language or DEFAULT_LANGUAGE)
        return f"/{facts.language.lower()}/{filled}" if foreign else filled
    if len(rules.languages.codes) < 2:
        return filled
    language = language_of_path(facts.path, rules)  # to Hugo the path alone tells it
    return (
        filled if language.casefold() == rules.languages.main.casefold() else f"/{language.lower()}/{filled}"
    )


def locale_of(facts: PermalinkFacts, rules: SourceRules) -> str:
    """The Docusaurus locale whose translations a post belongs to; "" for the blog's own."""
    match = _TRANSLATED.match(rules.in_blog(facts.path)) if rules.profile == "docusaurus" else None
    return match[1] if match else ""


def undated_name(path: str) -> str:
    """The file's or bundle's own name without the date at its beginning."""
    name = post_name(path)
    if match := date_in_name(path):
        return _SEPARATORS.sub("", name[match.end() :]) or name
    return _MONTH_DAY.sub("", name) if _IN_YEAR.search(path) else name


def slugify(text: str) -> str:
    """Words in lower case, joined by hyphens."""
    return _NOT_SLUG.sub("-", text.casefold()).strip("-")


def file_stem(path: str) -> str:
    """A file's name without its suffix."""
    return path.rpartition("/")[2].rpartition(".")[0]


def fill_date(part: Callable[[datetime], str]) -> Callable[[PermalinkFacts, SourceRules], str]:
    """Makes the function for a word of DATE_WORDS; it gives "" for a post without a date."""
    return lambda facts, rules: part(facts.local) if facts.local else ""


def fill_title(facts: PermalinkFacts, rules: SourceRules) -> str:
    """:title: the file's name, or the title of a file whose name has no date; each generator has its own."""
    if rules.conventions.slugify_names:
        own = facts.slug if facts.front.text("slug") else facts.slug.rstrip(".")
        return quote(_NOT_JEKYLL_SLUG.sub("-", own).strip("-"), safe=_SEGMENT_SAFE)
    if rules.profile == "hexo":
        return "/".join(quote(name, safe=_SEGMENT_SAFE) for name in hexo_title_parts(facts, rules))
    if rules.conventions.title_is_slug:
        return quote(facts.slug, safe=_SEGMENT_SAFE)
    own = undated_name(facts.path) if date_in_name(facts.path) else slugify(facts.title) or facts.slug
    return quote(own, safe=_SEGMENT_SAFE)


def hexo_title_parts(facts: PermalinkFacts, rules: SourceRules) -> list[str]:
    """Hexo's :title: the file's folders and name. Hexo does not use the slug in front matter."""
    inside = "_posts" in rules.in_blog(facts.path).split("/")
    own = undated_name(facts.path) if rules.strips_dates else post_name(facts.path)
    return [*content_path(facts, rules), own] if inside else [own]


def fill_slug(facts: PermalinkFacts, rules: SourceRules) -> str:
    """:slug: that of the front matter, else the file's name without its date."""
    # Names of files are literal: a "%" or "#" in them is no escape and no fragment.
    if facts.front.text("slug") and isinstance(rules.spell, HugoPaths):
        return quote(rules.spell.slug(facts.slug) or facts.slug, safe=_PATH_SAFE)
    if facts.front.text("slug"):
        return spell_name(facts.slug, rules, facts.path)
    own = facts.slug if rules.strips_dates else post_name(facts.path)
    # A ".fr" that ends a file's name is part of the name in a Hugo blog that has no such language.
    stem = file_stem(facts.path)
    suffix = language_suffix(stem) if rules.languages else ""
    known = {code.casefold() for code in rules.languages.codes} if rules.languages else set[str]()
    if suffix[1:].casefold() not in known and not stem.casefold().startswith("index."):
        own += suffix
    return spell_name(own, rules, facts.path)


def fill_slug_or_name(facts: PermalinkFacts, rules: SourceRules) -> str:
    """Hugo's: the slug, else the file's name, spelled as words of a permalink are."""
    if isinstance(rules.spell, HugoPaths) and facts.front.text("slug"):
        return spell_words(facts.slug, rules)
    return fill_file_name(facts, rules)


def spell_name(name: str, rules: SourceRules, path: str = "") -> str:
    """A name as the generator spells it in addresses; `path` is the post's, where that matters."""
    if rules.profile == "astro" and rules.in_blog(path).startswith("src/pages/"):
        return quote(name, safe=_SEGMENT_SAFE)  # a page of Astro's own is where its file is
    return quote(rules.spell(name) or name, safe=_SEGMENT_SAFE)


def fill_slug_or_title(facts: PermalinkFacts, rules: SourceRules) -> str:
    """:titleslug: the slug of the front matter, else one made of the title."""
    given = facts.front.text("slug")
    if given and rules.profile == "pelican":
        return quote(given, safe=_SEGMENT_SAFE)  # unchanged
    return spell_words(given, rules) if given else fill_title_only(facts, rules)


def fill_title_only(facts: PermalinkFacts, rules: SourceRules) -> str:
    """:titleonly: the title as a slug; the file's slug where nothing of the title is left."""
    if isinstance(rules.spell, HugoPaths):
        return quote(rules.spell.title(facts.title) or facts.slug, safe=_SEGMENT_SAFE)
    title = facts.title
    if rules.profile == "pelican":  # which takes away everything between angles
        title = unescape(_ANGLES.sub("", facts.front.text("title"))) or title
    return spell_words(title, rules) or quote(facts.slug, safe=_SEGMENT_SAFE)


def spell_words(text: str, rules: SourceRules) -> str:
    """A title or a slug as the generator spells it in addresses."""
    if isinstance(rules.spell, HugoPaths):
        return quote(rules.spell.words(text.strip("-")).strip("/"), safe=_PATH_SAFE)
    return quote((rules.spell if rules.profile == "pelican" else slugify)(text), safe=_SEGMENT_SAFE)


def fill_file_name(facts: PermalinkFacts, rules: SourceRules) -> str:
    """:filename: the file's own name, with its date."""
    if isinstance(rules.spell, HugoPaths):
        return quote(rules.spell.words(post_name(facts.path)), safe=_SEGMENT_SAFE)
    return spell_name(post_name(facts.path), rules)


def fill_categories(facts: PermalinkFacts, rules: SourceRules) -> str:
    """:categories: all of them, one folder each; Jekyll keeps their signs."""
    if not rules.conventions.slugify_names:
        return "/".join(quote(slugify(name), safe=_SEGMENT_SAFE) for name in facts.categories)
    names = dict.fromkeys(name.lower() for name in facts.categories)
    return "/".join(quote(name, safe=_SEGMENT_SAFE) for name in names)


def fill_category(facts: PermalinkFacts, rules: SourceRules) -> str:
    """:category: the first; to Hexo the last, with those above it."""
    if rules.profile == "pelican":
        return spell_name(facts.categories[0] if facts.categories else "misc", rules)
    if rules.profile == "hexo":
        from publisher.sources.generators.hexo import CategoryAddresses

        addresses = rules.category_addresses or CategoryAddresses()
        value = facts.front.get("categories", "category")
        last: Sequence[str] = facts.categories  # a list is one category in another; [[a], [b, c]] are two
        if isinstance(value, list) and any(isinstance(item, list) for item in value):
            last = scalars(value[-1])
        words = map(addresses.word, last or (addresses.default,))
        return "/".join(quote(_NOT_SLUG.sub("-", word).strip("-"), safe=_SEGMENT_SAFE) for word in words)
    return quote(slugify(facts.categories[0]), safe=_SEGMENT_SAFE) if facts.categories else ""


def fill_author(facts: PermalinkFacts, rules: SourceRules) -> str:
    """:author: the first author, as a slug."""
    if rules.profile == "pelican":
        return spell_name(facts.author, rules)
    return quote(slugify(facts.author), safe=_SEGMENT_SAFE)


def fill_hash(facts: PermalinkFacts, rules: SourceRules) -> str:
    """Hexo's :hash: twelve digits of a SHA-1 of the slug and the time."""
    second = int(facts.local.timestamp()) if facts.local else 0
    return sha1(
        f"{'/'.join(hexo_title_parts(facts, rules))}{second}".encode(), usedforsecurity=False
    ).hexdigest()[:12]


def content_path(facts: PermalinkFacts, rules: SourceRules) -> list[str]:
    """The folders between the content's root and the post, without its bundle's."""
    parts = rules.in_blog(facts.path).split("/")[:-1]
    if (
        parts
        and file_stem(facts.path).removesuffix(language_suffix(file_stem(facts.path))).casefold() == "index"
    ):
        parts.pop()
    if rules.languages and (place := rules.languages.of_folder(rules.in_blog(facts.path))[0]):
        target = rules.languages.targets.get(place, "")
        return [*filter(None, target.split("/")), *parts[place.count("/") + 1 :]]
    parts = content_folders(parts[3:] if locale_of(facts, rules) else parts, rules)
    if rules.profile == "eleventy" and parts and parts[-1] == file_stem(facts.path):
        parts.pop()  # about/about.md is as good as about/index.md
    return parts


def content_folders(parts: list[str], rules: SourceRules) -> list[str]:
    """The folders below the content's: the one that is set, else the last with a generator's name for it."""
    if rules.content_folder is not None:
        above = rules.content_folder.split("/") if rules.content_folder else []
        return parts[len(above) :] if parts[: len(above)] == above else parts
    for at in range(len(parts) - 1, -1, -1):
        if parts[at] in rules.conventions.roots:
            return parts[at + 1 :]
    return parts


def fill_sections(facts: PermalinkFacts, rules: SourceRules) -> str:
    """:sections: the folders between the content's root and the post."""
    if rules.profile == "zola":  # which spells only names of pages its own way
        return "/".join(quote(name, safe=_SEGMENT_SAFE) for name in content_path(facts, rules))
    return "/".join(spell_name(name, rules, facts.path) for name in content_path(facts, rules))


def section(facts: PermalinkFacts, rules: SourceRules) -> str:
    """The outermost folder of the content; "" for a post in none."""
    return spell_name(folders[0], rules, facts.path) if (folders := content_path(facts, rules)) else ""


def fill_entry(facts: PermalinkFacts, rules: SourceRules) -> str:
    """Astro's name of a post in its collection: its slug, else its folders and name."""
    if slug := facts.front.text("slug").strip("/"):
        return quote(slug, safe=_PATH_SAFE)
    return f"{'/'.join(fill_sections(facts, rules).split('/')[1:])}/{fill_slug(facts, rules)}"


def fill_dated(facts: PermalinkFacts, rules: SourceRules) -> str:
    """Docusaurus' address of a post, below the blog's: the slug, else the date in its path, and its name."""
    if slug := facts.front.text("slug").strip("/"):
        return f"/{quote(slug, safe=_PATH_SAFE)}"
    stem = "/".join([*content_path(facts, rules), post_name(facts.path)])
    if match := _LAST_DATE.fullmatch(stem):
        stem = "/".join((match[2].replace("-", "/"), match[1] + match[3]))
    return f"/{quote(stem, safe=_PATH_SAFE)}"


_WORDS: dict[str, Callable[[PermalinkFacts, SourceRules], str]] = {
    **{word: fill_date(part) for word, part in DATE_WORDS.items()},
    "title": fill_title,
    "name": lambda facts, rules: fill_title(facts, rules).rpartition("/")[2],
    "post_title": fill_title_only,
    "slug": fill_slug,
    "slugorfilename": fill_slug_or_name,
    "slugorcontentbasename": fill_slug_or_name,
    "titleslug": fill_slug_or_title,
    "titleonly": fill_title_only,
    "filename": fill_file_name,
    "contentbasename": fill_file_name,
    "categories": fill_categories,
    "slugified_categories": lambda facts, rules: "/".join(
        quote(name, safe=_SEGMENT_SAFE) for name in dict.fromkeys(map(slugify, facts.categories))
    ),
    "category": fill_category,
    "hash": fill_hash,
    "sections": fill_sections,
    "section": lambda facts, rules: section(facts, rules),
    "sections_rest": lambda facts, rules: "/".join(fill_sections(facts, rules).split("/")[1:]),
    "sections_last": lambda facts, rules: fill_sections(facts, rules).rpartition("/")[2],
    "collection": lambda facts, rules: "posts",
    "dated": fill_dated,
    "entry": fill_entry,
    "lang": lambda facts, rules: quote(facts.language.lower()),
    "author": fill_author,
    "output_ext": lambda facts, rules: ".html",
}
_WORD = lazy(f":({'|'.join(sorted(_WORDS, key=len, reverse=True))})(?![a-z])")
