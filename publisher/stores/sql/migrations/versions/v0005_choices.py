"""What readers choose: their rhythm, their taste, a pause; and mailings for readers who stand apart."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Whoever is there follows the rhythm of their list and wants everything. When each list is due is
    found out by the next look at the clock.
    """
    _rhythms()
    _tastes()
    _subscriptions()
    _mailings()
    _cohorts()
    op.create_index(op.f("ix_mailing_posts_post_id"), "mailing_posts", ["post_id"])


def _rhythms() -> None:
    op.create_table(
        "rhythms",
        sa.Column("id", ID, nullable=False),
        sa.Column("list", sa.Text(), nullable=False),
        sa.Column("cadence", sa.Text(), nullable=False),
        sa.Column("day", sa.Text(), nullable=False),
        sa.Column("hour", sa.Text(), nullable=False),
        sa.Column("timezone", sa.Text(), nullable=False),
        sa.Column("next_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rhythms")),
        sa.UniqueConstraint(
            "list",
            "cadence",
            "day",
            "hour",
            "timezone",
            name=op.f("uq_rhythms_list_cadence_day_hour_timezone"),
        ),
    )
    op.execute(
        "INSERT INTO rhythms (list, cadence, day, hour, timezone, next_at)"
        " SELECT list, '', '', '', '', max(next_due_at) FROM subscriptions GROUP BY list"
    )


def _tastes() -> None:
    op.create_table(
        "tastes",
        sa.Column("id", ID, nullable=False),
        sa.Column("topics", sa.Text(), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tastes")),
        sa.UniqueConstraint("topics", "language", name=op.f("uq_tastes_topics_language")),
    )
    op.execute("INSERT INTO tastes (id, topics, language) VALUES (1, '[]', '')")
    if op.get_context().dialect.name == "postgresql":
        op.execute("SELECT setval(pg_get_serial_sequence('tastes', 'id'), 1)")


def _subscriptions() -> None:
    columns: tuple[sa.Column[Any], ...] = (
        sa.Column("rhythm", ID, nullable=True),
        sa.Column("taste", ID, nullable=False, server_default="1"),
        sa.Column("paused", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("asked_at", sa.BigInteger(), nullable=True),
    )
    for column in columns:
        op.add_column("subscriptions", column)
    op.execute(
        "UPDATE subscriptions SET rhythm = (SELECT id FROM rhythms WHERE rhythms.list = subscriptions.list)"
    )
    op.drop_index("ix_subscriptions_due", "subscriptions")
    with op.batch_alter_table("subscriptions", table_kwargs={"sqlite_autoincrement": True}) as subscriptions:
        subscriptions.alter_column("rhythm", nullable=False)
        subscriptions.alter_column("taste", server_default=None)
        subscriptions.alter_column("paused", server_default=None)
        subscriptions.create_foreign_key(
            op.f("fk_subscriptions_rhythm_rhythms"), "rhythms", ["rhythm"], ["id"]
        )
        subscriptions.create_foreign_key(op.f("fk_subscriptions_taste_tastes"), "tastes", ["taste"], ["id"])
        subscriptions.create_check_constraint(
            op.f("ck_subscriptions_paused_is_not_due"), "NOT paused OR next_due_at IS NULL"
        )
    op.create_index(
        "ix_subscriptions_due",
        "subscriptions",
        ["rhythm", "next_due_at", "offset", "taste"],
        sqlite_where=sa.text("state = 'active'"),
    )


def _mailings() -> None:
    columns: tuple[sa.Column[Any], ...] = (
        sa.Column("frozen", sa.Boolean(), nullable=False, server_default=sa.true()),
        sa.Column("corrections", sa.JSON(), nullable=False, server_default="[]"),
    )
    for column in columns:
        op.add_column("mailings", column)
    with op.batch_alter_table("mailings") as mailings:
        mailings.alter_column("frozen", server_default=None)
        mailings.alter_column("corrections", server_default=None)
        mailings.drop_constraint(op.f("ck_mailings_kind"), type_="check")
        mailings.create_check_constraint(
            op.f("ck_mailings_kind"), "kind IN ('digest', 'confirm', 'welcome', 'account')"
        )


def _cohorts() -> None:
    """Readers of a mailing that is being planned are found as before: by their offset."""
    op.create_table(
        "stands",
        sa.Column("mailing", sa.BigInteger(), nullable=False),
        sa.Column("offset", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("taste", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("had", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("cohort", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["mailing"], ["mailings.id"], name=op.f("fk_stands_mailing_mailings")),
        sa.PrimaryKeyConstraint("mailing", "offset", "taste", "had", name=op.f("pk_stands")),
        sqlite_with_rowid=False,
    )
    op.execute(
        'INSERT INTO stands (mailing, "offset", taste, had, cohort) SELECT mailing, "offset", 1, 0, n'
        " FROM cohorts WHERE mailing IN (SELECT id FROM mailings WHERE state = 'planning')"
    )
    op.add_column("cohorts", sa.Column("language", sa.Text(), nullable=False, server_default=""))
    with op.batch_alter_table("cohorts") as cohorts:
        cohorts.alter_column("language", server_default=None)
        cohorts.drop_column("offset")
