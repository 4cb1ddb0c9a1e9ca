"""The tables of the store. A comment says what a table is where its name, which never changes, does not."""
