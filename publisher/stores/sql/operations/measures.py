"""Numbers for monitoring. Each is cheap however many readers there are: it comes from an index, from the
counts that batches keep, or from a counter.
"""

from collections import Counter
from collections.abc import Mapping

from sqlalchemy import func, select

from publisher.core.delivery.mailing import MailingState
from publisher.core.subscribers.subscription import SubscriptionState
from publisher.stores.sql.database import Database
from publisher.stores.sql.feeds.documents import DOCUMENTS_WRITTEN, FAILURES
from publisher.stores.sql.schema.columns import is_
from publisher.stores.sql.schema.feed_tables import documents
from publisher.stores.sql.schema.subscriber_tables import schedules, subscriptions
from publisher.stores.sql.schema.tables import counters, files, mailings


class MeasureRecords:
    """`ports.MeasureStore`."""

    _db: Database

    def count_files(self) -> int:
        with self._db.read() as connection:
            return connection.execute(select(func.count()).select_from(files)).scalar_one()

    def count_documents(self) -> tuple[int, int]:
        written = select(counters.c.last).where(counters.c.name == DOCUMENTS_WRITTEN)
        with self._db.read() as connection:
            here: int = connection.execute(select(func.count()).select_from(documents)).scalar_one()
            return here, connection.execute(written).scalar() or 0

    def count_failures(self) -> Mapping[str, int]:
        query = select(counters).where(counters.c.name.startswith(FAILURES, autoescape=True))
        with self._db.read() as connection:
            return {row.name.removeprefix(FAILURES): row.last for row in connection.execute(query)}

    def count_unfinished_mailings(self) -> Mapping[MailingState, int]:
        found: dict[MailingState, int] = {}
        with self._db.read() as connection:
            for state in (MailingState.PLANNING, MailingState.READY, MailingState.PAUSED):
                these = select(func.count()).where(is_(mailings.c.state, state))  # one of the partial indexes
                found[state] = connection.execute(these).scalar_one()
        return found

    def count_readers(self) -> Mapping[tuple[str, SubscriptionState], int]:
        active = is_(subscriptions.c.state, SubscriptionState.ACTIVE)
        pending = is_(subscriptions.c.state, SubscriptionState.PENDING)
        of_schedule = select(subscriptions.c.rhythm, func.count()).where(active)
        found = Counter[tuple[str, SubscriptionState]]()
        with self._db.read() as connection:
            rows = connection.execute(select(schedules.c.id, schedules.c.list))
            lists = {row.id: row.list for row in rows}
            for schedule, number in connection.execute(of_schedule.group_by(subscriptions.c.rhythm)):
                found[lists[schedule], SubscriptionState.ACTIVE] += number
            waiting = select(subscriptions.c.list, func.count()).where(pending)
            for slug, number in connection.execute(waiting.group_by(subscriptions.c.list)):
                found[slug, SubscriptionState.PENDING] += number
        return found
