"""[store]."""

from publisher.config import types
from publisher.config.declaration import Section, Setting

STORE = Section(
    name="store",
    help="The database.",
    settings=(
        Setting(
            key="url",
            kind=types.STORE,
            default="sqlite:///.publisher/publisher.db",
            help="An SQLite file; with three slashes relative to the site, with four absolute.",
        ),
    ),
)
