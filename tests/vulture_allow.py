"""Names that look unused because something outside the code uses them; each with the reason. `make check` reads it."""
