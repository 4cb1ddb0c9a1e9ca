"""adopt: the ids of the feed that a blog has already."""

from typing import Any

import click

from publisher.cli.common import SiteOptions, count, echo, say, show_json, site_options, utc
from publisher.core.publishing.adoption import OldEntry
from publisher.services.publishing import adoption
from publisher.services.publishing.adoption import AdoptionPlan, FetchedFeed


@click.command()
@site_options(as_json=True)
@click.argument("sources", metavar="URL|FILE...", nargs=-1, required=True)
@click.option("--dry-run", is_flag=True, help="Show what would be taken over; change nothing.")
def adopt(site: SiteOptions, as_json: bool, sources: tuple[str, ...], dry_run: bool) -> None:
    """Takes over the ids of an existing feed, so that a move makes no old post new.

    The feed may be Atom, RSS or JSON Feed, at its address or in a file; archives and further pages that it
    names are read too. Of a web page, the feed that it names is taken.
    """
    app = site.open(reads=True)
    read = [adoption.fetch_feed(app.deps.adapters, source) for source in sources]
    with app.lock("publish"):
        entries = [entry for one in read for entry in one.entries]
        proposal = adoption.plan_adoption(app.deps.adapters, entries, app.clock())
        if not dry_run:
            adoption.apply_adoption(app.deps.adapters, proposal)
    if as_json:
        show_json(proposal_json(read, proposal))
    else:
        print_proposal(read, proposal, app.deps.adapters.adopted_ids.name, dry_run=dry_run)
    for one in read:
        if one.problem:
            say(f"not all was read: {one.problem}")
    if proposal.adoption.ambiguous or not proposal.adoption.found or any(one.problem for one in read):
        raise SystemExit(1)


def print_proposal(read: list[FetchedFeed], proposal: AdoptionPlan, name: str, *, dry_run: bool) -> None:
    """Prints what was read, which post each entry is, and what was or would be done."""
    adoption = proposal.adoption
    for one in read:
        say(f"read {one.source}: {count(len(one.entries), 'entry', 'entries')} of {one.title or 'a feed'}")
    for found in adoption.found:
        echo(f"{found.how}: {found.post.path} is {found.entry.id}")
    for entry in proposal.derived:
        echo(f"rule of the others: {entry.post} is {entry.id}")
    for entry, paths in adoption.ambiguous:
        echo(f'ambiguous: {entry_in_words(entry)} may be {" or ".join(paths)}; write "post" into {name}')
    for entry in adoption.unmatched:
        echo(f"no such post: {entry_in_words(entry)}")
    for it in proposal.refused:
        echo(f"not changed: {it.post.path}: another post of the log has the id {it.entry.id}")
    number = len(adoption.found) + len(proposal.derived)
    would = "would keep" if dry_run else "keep"
    say(
        f"{count(number, 'post')} {would} the ids that readers know; of the entries "
        f"{len(adoption.unmatched)} are no post here, {len(adoption.ambiguous)} may be several"
    )
    if proposal.renamed:
        got = "would get" if dry_run else "got"
        say(f"{count(len(proposal.renamed), 'published post')} {got} another id")
    if not dry_run:
        say(f"wrote {name}: keep it with publisher.toml; `publisher publish` writes the feeds")


def entry_in_words(entry: OldEntry) -> str:
    """An entry in words: its title and link, else its id."""
    return f"{entry.title!r} ({next(iter(entry.links), entry.id)})" if entry.title else entry.id


def proposal_json(read: list[FetchedFeed], proposal: AdoptionPlan) -> dict[str, Any]:
    """A proposal as JSON."""
    adoption = proposal.adoption
    return {
        "sources": [
            {"source": r.source, "title": r.title, "documents": r.pages, "entries": len(r.entries)}
            | ({"problem": r.problem} if r.problem else {})
            for r in read
        ],
        "found": [{"id": f.entry.id, "file": f.post.path, "how": f.how} for f in adoption.found],
        "derived": [{"id": e.id, "file": e.post} for e in proposal.derived],
        "ambiguous": [entry_json(e) | {"files": list(paths)} for e, paths in adoption.ambiguous],
        "unmatched": [entry_json(e) for e in adoption.unmatched],
        "renamed": [{"old": old, "new": new} for old, new in proposal.renamed.items()],
        "refused": [{"id": f.entry.id, "file": f.post.path} for f in proposal.refused],
    }


def entry_json(entry: OldEntry) -> dict[str, Any]:
    """An entry without a post, as JSON."""
    links = list(entry.links)
    return {"id": entry.id, "title": entry.title, "links": links, "published": utc(entry.published)}
