"""Babel's one door: words in the reader's language, days and lists as people there write them.

Words come from gettext catalogues, templates/languages/<tag>.po: the site's own folder first, the packaged
one last, message by message; English stands in the templates themselves. They are read as they are written:
there is nothing to compile, and what a translator saves is seen at once.
"""

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

_TAG = re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8})*")
_PLAIN: Mapping[str, str] = {"en": "en_001"}  # "5 October 2026" is read alike everywhere


@dataclass(frozen=True, slots=True)
class LanguageWords:
    """One language: `tag` (BCP 47) is what its words are in, `locale` how its days and lists are written."""

    tag: str
    locale: str
    catalogue: NullTranslations

    @property
    def english(self) -> bool:
        """Whether it is what templates and code say by themselves."""
        return self.catalogue is _ENGLISH

    def text(self, message: str, **values: object) -> str:
        """`message` in this language, with `values` in the places "%(name)s"."""
        return self.catalogue.gettext(message) % values

    def plural(self, one: str, many: str, num: int, **values: object) -> str:
        """The form of the message for `num` things, which "%(num)s" shows."""
        return self.catalogue.ngettext(one, many, num) % {"num": num, **values}

    def day(self, instant: datetime, zone: str = "UTC") -> str:
        """ "25 October 2024": the day of `instant` by the calendar of `zone` (an IANA name)."""
        return _day(instant.astimezone(ZoneInfo(zone)).date(), self.locale)

    def moment(self, instant: datetime, zone: str = "UTC") -> str:
        """ "25 October 2024, 18:30": the day and the wall clock of `zone`."""
        clock = f"{instant.astimezone(ZoneInfo(zone)):%H:%M}"
        return _moment(self.locale).format(clock, self.day(instant, zone))

    def weekday(self, number: int) -> str:
        """ "Monday" for 0, by itself as in a list of days."""
        return _weekdays(self.locale)[number]

    def names(self, names: Sequence[str]) -> str:
        """ "Ann, Bo and Cy"."""
        return _names(tuple(names), self.locale)


class Languages:
    """The catalogues of some template folders, the earlier ones first."""

    def __init__(self, folders: Sequence[Path]) -> None:
        self._folders = [folder / "languages" for folder in folders]

    def words(self, language: str) -> LanguageWords:
        """The words for readers of `language` (BCP 47), else English. Raises TemplateError."""
        for tag in _candidates(language):
            files = tuple(
                (file, file.stat().st_mtime_ns) for folder in self._folders if (file := _find(folder, tag))
            )
            if files:
                return LanguageWords(tag, _locale(language, tag), _translations(files))
        return LanguageWords("en" if _base(language) != "en" else language, _locale(language, "en"), _ENGLISH)


_ENGLISH = NullTranslations()


def _candidates(language: str) -> list[str]:
    """ "pt-BR" asks for "pt-BR", then "pt". Chinese in traditional letters is not Chinese in simplified."""
    if not _TAG.fullmatch(language):
        return []
    first, *rest = language.split("-")
    parts = [first.lower(), *map(_usual, rest)]
    tags = ["-".join(parts[:n]) for n in range(len(parts), 0, -1)]
    if parts[0] == "zh" and {"Hant", "TW", "HK", "MO"} & set(parts[1:]):
        return [*tags[:-1], "zh-Hant"]
    return tags


def _usual(part: str) -> str:
    """A script is written "Hant", a region "TW" (RFC 5646 2.1.1); catalogues are named so."""
    if len(part) == 4 and part.isalpha():
        return part.title()
    return part.upper() if len(part) == 2 else part


def _find(folder: Path, tag: str) -> Path | None:
    for name in (tag, tag.lower()):
        if (file := folder / f"{name}.po").is_file():
            return file
    return None


def _base(language: str) -> str:
    return language.partition("-")[0].lower()


@lru_cache(maxsize=64)
def _locale(language: str, tag: str) -> str:
    """How Babel calls the locale of `language`, or else of `tag`, whose words are used."""
    from babel import Locale, UnknownLocaleError

    if language.lower() in _PLAIN:
        return _PLAIN[language.lower()]
    for name in (language,) if _base(language) == _base(tag) else ():
        try:
            return str(Locale.parse(name, sep="-"))
        except (UnknownLocaleError, ValueError):
            break
    try:
        return _PLAIN.get(tag) or str(Locale.parse(_base(tag)))
    except (UnknownLocaleError, ValueError):
        return _PLAIN["en"]


@lru_cache(maxsize=64)
def _translations(files: tuple[tuple[Path, int], ...]) -> NullTranslations:
    """The first catalogue, with those after it for what it lacks. The times are those of the files."""
    from gettext import GNUTranslations

    from babel.messages.mofile import write_mo

    first, *others = files
    compiled = BytesIO()
    write_mo(compiled, read(first[0]))
    compiled.seek(0)
    made = GNUTranslations(compiled)
    if others:
        made.add_fallback(_translations(tuple(others)))
    return made


def read(file: Path) -> "Catalog":
    """A catalogue. Raises TemplateError: not one, or its plural rule is wrong."""
    from babel.messages.pofile import PoFileError, read_po

    try:
        with file.open("rb") as stream:
            catalogue = read_po(stream, abort_invalid=True)
        assert catalogue.plural_forms  # noqa: S101  # computed when asked for: raises for a wrong rule
    except (PoFileError, ValueError, LookupError, OSError) as error:
        where = f"templates/languages/{file.name}"
        raise TemplateError(where, " ".join(str(error).split()), "it must be a gettext catalogue") from None
    return catalogue


@lru_cache(maxsize=1024)
def _day(day: date, locale: str) -> str:
    from babel.dates import format_date

    return format_date(day, "long", locale=locale)


@lru_cache(maxsize=64)
def _moment(locale: str) -> str:
    """How a time, {0}, stands beside a day, {1}."""
    from babel.dates import get_datetime_format

    return str(get_datetime_format("long", locale)).replace("'", "")


@lru_cache(maxsize=64)
def _weekdays(locale: str) -> tuple[str, ...]:
    from babel.dates import get_day_names

    days = get_day_names("wide", "stand-alone", locale)
    return tuple(days[n] for n in range(7))


@lru_cache(maxsize=1024)
def _names(names: tuple[str, ...], locale: str) -> str:
    from babel.lists import format_list

    return format_list(names, locale=locale) if names else ""


def tongue(tag: str) -> str:
    """A language by its own name ("Deutsch"), or its tag where nobody has told us that name."""
    from babel import Locale, UnknownLocaleError  # slow to import

    try:
        name = Locale.parse(tag, sep="-").get_display_name()
    except (ValueError, UnknownLocaleError):
        return tag
    return name[:1].upper() + name[1:] if name else tag
