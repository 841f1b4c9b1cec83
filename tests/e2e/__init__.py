"""Journeys of a customer through the live chat, in a real browser against the real program."""
