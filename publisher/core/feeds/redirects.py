"""Redirects: what became of addresses that readers know. They moved permanently, ended, or were withdrawn
with their post.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum


class RedirectKind(StrEnum):
    """Why an address has no document any more. HTTP_STATUS has the status of each (RFC 9110 15)."""

    MOVED = "moved"
    ENDED = "ended"
    WITHDRAWN = "withdrawn"


HTTP_STATUS = {RedirectKind.MOVED: 301, RedirectKind.ENDED: 410, RedirectKind.WITHDRAWN: 410}


@dataclass(frozen=True, slots=True, kw_only=True)
class Redirect:
    """One address: `path` is relative to public/. `target` is where a moved one is now: an absolute URL or a
    path relative to public/; "" for other kinds. `by_operator`: somebody asked for it (moved.json); the
    others are aliases and former addresses of posts, and change with them.
    """

    path: str
    kind: RedirectKind
    at: datetime
    target: str = ""
    by_operator: bool = True


def resolve_chains(moves: Iterable[Redirect], base_url: str) -> list[Redirect]:
    """The redirects, each leading to the final address in one step, because clients follow only a few.
    `base_url` is that of public/. Raises ValueError if some lead in a circle.
    """
    by_path = {move.path: move for move in moves}
    return [_final_redirect(move, by_path, base_url) for move in by_path.values()]


def _final_redirect(move: Redirect, by_path: Mapping[str, Redirect], base_url: str) -> Redirect:
    seen = {move.path}
    while move.kind is RedirectKind.MOVED:
        path = move.target.removeprefix(base_url)
        if path in seen:
            raise ValueError(f"{path} would lead back to itself")
        following = by_path.get(path)
        if following is None or following.kind is not RedirectKind.MOVED:
            return move
        seen.add(path)
        move = replace(move, target=following.target)
    return move


NO_REDIRECTS: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class PageAliases:
    """The page of a post, and its aliases: the other addresses its author gives it. All are paths under
    public/, except `file`, the post's file, which problems name."""

    file: str
    page: str
    aliases: Sequence[str]


def alias_redirects(
    posts: Iterable[PageAliases],
    former: Mapping[str, str],
    taken: Collection[str],
    operator_moves: Mapping[str, str] = NO_REDIRECTS,
) -> tuple[dict[str, str], list[str]]:
    """Redirects from old paths to pages, each in one step, and the problems found in aliases. `former` maps
    paths that posts had before to their pages. A path in `taken` never redirects: an alias cannot replace
    another document. If two posts claim one alias, the first gets it. An operator moved the paths of
    `operator_moves` to other paths; a redirect that would lead back to itself through them is left out.
    """
    found: dict[str, str] = {}
    owners: dict[str, str] = {}
    problems: list[str] = []
    for post in posts:
        for alias in post.aliases:
            if alias == post.page or found.get(alias) == post.page:
                continue
            if _leads_back(alias, post.page, operator_moves, found):
                problems.append(f"{post.file}: its alias {alias} is where its page moved to; remove it")
                continue
            if alias in taken or alias in found:
                whose = f"that of {owners[alias]}" if alias in owners else "taken by another page or document"
                problems.append(f"{post.file}: its alias {alias} is {whose}; remove it")
                continue
            found[alias], owners[alias] = post.page, post.file
    for path, page in former.items():
        if path not in found and path not in taken and not _leads_back(path, page, operator_moves, found):
            found[path] = page
    return found, problems


def _leads_back(path: str, page: str, moves: Mapping[str, str], found: Mapping[str, str]) -> bool:
    """Whether a redirect from `path` to `page` would lead back to `path`, by what an operator moved and by
    the redirects found so far.
    """
    seen: set[str] = set()
    while page not in seen:
        if page == path:
            return True
        seen.add(page)
        page = moves.get(page, found.get(page, page))
    return False
