"""[web], [schedule] and [store]."""

from publisher.config import site_types, types
from publisher.config.types import Section, Setting

WEB = Section(
    name="web",
    help="The web server of `publisher run`.",
    settings=(
        Setting(
            key="listen",
            kind=site_types.LISTEN,
            default="127.0.0.1:8000",
            help="The address and port it listens on; port 0 takes any free one.",
        ),
        Setting(
            key="public_url",
            kind=types.URL,
            shown='"https://news.example.org/"',
            help="Where readers reach this server: feeds, sign-up, links in mails. Default: site.url.",
        ),
        Setting(
            key="trusted_proxies",
            kind=site_types.NETWORKS,
            default=["127.0.0.1", "::1"],
            help="Proxies, by address or network, that are believed when X-Forwarded-For names the client.",
        ),
        Setting(
            key="blocked",
            kind=site_types.BLOCKED,
            default=[],
            help="Addresses and domains (with all below them) that nobody may sign up.",
        ),
        Setting(
            key="delta",
            kind=types.BOOL,
            default=False,
            help="Answer `A-IM: feed` with only the entries a client lacks (226). rss2email and others ask "
            "for it by default, and stop at a status they do not know.",
        ),
    ),
)

SCHEDULE = Section(
    name="schedule",
    help="What `publisher run` does by itself.",
    settings=(
        Setting(
            key="publish_every",
            kind=types.PERIOD,
            default="60s",
            help="How often it looks for posts that are new or due.",
        ),
        Setting(
            key="watch",
            kind=types.BOOL,
            default=True,
            help="Also publish as soon as a post or a template changes.",
        ),
    ),
)

STORE = Section(
    name="store",
    help="The database.",
    settings=(
        Setting(
            key="url",
            kind=site_types.STORE,
            default="sqlite:///.publisher/publisher.db",
            help="An SQLite file; with three slashes relative to the site, with four absolute.",
        ),
    ),
)
