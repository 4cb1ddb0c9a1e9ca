"""Words in the reader's language; days and lists as people write them there (Babel).

Words come from gettext catalogs, templates/languages/<tag>.po: the site's own folder first, the packaged
one last, message by message; English is in the templates themselves. Catalogs need no compiling: what a
translator saves is used at once.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from gettext import NullTranslations
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from publisher.core.errors import TemplateError

if TYPE_CHECKING:
    from babel.messages.catalog import Catalog


_PLACEHOLDER = re.compile(r"%\((\w+)\)[sd]|%%")
_TAG = re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8})*")
_LOCALES: Mapping[str, str] = {"en": "en_001"}  # "5 October 2026" reads the same everywhere


@dataclass(frozen=True, slots=True)
class LanguageWords:
    """One language: `tag` (BCP 47) is that of its words, `locale` Babel's name for how days and lists are
    written."""

    tag: str
    locale: str
    catalogue: NullTranslations

    @property
    def english(self) -> bool:
        """Whether its words are those of the templates and the code themselves."""
        return self.catalogue is _ENGLISH

    def text(self, message: str, **values: object) -> str:
        """`message` in this language, with `values` in place of "%(name)s"."""
        return self.catalogue.gettext(message) % values

    def plural(self, one: str, many: str, num: int, **values: object) -> str:
        """The form of the message for `num` things, which "%(num)s" shows."""
        return self.catalogue.ngettext(one, many, num) % {"num": num, **values}

    def day(self, instant: datetime, zone: str = "UTC") -> str:
        """ "25 October 2024": the day of `instant` by the calendar of `zone` (an IANA name)."""
        return format_day(instant.astimezone(ZoneInfo(zone)).date(), self.locale)

    def moment(self, instant: datetime, zone: str = "UTC") -> str:
        """ "25 October 2024, 18:30": the day and the wall clock of `zone`."""
        clock = f"{instant.astimezone(ZoneInfo(zone)):%H:%M}"
        return moment_pattern(self.locale).format(clock, self.day(instant, zone))

    def weekday(self, number: int) -> str:
        """ "Monday" for 0, by itself as in a list of days."""
        return weekday_names(self.locale)[number]

    def names(self, names: Sequence[str]) -> str:
        """ "Ann, Bo and Cy"."""
        return format_names(tuple(names), self.locale)


class Languages:
    """The catalogs of some template folders, the earlier ones first."""

    def __init__(self, folders: Sequence[Path]) -> None:
        self._folders = [folder / "languages" for folder in folders]
        renamed = [folder / "renamed-messages.json" for folder in folders]
        self._renamed = next((file for file in renamed if file.is_file()), None)

    def words(self, language: str) -> LanguageWords:
        """The words for readers of `language` (BCP 47), else English. Raises TemplateError."""
        for tag in candidates(language):
            files: list[tuple[Path, int]] = []
            for folder in self._folders:
                paths = (folder / f"{name}.po" for name in (tag, tag.lower()))
                if file := next((path for path in paths if path.is_file()), None):
                    files.append((file, file.stat().st_mtime_ns))
            if files:
                return LanguageWords(tag, locale_of(language, tag), translations(tuple(files), self._renamed))
        tag = language if _primary(language) == "en" else "en"
        return LanguageWords(tag, locale_of(language, "en"), _ENGLISH)


_ENGLISH = NullTranslations()


def candidates(language: str) -> list[str]:
    """Tags whose catalogs serve `language`, best first: "pt-BR", then "pt". Traditional Chinese is not served
    by a catalog in simplified Chinese."""
    if not _TAG.fullmatch(language):
        return []
    first, *rest = language.split("-")
    parts = [first.lower()]
    for part in rest:  # catalogs are named "zh-Hant", "pt-BR" (RFC 5646 2.1.1)
        if len(part) == 4 and part.isalpha():
            parts.append(part.title())
        else:
            parts.append(part.upper() if len(part) == 2 else part)
    tags = ["-".join(parts[:n]) for n in range(len(parts), 0, -1)]
    if parts[0] == "zh" and {"Hant", "TW", "HK", "MO"} & set(parts[1:]):
        return [*tags[:-1], "zh-Hant"]
    return tags


def _primary(language: str) -> str:
    """ "pt" of "pt-BR"."""
    return language.partition("-")[0].lower()


@lru_cache(maxsize=64)
def locale_of(language: str, tag: str) -> str:
    """Babel's name for the locale of `language`, or else of `tag`, whose words are used."""
    from babel import Locale, UnknownLocaleError

    if language.lower() in _LOCALES:
        return _LOCALES[language.lower()]
    for name in (language,) if _primary(language) == _primary(tag) else ():
        try:
            return str(Locale.parse(name, sep="-"))
        except (UnknownLocaleError, ValueError):
            break
    try:
        return _LOCALES.get(tag) or str(Locale.parse(_primary(tag)))
    except (UnknownLocaleError, ValueError):
        return _LOCALES["en"]


@lru_cache(maxsize=64)
def translations(files: tuple[tuple[Path, int], ...], renamed: Path | None = None) -> NullTranslations:
    """The first catalog, with those after it for what it lacks. The times tell when a file has changed.
    `renamed` is a JSON file of messages that had other words in an earlier version (old -> new): a site's own
    template may still say the old ones, and its own catalog may still translate them.
    """
    from gettext import GNUTranslations

    from babel.messages.mofile import write_mo

    first, *others = files
    compiled = BytesIO()
    catalogue = read_catalog(first[0])
    for old, new in json.loads(renamed.read_text("utf-8")).items() if renamed else ():
        for known, other in ((old, new), (new, old)):
            if (message := catalogue.get(known)) is not None and catalogue.get(other) is None:
                catalogue.add(other, message.string)
    write_mo(compiled, catalogue)
    compiled.seek(0)
    made = GNUTranslations(compiled)
    if others:
        made.add_fallback(translations(tuple(others), renamed))
    return made


def read_catalog(file: Path) -> "Catalog":
    """A gettext catalog. Raises TemplateError: the file is not one, or its plural rule is wrong."""
    from babel.messages.pofile import PoFileError, read_po

    try:
        with file.open("rb") as stream:
            catalogue = read_po(stream, abort_invalid=True)
        assert catalogue.plural_forms  # noqa: S101  # computed on access: raises for a wrong rule
    except (PoFileError, ValueError, LookupError, OSError) as error:
        where = f"templates/languages/{file.name}"
        raise TemplateError(where, " ".join(str(error).split()), "it must be a gettext catalogue") from None
    return catalogue


@lru_cache(maxsize=1024)
def format_day(day: date, locale: str) -> str:
    """ "25 October 2024"."""
    from babel.dates import format_date

    return format_date(day, "long", locale=locale)


@lru_cache(maxsize=64)
def moment_pattern(locale: str) -> str:
    """How a time, {0}, is written with a day, {1}."""
    from babel.dates import get_datetime_format

    return str(get_datetime_format("long", locale)).replace("'", "")


@lru_cache(maxsize=64)
def weekday_names(locale: str) -> tuple[str, ...]:
    """From Monday to Sunday."""
    from babel.dates import get_day_names

    days = get_day_names("wide", "stand-alone", locale)
    return tuple(days[n] for n in range(7))


@lru_cache(maxsize=1024)
def format_names(names: tuple[str, ...], locale: str) -> str:
    """ "Ann, Bo and Cy"."""
    from babel.lists import format_list

    return format_list(names, locale=locale) if names else ""


def language_name(tag: str) -> str:
    """A language by its own name ("Deutsch"), or its tag if Babel does not know that name."""
    from babel import Locale, UnknownLocaleError  # slow to import

    try:
        name = Locale.parse(tag, sep="-").get_display_name()
    except (ValueError, UnknownLocaleError):
        return tag
    return name[:1].upper() + name[1:] if name else tag


def catalog_fault(file: Path) -> TemplateError | None:
    """A translation whose placeholders are not those of its message. Raises TemplateError: no catalog."""
    for message in read_catalog(file):
        if not message.id or not message.string or message.fuzzy:
            continue
        originals = message.id if isinstance(message.id, tuple | list) else (message.id,)
        strings = message.string if isinstance(message.string, tuple | list) else (message.string,)
        wanted = {name for text in originals for name in _PLACEHOLDER.findall(text) if name}
        for text in filter(None, strings):
            have = {name for name in _PLACEHOLDER.findall(text) if name}
            where = f"templates/languages/{file.name}:{message.lineno}"
            if unknown := sorted(have - wanted):
                only = ", ".join(f"%({name})s" for name in sorted(wanted)) or "no placeholder"
                what = f"%({unknown[0]})s is not in the English message, which has {only}"
                return TemplateError(where, what, "write it as in the English message")
            lost = wanted - have - ({"num"} if len(strings) > 1 else set())
            if lost:
                what = f"the placeholder %({min(lost)})s is missing"
                return TemplateError(where, what, "put it into the text")
            if wanted and "%" in _PLACEHOLDER.sub("", text):
                return TemplateError(where, f"a % that begins no placeholder in `{text[:60]}`", "write %%")
    return None
