"""[store]."""

from publisher.config import kinds
from publisher.config.setting import Section, Setting

STORE = Section(
    name="store",
    help="The database.",
    settings=(
        Setting(
            key="url",
            kind=kinds.STORE,
            default="sqlite:///.publisher/publisher.db",
            help="An SQLite file; with three slashes relative to the site, with four absolute.",
        ),
    ),
)
