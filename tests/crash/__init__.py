"""Kills the real process again and again, under load, and counts what was lost, done twice, out of order or sent twice."""
