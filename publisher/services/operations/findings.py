"""Findings: what an author should fix in a file, by line. No finding here holds back a post or a mail."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from publisher.core.mail.lint.html import why_unreachable, why_unusable
from publisher.core.patterns import lazy
from publisher.core.posts.post import ParsedPost, Post, split_warning
from publisher.core.publishing.log import LogKind
from publisher.core.publishing.plan import Plan
from publisher.core.site import Site
from publisher.services.deps import Deps
from publisher.services.posts.content import broken_references, placed_assets, removed_markup

DEAD_LINK = "leads nowhere; correct the link"
"""The warning about a link to a file that is not a public post."""

_LINKS = lazy(r"\{%-?\s*(?:post_\w+|link)\s|\{\{[<%]?\s*(?:(?:rel)?ref|get_url)\b")
_VALUES = lazy(r"'[^']*'|\"[^\"]*\"|\([^()]*\)|\{[^{}]*\}+|<[^<>]*>|\d+|\S+\.\w+")
_FEW = 3
"""Up to this many warnings of one kind are all shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something to fix in a file. `line` counts from 1; 0 means the whole file."""

    path: str
    line: int
    reason: str
    error: bool

    def __str__(self) -> str:
        where = f"{self.path}:{self.line}" if self.line else self.path
        return f"{where}: {'' if self.error else 'warning: '}{self.reason}"


def findings_of(deps: Deps, item: ParsedPost) -> list[Finding]:
    """Warnings to the author of a post: ignored values, template code that was left out, and pictures and
    links that readers cannot use.
    """
    post = item.post
    notes = [split_warning(warning) for warning in post.warnings]
    if post.hidden is None:
        notes += [(0, reason) for reason in _address(deps.rules.site, post)]
        dead = {line for line, reason in notes if DEAD_LINK in reason}
        notes += [
            (item.in_file(line), f"{tag} is template code and was left out; write it as Markdown or HTML")
            for line, tag in removed_markup(deps.adapters.markup, post, item.body)
            if not (_LINKS.match(tag) and item.in_file(line) in dead)
        ]
        notes += [
            (item.in_file(line) if line else 0, what)
            for line, what in broken_references(
                deps.adapters.markup, post, item.body, placed_assets(deps.rules, post)
            )
            if not ("('{" in what and item.in_file(line) in dead)
        ]
    return [Finding(path=post.path, line=line, reason=reason, error=False) for line, reason in notes]


def findings_of_changes(deps: Deps, made: Plan) -> Sequence[Finding]:
    """Warnings about the posts that a plan publishes or updates, so that each is reported once. Backfilled
    posts are left to `check`.
    """
    if made.stops:
        return ()
    reported = (LogKind.PUBLISHED, LogKind.UPDATED, LogKind.CORRECTED, LogKind.RESTORED)
    paths = sorted({c.post.path for c in made.changes if c.kind in reported and not c.backfill})
    readings = deps.adapters.source().read_many(paths, {}) if paths else ()
    items = (reading.result for reading in readings)
    found = (finding for item in items if isinstance(item, ParsedPost) for finding in findings_of(deps, item))
    return sorted(found, key=lambda finding: (finding.path, finding.line))


def _address(site: Site, post: Post) -> Iterator[str]:
    """What is wrong with the URL that the front matter sets."""
    if (why := why_unusable(post.url)) or (
        not why_unreachable(site.url) and (why := why_unreachable(post.url))
    ):
        yield f"its address {post.url[:80]!r} leads nowhere: {why}; correct it in the front matter"


def summarize(findings: Sequence[Finding]) -> Iterator[str]:
    """Findings as lines of text: all errors, and of each kind of warning a few, or the first with the number
    of the others. The order stays.
    """
    kinds: defaultdict[str, list[Finding]] = defaultdict(list)
    for finding in findings:
        kinds["" if finding.error else _kind(finding)].append(finding)
    first = {id(found[0]) for kind, found in kinds.items() if kind and len(found) > _FEW}
    for finding in findings:
        found = kinds[_kind(finding)] if not finding.error else ()
        if len(found) <= _FEW or id(finding) in first:
            yield str(finding)
        if id(finding) in first and _kind(finding) != DEAD_LINK:
            yield f"  and {len(found) - 1:,} more warnings of this kind (`publisher check --all` shows them)"
    if dead := kinds.get(DEAD_LINK):
        all_of_them = "" if len(dead) <= _FEW else " (`publisher check --all` shows them)"
        yield f"{len(dead):,} {'link leads' if len(dead) == 1 else 'links lead'} nowhere{all_of_them}"


def _kind(finding: Finding) -> str:
    """The reason without its values, which is the same for all findings of a kind."""
    return DEAD_LINK if DEAD_LINK in finding.reason else " ".join(_VALUES.sub("", finding.reason).split())
