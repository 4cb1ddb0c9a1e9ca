"""A post's date: from its front matter, else its file name, else its path. Never the file's mtime."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo

from publisher.core.patterns import lazy
from publisher.sources.fields.authors_and_terms import language_suffix
from publisher.sources.frontmatter.dates import DateOrder, parse_date, read_date
from publisher.sources.frontmatter.values import FrontMatter, FrontMatterError, Quoted

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
    """The time zone of dates that name none. `utc` matches those that the generator reads as UTC: with
    `quoted` True only those in quotes, with False only unquoted ones. `order` and `bare` are for `read_date`.
    """

    site: tzinfo
    utc: re.Pattern[str] | None = None
    quoted: bool | None = None
    order: DateOrder = DateOrder.NONE
    bare: bool = True

    def of(self, text: str) -> tzinfo:
        """The zone of the date in `text`, a scalar of front matter."""
        if self.utc is None or self.quoted not in (None, isinstance(text, Quoted)):
            return self.site
        return UTC if self.utc.fullmatch(text.strip()) else self.site


def find_instant(
    front: FrontMatter | None, path: str, zones: DateZones, warnings: list[str], last: tuple[str, ...] = ()
) -> tuple[datetime | None, str]:
    """A post's instant (UTC; None: there is no date) and where it is from. `last` are fields to use if
    nothing else has a date. What cannot be read on the way is added to `warnings`.
    """
    if front is not None:
        found, name = first_date(front, DATE_FIELDS, zones, warnings)
        if found is not None:
            return found, name
    named = date_in_name(path)
    candidates: list[tuple[str, str]] = []
    if named:
        candidates.append(("-".join(named.groups()[:3]) + (named[4] or ""), "file name"))
    if (match := _IN_PATH.search(path)) and not (named and match.groups() == named.groups()[:3]):
        candidates.append(("-".join(match.groups()), "folders"))
    if front:
        found_in = ((name, _IN_PATH.search(front.text(name))) for name in PATH_FIELDS)
        candidates += [("-".join(match.groups()), name) for name, match in found_in if match]
    for text, where in candidates:
        found = parse_date(text, zones.of(text))
        if found is not None:
            return found, where
        warnings.append(f"{where}: {text!r} is not a date; no calendar has that day")
    return first_date(front, last, zones, warnings) if front and last else (None, "")


def find_ordered_date(
    front: FrontMatter, order: Sequence[str], path: str, zones: DateZones, warnings: list[str]
) -> tuple[datetime | None, str]:
    """The date from the first of `order` that has one (see hugo.DateSources), and which that is. Warns of
    skipped ones that only the generator's machine knows.
    """
    from publisher.sources.generators import hugo  # no other generator lets a site order its dates

    for name in order:
        if name in hugo.UNKNOWN_SOURCES:
            source = hugo.UNKNOWN_SOURCES[name]
            warnings.append(
                f"Hugo takes its date from {source} (frontmatter: {name}), which is not looked"
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
    """An embargo: the publish date of a post that also has another date, if it is the later one."""
    if instant is None or front.get("date") is None:
        return None
    found, _ = first_date(front, EMBARGO_FIELDS, zones, warnings)
    return found if found is not None and found > instant else None


def first_date(
    front: FrontMatter, names: tuple[str, ...], zones: DateZones, warnings: list[str]
) -> tuple[datetime | None, str]:
    """The first of the fields `names` with a date we can read (UTC), and its name; warns of those we cannot.
    Raises FrontMatterError if one is a list or a map.
    """
    for name in names:
        value = front.values.get(name)
        if value is None:
            continue
        if isinstance(value, (list, dict)):
            kind = "list" if isinstance(value, list) else "map"
            raise FrontMatterError(f"{name} is a {kind}; write one date", front.line_of(name))
        text = value.strip()
        if not text or (name == "published" and front.flag(name) is not None):
            continue
        found = read_date(text, zones.of(value), zones.order, bare=zones.bare)
        line = front.line_of(name)
        if found.at is None:
            reason = "is not a date; write it as 2024-10-25 08:38"
            warnings.append(f"line {line}: {name}: {text[:60]!r} {reason}")
            continue
        if found.doubt:
            warnings.append(f"line {line}: {name}: {text[:60]!r}: {found.doubt}")
        return found.at, name
    return None, ""


def date_in_name(path: str) -> re.Match[str] | None:
    """The YYYY-MM-DD at the beginning of the file's or bundle's name, and Zola's time after it."""
    return _IN_NAME.match(post_name(path))


def date_in_path(path: str) -> re.Match[str] | None:
    """The YYYY/MM/DD of a path, with "/" or "-" between: 2024/05-01-a.md, 2024-05-01-a/text.md."""
    return _IN_PATH.search(path)


def post_name(path: str) -> str:
    """A post's own name: the file's without its suffix, or the folder's for an index file."""
    folders, _, name = path.rpartition("/")
    stem = name.rpartition(".")[0] or name
    if "." in stem:
        stem = stem.removesuffix(language_suffix(stem))
    return folders.rpartition("/")[2] if stem.casefold() == "index" and folders else stem
