"""The live chat: a widget for the customer's browser and the server part it speaks to."""

from adapters.webchat.adapter import WebChat
from adapters.webchat.ports import Entry, Log, Session, Sessions, Welcome, Welcomes
from adapters.webchat.settings import Rate, WebChatLimits, WebChatSettings
from adapters.webchat.visitors import beginnings

__all__ = [
    "Entry",
    "Log",
    "Rate",
    "Session",
    "Sessions",
    "WebChat",
    "WebChatLimits",
    "WebChatSettings",
    "Welcome",
    "Welcomes",
    "beginnings",
]
