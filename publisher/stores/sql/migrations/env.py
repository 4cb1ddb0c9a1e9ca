"""How Alembic runs here: on the connection `migrating` gives it, in the transaction that connection is in."""

from alembic import context

from publisher.stores.sql.schema import tables

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=tables.posts.metadata,
    render_as_batch=True,  # SQLite changes a table by copying it
    include_object=lambda item, name, kind, reflected, other: not (name or "").startswith("procrastinate_"),
)
context.run_migrations()
