"""The first schema: the log, documents, subscribers, mailings and the ledger."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
JSON_TEXT = sa.JSON().with_variant(sa.Text(), "postgresql")


def upgrade() -> None:
    """Makes every table, and the log's head and the counter of mailings at 0."""
    _posts()
    _written()
    _readers()
    _mailings()
    _ledger()
    op.execute("INSERT INTO log_head (id, seq) VALUES (1, 0)")
    op.execute("INSERT INTO counters (name, last) VALUES ('mailing', 0)")


def _posts() -> None:
    op.create_table(
        "log_head",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=True),
        sa.Column("baseline_at", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("id = 1", name=op.f("ck_log_head_one_row")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_log_head")),
    )
    op.create_table(
        "bodies",
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("source", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_bodies")),
    )
    op.create_table(
        "posts",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("revision", sa.String(length=32), nullable=False),
        sa.Column("value", JSON_TEXT, nullable=False),
        sa.Column("live", sa.Boolean(), nullable=False),
        sa.Column("backfill", sa.Boolean(), nullable=False),
        sa.Column("first_seq", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("missing_since", sa.BigInteger(), nullable=True),
        sa.Column("missing_scans", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_posts")),
        sa.UniqueConstraint("first_seq", name=op.f("uq_posts_first_seq")),
    )
    op.create_table(
        "log",
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("post_id", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("revision", sa.String(length=32), nullable=False),
        sa.Column("backfill", sa.Boolean(), nullable=False),
        sa.CheckConstraint(
            "kind IN ('published', 'updated', 'corrected', 'withdrawn', 'restored')", name=op.f("ck_log_kind")
        ),
        sa.ForeignKeyConstraint(["post_id"], ["posts.id"], name=op.f("fk_log_post_id_posts")),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_log")),
    )
    op.create_table(
        "revisions",
        sa.Column("post_id", sa.Text(), nullable=False),
        sa.Column("revision", sa.String(length=32), nullable=False),
        sa.Column("value", JSON_TEXT, nullable=False),
        sa.Column("body_hash", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["body_hash"], ["bodies.hash"], name=op.f("fk_revisions_body_hash_bodies")),
        sa.ForeignKeyConstraint(["post_id"], ["posts.id"], name=op.f("fk_revisions_post_id_posts")),
        sa.PrimaryKeyConstraint("post_id", "revision", name=op.f("pk_revisions")),
    )


def _written() -> None:
    op.create_table(
        "documents",
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("modified", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("path", name=op.f("pk_documents")),
    )
    op.create_table(
        "problems",
        sa.Column("area", sa.String(length=32), nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("area", "position", name=op.f("pk_problems")),
    )


def _readers() -> None:
    op.create_table(
        "subscribers",
        sa.Column("id", ID, nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("address_key", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_subscribers")),
        sa.UniqueConstraint("address_key", name=op.f("uq_subscribers_address_key")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "subscriptions",
        sa.Column("id", ID, nullable=False),
        sa.Column("subscriber", ID, nullable=False),
        sa.Column("list", sa.Text(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("offset", sa.BigInteger(), nullable=False),
        sa.Column("next_due_at", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("confirmed_at", sa.BigInteger(), nullable=True),
        sa.Column("consent", sa.JSON(), nullable=False),
        sa.CheckConstraint(
            "state IN ('pending', 'active', 'unsubscribed')", name=op.f("ck_subscriptions_state")
        ),
        sa.ForeignKeyConstraint(
            ["subscriber"], ["subscribers.id"], name=op.f("fk_subscriptions_subscriber_subscribers")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_subscriptions")),
        sa.UniqueConstraint("subscriber", "list", name=op.f("uq_subscriptions_subscriber_list")),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_subscriptions_due",
        "subscriptions",
        ["next_due_at", "list", "offset"],
        sqlite_where=sa.text("state = 'active'"),
    )
    op.create_index(
        "ix_subscriptions_pending",
        "subscriptions",
        ["created_at"],
        sqlite_where=sa.text("state = 'pending'"),
    )
    op.create_table(
        "suppressions",
        sa.Column("address_key", sa.LargeBinary(), nullable=False),
        sa.Column("list", sa.Text(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "kind IN ('left', 'erased', 'bounce', 'complaint', 'operator')", name=op.f("ck_suppressions_kind")
        ),
        sa.PrimaryKeyConstraint("address_key", "list", "kind", name=op.f("pk_suppressions")),
        sqlite_with_rowid=False,
    )


def _mailings() -> None:
    op.create_table(
        "counters",
        sa.Column("name", sa.String(length=32), nullable=False),
        sa.Column("last", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_counters")),
    )
    op.create_table(
        "mailings",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("list", sa.Text(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("head", sa.BigInteger(), nullable=False),
        sa.Column("due_before", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("planned", sa.BigInteger(), nullable=False),
        sa.Column("sender", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.CheckConstraint("kind IN ('digest', 'confirm')", name=op.f("ck_mailings_kind")),
        sa.CheckConstraint(
            "state IN ('planning', 'ready', 'paused', 'done', 'cancelled')", name=op.f("ck_mailings_state")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mailings")),
    )
    op.create_index(
        "ix_mailings_planning",
        "mailings",
        ["id"],
        sqlite_where=sa.text("state = 'planning'"),
    )
    op.create_table(
        "cohorts",
        sa.Column("mailing", sa.BigInteger(), nullable=False),
        sa.Column("n", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("offset", sa.BigInteger(), nullable=False),
        sa.Column("recipe", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["mailing"], ["mailings.id"], name=op.f("fk_cohorts_mailing_mailings")),
        sa.PrimaryKeyConstraint("mailing", "n", name=op.f("pk_cohorts")),
    )
    op.create_table(
        "mailing_posts",
        sa.Column("mailing", sa.BigInteger(), nullable=False),
        sa.Column("cohort", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("post_id", sa.Text(), nullable=False),
        sa.Column("revision", sa.String(length=32), nullable=False),
        sa.ForeignKeyConstraint(["mailing"], ["mailings.id"], name=op.f("fk_mailing_posts_mailing_mailings")),
        sa.PrimaryKeyConstraint("mailing", "cohort", "position", name=op.f("pk_mailing_posts")),
    )
    op.create_table(
        "segments",
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_segments")),
    )


def _ledger() -> None:
    op.create_table(
        "batches",
        sa.Column("id", ID, nullable=False),
        sa.Column("mailing", sa.BigInteger(), nullable=False),
        sa.Column("lo", sa.BigInteger(), nullable=False),
        sa.Column("hi", sa.BigInteger(), nullable=False),
        sa.Column("group", sa.Text(), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("next_at", sa.BigInteger(), nullable=False),
        sa.Column("lease_until", sa.BigInteger(), nullable=True),
        sa.Column("run", sa.String(length=64), nullable=True),
        sa.Column("date", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("state IN ('open', 'leased', 'done')", name=op.f("ck_batches_state")),
        sa.ForeignKeyConstraint(["mailing"], ["mailings.id"], name=op.f("fk_batches_mailing_mailings")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_batches")),
        sa.UniqueConstraint("mailing", "lo", name=op.f("uq_batches_mailing_lo")),
    )
    op.create_index(
        "ix_batches_leased",
        "batches",
        ["lease_until"],
        sqlite_where=sa.text("state = 'leased'"),
    )
    op.create_index(
        "ix_batches_open",
        "batches",
        ["priority", "next_at"],
        sqlite_where=sa.text("state = 'open'"),
    )
    op.create_table(
        "deliveries",
        sa.Column("mailing", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("n", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("cohort", sa.Integer(), nullable=False),
        sa.Column("subscription", sa.BigInteger(), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("not_before", sa.BigInteger(), nullable=True),
        sa.Column("run", sa.String(length=64), nullable=True),
        sa.Column("reply", sa.Text(), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "state IN ('queued', 'claimed', 'sending', 'accepted', "
            "'rejected', 'unknown', 'skipped', 'cancelled')",
            name=op.f("ck_deliveries_state"),
        ),
        sa.PrimaryKeyConstraint("mailing", "n", name=op.f("pk_deliveries")),
        sa.UniqueConstraint("subscription", "mailing", name=op.f("uq_deliveries_subscription_mailing")),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ix_deliveries_in_doubt",
        "deliveries",
        ["mailing", "n"],
        sqlite_where=sa.text("state = 'unknown'"),
    )
