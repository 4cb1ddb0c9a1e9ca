"""Keys of addresses, made anew: what makes them changed, and the addresses are still known."""

from collections.abc import Callable

from sqlalchemy import literal, select, update

from publisher.stores.sql.engine.database import Database, insert_new
from publisher.stores.sql.schema.subscriber_tables import subscribers, suppressions


class Rekeying:
    """The part of `ports.SubscriberStore` that keeps address keys up to date."""

    _db: Database

    def rekey(self, key_of: Callable[[str], str]) -> int:
        """Gives each address beyond ASCII the key that `key_of` makes of it, and what stood against the key
        before stands against the new one too. Returns how many changed.
        """
        beyond = subscribers.c.address.op("GLOB")("*[^ -~]*")
        query = select(subscribers.c.id, subscribers.c.address, subscribers.c.address_key).where(beyond)
        changed = 0
        with self._db.write() as connection:
            for id, address, before in connection.execute(query).all():
                key = key_of(address)
                if key == before:
                    continue
                new = literal(key, suppressions.c.address_key.type)
                stood = select(new, suppressions.c.list, suppressions.c.kind, suppressions.c.at)
                copied = stood.where(suppressions.c.address_key == before)
                connection.execute(insert_new(suppressions).from_select(suppressions.c.keys(), copied))
                renamed = update(subscribers).where(subscribers.c.id == id)
                connection.execute(renamed.values(address_key=key))
                changed += 1
        return changed
