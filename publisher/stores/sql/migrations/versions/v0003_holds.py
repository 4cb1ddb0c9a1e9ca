"""Why a mailing is paused, the sample that goes first, what slows mail down, and how fast it went."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """A mailing that is paused now was paused by hand: nothing else could."""
    _holds()
    _batches()
    with op.batch_alter_table("deliveries") as deliveries:
        deliveries.create_check_constraint(
            op.f("ck_deliveries_held_by_a_run"),
            "state NOT IN ('claimed', 'sending') OR (run IS NOT NULL AND attempts > 0)",
        )
    op.create_table(
        "brakes",
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.Column("reply", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("scope", name=op.f("pk_brakes")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "pace",
        sa.Column("mailing", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("minute", sa.BigInteger(), nullable=False),
        sa.Column("accepted", sa.BigInteger(), nullable=False),
        sa.Column("refused", sa.BigInteger(), nullable=False),
        sa.Column("deferred", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("mailing", "minute", name=op.f("pk_pace")),
        sqlite_with_rowid=False,
    )


def _holds() -> None:
    columns: tuple[sa.Column[Any], ...] = (
        sa.Column("hold", sa.String(), nullable=True),
        sa.Column("hold_why", sa.Text(), nullable=False, server_default=""),
        sa.Column("hold_until", sa.BigInteger(), nullable=True),
        sa.Column("canary", sa.Boolean(), nullable=False, server_default=sa.false()),
    )
    for column in columns:
        op.add_column("mailings", column)
    op.execute("UPDATE mailings SET hold = 'operator' WHERE state = 'paused'")
    with op.batch_alter_table("mailings") as mailings:
        mailings.alter_column("hold_why", server_default=None)
        mailings.alter_column("canary", server_default=None)
        mailings.create_check_constraint(
            op.f("ck_mailings_hold"),
            "hold IN ('approval', 'operator', 'canary', 'server', 'quiet', 'warm-up')",
        )
        mailings.create_check_constraint(
            op.f("ck_mailings_paused_for_a_reason"), "state <> 'paused' OR hold IS NOT NULL"
        )
    op.create_index(
        "ix_mailings_paused", "mailings", ["hold_until"], sqlite_where=sa.text("state = 'paused'")
    )


def _batches() -> None:
    column: sa.Column[Any] = sa.Column("canary", sa.Boolean(), nullable=False, server_default=sa.false())
    op.add_column("batches", column)
    with op.batch_alter_table("batches") as batches:
        batches.alter_column("canary", server_default=None)
        batches.create_check_constraint(op.f("ck_batches_not_empty"), "lo <= hi")
        batches.create_check_constraint(
            op.f("ck_batches_leased_by_a_run"),
            "(state = 'leased') = (run IS NOT NULL AND lease_until IS NOT NULL)",
        )
