"""[mail], [[mail.relays]] and [mail.dkim]: how mail leaves."""

import re
import sys
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from publisher.config.declaration import Section, SectionValues, fill, setting
from publisher.config.sections.bounces import BounceSettings
from publisher.config.types import (
    DOMAIN,
    DURATION_PATTERN,
    FILLED,
    HOST,
    ISO_DAY,
    LINE,
    PATH,
    PERIOD,
    InvalidValue,
    SettingType,
    array_schema,
    either,
    one_of,
    percentage,
    read_array,
    read_date,
    read_domain,
    read_duration,
    read_fields,
    read_filled,
    read_table,
    read_time_of_day,
    table_schema,
    text_schema,
    whole,
)
from publisher.core.delivery.relays import DEFAULT_PORTS, DomainLimit, MailProvider, Relay, Security
from publisher.core.delivery.throttling import Canary, QuietHours, WarmUp
from publisher.core.mail.message import MailTransport

FASTEST = 100_000
"""Messages a second: more than any connection carries."""

SHORTEST_RETENTION = timedelta(days=7)
"""Servers try for up to five days (RFC 5321 4.5.4.1), and what comes back then names a delivery."""

LONGEST_RETENTION = timedelta(days=36_500)


def read_rate(value: object) -> float:
    """Messages a second."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= FASTEST:
        raise InvalidValue
    return float(value)


def read_domain_limits(value: object) -> Mapping[str, DomainLimit]:
    """How many connections to a domain's servers, and how many messages a second, by domain."""
    limits: dict[str, DomainLimit] = {}
    for name, item in read_table(value).items():
        if not read_table(item):
            raise InvalidValue
        limits[read_domain(name)] = DomainLimit(**read_fields(item, LIMIT_FIELDS))
    return limits


def read_selector(value: object) -> str:
    """A DKIM selector (RFC 6376 3.1): labels of a host name. Raises InvalidValue."""
    text = read_filled(value).lower()
    label = "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
    if not re.fullmatch(rf"{label}(\.{label})*", text) or len(text) > 180:
        raise InvalidValue
    return text


def read_dkim_keys(value: object) -> tuple[tuple[str, Path], ...]:
    """(selector, file) of each key."""
    keys = [read_fields(item, KEY_FIELDS, required=KEY_FIELDS) for item in read_array(value)]
    return tuple((key["selector"], key["file"]) for key in keys)


def locate_keys(keys: tuple[tuple[str, Path], ...], folder: Path) -> tuple[tuple[str, Path], ...]:
    """The keys with the files of the site in `folder`."""
    return tuple((selector, folder / file) for selector, file in keys)


def read_retention(value: object) -> timedelta | None:
    """How long the ledger keeps deliveries; None: forever."""
    if value == "forever":
        return None
    kept = read_duration(value)
    if not SHORTEST_RETENTION <= kept <= LONGEST_RETENTION:
        raise InvalidValue
    return kept


def read_quiet_hours(value: object) -> QuietHours:
    """Two different times of day with a dash between."""
    start, dash, end = read_filled(value).partition("-")
    if not dash:
        raise InvalidValue
    hours = QuietHours(start=read_time_of_day(start.strip()), end=read_time_of_day(end.strip()))
    if hours.start == hours.end:
        raise InvalidValue
    return hours


def read_warm_up(value: object) -> WarmUp:
    """A day, and how many messages may leave on it and on each day after it."""
    table = read_fields(value, WARM_UP_FIELDS, required=WARM_UP_FIELDS)
    return WarmUp(start=table["from"], days=table["days"])


def read_counts(value: object) -> tuple[int, ...]:
    """Numbers of messages, at least one."""
    if not (items := read_array(value)):
        raise InvalidValue
    return tuple(MESSAGES.read(item) for item in items)


def read_canary(value: object) -> Canary:
    """Which share of a large mailing goes first, and how many refusals hold the rest."""
    if value == "off":
        return Canary(over=sys.maxsize)
    table = read_fields(value, CANARY_FIELDS)
    if "share" in table:
        table["one_in"] = round(1 / table.pop("share"))
    return Canary(**table)


PORTS = ", ".join(f"{port} with {security}" for security, port in DEFAULT_PORTS.items())

MESSAGES = whole(1, 100_000_000)
RATE = SettingType(
    "messages a second, more than 0, such as 50 or 0.5",
    read_rate,
    # Not exclusiveMinimum, which is true or false in draft 4, and a number in draft 7.
    {"type": "number", "minimum": 0, "maximum": FASTEST, "not": {"enum": [0]}},
    verbatim=False,
)
LIMIT_FIELDS: Mapping[str, SettingType[Any]] = {"connections": whole(1, 500), "rate": RATE}
PER_DOMAIN = SettingType(
    'limits by domain, as in {"gmail.com" = {connections = 2, rate = 5}}',
    read_domain_limits,
    {"type": "object", "additionalProperties": {**table_schema(LIMIT_FIELDS), "minProperties": 1}},
    verbatim=False,
)
KEY_FIELDS: Mapping[str, SettingType[Any]] = {
    "selector": SettingType("a selector", read_selector, FILLED.schema),
    "file": PATH,
}
DKIM_KEYS = SettingType(
    'keys, as in [{selector = "p1", file = ".publisher/dkim/p1.pem"}]',
    read_dkim_keys,
    array_schema(table_schema(KEY_FIELDS, required=KEY_FIELDS)),
    verbatim=False,
    locate=locate_keys,
)
RETENTION = SettingType(
    'a duration of at least "7d", such as "400d", or "forever"',
    read_retention,
    either({"enum": ["forever"]}, text_schema(DURATION_PATTERN)),
)
_TIME = "([01][0-9]|2[0-3]):[0-5][0-9]"
QUIET_HOURS = SettingType(
    'two times of day, as in "22:00-07:00"', read_quiet_hours, text_schema(rf"{_TIME}\s*-\s*{_TIME}")
)
WARM_UP_FIELDS: Mapping[str, SettingType[Any]] = {
    "from": SettingType("a day", read_date, text_schema(ISO_DAY)),
    "days": SettingType(
        "numbers of messages", read_counts, {**array_schema(MESSAGES.schema), "minItems": 1}, verbatim=False
    ),
}
WARM_UP = SettingType(
    "a first day, and the number of messages for it and each day after it, as in {from = "
    '"2026-12-01", days = [50, 100, 500]}',
    read_warm_up,
    table_schema(WARM_UP_FIELDS, required=WARM_UP_FIELDS),
    verbatim=False,
)
CANARY_FIELDS: Mapping[str, SettingType[Any]] = {
    "share": percentage(50),
    "limit": percentage(100),
    "over": MESSAGES,
}
CANARY = SettingType(
    '"off", or shares and a number, as in {share = "1%", limit = "5%", over = 5000}',
    read_canary,
    either({"enum": ["off"]}, table_schema(CANARY_FIELDS)),
    verbatim=False,
)


class RelaySettings(SectionValues):
    """[[mail.relays]]. The password is in `password_file` where `password` is empty."""

    host: str = setting(HOST, help="Its name.", required=True, shown='"smtp.example.org"')
    port: int | None = setting(
        whole(1, 65_535),
        help=f"Default: {PORTS}.",
        shown="587",
    )
    weight: int = setting(
        whole(1, 1000), help="Its share of the mail, relative to the other relays.", default=1
    )
    security: Security = setting(
        one_of(*Security),
        help="How the connection is protected. Publisher never falls back to less, and always checks "
        "certificates.",
        default="starttls",
    )
    username: str = setting(LINE, help="The user name to log in with. Empty: do not log in.", default="")
    password: str = setting(
        LINE,
        help="The password. Better kept in the environment or in password_file.",
        unset="",
        shown='""',
        secret=True,
    )
    password_file: Path | None = setting(
        PATH, help="A file that holds only the password.", shown='".publisher/relay-password"'
    )
    connections: int = setting(whole(1, 500), help="The most connections at once.", default=4)
    rate: float | None = setting(RATE, help="The most messages a second. Default: no limit.", shown="50")
    per_hour: int | None = setting(
        MESSAGES,
        help="The most messages of any kind within an hour. Default: no limit.",
        shown="500",
    )
    per_day: int | None = setting(
        MESSAGES, help="The most messages of any kind within 24 hours. Default: no limit.", shown="5000"
    )
    per_domain: Mapping[str, DomainLimit] = setting(
        PER_DOMAIN,
        help="Limits for readers at particular domains.",
        unset={},
        shown='{"gmail.com" = {connections = 2, rate = 5}}',
    )
    provider: MailProvider | None = setting(
        one_of(*MailProvider),
        help="Whose relay it is, if its webhook tells this site about bounces and complaints "
        "(mail.bounces.webhooks). Each message then gets a header that the provider hands back.",
        shown='"postmark"',
    )
    timeout: timedelta = setting(
        PERIOD,
        help="How long to wait for a reply. For the reply to a whole message it is always ten minutes.",
        default="5m",
    )

    def relay(self, password: str = "") -> Relay:
        """The relay; `password` is that of `password_file`."""
        port = self.port or DEFAULT_PORTS[self.security]
        return fill(Relay, self, port=port, password=self.password or password)


RELAYS = Section(
    "mail.relays",
    "A mail server to send through. Several share the load; if one fails, Publisher uses another.",
    RelaySettings,
    repeated=True,
)


class DkimSettings(SectionValues):
    """[mail.dkim]. `keys` are (selector, file); `domain` None: that of each From."""

    domain: str | None = setting(
        DOMAIN,
        help="The domain the keys belong to. Default: that of each list's From.",
        shown='"example.org"',
    )
    keys: tuple[tuple[str, Path], ...] = setting(
        DKIM_KEYS,
        help="A selector and a file for each key. One RSA and one Ed25519 key work best.",
        default=[],
    )


DKIM = Section(
    "mail.dkim",
    "Signatures that prove a mail is from your domain. `publisher keys dkim` makes the keys.",
    DkimSettings,
)


class MailSettings(SectionValues):
    """[mail] and what is within. `retention` is how long settled deliveries are kept; None: always."""

    relays: tuple[RelaySettings, ...]
    dkim: DkimSettings
    bounces: BounceSettings

    transport: MailTransport = setting(
        one_of(*MailTransport),
        help='"outbox" writes each message as a file into outbox/; "smtp" hands it to a relay.',
        default="outbox",
    )
    quiet_hours: QuietHours | None = setting(
        QUIET_HOURS,
        help="Send no digest in these hours, in the time zone of its list.",
        shown='"22:00-07:00"',
    )
    warm_up: WarmUp | None = setting(
        WARM_UP,
        help="A slow start for a new sender: the most digests to send on each of its first days (UTC).",
        shown='{from = "2026-12-01", days = [50, 100, 500, 1000, 5000]}',
    )
    canary: Canary = setting(
        CANARY,
        help='A digest to at least "over" readers goes to a share of them first; if more than the limit of '
        'these messages are refused, the rest is held. Default: as shown. "off": send all at once.',
        unset=Canary(),
        shown='{share = "1%", limit = "5%", over = 5000}',
    )
    retention: timedelta | None = setting(
        RETENTION,
        help="How long the ledger keeps each delivery, with its time and the server's reply. After that it "
        "keeps the mailing's counts, and who received it.",
        default="400d",
    )

    @property
    def relays_in_use(self) -> tuple[RelaySettings, ...]:
        """The relays, where mail leaves by one."""
        return self.relays if self.transport is MailTransport.SMTP else ()


MAIL = Section("mail", "How mail is sent.", MailSettings)
