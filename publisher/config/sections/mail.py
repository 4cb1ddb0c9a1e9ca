"""[mail], [[mail.relays]], [mail.dkim], [mail.bounces] and [queue]."""

from publisher.config import mail_types, types
from publisher.config.types import Section, Setting

MAIL = Section(
    name="mail",
    help="How mail leaves the house.",
    settings=(
        Setting(
            key="transport",
            kind=types.one_of("outbox", "smtp"),
            default="outbox",
            help='"outbox" writes each message as a file into outbox/; "smtp" hands it to a relay.',
        ),
        Setting(
            key="quiet_hours",
            kind=mail_types.QUIET_HOURS,
            shown='"22:00-07:00"',
            help="No digest leaves in these hours, by the clock of its list.",
        ),
        Setting(
            key="warm_up",
            kind=mail_types.WARM_UP,
            shown='{from = "2026-12-01", days = [50, 100, 500, 1000, 5000]}',
            help="A new sender starts slowly: the most digests on each of its first days (UTC).",
        ),
        Setting(
            key="canary",
            kind=mail_types.CANARY,
            shown='{share = "1%", limit = "5%", over = 5000}',
            help='Of a digest to "over" readers or more a share goes first; if more of it than the limit is '
            'refused, the rest is held. Default: as shown. "off": all go at once.',
        ),
        Setting(
            key="retention",
            kind=mail_types.RETENTION,
            default="400d",
            help="How long the ledger keeps each delivery: when, and in which words it was answered. After "
            "that it knows the counts of the mailing, and who had it.",
        ),
    ),
)

RELAYS = Section(
    name="mail.relays",
    help="A mail server that takes our mail. Several share it; where one fails, another is used.",
    repeated=True,
    settings=(
        Setting(
            key="host", kind=mail_types.HOST, required=True, shown='"smtp.example.org"', help="Its name."
        ),
        Setting(
            key="port",
            kind=types.whole(1, 65_535),
            shown="587",
            help="Default: 587 with starttls, 465 with tls, 25 with none.",
        ),
        Setting(key="weight", kind=types.whole(1, 1000), default=1, help="Its share, beside the others'."),
        Setting(
            key="security",
            kind=types.one_of("starttls", "tls", "none"),
            default="starttls",
            help="What protects the line. It is never given up; certificates are always checked.",
        ),
        Setting(key="username", kind=types.LINE, default="", help="Who logs in. Empty: nobody does."),
        Setting(
            key="password",
            kind=types.LINE,
            shown='""',
            help="Best left out: give it in the environment, or in a file.",
        ),
        Setting(
            key="password_file",
            kind=types.FILLED,
            shown='".publisher/relay-password"',
            help="A file that holds the password, and nothing else.",
        ),
        Setting(
            key="connections", kind=types.whole(1, 500), default=4, help="How many lines at once, at most."
        ),
        Setting(
            key="rate",
            kind=mail_types.RATE,
            shown="50",
            help="Messages a second, at most. Default: no limit.",
        ),
        Setting(
            key="per_hour",
            kind=types.whole(1, 100_000_000),
            shown="500",
            help="Messages in any hour, at most, of all kinds together. Default: no limit.",
        ),
        Setting(
            key="per_day",
            kind=types.whole(1, 100_000_000),
            shown="5000",
            help="Messages in any 24 hours, at most. Default: no limit.",
        ),
        Setting(
            key="per_domain",
            kind=mail_types.PER_DOMAIN,
            shown='{"gmail.com" = {connections = 2, rate = 5}}',
            help="Limits for readers of one domain.",
        ),
        Setting(
            key="timeout",
            kind=types.PERIOD,
            default="5m",
            help="The longest wait for an answer. For the one to a whole message it is ten minutes.",
        ),
    ),
)

DKIM = Section(
    name="mail.dkim",
    help="Signatures that prove a mail is from your domain. `publisher keys dkim` makes the keys.",
    settings=(
        Setting(
            key="domain",
            kind=mail_types.DOMAIN,
            shown='"example.org"',
            help="The domain of the keys. Default: that of each list's From.",
        ),
        Setting(
            key="keys",
            kind=mail_types.DKIM_KEYS,
            default=[],
            help="A selector and a file each; one RSA and one Ed25519 key are best.",
        ),
    ),
)

BOUNCES = Section(
    name="mail.bounces",
    help="Mail that cannot be delivered: where it comes back to, and when an address is mailed no more.",
    settings=(
        Setting(
            key="address",
            kind=mail_types.BOUNCES,
            shown='"bounces@example.org"',
            help="Each mail has its own: bounces+...@example.org. Default: the list's From.",
        ),
        Setting(
            key="hard_limit",
            kind=types.whole(1, 100),
            default=2,
            help="A mailbox that does not exist is mailed no more after so many mailings were refused, each "
            "a day or more after the last.",
        ),
        Setting(
            key="soft_limit",
            kind=types.whole(1, 100),
            default=5,
            help="So is one that refused so many mailings within 30 days for other reasons (such as a full "
            "mailbox), and took none in between.",
        ),
    ),
)

QUEUE = Section(
    name="queue",
    help="How deliveries are cut into batches.",
    settings=(Setting(key="batch", kind=types.whole(1, 10_000), default=500, help="Deliveries in a batch."),),
)
