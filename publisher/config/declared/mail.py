"""[mail], [queue]."""

from publisher.config import kinds
from publisher.config.setting import Section, Setting

MAIL = Section(
    name="mail",
    help="How mail leaves the house.",
    settings=(
        Setting(
            key="transport",
            kind=kinds.one_of("outbox"),
            default="outbox",
            help='"outbox" writes each message as a file into the folder outbox/.',
        ),
    ),
)

QUEUE = Section(
    name="queue",
    help="How deliveries are cut into batches.",
    settings=(Setting(key="batch", kind=kinds.whole(1, 10_000), default=500, help="Deliveries in a batch."),),
)
