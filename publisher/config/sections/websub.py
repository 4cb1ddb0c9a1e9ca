"""[websub]."""

from publisher.config import types
from publisher.config.declaration import Section, Setting

WEBSUB = Section(
    name="websub",
    help="Hubs that bring a changed feed to its readers at once.",
    settings=(
        Setting(
            key="hubs",
            kind=types.HUBS,
            default=[],
            help='Named in every feed, and told when one has changed; such as "https://hub.example/".',
        ),
    ),
)
