"""When each feed last changed for its readers, by the log. What the log says of the time before counts for
nothing: an upgrade moves no feed.
"""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    op.add_column("views", sa.Column("updated_at", sa.BigInteger(), nullable=True))
    op.add_column("views", sa.Column("counted", sa.BigInteger(), nullable=False, server_default="0"))
    with op.batch_alter_table("views") as views:
        views.alter_column("counted", server_default=None)
    op.execute("UPDATE views SET counted = (SELECT seq FROM log_head)")
    op.execute(
        "INSERT INTO facts (name, value) SELECT 'log_times', CAST(seq AS TEXT) FROM log_head WHERE seq > 0"
    )
