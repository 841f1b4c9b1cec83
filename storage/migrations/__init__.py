"""The history of the tables. A new release adds a revision under versions/ and its name to REVISIONS in storage/migrate.py."""
