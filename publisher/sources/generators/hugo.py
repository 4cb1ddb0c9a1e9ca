"""Hugo: what its configuration says of sections, languages and dates in names of files.

permalinks        of the pages of each section, in Hugo's words
languages         their codes and, where each has a folder of its own, contentDir
defaultContentLanguage, defaultContentLanguageInSubdir   which of them has no folder in addresses
frontmatter       where each date is taken from, in order; ":filename" also takes the slug that is after it
uglyURLs          /posts/a.html for /posts/a/, in all sections or some
removePathAccents, disablePathToLower            how names are spelled
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from publisher.core.patterns import lazy
from publisher.sources.fields.slugs import HugoPaths
from publisher.sources.frontmatter.values import Value, fold, folded_map, scalars, text_of

PERMALINK = "/:sections/:slug"
_HUGO_WORDS = {
    ":titleslug": lazy(r":slug(?![a-z])"),
    ":titleonly": lazy(r":title(?![a-z])"),
    ":sections_rest": lazy(r":sections\[1:\]"),
    ":sections_last": lazy(r":sections\[last\]"),
    ":section": lazy(r":sections\[0\]"),
}

FILENAME = ":filename"
UNKNOWN_SOURCES = {":git": "Git", ":filemodtime": "the time of its file"}
_DEFAULT_DATE_FIELDS = {
    "date": ("date", "publishdate", "pubdate", "published", "lastmod", "modified"),
    "publishdate": ("publishdate", "pubdate", "published", "date"),
    "lastmod": ("lastmod", "modified"),
    "expirydate": ("expirydate", "unpublishdate"),
}
"""What ":default" stands for; of `lastmod` without Git and without what is no change."""

_ALIASES = {
    "lastmod": ("modified",),
    "publishdate": ("pubdate", "published"),
    "expirydate": ("unpublishdate",),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class HugoLanguages:
    """The languages of a blog. `codes`: all that it names. `contents`: the folders, by their paths from the
    blog's root, that hold content, each with the language of all in it ("" where names of files tell it).
    `main` is the language whose posts have no folder in their addresses; "": all have one. `disabled` are the
    codes of those that are turned off. `targets` are the content folders that the folders of mounts stand
    for, where that is not the content's root itself.
    """

    codes: tuple[str, ...] = ()
    contents: Mapping[str, str]
    main: str = ""
    disabled: tuple[str, ...] = ()
    targets: Mapping[str, str] = field(default_factory=dict[str, str])

    def of_folder(self, path: str) -> tuple[str, str]:
        """The folder of content that the file at `path` is in, and that folder's language."""
        found = [place for place in self.contents if path.startswith(place + "/")]
        place = max(found, key=len, default="")
        return place, self.contents.get(place, "")


@dataclass(frozen=True, slots=True, kw_only=True)
class DateSources:
    """Where the dates of posts are taken from, in order: front matter by values.fold, `FILENAME`, and what
    only the generator's machine knows, `UNKNOWN_SOURCES`. Empty: the configuration says nothing of it.
    """

    date: tuple[str, ...] = ()
    publish: tuple[str, ...] = ()
    modified: tuple[str, ...] = ()
    expiry: tuple[str, ...] = ()


def date_sources(top: Mapping[str, Value]) -> DateSources | None:
    """What `frontmatter` says of dates; None where it says nothing
    (https://gohugo.io/configuration/front-matter/#dates).
    """
    settings = folded_map(top.get("frontmatter"))
    orders = {name: expand_date_order(name, scalars(settings.get(name))) for name in _DEFAULT_DATE_FIELDS}
    if not any(orders.values()):
        return None
    changes = tuple(
        name
        for name in orders["lastmod"]
        if name[0] != ":" and name not in _DEFAULT_DATE_FIELDS["publishdate"]
    )
    return DateSources(
        date=orders["date"], publish=orders["publishdate"], modified=changes, expiry=orders["expirydate"]
    )


def expand_date_order(name: str, words: Sequence[str]) -> tuple[str, ...]:
    """The fields that the order of one date names, with what ":default" stands for and aliases."""
    found: list[str] = []
    for word in map(fold, words):
        found += _DEFAULT_DATE_FIELDS[name] if word == ":default" else (word, *_ALIASES.get(word, ()))
    return tuple(dict.fromkeys(found))


def hugo_languages(top: Mapping[str, Value]) -> HugoLanguages:
    """The languages that a configuration names; `top` is keyed by values.fold."""
    base = text_of(top.get("contentdir")).strip("/").removeprefix("./") or "content"
    named = top.get("languages")
    entries = {code: folded_map(entry) for code, entry in named.items()} if isinstance(named, dict) else {}
    listed = {code.lower() for code in scalars(top.get("disablelanguages"))}
    disabled = {
        code
        for code, entry in entries.items()
        if text_of(entry.get("disabled")) == "true" or code.lower() in listed
    }
    codes = [code for code in entries if code not in disabled]
    main = text_of(top.get("defaultcontentlanguage")) or "en"
    mounted = mounted_folders(top)
    if not codes:
        return HugoLanguages(
            codes=(main,), contents=mounted or {base: ""}, main=main, targets=mount_targets(top)
        )
    own = [code for code in codes if text_of(entries[code].get("contentdir"))]
    contents = {} if len(own) == len(codes) else {base: ""}
    for code in own:
        if place := text_of(entries[code].get("contentdir")).strip("/").removeprefix("./"):
            contents[place] = code
    inside = text_of(top.get("defaultcontentlanguageinsubdir")) == "true"

    return HugoLanguages(
        codes=tuple(codes),
        contents=mounted or contents,
        main="" if inside else main,
        disabled=tuple(sorted(code.lower() for code in disabled)),
        targets=mount_targets(top),
    )


def mounts(top: Mapping[str, Value]) -> Iterator[tuple[str, Mapping[str, Value]]]:
    """The mounts that content is made of: their folders by their paths from the root, and what they say."""
    listed = folded_map(top.get("module")).get("mounts")
    for mount in map(folded_map, listed if isinstance(listed, list) else ()):
        source, target = (
            text_of(mount.get(name)).removeprefix("./").strip("/") for name in ("source", "target")
        )
        if (target + "/").startswith("content/"):
            yield source, mount


def mounted_folders(top: Mapping[str, Value]) -> dict[str, str]:
    """The folders that module.mounts makes content of, by their paths from the root, and their languages; ""
    for one that several mounts read in different languages.
    """
    found: dict[str, str] = {}
    for source, mount in mounts(top):
        if source and not source.startswith(".."):
            language = text_of(mount.get("lang"))
            found[source] = language if found.get(source, language) == language else ""
    return found


def mount_targets(top: Mapping[str, Value]) -> dict[str, str]:
    """The same folders, and those of the content that they stand for; without those that are all of it."""
    found: dict[str, str] = {}
    for source, mount in mounts(top):
        target = text_of(mount.get("target")).removeprefix("./").strip("/")
        if inside := target.removeprefix("content").strip("/"):
            found[source] = inside
    return found


def sections(top: Mapping[str, Value]) -> dict[str, str]:
    """The permalinks of single sections by their names."""
    links = folded_map(top.get("permalinks"))
    page = links.get("page")
    links = page if isinstance(page, dict) else links
    found = {name.strip("/").lower(): translate_permalink(text_of(link)) for name, link in links.items()}
    ugly = top.get("uglyurls")
    by_name = {fold(name): text_of(flag) for name, flag in ugly.items()} if isinstance(ugly, dict) else {}
    plain = {name: PERMALINK for name, flag in by_name.items() if flag == "true"}
    return {
        name: with_ending(link, ugly="true" in (ugly, by_name.get(fold(name))))
        for name, link in {**plain, **found}.items()
        if link
    }


def permalink(top: Mapping[str, Value]) -> str:
    """The permalink of pages in any section, where the configuration changes it; "" where it does not."""
    return with_ending(PERMALINK, ugly=True) if text_of(top.get("uglyurls")) == "true" else ""


def with_ending(link: str, *, ugly: bool) -> str:
    """A permalink with the slash or suffix that Hugo adds to it."""
    if link.endswith((".html", ".htm")):
        return link
    return link.rstrip("/") + (".html" if ugly else "/")


def path_spelling(top: Mapping[str, Value]) -> HugoPaths | None:
    """How names are spelled in addresses, where that is not Hugo's usual way."""
    plain, cased = (text_of(top.get(name)) == "true" for name in ("removepathaccents", "disablepathtolower"))
    return HugoPaths(plain=plain, cased=cased) if plain or cased else None


def translate_permalink(pattern: str) -> str:
    """A pattern in our words: Hugo's :slug falls back to the title, ours to the file's name."""
    for ours, theirs in _HUGO_WORDS.items():
        pattern = theirs.sub(ours, pattern)
    return pattern


def language(top: Mapping[str, Value]) -> str:
    """The language of the blog."""
    return text_of(top.get("defaultcontentlanguage")) or text_of(top.get("languagecode"))


def author(top: Mapping[str, Value]) -> Value:
    """The author of the blog, where it has only one."""
    return folded_map(top.get("params")).get("author") or top.get("author")
