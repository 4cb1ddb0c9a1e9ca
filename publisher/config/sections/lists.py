"""[[lists]]."""

from publisher.config import types
from publisher.config.declaration import Section, Setting
from publisher.config.selecting import DAY, WHERE
from publisher.core.digests.digest import Layout
from publisher.core.subscribers.cadences import CADENCES
from publisher.core.subscribers.subscription import ListChoice

LISTS = Section(
    name="lists",
    help="A list that readers subscribe to by email.",
    repeated=True,
    settings=(
        Setting(key="slug", kind=types.SLUG, required=True, shown='"daily"', help="Its name in links."),
        Setting(key="title", kind=types.LINE, shown='"My site, daily"', help="Default: the site's title."),
        Setting(key="description", kind=types.LINE, default="", help="What readers get, in a sentence."),
        Setting(
            key="from",
            kind=types.MAILBOX,
            required=True,
            shown='"Jo Doe <jo@example.org>"',
            help="Who its mail is from.",
        ),
        Setting(
            key="reply_to",
            kind=types.MAILBOX,
            shown='"letters@example.org"',
            help="Where answers go. Default: to whom it is from.",
        ),
        Setting(
            key="cadence", kind=types.one_of(*CADENCES), default="daily", help="How often a digest goes out."
        ),
        Setting(
            key="on",
            kind=DAY,
            shown='"mon"',
            help="The day of a weekly digest, or of the month of a monthly one, 1 to 28. "
            'Default: "mon", or 1.',
        ),
        Setting(key="at", kind=types.CLOCK, default="08:00", help="The time of day, by the list's clock."),
        Setting(
            key="timezone",
            kind=types.ZONE,
            shown='"Europe/Berlin"',
            help="The list's clock. Default: the site's time zone.",
        ),
        Setting(
            key="where",
            kind=WHERE,
            shown='{category = "news"}',
            help="Which posts it has: those that meet each condition. Default: every post.",
        ),
        Setting(
            key="content",
            kind=types.one_of(*Layout),
            default="full",
            help="Whole posts, or their summaries, or only their titles.",
        ),
        Setting(
            key="template",
            kind=types.SLUG,
            default="digest",
            help="The folder under templates/email/ that makes its digests.",
        ),
        Setting(
            key="min_posts",
            kind=types.whole(1, 1000),
            default=1,
            help="With fewer new posts than this, they wait for the next digest.",
        ),
        Setting(
            key="max_posts",
            kind=types.whole(1, 1000),
            default=20,
            help="How many posts a digest shows; it links to the rest.",
        ),
        Setting(
            key="max_late",
            kind=types.DURATION,
            shown='"12h"',
            help="While `publisher run` works, a digest that would be later than this waits for the next "
            "one; never two in a row. Default: 12h for daily, 3d for weekly, 10d for monthly.",
        ),
        Setting(
            key="delay",
            kind=types.DURATION,
            default="0m",
            help="How long a post is out before it is mailed: time for second thoughts.",
        ),
        Setting(
            key="approve",
            kind=types.BOOL,
            default=False,
            help="Whether a mailing waits for `publisher mailings approve`.",
        ),
        Setting(
            key="welcome",
            kind=types.one_of("none", "latest"),
            default="none",
            help="What a reader gets who has confirmed: nothing, or a mail with the latest posts.",
        ),
        Setting(
            key="readers_choose",
            kind=types.some_of(*ListChoice),
            shown='["cadence", "hour"]',
            help="What readers may choose on their page of preferences, besides a pause. Default: nothing.",
        ),
        Setting(
            key="subject",
            kind=types.LINE,
            shown='"{{ list.title }}: {{ posts[0].title }}"',
            help="The subject line, as a Jinja template. Default: the template's own.",
        ),
    ),
)
