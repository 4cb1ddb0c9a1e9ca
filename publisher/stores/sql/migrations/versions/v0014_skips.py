"""Whose last digest was skipped, so that no two are in a row. What an older version left waiting goes with
the next planned digest, not with the first publish after the upgrade.
"""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    op.add_column("subscriptions", sa.Column("skipped_at", sa.BigInteger(), nullable=True))
    op.execute(
        "INSERT INTO facts (name, value) SELECT 'upgraded', '1' WHERE EXISTS (SELECT 1 FROM subscriptions)"
    )
