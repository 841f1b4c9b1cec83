"""Slack as a platform: direct messages, mentions, a slash command, the app's home, and forms as modals."""
