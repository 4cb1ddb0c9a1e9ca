"""Posts of stopped mailings that wait for the next digest, and mailings made from a stopped one."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    op.add_column("mailings", sa.Column("remakes", sa.BigInteger(), nullable=True))
    op.create_table(
        "released_posts",
        sa.Column("subscription", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("post_id", sa.Text(), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("mailing", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("subscription", "post_id", name=op.f("pk_released_posts")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_released_posts_mailing", "released_posts", ["mailing"])
