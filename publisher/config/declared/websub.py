"""[websub]."""

from publisher.config import kinds
from publisher.config.setting import Section, Setting

WEBSUB = Section(
    name="websub",
    help="Hubs that bring a changed feed to its readers at once.",
    settings=(
        Setting(
            key="hubs",
            kind=kinds.HUBS,
            default=[],
            help='Named in every feed, and told when one has changed; such as "https://hub.example/".',
        ),
    ),
)
