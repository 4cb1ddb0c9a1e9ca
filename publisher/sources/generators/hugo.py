"""Hugo's own: what its configuration says of sections, languages and dates in names of files.

permalinks        of the pages of each section, in Hugo's words
languages         their codes and, where each has a folder of its own, contentDir
defaultContentLanguage, defaultContentLanguageInSubdir   which of them has no folder in addresses
frontmatter       where each date is taken from, in order; ":filename" also takes the slug that is after it
uglyURLs          /posts/a.html for /posts/a/, in all sections or some
removePathAccents, disablePathToLower            how names are spelt
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from publisher.core.patterns import lazy
from publisher.sources.fields.slugs import HugoPaths
from publisher.sources.frontmatter.values import Value, fold, folded_map, scalars

PERMALINK = "/:sections/:slug"
_WORDS = {
    ":titleslug": lazy(r":slug(?![a-z])"),
    ":titleonly": lazy(r":title(?![a-z])"),
    ":sections_rest": lazy(r":sections\[1:\]"),
    ":sections_last": lazy(r":sections\[last\]"),
    ":section": lazy(r":sections\[0\]"),
}

FILENAME = ":filename"
ELSEWHERE = {":git": "Git", ":filemodtime": "the time of its file"}
_USUAL = {
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
    blog's root, that hold content, and the language of all in one ("" where names of files tell it). `main`
    is the one whose posts have no folder in their addresses; "": all have one. None of it is known of a blog
    whose configuration names no languages. `off` are the codes of those that are turned off. `targets` are
    the folders of the content that the folders of mounts stand for, where that is not the content itself.
    """

    codes: tuple[str, ...] = ()
    contents: Mapping[str, str]
    main: str = ""
    off: tuple[str, ...] = ()
    targets: Mapping[str, str] = field(default_factory=dict[str, str])

    def of_folder(self, path: str) -> tuple[str, str]:
        """The folder of content that the file at `path` is in, and that folder's language."""
        found = [place for place in self.contents if path.startswith(place + "/")]
        place = max(found, key=len, default="")
        return place, self.contents.get(place, "")


@dataclass(frozen=True, slots=True, kw_only=True)
class DateSources:
    """Where the dates of posts are taken from, in order: front matter by values.fold, `FILENAME`, and what
    only the generator's machine knows, `ELSEWHERE`. Empty: the configuration says nothing of it.
    """

    date: tuple[str, ...] = ()
    publish: tuple[str, ...] = ()
    modified: tuple[str, ...] = ()
    expiry: tuple[str, ...] = ()


def date_sources(top: Mapping[str, Value]) -> DateSources | None:
    """What `frontmatter` says of dates; None where it says nothing
    (https://gohugo.io/configuration/front-matter/#dates).
    """
    said = folded_map(top.get("frontmatter"))
    orders = {name: _order(name, scalars(said.get(name))) for name in _USUAL}
    if not any(orders.values()):
        return None
    changes = tuple(
        name for name in orders["lastmod"] if name[0] != ":" and name not in _USUAL["publishdate"]
    )
    return DateSources(
        date=orders["date"], publish=orders["publishdate"], modified=changes, expiry=orders["expirydate"]
    )


def _order(name: str, words: Sequence[str]) -> tuple[str, ...]:
    found: list[str] = []
    for word in map(fold, words):
        found += _USUAL[name] if word == ":default" else (word, *_ALIASES.get(word, ()))
    return tuple(dict.fromkeys(found))


def hugo_languages(top: Mapping[str, Value]) -> HugoLanguages:
    """The languages that a configuration names; `top` is keyed by values.fold."""
    base = _text(top.get("contentdir")).strip("/").removeprefix("./") or "content"
    named = top.get("languages")
    entries = {code: folded_map(entry) for code, entry in named.items()} if isinstance(named, dict) else {}
    said = {code.lower() for code in scalars(top.get("disablelanguages"))}
    off = {
        code
        for code, entry in entries.items()
        if _text(entry.get("disabled")) == "true" or code.lower() in said
    }
    codes = [code for code in entries if code not in off]
    main = _text(top.get("defaultcontentlanguage")) or "en"
    reached = mounted(top)
    if not codes:
        return HugoLanguages(
            codes=(main,), contents=reached or {base: ""}, main=main, targets=mount_targets(top)
        )
    own = [code for code in codes if _text(entries[code].get("contentdir"))]
    contents = {} if len(own) == len(codes) else {base: ""}
    for code in own:
        if place := _text(entries[code].get("contentdir")).strip("/").removeprefix("./"):
            contents[place] = code
    inside = _text(top.get("defaultcontentlanguageinsubdir")) == "true"
    lower = tuple(sorted(code.lower() for code in off))
    return HugoLanguages(
        codes=tuple(codes),
        contents=reached or contents,
        main="" if inside else main,
        off=lower,
        targets=mount_targets(top),
    )


def mounts(top: Mapping[str, Value]) -> Iterator[tuple[str, Mapping[str, Value]]]:
    """The mounts that content is made of: their folders by their paths from the root, and what they say."""
    said = folded_map(top.get("module")).get("mounts")
    for mount in map(folded_map, said if isinstance(said, list) else ()):
        source, target = (
            _text(mount.get(name)).removeprefix("./").strip("/") for name in ("source", "target")
        )
        if (target + "/").startswith("content/"):
            yield source, mount


def mounted(top: Mapping[str, Value]) -> dict[str, str]:
    """The folders that module.mounts makes content of, by their paths from the root, and their languages; ""
    for one that several mounts read in different languages.
    """
    found: dict[str, str] = {}
    for source, mount in mounts(top):
        if source and not source.startswith(".."):
            language = _text(mount.get("lang"))
            found[source] = language if found.get(source, language) == language else ""
    return found


def mount_targets(top: Mapping[str, Value]) -> dict[str, str]:
    """The same folders, and those of the content that they stand for; without those that are all of it."""
    found: dict[str, str] = {}
    for source, mount in mounts(top):
        target = _text(mount.get("target")).removeprefix("./").strip("/")
        if inside := target.removeprefix("content").strip("/"):
            found[source] = inside
    return found


def sections(top: Mapping[str, Value]) -> dict[str, str]:
    """The permalinks of single sections by their names."""
    links = folded_map(top.get("permalinks"))
    page = links.get("page")
    links = page if isinstance(page, dict) else links
    found = {name.strip("/").lower(): translate_permalink(_text(link)) for name, link in links.items()}
    ugly = top.get("uglyurls")
    some = {fold(name): _text(said) for name, said in ugly.items()} if isinstance(ugly, dict) else {}
    plain = {name: PERMALINK for name, said in some.items() if said == "true"}
    return {
        name: _ended(link, ugly="true" in (ugly, some.get(fold(name))))
        for name, link in {**plain, **found}.items()
        if link
    }


def permalink(top: Mapping[str, Value]) -> str:
    """That of pages in any section, where the configuration says it; "" where it is as usual."""
    return _ended(PERMALINK, ugly=True) if _text(top.get("uglyurls")) == "true" else ""


def _ended(link: str, *, ugly: bool) -> str:
    """A permalink with its end, which Hugo does not want written."""
    if link.endswith((".html", ".htm")):
        return link
    return link.rstrip("/") + (".html" if ugly else "/")


def path_spelling(top: Mapping[str, Value]) -> HugoPaths | None:
    """How names are spelt, where that is not as usual."""
    plain, cased = (_text(top.get(name)) == "true" for name in ("removepathaccents", "disablepathtolower"))
    return HugoPaths(plain=plain, cased=cased) if plain or cased else None


def translate_permalink(pattern: str) -> str:
    """Hugo's words where ours mean another thing: its :slug falls back to the title, not to the file."""
    for ours, theirs in _WORDS.items():
        pattern = theirs.sub(ours, pattern)
    return pattern


def language(top: Mapping[str, Value]) -> str:
    """The language of the blog."""
    return _text(top.get("defaultcontentlanguage")) or _text(top.get("languagecode"))


def author(top: Mapping[str, Value]) -> Value:
    """The author of the blog, where it has only one."""
    return folded_map(top.get("params")).get("author") or top.get("author")


def _text(value: Value) -> str:
    return value.strip() if isinstance(value, str) else ""
