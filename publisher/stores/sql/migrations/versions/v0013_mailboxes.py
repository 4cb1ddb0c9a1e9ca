"""How often a mailbox was asked to confirm, who wants no such mail, and where changed addresses went."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    op.create_table(
        "mailboxes",
        sa.Column("mailbox", sa.LargeBinary(), nullable=False),
        sa.Column("sent_1", sa.BigInteger(), nullable=True),
        sa.Column("sent_2", sa.BigInteger(), nullable=True),
        sa.Column("sent_3", sa.BigInteger(), nullable=True),
        sa.Column("worn_out", sa.Boolean(), nullable=False),
        sa.Column("never_at", sa.BigInteger(), nullable=True),
        sa.Column("tried_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("mailbox", name=op.f("pk_mailboxes")),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ix_mailboxes_forgettable", "mailboxes", ["tried_at"], sqlite_where=sa.text("never_at IS NULL")
    )
    op.create_table(
        "asked_domains",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("domain", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_asked_domains")),
    )
    op.create_index("ix_asked_domains_domain", "asked_domains", ["domain"])
    op.create_table(
        "arrivals",
        sa.Column("was", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("subscription", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("was", name=op.f("pk_arrivals")),
    )
