"""Webhooks of providers: what they told, tokens that came, counts, and a topic to confirm."""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"

PROVIDERS = "'ses', 'mailgun', 'sendgrid', 'postmark', 'brevo'"
OUTCOMES = "'read', 'foreign', 'refused'"


def upgrade() -> None:
    op.add_column("bounces", sa.Column("final", sa.Boolean(), nullable=True))
    op.add_column("bounce_reports", sa.Column("provider", sa.String(), nullable=True))
    op.create_table(
        "webhook_tokens",
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_webhook_tokens")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_webhook_tokens_at", "webhook_tokens", ["at"])
    op.create_table(
        "webhook_counts",
        sa.Column("provider", sa.String(), nullable=False),
        sa.Column("day", sa.BigInteger(), nullable=False),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.CheckConstraint(f"provider IN ({PROVIDERS})", name=op.f("ck_webhook_counts_provider")),
        sa.CheckConstraint(f"outcome IN ({OUTCOMES})", name=op.f("ck_webhook_counts_outcome")),
        sa.PrimaryKeyConstraint("provider", "day", "outcome", name=op.f("pk_webhook_counts")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "webhook_topics",
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("token", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("topic", name=op.f("pk_webhook_topics")),
        sqlite_with_rowid=False,
    )
