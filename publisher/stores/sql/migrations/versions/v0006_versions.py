"""What feed documents held before, so that clients can be sent only what they lack."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """One table, empty: what is known begins with the next publish."""
    op.create_table(
        "versions",
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("modified", sa.BigInteger(), nullable=False),
        sa.Column("marks", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("path", "hash", name=op.f("pk_versions")),
        sqlite_with_rowid=False,
    )
