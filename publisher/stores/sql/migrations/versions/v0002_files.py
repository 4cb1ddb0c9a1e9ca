"""What is remembered of files that were read, and what posts are found by: path and explicit id."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Posts get their names as columns, none of them settled: the next look at the folder reads it whole."""
    columns: tuple[sa.Column[Any], ...] = (
        sa.Column("path", sa.Text(), nullable=False, server_default=""),
        sa.Column("explicit_id", sa.Text(), nullable=True),
        sa.Column("settled", sa.Boolean(), nullable=False, server_default=sa.false()),
    )
    for column in columns:
        op.add_column("posts", column)
    field = (
        "value::json ->> '{}'"
        if op.get_context().dialect.name == "postgresql"
        else "json_extract(value, '$.{}')"
    )
    path, explicit_id = (field.format(name) for name in ("path", "explicit_id"))
    op.execute(f"UPDATE posts SET path = {path}, explicit_id = {explicit_id}")  # noqa: S608  # our own words
    with op.batch_alter_table("posts") as posts:
        posts.alter_column("path", server_default=None)
        posts.alter_column("settled", server_default=None)
    op.create_index("ix_posts_path", "posts", ["path"])
    op.create_index(
        "ix_posts_explicit_id", "posts", ["explicit_id"], sqlite_where=sa.text("explicit_id IS NOT NULL")
    )
    op.create_index("ix_posts_unsettled", "posts", ["id"], sqlite_where=~sa.column("settled", sa.Boolean()))
    op.create_table(
        "files",
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("mtime_ns", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("rules", sa.LargeBinary(), nullable=False),
        sa.Column("not_before", sa.BigInteger(), nullable=True),
        sa.Column("value", sa.JSON().with_variant(sa.Text(), "postgresql"), nullable=True),
        sa.PrimaryKeyConstraint("path", name=op.f("pk_files")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_files_unsettled", "files", ["path"], sqlite_where=sa.text("value IS NOT NULL"))
