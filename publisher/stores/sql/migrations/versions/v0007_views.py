"""What feeds are found by: terms of posts, the last row of each in the log, parts and archives of feeds."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

KIND = "kind IN ('category', 'tag', 'author', 'language')"


def upgrade() -> None:
    """The terms of posts are filled in by the next publish, which knows how they are written."""
    _posts()
    for name, columns in (
        ("post_terms", (sa.Column("first_seq", sa.BigInteger(), nullable=False),)),
        (
            "terms",
            (
                sa.Column("label", sa.Text(), nullable=False),
                sa.Column("version", sa.BigInteger(), nullable=False),
            ),
        ),
    ):
        _terms(name, columns)
    op.create_table(
        "views",
        sa.Column("feed", sa.Text(), nullable=False),
        sa.Column("part", sa.Text(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("rules", sa.String(64), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("feed", "part", name=op.f("pk_views")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "archives",
        sa.Column("feed", sa.Text(), nullable=False),
        sa.Column("part", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("after", sa.BigInteger(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.Column("as_of", sa.BigInteger(), nullable=False),
        sa.Column("edition", sa.Integer(), nullable=False),
        sa.Column("members", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("feed", "part", "number", name=op.f("pk_archives")),
        sqlite_with_rowid=False,
    )


def _posts() -> None:
    op.add_column("posts", sa.Column("changed_seq", sa.BigInteger(), nullable=False, server_default="0"))
    op.execute("CREATE TEMP TABLE last_rows AS SELECT post_id, max(seq) AS seq FROM log GROUP BY post_id")
    op.execute("CREATE INDEX ix_last_rows ON last_rows (post_id)")
    op.execute(
        "UPDATE posts SET changed_seq ="
        " coalesce((SELECT seq FROM last_rows WHERE post_id = posts.id), first_seq)"
    )
    op.execute("DROP TABLE last_rows")
    with op.batch_alter_table("posts") as posts:
        posts.alter_column("changed_seq", server_default=None)
    op.create_index("ix_posts_changed_seq", "posts", ["changed_seq"])
    op.create_index("ix_posts_updated_at", "posts", ["updated_at"])
    op.create_index("ix_posts_live", "posts", ["first_seq"], sqlite_where=sa.text("live"))


def _terms(name: str, columns: tuple[sa.Column[Any], ...]) -> None:
    key = ("kind", "key", "first_seq") if name == "post_terms" else ("kind", "key")
    op.create_table(
        name,
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        *columns,
        sa.PrimaryKeyConstraint(*key, name=op.f(f"pk_{name}")),
        sa.CheckConstraint(KIND, name=op.f(f"ck_{name}_kind")),
        sqlite_with_rowid=False,
    )
