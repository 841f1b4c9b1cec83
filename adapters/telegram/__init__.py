"""Telegram: settings → decode → encode → deliver → run. Nothing is imported here, so that the settings cost no library."""
