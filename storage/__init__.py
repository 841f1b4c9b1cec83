"""Translates a database: set-based synchronous functions of a SQLAlchemy Core connection, the same for SQLite and PostgreSQL."""
