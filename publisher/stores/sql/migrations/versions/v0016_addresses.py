"""Addresses that pages of posts had before, and where each address that moved by itself leads now."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    op.create_table(
        "addresses",
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("post_id", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["post_id"], ["posts.id"], name=op.f("fk_addresses_post_id_posts")),
        sa.PrimaryKeyConstraint("path", name=op.f("pk_addresses")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "redirects",
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("path", name=op.f("pk_redirects")),
        sqlite_with_rowid=False,
    )
