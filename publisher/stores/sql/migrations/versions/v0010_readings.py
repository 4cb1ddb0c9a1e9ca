"""Of each post: the hash of the bytes it was read from, and the version of the reader.

A version that reads the same bytes differently is not the author's edit. What was remembered of settled files
says the hash; of the others nothing is known, and the reader of all of them is an older one.
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    op.add_column("posts", sa.Column("file_hash", sa.LargeBinary(), nullable=True))
    op.add_column("posts", sa.Column("reader", sa.String(length=16), nullable=True))
    op.execute(
        "UPDATE posts SET file_hash = "
        "(SELECT hash FROM files WHERE files.path = posts.path AND files.value IS NULL)"
    )
