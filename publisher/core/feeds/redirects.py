"""What became of addresses that readers know: moved for ever, ended, or taken back with their post."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum


class RedirectKind(StrEnum):
    """Why there is no document at an address any more, and the status of HTTP that says so (RFC 9110 15)."""

    MOVED = "moved"
    ENDED = "ended"
    WITHDRAWN = "withdrawn"


STATUS = {RedirectKind.MOVED: 301, RedirectKind.ENDED: 410, RedirectKind.WITHDRAWN: 410}


@dataclass(frozen=True, slots=True, kw_only=True)
class Redirect:
    """One address: `path` is relative to public/. `target` is where a moved one is now: an absolute URL, or
    a path relative to public/; "" for the others. `wished`: its author said so (moved.json); others are
    former addresses and aliases of posts, and change with them.
    """

    path: str
    fate: RedirectKind
    at: datetime
    target: str = ""
    wished: bool = True


def straightened(moves: Iterable[Redirect], base_url: str) -> list[Redirect]:
    """Each move leads to where things are now, in one step (a reader follows few). `base_url` is that of
    public/. Raises ValueError: some lead in a circle.
    """
    at = {move.path: move for move in moves}
    return [_straight(move, at, base_url) for move in at.values()]


def _straight(move: Redirect, at: Mapping[str, Redirect], base_url: str) -> Redirect:
    seen = {move.path}
    while move.fate is RedirectKind.MOVED:
        path = move.target.removeprefix(base_url)
        if path in seen:
            raise ValueError(f"{path} would lead back to itself")
        after = at.get(path)
        if after is None or after.fate is not RedirectKind.MOVED:
            return move
        seen.add(path)
        move = replace(move, target=after.target)
    return move


NOWHERE: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class PageAliases:
    """The page of a post under public/, and the other addresses that its author gives it, as paths there.
    `file` is named to its author."""

    file: str
    page: str
    aliases: Sequence[str]


def redirects(
    posts: Iterable[PageAliases],
    former: Mapping[str, str],
    taken: Collection[str],
    wished: Mapping[str, str] = NOWHERE,
) -> tuple[dict[str, str], list[str]]:
    """Where addresses without a document lead, old path to page, each in one step; and what is wrong with
    aliases. `former` are the pages of addresses that posts had before. Nothing leads away from a path of
    `taken`: an alias takes no other document's place. Of two posts with one alias the first has it. An
    operator moved the paths of `wished` to other paths: what would lead back to itself through them, leads
    nowhere.
    """
    found: dict[str, str] = {}
    owners: dict[str, str] = {}
    problems: list[str] = []
    for post in posts:
        for alias in post.aliases:
            if alias == post.page or found.get(alias) == post.page:
                continue
            if _comes_back(alias, post.page, wished):
                problems.append(f"{post.file}: its alias {alias} is where its page moved to; remove it")
                continue
            if alias in taken or alias in found:
                whose = f"that of {owners[alias]}" if alias in owners else "taken by another page or document"
                problems.append(f"{post.file}: its alias {alias} is {whose}; remove it")
                continue
            found[alias], owners[alias] = post.page, post.file
    found |= {
        path: page
        for path, page in former.items()
        if path not in found and path not in taken and not _comes_back(path, page, wished)
    }
    return found, problems


def _comes_back(path: str, page: str, wished: Mapping[str, str]) -> bool:
    """Whether a redirect from `path` to `page` would lead back to `path`."""
    seen: set[str] = set()
    while page not in seen:
        if page == path:
            return True
        seen.add(page)
        page = wished.get(page, page)
    return False
