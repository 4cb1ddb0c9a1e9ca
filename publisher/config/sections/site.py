"""[site]."""

from publisher.config import types
from publisher.config.declaration import Section, Setting

SITE = Section(
    name="site",
    help="The publication.",
    settings=(
        Setting(
            key="title",
            kind=types.FILLED,
            required=True,
            shown='"My site"',
            help="Its name, as readers see it.",
        ),
        Setting(
            key="url",
            kind=types.URL,
            required=True,
            shown='"https://example.org/"',
            help="Where readers reach the site; links of posts start with it.",
        ),
        Setting(key="description", kind=types.LINE, default="", help="What it is about, in a sentence."),
        Setting(
            key="language",
            kind=types.LANGUAGE,
            shown='"en"',
            help="The language of the site, and of posts that name none. Default: for posts, the generator's "
            "own; else en.",
        ),
        Setting(
            key="timezone",
            kind=types.ZONE,
            shown='"UTC"',
            help="The time zone of dates in posts that name none, and of lists. Default: for posts, the "
            "generator's own; else UTC.",
        ),
        Setting(
            key="author",
            kind=types.PERSON,
            shown='{name = "Jo Doe", email = "jo@example.org"}',
            help="Who writes, where a post does not say; a name, and an address if you like.",
        ),
        Setting(
            key="copyright",
            kind=types.LINE,
            shown='"© Jo Doe, CC BY 4.0"',
            help="The rights line of feeds.",
        ),
        Setting(
            key="postal_address",
            kind=types.TEXT,
            shown='"1 Example Street, Exampletown"',
            help="A postal address for the foot of mails, where the law asks for one.",
        ),
        Setting(
            key="id_authority",
            kind=types.AUTHORITY,
            shown='"example.org,2026"',
            help="What ids of posts begin with. Never change it, not even with the domain. Default: the host "
            "of url, and 2026.",
        ),
        Setting(
            key="secret_file",
            kind=types.FILLED,
            default=".publisher/secret",
            help="The file of secret keys that sign links in mails; made when missing.",
        ),
        Setting(
            key="palette",
            kind=types.PALETTE,
            shown='{accent = "#0b5a70", text_font = "Georgia, serif"}',
            help="Colours (#rrggbb) and fonts of mails: paper, ink, quiet, accent, line, tint; each also as "
            "dark_paper and so on; text_font, label_font. What is not given stays as it is.",
        ),
        Setting(
            key="logo",
            kind=types.LOGO,
            shown='{url = "https://example.org/logo.png", width = 120, height = 40}',
            help="A picture in place of the name at the head of mails; alt says what it shows "
            "(default: the title).",
        ),
    ),
)
