"""Mail that comes back: the reports themselves, and whose deliveries were archived."""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"

KINDS = "'bounce', 'complaint', 'delay', 'delivered', 'auto-reply', 'unsubscribe', 'other'"
EFFECTS = "'counted', 'suppressed', 'unsubscribed', 'nothing', 'kept'"


def upgrade() -> None:
    op.add_column("bounces", sa.Column("reported", sa.Boolean(), nullable=True))
    op.add_column("receipts", sa.Column("n", sa.BigInteger(), nullable=True))
    op.create_index(
        "ix_receipts_delivery", "receipts", ["mailing", "n"], sqlite_where=sa.text("n IS NOT NULL")
    )
    op.create_table(
        "bounce_reports",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("effect", sa.String(), nullable=False),
        sa.Column("address_key", sa.LargeBinary(), nullable=True),
        sa.Column("mailing", sa.BigInteger(), nullable=True),
        sa.Column("n", sa.BigInteger(), nullable=True),
        sa.Column("severity", sa.String(), nullable=True),
        sa.Column("reply", sa.Text(), nullable=False),
        sa.Column("message", sa.LargeBinary(), nullable=True),
        sa.CheckConstraint(f"kind IN ({KINDS})", name=op.f("ck_bounce_reports_kind")),
        sa.CheckConstraint(f"effect IN ({EFFECTS})", name=op.f("ck_bounce_reports_effect")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bounce_reports")),
        sa.UniqueConstraint("digest", name=op.f("uq_bounce_reports_digest")),
    )
    op.create_index("ix_bounce_reports_at", "bounce_reports", ["at"])
    op.create_index("ix_bounce_reports_mailing", "bounce_reports", ["mailing"])
    op.create_index(
        "ix_bounce_reports_address_key",
        "bounce_reports",
        ["address_key"],
        sqlite_where=sa.text("address_key IS NOT NULL"),
    )
    op.create_index(
        "ix_bounce_reports_bodies", "bounce_reports", ["at"], sqlite_where=sa.text("message IS NOT NULL")
    )
