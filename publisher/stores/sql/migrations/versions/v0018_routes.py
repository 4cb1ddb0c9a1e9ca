"""The transport and relay of each delivery. What the outbox took is known by its own words."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"

OUTBOX = 1
IN_OUTBOX = "state = 'accepted' AND route = 1"


def upgrade() -> None:
    """A run has one transport: what is in doubt of a run that wrote to the outbox was for the outbox, too."""
    op.create_table(
        "routes",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("transport", sa.String(length=32), nullable=False),
        sa.Column("relay", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_routes")),
        sa.UniqueConstraint("transport", "relay", name=op.f("uq_routes_transport_relay")),
    )
    op.add_column("deliveries", sa.Column("route", sa.Integer(), nullable=True))
    deliveries = sa.table("deliveries", *map(sa.column, ("route", "state", "reply", "run")))
    written = deliveries.c.reply.in_(("written to the outbox", "already in the outbox"))
    op.execute(sa.update(deliveries).where(deliveries.c.state == "accepted", written).values(route=OUTBOX))
    in_doubt = deliveries.c.state.in_(("sending", "unknown"))
    runs = sa.select(deliveries.c.run).where(deliveries.c.route == OUTBOX).scalar_subquery()
    op.execute(sa.update(deliveries).where(in_doubt, deliveries.c.run.in_(runs)).values(route=OUTBOX))
    op.create_index(
        "ix_deliveries_in_outbox", "deliveries", ["mailing", "n"], sqlite_where=sa.text(IN_OUTBOX)
    )
