"""Message in, answer out: through the real files, a real database and the real engine."""
