"""[web], [schedule], [store] and [queue]: what runs, and where."""

import ipaddress
import re
from datetime import timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from publisher.config.declaration import Section, SectionValues, setting
from publisher.config.types import (
    BOOL,
    DURATION_PATTERN,
    LINE,
    PATH,
    PERIOD,
    URL,
    WORDS,
    HoldsSecret,
    InvalidValue,
    SettingType,
    read_duration,
    read_filled,
    read_text,
    read_url,
    read_words,
    text_schema,
    whole,
)
from publisher.core.addresses import parse_address
from publisher.core.errors import AddressError
from publisher.core.site import web_origin
from publisher.core.subscribers.legacy_links import LegacyLink, parse_legacy_link


def read_listen(value: object) -> tuple[str, int]:
    """The address and port to listen on."""
    found = re.fullmatch(r"(\[[0-9a-fA-F:.]+\]|[^\s:/\[\]]+):([0-9]{1,5})", read_text(value))
    if not found or int(found[2]) > 65535:
        raise InvalidValue
    return found[1].strip("[]"), int(found[2])


def read_networks(value: object) -> tuple[str, ...]:
    """Networks as "10.0.0.0/8"; an address is a network of one."""
    try:
        return tuple(str(ipaddress.ip_network(text, strict=False)) for text in read_words(value))
    except ValueError:
        raise InvalidValue from None


def read_origins(value: object) -> tuple[str, ...]:
    """Origins as browsers write them: "https://blog.example.org", without a usual port."""
    urls = [read_url(text) for text in read_words(value)]
    if any(urlsplit(url).path != "/" or not web_origin(url) for url in urls):
        raise InvalidValue
    return tuple(web_origin(url) for url in urls)


def read_blocked(value: object) -> tuple[str, ...]:
    """Email addresses as they are written, and domains in the spelling that addresses have."""
    blocked: list[str] = []
    for text in read_words(value):
        domain = text.removeprefix("@")
        try:
            is_address = domain == text and "@" in text
            blocked.append(str(parse_address(text)) if is_address else parse_address(f"x@{domain}").domain)
        except AddressError:
            raise InvalidValue from None
    return tuple(blocked)


def read_store_url(value: object) -> str:
    """The path of the SQLite file that a database URL names; the URL itself, if it is one of PostgreSQL."""
    text = read_filled(value)
    if text.startswith(("postgresql:", "postgres:")):
        return read_postgresql_url(text)
    path = text.removeprefix("sqlite:///")
    if path == text or not path or path == ":memory:" or "?" in path:
        raise InvalidValue
    return path


def read_postgresql_url(text: str) -> str:
    """The URL of a database of PostgreSQL, with a database and without a password."""
    try:
        url = urlsplit(text)
        if url.password is not None or {"password", "sslpassword"} & parse_qs(url.query).keys():
            do = "expected no password in it: put it into a file, and name that as store.password_file"
            raise HoldsSecret(do)
        named = url.netloc or "host" in parse_qs(url.query)
        if not named or url.port == 0 or not re.fullmatch(r"/[^/]+", url.path) or url.fragment:
            raise InvalidValue
    except ValueError:
        raise InvalidValue from None
    return f"postgresql:{text.partition(':')[2]}"


def read_legacy_links(value: object) -> tuple[LegacyLink, ...]:
    """Patterns of unsubscribe links."""
    links: list[LegacyLink] = []
    for text in read_words(value):
        try:
            links.append(parse_legacy_link(text))
        except ValueError as error:
            raise InvalidValue(f"{text!r} {error}") from None
    return tuple(links)


def locate_store(path: str, folder: Path) -> str:
    """The URL of a database; the path of a file may be relative to the folder of the site."""
    return path if path.startswith("postgresql:") else f"sqlite:///{folder / path}"


def read_audit_retention(value: object) -> timedelta:
    """How long acts are kept."""
    kept = read_duration(value)
    if not timedelta(days=1) <= kept <= timedelta(days=3660):
        raise InvalidValue
    return kept


AUDIT_RETENTION = SettingType(
    'a duration from "1d" to "3660d"', read_audit_retention, text_schema(DURATION_PATTERN)
)
LISTEN = SettingType(
    '"address:port" such as "127.0.0.1:8000"',
    read_listen,
    text_schema(r"(\[[0-9A-Fa-f:.]+\]|[^\s:/\[\]]+):[0-9]{1,5}"),
)
NETWORKS = SettingType(
    'a list of addresses and networks, e.g. ["127.0.0.1", "10.0.0.0/8"]',
    read_networks,
    WORDS.schema,
    verbatim=False,
)
ORIGINS = SettingType(
    'a list of origins, without a path, e.g. ["https://blog.example.org"]',
    read_origins,
    WORDS.schema,
    verbatim=False,
)
BLOCKED = SettingType(
    'a list of addresses and domains, e.g. ["troll@example.org", "example.com"]',
    read_blocked,
    WORDS.schema,
    verbatim=False,
)
LEGACY_LINKS = SettingType(
    'a list of paths, e.g. ["/unsubscribe/?uuid=", "/subscription/*"]',
    read_legacy_links,
    WORDS.schema,
    verbatim=False,
)
STORE_URL = SettingType(
    '"sqlite:///" and a file, as in "sqlite:///.publisher/publisher.db", or "postgresql://USER@HOST/DATABASE"',
    read_store_url,
    text_schema(r"sqlite:///[^?]+|postgres(ql)?://.+"),
    locate=locate_store,
)


class WebSettings(SectionValues):
    """[web]. `listen` is an address and a port; port 0 means any free one. `trusted_proxies` are networks
    ("10.0.0.0/8"); `blocked` are addresses, and domains in A-labels and lower case; `allowed_origins` are
    written as browsers write them.
    """

    listen: tuple[str, int] = setting(
        LISTEN,
        help="The address and port it listens on; port 0 takes any free one.",
        default="127.0.0.1:8000",
    )
    public_url: str | None = setting(
        URL,
        help="Where readers reach this server, for feeds, sign-up and links in mails. Default: site.url.",
        shown='"https://news.example.org/"',
    )
    admin_listen: tuple[str, int] = setting(
        LISTEN,
        help="The address and port of the admin pages; port 0 takes any free one. Nothing listens there "
        "without admin_token_file.",
        default="127.0.0.1:8001",
    )
    admin_token_file: Path | None = setting(
        PATH,
        help="Turns the admin pages on: a file with the tokens that log in, one a line, as NAME TOKEN. "
        "`publisher keys admin NAME` adds one.",
        shown='".publisher/admin-tokens"',
    )
    admin_url: str | None = setting(
        URL,
        help="The https address at which a proxy serves the admin pages. Needed where admin_listen is not "
        "this machine alone.",
        shown='"https://admin.example.org/"',
    )
    trusted_proxies: tuple[str, ...] = setting(
        NETWORKS,
        help="Proxies, by address or network, whose X-Forwarded-For header is trusted to name the client.",
        default=["127.0.0.1", "::1"],
    )
    blocked: tuple[str, ...] = setting(
        BLOCKED, help="Addresses and domains (including subdomains) that nobody may sign up.", default=[]
    )
    allowed_origins: tuple[str, ...] = setting(
        ORIGINS,
        help="Other sites whose forms may sign up by script, and whose pages a sign-up may end on.",
        default=[],
    )
    legacy_unsubscribe: tuple[LegacyLink, ...] = setting(
        LEGACY_LINKS,
        help="Unsubscribe links in mails of your old service, as paths on this server with the names of "
        "their parameters; * is anything. They show a form that mails a link to unsubscribe.",
        default=[],
    )
    delta: bool = setting(
        BOOL,
        help="Answer `A-IM: feed` with only the entries a client lacks (status 226). Off by default "
        "because rss2email and others ask for it, but fail on a status they do not know.",
        default=False,
    )

    @property
    def host(self) -> str:
        """The address of `listen`."""
        return self.listen[0]

    @property
    def port(self) -> int:
        """The port of `listen`."""
        return self.listen[1]


WEB = Section("web", "The web server of `publisher run`.", WebSettings)


class ScheduleSettings(SectionValues):
    """[schedule]."""

    publish_every: timedelta = setting(
        PERIOD, help="How often to look for posts that are new or due.", default="60s"
    )
    watch: bool = setting(BOOL, help="Also publish as soon as a post or a template changes.", default=True)


SCHEDULE = Section("schedule", "What `publisher run` does on its own.", ScheduleSettings)


class StoreSettings(SectionValues):
    """[store]. `url` is a database URL with an absolute path. The password is in `password_file` where
    `password` is empty.
    """

    url: str = setting(
        STORE_URL,
        help="An SQLite file: with three slashes its path is relative to the site, with four absolute. Or a "
        'database of PostgreSQL: "postgresql://publisher@db.example.org/publisher".',
        default="sqlite:///.publisher/publisher.db",
    )
    password: str = setting(
        LINE,
        help="The password of the user in a PostgreSQL url. Better kept in the environment or in "
        "password_file.",
        unset="",
        shown='""',
        secret=True,
    )
    password_file: Path | None = setting(
        PATH, help="A file that holds only that password.", shown='".publisher/store-password"'
    )
    audit_retention: timedelta = setting(
        AUDIT_RETENTION,
        help="How long the audit log keeps what people did with commands, the admin pages and the API.",
        default="400d",
    )


STORE = Section("store", "The database.", StoreSettings)


class QueueSettings(SectionValues):
    """[queue]."""

    batch: int = setting(whole(1, 10_000), help="Deliveries in a batch.", default=500)


QUEUE = Section("queue", "How deliveries are split into batches.", QueueSettings)
