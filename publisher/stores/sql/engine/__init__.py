"""The database connection: types, transactions, prepared statements."""
