"""The client area: pages for customers, made on the server, that work without script."""

from adapters.portal.portal import Portal, PortalSettings
from adapters.portal.ports import About, Account, Area, Guest, Link, Listed, Own, Sending, Shown, Step

__all__ = ["About", "Account", "Area", "Guest", "Link", "Listed", "Own", "Portal", "PortalSettings", "Sending", "Shown", "Step"]
