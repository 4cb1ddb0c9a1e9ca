"""What mailboxes refused, pauses because of it, and because relays take no more."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"

HOLDS = ("approval", "operator", "canary", "server", "quiet", "warm-up", "refusals", "quota")


def upgrade() -> None:
    """What was refused before is not counted: it was not judged when it came."""
    op.create_table(
        "bounces",
        sa.Column("address_key", sa.LargeBinary(), nullable=False),
        sa.Column("mailing", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("severity", sa.String(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("reply", sa.Text(), nullable=False),
        sa.Column("counts", sa.Boolean(), nullable=True),
        sa.CheckConstraint("severity IN ('hard', 'soft')", name=op.f("ck_bounces_severity")),
        sa.PrimaryKeyConstraint("address_key", "mailing", name=op.f("pk_bounces")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_bounces_undecided", "bounces", ["mailing"], sqlite_where=sa.text("counts IS NULL"))
    op.add_column("mailings", sa.Column("refusals", sa.String(), nullable=True))
    holds = ", ".join(f"'{hold}'" for hold in HOLDS)
    with op.batch_alter_table("mailings") as mailings:
        mailings.drop_constraint(op.f("ck_mailings_hold"), type_="check")
        mailings.create_check_constraint(op.f("ck_mailings_hold"), f"hold IN ({holds})")
        mailings.create_check_constraint(op.f("ck_mailings_refusals"), "refusals IN ('count', 'ignore')")
