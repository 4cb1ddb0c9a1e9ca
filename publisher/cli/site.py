"""The site as a whole: init, check, status, migrate, keys."""

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import click

from publisher.app import wall_clock
from publisher.cli.api_keys import api
from publisher.cli.common import (
    LISTEN,
    SiteOptions,
    ask,
    choose_listen,
    confirm_or_refuse,
    count,
    echo,
    say,
    show_json,
    site_options,
)
from publisher.cli.due_readers import wait_in_words, waiting_json
from publisher.cli.help import NearestChoice, command, group
from publisher.cli.progress import showing_progress
from publisher.config import problems
from publisher.core.delivery.holds import describe_hold
from publisher.core.errors import OutputError, SettingsError
from publisher.core.mail.message import LintRule
from publisher.core.times import local_time

if TYPE_CHECKING:
    from publisher.app.secret_files import DkimRecord

MAX_TXT_STRING = 255
"""Octets in one string of a TXT record (RFC 1035 3.3.14)."""


@command(
    examples=(
        ("Create a site in the folder mysite", "publisher init mysite"),
        (
            "Answer the questions beforehand",
            'publisher init news --title "Low Water" --url https://example.org/ --timezone Europe/Berlin',
        ),
    )
)
@click.argument("folder", type=click.Path(path_type=Path), default=".", metavar="[DIR]")
@click.option("--title", help="The site's title (default: the blog's, or made from the folder's name).")
@click.option("--url", help="Where readers reach the site (default: the blog's, or https://example.org/).")
@click.option("--timezone", help="An IANA time zone such as Europe/Berlin (default: the blog's, or UTC).")
@click.option("--language", default="", help="The language of mails and pages, such as de (default: en).")
@click.option("--from", "sender", help="The sender of its mail.")
@click.option("--no-blog", is_flag=True, help="Do not publish the posts of the blog that DIR is in.")
def init(
    folder: Path,
    title: str | None,
    url: str | None,
    timezone: str | None,
    language: str,
    sender: str | None,
    no_blog: bool,
) -> None:
    """Create a site in DIR, with two example posts or for the blog around it.

    On a terminal, asks for the title, the address and the time zone that no option gives. If DIR is in a blog
    made with a generator that Publisher knows, the site publishes its posts; in the root of such a blog, the
    site is made in the folder _publisher.
    """
    from publisher.init_site import SITE_IN_BLOG, NewSiteOptions, find_blog, start_site

    blog = None if no_blog else find_blog(folder.resolve())
    name = folder.resolve().name.replace("-", " ").replace("_", " ").strip().capitalize() or "My site"
    if blog is not None:
        say(f"found a {blog.generator.capitalize()} blog in {blog.root}; Publisher will use its posts")
        name = blog.title or blog.root.name
        folder = folder / SITE_IN_BLOG if folder.resolve() == blog.root else folder
    asks = sys.stdin.isatty() and sys.stderr.isatty()
    if asks and not (folder / "publisher.toml").exists():
        title = title or ask("Title", name, str)
        url = url or ask("Address of the site", (blog and blog.url) or "https://example.org/", web_address)
        timezone = timezone or ask("Time zone", (blog and blog.timezone) or local_zone(), time_zone)
    listen = LISTEN
    try:
        listen = choose_listen(LISTEN)
    except OutputError as error:
        say(f"note: {error}")
    options = NewSiteOptions(
        title=title or name,
        url=url or (blog and blog.url) or "https://example.org/",
        timezone=timezone or (blog and blog.timezone) or "UTC",
        language=language,
        sender=sender or "",
        listen="" if listen == LISTEN else listen,
        blog=blog,
    )
    start_site(folder, options, wall_clock())
    echo(folder)
    where = "" if folder == Path() else f" --site {folder}"
    say(f"new site in {folder}: edit publisher.toml, then `publisher publish{where}`, `publisher run{where}`")


def web_address(text: str) -> str:
    """`text`, if it is an address of a site. Raises ValueError."""
    parts = urlsplit(text if "://" in text else f"https://{text}")
    if parts.scheme not in ("http", "https") or not parts.hostname or " " in text:
        raise ValueError(f"{text!r} is not a web address such as https://example.org/")
    return f"{parts.geturl().rstrip('/')}/"


def time_zone(text: str) -> str:
    """`text`, if it is a time zone. Raises ValueError."""
    try:
        return ZoneInfo(text).key
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"{text!r} is not an IANA time zone such as Europe/Berlin") from None


def local_zone() -> str:
    """The time zone of this machine, as /etc/localtime names it; else UTC."""
    try:
        return time_zone(
            os.environ.get("TZ") or str(Path("/etc/localtime").readlink()).partition("zoneinfo/")[2]
        )
    except (OSError, ValueError):
        return "UTC"


@command(
    examples=(
        ("Check everything before you publish", "publisher check"),
        ("Check as if it were tomorrow, and show every warning", "publisher check --at tomorrow --all"),
        (
            "Write the schema that editors complete publisher.toml with",
            "publisher check --schema > publisher.schema.json",
        ),
    )
)
@site_options(at=True, as_json=True)
@click.option(
    "--force-ok",
    type=NearestChoice([rule.value for rule in LintRule]),
    multiple=True,
    metavar="RULE",
    help="Do not count this lint rule as an error, for a mail that you will send with `publish "
    "--force RULE`.",
)
@click.option("--all", "every", is_flag=True, help="Show every warning, not only the first of each kind.")
@click.option("--schema", is_flag=True, help="Only print the JSON schema of publisher.toml, for editors.")
def check(site: SiteOptions, as_json: bool, force_ok: tuple[str, ...], every: bool, schema: bool) -> None:
    """Check settings, posts and mails; print findings as path:line: reason."""
    if schema:
        from publisher.config.reference import json_schema  # loaded when called

        echo(json_schema(), nl=False)
        return
    if wrong := problems(site.folder, os.environ):
        print_wrong_settings(wrong, as_json=as_json)
        raise SystemExit(1)
    app = site.open(reads=True)
    with showing_progress(app):
        found = app.check(forced=frozenset(force_ok))
    errors = sum(finding.error for finding in found.findings)
    if as_json:
        rows = [
            {"path": f.path, "line": f.line, "reason": f.reason, "error": f.error} for f in found.findings
        ]
        show_json(
            {"public": found.public, "waiting": found.waiting, "unread": found.unread, "findings": rows}
        )
    else:
        from publisher.services.posts.content import summarize  # loaded when called

        for line in map(str, found.findings) if every else summarize(found.findings):
            echo(line)
        hidden = found.waiting["hidden"] + found.waiting["expired"]
        only = f"{found.waiting['page only']} page only, " if found.waiting["page only"] else ""
        unread = f"{found.unread} in formats that are not read, " if found.unread else ""
        say(
            f"settings are good; {count(found.public, 'public post')}, {found.waiting['future']} waiting, "
            f"{only}{hidden} hidden, {unread}{count(errors, 'error')}"
        )
    if errors:
        raise SystemExit(1)


def print_wrong_settings(wrong: Sequence[SettingsError], *, as_json: bool) -> None:
    """Prints every wrong setting: posts and mails cannot be checked before they are right."""
    if as_json:
        rows: list[dict[str, Any]] = []
        for error in wrong:
            path, colon, line = error.where.rpartition(":")
            placed = bool(colon) and line.isdecimal()
            reason = f"{error.what}; {error.do}".removesuffix("; ")
            row = {"path": path if placed else error.where, "line": int(line) if placed else 0}
            rows.append(row | {"reason": reason, "error": True})
        show_json({"public": 0, "waiting": {}, "findings": rows})
        return
    for error in wrong:
        echo(str(error))
    say(f"{count(len(wrong), 'wrong setting')}; posts and mails were not checked")


@command(
    examples=(
        ("See what is due, queued and wrong", "publisher status"),
        ("Let a monitor read it", "publisher status --json"),
    )
)
@site_options(as_json=True, at=True)
def status(site: SiteOptions, as_json: bool) -> None:
    """Show the head of the log, what is due and queued, and the last errors."""
    app = site.open(reads=True, last_good=True)
    value: dict[str, Any] = app.status()
    if as_json:
        show_json(value | {"waiting": [waiting_json(one) for one in value["waiting"]]})
        return
    zone = app.settings.site.timezone
    for name, what in value.items():
        if name == "problems":
            for problem in what:
                since = local_time(problem["since"], zone)
                echo(f"problem     {problem['area']} since {since}: {problem['text']}")
        elif name == "sending":
            for mailing in what:
                echo(f"sending     {progress_in_words(mailing, zone)}")
        elif name == "relays":
            for one in what:
                echo(f"relay       {quota_in_words(one, zone)}")
        elif name == "stopped":
            for one in what:
                echo(f"stopped     {one['domain']} until {local_time(one['until'], zone)}: {one['why']}")
        elif name == "waiting":
            for one in what:
                echo(f"waiting     {wait_in_words(one, zone)}")
        elif name in ("clock_behind", "log_ahead"):
            if what:
                echo(f"{name.replace('_', ' '):<11} {what}")
        elif name == "outbox":
            if what:
                echo(f"outbox      {what}")
        elif name == "bounces":
            for line in bounces_in_words(what):
                echo(f"bounces     {line}")
        elif name == "public_url":
            if what:
                asked = local_time(what["asked_at"], zone)
                echo(f"public url  {what['url']}: {what['answer']} answered at {asked}")
        elif name == "service":
            if what:
                echo(f"service     {service_in_words(what, zone)}")
        elif name == "now":
            echo(f"now         {local_time(what, zone)}" + ("" if zone == "UTC" else f", the time in {zone}"))
        else:
            echo(f"{name:<11} {value_in_words(what, zone)}")


def service_in_words(service: Mapping[str, Any], zone: str) -> str:
    """Which `publisher run` works on the site, whether it lives, and by which settings it goes."""
    who = f"pid {service['pid']} on {service['host']}, version {service['version']}"
    if service["stopped_at"]:
        return f"none; {who}, stopped at {local_time(service['stopped_at'], zone)}"
    if service["runs"] and not service["alive"]:
        return f"{who}, runs, but has recorded nothing since {local_time(service['heartbeat_at'], zone)}"
    if not service["alive"]:
        return f"none; {who}, was last heard of at {local_time(service['heartbeat_at'], zone)}"
    parts = [("served", service["served_at"])]
    if not service["web_only"]:
        parts = [("published", service["published_at"]), ("sent", service["delivered_at"]), *parts]
    worked = ", ".join(f"{name} {local_time(at, zone) if at else 'never'}" for name, at in parts)
    text = f"{who}, settings {service['generation']}; last {worked}"
    if service["restart"]:
        text += f"; restart it to use {' and '.join(service['restart'])}"
    return text


def progress_in_words(mailing: dict[str, Any], zone: str) -> str:
    """The progress of a mailing: what is left, how fast it goes, and when it ends; or what holds it back."""
    done = mailing["planned"] - mailing["left"]
    text = f"mailing {mailing['id']} of {mailing['list']}: {done:,} of {mailing['planned']:,}"
    if hold := mailing["hold"]:
        why, until = mailing["hold_why"] or "", mailing["hold_until"]
        return f"{text}, held ({hold}): {describe_hold(hold, mailing['id'], why, until, zone=zone)}"
    if mailing["waits_until"]:
        return f"{text}, waits until {local_time(mailing['waits_until'], zone)}"
    if not mailing["ends_at"]:
        return text
    return f"{text}, {mailing['per_second']:,} a second, ends about {local_time(mailing['ends_at'], zone)}"


def quota_in_words(relay: Mapping[str, Any], zone: str) -> str:
    """What a relay with a quota has accepted lately, and when it accepts more."""
    taken = [
        f"{relay[f'sent_in_{window}']:,} of {relay[f'per_{window}']:,} in this {window}"
        for window in ("hour", "day")
        if relay[f"per_{window}"]
    ]
    again = f"; takes more at {local_time(relay['goes_on'], zone)}" if relay["goes_on"] else ""
    return f"{relay['relay']}: {', '.join(taken)}{again}"


def bounces_in_words(bounces: Mapping[str, Any]) -> Iterator[str]:
    """What came back lately, by mail and by webhooks, and what an operator should look at."""
    parts = [count(number, kind) for kind, number in bounces["read"].items()]
    parts += [f"{bounces['kept']:,} kept aside"] if bounces["kept"] else []
    if parts:
        yield f"{', '.join(parts)} in {bounces['days']} days"
    for one in bounces["webhooks"]:
        heard = f"{count(one['read'], 'event')} in {bounces['days']} days"
        heard += f", {one['foreign']:,} about other mail" if one["foreign"] else ""
        refused = f", {count(one['refused'], 'request')} refused" if one["refused"] else ""
        yield f"webhook of {one['provider']}: {heard}{refused}"
    for one in bounces["to_decide"]:
        id = one["mailing"]
        yield (
            f"mailing {id}: reports say that {one['refused']:,} mailboxes refused it, which may be the "
            f"relay's fault; `publisher mailings bounces {id} --count` or `--ignore` decides"
        )


def value_in_words(what: Any, zone: str) -> str:
    """One value of the status in words."""
    match what:
        case None:
            return "-"
        case datetime():
            return local_time(what, zone)
        case Mapping():
            pairs = cast("Mapping[str, int]", what)
            return ", ".join(f"{number} {key}" for key, number in pairs.items()) or "none"
        case _:
            return str(what)


@command(examples=(("After an upgrade", "publisher migrate"),))
@site_options()
def migrate(site: SiteOptions) -> None:
    """Upgrade the store to this version's schema. Safe to run again."""
    from publisher.app.reload import record_first_generation

    app = site.open(alone=True)
    before, after = app.migrate()
    record_first_generation(app, os.environ)
    say(f"the store is at schema {after}" + ("" if before == after else f" (was {before or 'empty'})"))


@group()
def keys() -> None:
    """Create the keys that sign mail, and new keys of the secret behind links in mails."""


@keys.command(
    examples=(
        ("See which keys the secret has", "publisher keys secret"),
        ("Sign with a new key from now on", "publisher keys secret --new"),
    )
)
@site_options(as_json=True)
@click.option("--new", is_flag=True, help="Add a key that signs from now on; the others still verify.")
@click.option("--yes", is_flag=True, help="Do not ask, where the keys so far are lost.")
def secret(site: SiteOptions, as_json: bool, new: bool, yes: bool) -> None:
    """Show which keys the site's secret has (never the keys themselves), or add one.

    If the secret is lost for good, --new begins a new one: links in mails that were sent stop working,
    and addresses that left and are no longer in the store are not recognized. Restore it from a backup if
    there is one.
    """
    app = site.open()
    if new:
        with app.lock("secret"):
            if app.secret.lost() and not yes:
                what = "the keys so far are lost: links in mails that were sent will stop working"
                confirm_or_refuse(str(app.settings.secret_file), what, yes=False)
            ring, lost = app.secret.add()
    else:
        ring, lost = app.ring, False
    if as_json:
        file = str(app.settings.secret_file)
        show_json({"file": file, "signs": ring.current, "keys": sorted(ring.keys), "lost": lost})
        return
    echo(f"{app.settings.secret_file}: key {ring.current} signs, {count(len(ring.keys), 'key')} verify")
    if lost:
        say("links in mails sent so far no longer work; keep a copy of the file: `publisher backup`")


keys.add_command(api)


@keys.command(examples=(("Let Ann use the admin pages", "publisher keys admin ann"),))
@click.argument("name")
@site_options()
def admin(name: str, site: SiteOptions) -> None:
    """Make a token with which NAME logs in to the admin pages, and print it: it is shown this once.

    It is added to web.admin_token_file. Remove its line there to take it back, at once.
    """
    from publisher.app.secret_files import ADMIN_TOKENS, add_admin_token

    app = site.open(alone=True)
    file = app.settings.web.admin_token_file
    echo(add_admin_token(file or app.settings.folder / ADMIN_TOKENS, name))
    if file is None:
        say(f'turn the admin pages on with:\n\n[web]\nadmin_token_file = "{ADMIN_TOKENS}"')


@keys.command(examples=(("Create keys and print their DNS records", "publisher keys dkim news2026"),))
@click.argument("selector")
@site_options(as_json=True)
def dkim(selector: str, site: SiteOptions, as_json: bool) -> None:
    """Create an RSA and an Ed25519 key, and print the DNS records that publish them.

    The RSA key has the selector SELECTOR, the other SELECTOR-ed25519. Existing keys are kept, and their
    records printed again.
    """
    from publisher.app.secret_files import dkim_keys

    records = dkim_keys(site.open(alone=True), selector)
    if as_json:
        show_json([record.__dict__ | {"file": str(record.file)} for record in records])
        return
    for record in records:
        echo(zone_file_line(record))
    for file in dict.fromkeys(record.file for record in records):
        say(f"{file}: {'made' if any(r.file == file and r.new for r in records) else 'was there'}")
    missing = [r for r in records if not r.used]
    if missing:
        pairs = dict.fromkeys((r.selector, r.setting) for r in missing)
        inner = ", ".join(f'{{selector = "{name}", file = "{file}"}}' for name, file in pairs)
        say(f"once the records are published, sign with them:\n\n[mail.dkim]\nkeys = [{inner}]")


def zone_file_line(record: "DkimRecord") -> str:
    """A DNS record as a line of a zone file, its text split into strings that fit."""
    text = record.value
    parts = [text[at : at + MAX_TXT_STRING] for at in range(0, len(text), MAX_TXT_STRING)]
    strings = " ".join(f'"{part}"' for part in parts)
    return f"{record.name}. 3600 IN TXT {f'( {strings} )' if len(parts) > 1 else strings}"
