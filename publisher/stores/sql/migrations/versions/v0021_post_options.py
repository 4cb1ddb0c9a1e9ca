"""Posts that are only mailed, and posts that are pinned."""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"


def upgrade() -> None:
    op.add_column("posts", sa.Column("mail_only", sa.Boolean(), nullable=True))
    op.add_column("posts", sa.Column("pinned", sa.Boolean(), nullable=True))
    op.create_index("ix_posts_pinned", "posts", ["first_seq"], sqlite_where=sa.text("pinned"))
