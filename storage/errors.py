"""What a caller of the database can be told. Never holds a parameter or a row: those are customers' words."""

from __future__ import annotations


class Unavailable(Exception):
    """The database cannot do it now (disk full, I/O error, locked, connection lost); nothing was changed, or it is unknown whether it was.

    Worth repeating later: every unit of work is idempotent.
    """


class Rejected(Exception):
    """The database refuses what was asked (a constraint, a value out of range): repeating it is useless."""


class SchemaTooNew(Exception):
    """The database was migrated by a newer release; this one would misread it."""
