"""Reads which servers or orders something is about: addresses (v4, v6, CIDR) and order numbers, several in one text."""

from __future__ import annotations

import re
from collections.abc import Mapping
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_interface, ip_network

from conversations.values import Remark, Wrong

MOST = 50
TEXT_LIMIT = 4000

PHRASES: Mapping[str, frozenset[str]] = {
    "asset.none": frozenset({"typed"}),
    "asset.bad_address": frozenset({"typed"}),
    "asset.bad_order": frozenset({"typed"}),
    "asset.many": frozenset({"n"}),
    "asset.private": frozenset({"addresses"}),
    "asset.loopback": frozenset({"addresses"}),
    "asset.documentation": frozenset({"addresses"}),
    "asset.reserved": frozenset({"addresses"}),
}

_TOKEN = re.compile(r"[^\s,;|()<>\"'«»“”]+")
_V4 = r"\d{1,3}(?:\.\d{1,3}){3}"
_LIKE_V4 = re.compile(rf"({_V4})(/\d{{1,3}})?(?::\d{{1,5}})?", re.ASCII)
_ALMOST_V4 = re.compile(r"\d+(?:\.\d+){2,5}(?:/\d+)?|\d{1,3}(?:\.\d{1,3}){3}-\d{1,3}", re.ASCII)
_LIKE_V6 = re.compile(r"\[?([0-9a-f]*:[0-9a-f:.]+)(?:%\w+)?\]?(/\d{1,3})?(?:(?<=\]):\d{1,5})?", re.ASCII | re.IGNORECASE)
_ORDER = re.compile(r"#?(\d{4,8})", re.ASCII)
_ALMOST_ORDER = re.compile(r"#\d*\w*|\d{1,3}|\d{9,}", re.ASCII)
_SAID_ORDER = re.compile(
    r"#(\d{4,8})\b|\b(?:pedido|orden|order|servicio|service)(?: (?:es|n[uú]mero|number|is|id|num|no|nº|n\.º|n))*[ .:º]*#?(\d{4,8})\b",
    re.IGNORECASE | re.ASCII,
)
_EDGES = ".,;:!?¡¿)("


def read_assets(text: str) -> list[str]:
    """Every address and order number in `text`, each once, in order and in its usual writing (`203.0.113.7`, `2001:db8::/48`, `#123456`).

    Raises Wrong when there is none, when one is not possible (`300.1.2.3`), or when there are more than MOST.
    """
    found: dict[str, None] = {}
    odd = ""
    for token in _TOKEN.findall(text[:TEXT_LIMIT]):
        if (address := _address(token)) is not None:
            found[address] = None
            continue
        token = token.strip(_EDGES)
        if order := _ORDER.fullmatch(token):
            found[f"#{order[1]}"] = None
        elif (_ALMOST_V4.fullmatch(token) or _looks_v6(token)) and not odd:
            raise Wrong("asset.bad_address", near=True, typed=token[:60])
        elif token and _ALMOST_ORDER.fullmatch(token):
            odd = odd or token
    if not found:
        if odd and odd != "#":
            raise Wrong("asset.bad_order", near=True, typed=odd[:60])
        raise Wrong("asset.none", typed=text.strip()[:60])
    if len(found) > MOST:
        raise Wrong("asset.many", near=True, n=MOST)
    return list(found)


def find_assets(text: str) -> list[str]:
    """What is surely an address or an order number in a text that is about something else; never raises."""
    found: dict[str, None] = {}
    for token in _TOKEN.findall(text[:TEXT_LIMIT]):
        # A version such as 1.2.3.4 cannot be told from an address, but a time such as 12:30 can.
        if ("." in token or token.count(":") > 2) and (address := _address(token)) is not None:
            found[address] = None
    for order in _SAID_ORDER.finditer(text[:TEXT_LIMIT]):
        found[f"#{order[1] or order[2]}"] = None
    return list(found)[:MOST]


def remarks(assets: list[str]) -> list[Remark]:
    """What is odd about addresses that were given: from outside, these do not tell a server."""
    kinds: dict[str, list[str]] = {}
    for asset in assets:
        if not asset.startswith("#") and (kind := _kind(ip_address(asset.partition("/")[0]))):
            kinds.setdefault(kind, []).append(asset)
    return [Remark(f"asset.{kind}", {"addresses": ", ".join(of_kind[:5])}) for kind, of_kind in kinds.items()]


_DOCUMENTATION = tuple(map(ip_network, ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32", "3fff::/20")))
"""RFC 5737, RFC 3849 and RFC 9637: examples in manuals."""
_SHARED = ip_network("100.64.0.0/10")
"""RFC 6598: between a provider and its customers, never on the Internet."""


def _kind(ip: IPv4Address | IPv6Address) -> str:
    if isinstance(ip, IPv6Address) and ip.ipv4_mapped is not None:
        ip = ip.ipv4_mapped
    if any(ip.version == net.version and ip in net for net in _DOCUMENTATION):
        return "documentation"
    if ip.is_loopback or ip.is_unspecified:
        return "loopback"
    if ip.is_multicast or ip.is_reserved:
        return "reserved"
    if ip.is_private or ip.is_link_local or (ip.version == 4 and ip in _SHARED):
        return "private"
    return "" if ip.is_global else "reserved"


def _address(token: str) -> str | None:
    """The address a token is, or is once the sentence's own signs are taken off it: `::` ends some addresses and starts others."""
    if "." not in token and ":" not in token:
        return None
    return _exactly(token) or _exactly(token.strip(_EDGES.replace(":", ""))) or _exactly(token.strip(_EDGES))


def _exactly(token: str) -> str | None:
    found = _LIKE_V4.fullmatch(token) or (_LIKE_V6.fullmatch(token) if token.count(":") > 1 else None)
    if found is None:
        return None
    try:
        # An interface is parsed twice, as an address and as a network.
        return str(ip_interface(found[1] + found[2]) if found[2] else ip_address(found[1]))
    except ValueError:
        return None


def _looks_v6(token: str) -> bool:
    return token.count(":") > 2 and re.fullmatch(r"\[?[0-9a-f:./%]+\]?", token, re.IGNORECASE) is not None
