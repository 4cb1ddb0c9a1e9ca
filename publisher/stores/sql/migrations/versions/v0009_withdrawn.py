"""What was withdrawn is found without a look at every post."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.create_index(
        "ix_posts_withdrawn", "posts", ["changed_seq"], sqlite_where=~sa.column("live", sa.Boolean())
    )
