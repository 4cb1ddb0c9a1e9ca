"""Where a post's date is looked for: front matter first, then its name, then its path. Never the mtime."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo

from publisher.core.patterns import lazy
from publisher.sources.fields.authors_and_terms import language_suffix
from publisher.sources.frontmatter.dates import DateOrder, parse_date, read_date
from publisher.sources.frontmatter.values import FrontMatter, FrontMatterError, Quoted, Value

DATE_FIELDS = (
    "date", "publishdate", "pubdate", "pubdatetime", "published", "created", "publishedat", "publisheddate",
    "datepublished", "publicationdate", "postdate", "createdat", "datecreated",
)  # fmt: skip
MODIFIED_FIELDS = (
    "lastmodifiedat", "lastmod", "updated", "updateddate", "modified", "moddatetime", "updatedat",
    "dateupdated", "datemodified", "modifieddate", "lastupdated",
)  # fmt: skip
EMBARGO_FIELDS = ("publishdate", "pubdate", "published")
EXPIRY_FIELDS = ("expirydate", "unpublishdate", "expires")
PATH_FIELDS = ("permalink", "url", "path", "slug")

_IN_NAME = lazy(r"(\d{4})-(\d{1,2})-(\d{1,2})(?!\d)(T\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d))?")
_IN_PATH = lazy(r"(?:^|/)(\d{4})[/-](\d{1,2})[/-](\d{1,2})(?=[/-]|$)")


@dataclass(frozen=True, slots=True)
class DateZones:
    """The zone of dates that name none: `utc` matches those that the generator reads as UTC, of which
    only those in quotes are where `quoted`, and those are not where it is False. `order` and `bare` are for
    `read_date`.
    """

    site: tzinfo
    utc: re.Pattern[str] | None = None
    quoted: bool | None = None
    order: DateOrder = DateOrder.NONE
    bare: bool = True

    def of(self, text: str) -> tzinfo:
        """The zone of the date in `text`, a scalar as front matter has it."""
        if self.utc is None or self.quoted not in (None, isinstance(text, Quoted)):
            return self.site
        return UTC if self.utc.fullmatch(text.strip()) else self.site


def find_instant(
    front: FrontMatter | None, path: str, zones: DateZones, warnings: list[str], last: tuple[str, ...] = ()
) -> tuple[datetime | None, str]:
    """A post's instant (UTC; None: nowhere a date) and where it stands. `last` are fields that date it where
    nothing else does. Adds to `warnings` what was passed over on the way to it.
    """
    if front is not None:
        found, name = first_date(front, DATE_FIELDS, zones, warnings)
        if found is not None:
            return found, name
    for text, where in _name_and_path(front, path):
        found = parse_date(text, zones.of(text))
        if found is not None:
            return found, where
        warnings.append(f"{where}: {text!r} is no date; no calendar has that day")
    return first_date(front, last, zones, warnings) if front and last else (None, "")


def find_ordered_date(
    front: FrontMatter, order: Sequence[str], path: str, zones: DateZones, warnings: list[str]
) -> tuple[datetime | None, str]:
    """The date that the first of `order` gives (see hugo.Dating), and which it is. Warns of those on the way
    to it that only the machine of the generator knows.
    """
    from publisher.sources.generators import hugo  # none other orders its dates

    for name in order:
        if name in hugo.ELSEWHERE:
            warnings.append(
                f"Hugo takes its date from {hugo.ELSEWHERE[name]} (frontmatter: {name}), which is not looked"
                " at; write the date in its front matter"
            )
        elif name == hugo.FILENAME:
            named = date_in_name(path)
            found = parse_date("-".join(named.groups()[:3]), zones.site) if named else None
            if found is not None:
                return found, hugo.FILENAME
        else:
            found, _ = first_date(front, (name,), zones, warnings)
            if found is not None:
                return found, name
    return None, ""


def find_embargo(
    front: FrontMatter, instant: datetime | None, zones: DateZones, warnings: list[str]
) -> datetime | None:
    """An embargo: the publish date of a post that has a date of its own too, where it is the later one."""
    if instant is None or front.get("date") is None:
        return None
    found, _ = first_date(front, EMBARGO_FIELDS, zones, warnings)
    return found if found is not None and found > instant else None


def first_date(
    front: FrontMatter, names: tuple[str, ...], zones: DateZones, warnings: list[str]
) -> tuple[datetime | None, str]:
    """The first of the fields `names` that holds a date we can read (UTC), and its name; warns of those
    we cannot. Raises FrontMatterError where one is a list or a map.
    """
    for name in names:
        value = front.values.get(name)
        if value is None:
            continue
        found = _read(front, name, value, zones, warnings)
        if found is not None:
            return found, name
    return None, ""


def _read(
    front: FrontMatter, name: str, value: Value, zones: DateZones, warnings: list[str]
) -> datetime | None:
    if isinstance(value, (list, dict)):
        kind = "list" if isinstance(value, list) else "map"
        raise FrontMatterError(f"{name} is a {kind}; write one date", front.line_of(name))
    text = (value or "").strip()
    if not text or (name == "published" and front.flag(name) is not None):
        return None
    found = read_date(text, zones.of(value or ""), zones.order, bare=zones.bare)
    if doubt := found.doubt if found.at else "is no date; write it as 2024-10-25 08:38":
        reason = f"{name}: {text[:60]!r} {doubt}" if found.at is None else f"{name}: {text[:60]!r}: {doubt}"
        warnings.append(f"line {front.line_of(name)}: {reason}")
    return found.at


def date_in_name(path: str) -> re.Match[str] | None:
    """The YYYY-MM-DD that the file's name, or its bundle's, begins with, and Zola's time after it."""
    return _IN_NAME.match(post_name(path))


def date_in_path(path: str) -> re.Match[str] | None:
    """The YYYY/MM/DD of a path, its parts apart by "/" or "-": 2024/05-01-a.md, 2024-05-01-a/text.md."""
    return _IN_PATH.search(path)


def post_name(path: str) -> str:
    """The name that is the post's own: the file's without suffix, or the folder's of an index file."""
    folders, _, name = path.rpartition("/")
    stem = name.rpartition(".")[0] or name
    if "." in stem:
        stem = stem.removesuffix(language_suffix(stem))
    return folders.rpartition("/")[2] if stem.casefold() == "index" and folders else stem


def _name_and_path(front: FrontMatter | None, path: str) -> Iterator[tuple[str, str]]:
    named = date_in_name(path)
    if named:
        yield "-".join(named.groups()[:3]) + (named[4] or ""), "file name"
    if (match := date_in_path(path)) and not (named and match.groups() == named.groups()[:3]):
        yield "-".join(match.groups()), "folders"
    for name in PATH_FIELDS if front else ():
        if match := _IN_PATH.search(front.text(name) if front else ""):
            yield "-".join(match.groups()), name
