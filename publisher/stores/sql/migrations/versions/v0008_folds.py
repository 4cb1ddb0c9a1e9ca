"""Counts beside each batch, and the ledger of old mailings folded to them."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"

TALLIED = ("queued", "accepted", "rejected", "unknown", "skipped", "cancelled")


def upgrade() -> None:
    """Every batch is counted, once. When one was over is when the last of its rows changed."""
    op.add_column("batches", sa.Column("settled_at", sa.BigInteger(), nullable=True))
    for name in TALLIED:
        op.add_column("batches", sa.Column(name, sa.BigInteger(), nullable=False, server_default="0"))
    with op.batch_alter_table("batches") as batches:
        for name in TALLIED:
            batches.alter_column(name, server_default=None)
        batches.drop_constraint(op.f("ck_batches_state"), type_="check")
        batches.create_check_constraint(
            op.f("ck_batches_state"), "state IN ('open', 'leased', 'done', 'folded')"
        )
    _count()
    op.create_index(
        "ix_batches_settled",
        "batches",
        ["settled_at"],
        sqlite_where=sa.text("state = 'done' AND unknown = 0"),
    )
    op.create_index("ix_mailings_ready", "mailings", ["id"], sqlite_where=sa.text("state = 'ready'"))
    op.create_table(
        "said",
        sa.Column("mailing", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("value", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("mailing", name=op.f("pk_said")),
    )
    op.create_table(
        "receipts",
        sa.Column("subscription", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("mailing", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("cohort", sa.Integer(), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("subscription", "mailing", name=op.f("pk_receipts")),
        sqlite_with_rowid=False,
    )


def _count() -> None:
    """All in one look at the ledger."""
    sums = ", ".join(f"sum(CASE d.state WHEN '{name}' THEN 1 ELSE 0 END) AS {name}" for name in TALLIED)
    op.execute(
        f"CREATE TEMPORARY TABLE tally AS SELECT b.id, max(d.changed_at) AS last, {sums}"  # noqa: S608  # our own words
        " FROM batches b JOIN deliveries d ON d.mailing = b.mailing AND d.n BETWEEN b.lo AND b.hi"
        " GROUP BY b.id"
    )
    op.execute("CREATE UNIQUE INDEX tally_id ON tally (id)")
    given = ", ".join(f"{name} = tally.{name}" for name in TALLIED)
    op.execute(
        f"UPDATE batches SET {given}, settled_at = CASE batches.state WHEN 'done' THEN tally.last END"  # noqa: S608  # our own words
        " FROM tally WHERE tally.id = batches.id"
    )
    op.execute("DROP TABLE tally")
