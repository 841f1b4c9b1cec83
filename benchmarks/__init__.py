"""What the desk costs: measured in processes of their own, printed as a table, and written down as figures."""
