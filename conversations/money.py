"""Reads an amount of money and an invoice number, as people type them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from functools import lru_cache

from conversations.timewords import fold
from conversations.values import Occasion, Wrong

PHRASES: Mapping[str, frozenset[str]] = {
    "amount.unclear": frozenset({"typed"}),
    "amount.currency": frozenset({"typed"}),
    "invoice.unclear": frozenset({"typed"}),
}

_CURRENCIES: Mapping[str, str] = {
    **dict.fromkeys(("€", "eur", "euro", "euros"), "EUR"),
    **dict.fromkeys(("$", "usd", "us$", "dolar", "dolares", "dollar", "dollars"), "USD"),
    **dict.fromkeys(("£", "gbp", "libra", "libras", "pound", "pounds"), "GBP"),
    **dict.fromkeys(("chf", "franco", "francos", "franc", "francs"), "CHF"),
    **dict.fromkeys(("mxn", "ars", "clp", "cop", "pen", "brl", "uyu", "pln", "ron", "sek", "nok", "dkk", "czk", "cad", "aud"), ""),
}
_AMOUNT = re.compile(
    r"(?P<before>[^\d\s.,]{1,9})? ?(?P<number>\d{1,3}(?:([.,' ])\d{3})+(?:[.,]\d{1,2})?|\d{1,9}(?:[.,]\d{1,2})?)"
    r" ?(?P<after>[^\d\s.,]{1,9})?"
)
_INVOICE = re.compile(r"(?=[^\s]*\d)#?([A-Za-z0-9][A-Za-z0-9/._-]{2,39})", re.ASCII)


def read_amount(text: str, occasion: Occasion) -> str:
    """`1.234,50 €` as `1234.50 EUR`; without a currency only the number. Raises Wrong."""
    typed = text.strip()[:60]
    cleaned = re.sub(r"^(?:son|unos|unas|about|it's|fueron|total|importe|amount)[: ]+", "", fold(text[:60]))
    found = _AMOUNT.fullmatch(cleaned.strip())
    if found is None:
        raise Wrong("amount.unclear", near=bool(re.search(r"\d", text)) and len(text) < 20, typed=typed)
    unit = found["before"] or found["after"] or ""
    if unit and unit not in _CURRENCIES:
        raise Wrong("amount.currency", near=True, typed=typed)
    number = found["number"]
    parts = re.split(r"[.,' ]", number)
    # Two digits at the end are cents; three are thousands, in either language.
    cents = parts.pop() if len(parts) > 1 and len(parts[-1]) < 3 else ""
    value = Decimal("".join(parts) + "." + (cents or "0")).quantize(Decimal("0.01"))
    return f"{value} {_CURRENCIES[unit] or unit.upper()}" if unit else str(value)


def read_invoice(text: str, occasion: Occasion) -> str:
    """An invoice number: the last word with a digit in it, without a leading #. Raises Wrong."""
    words = [found[1].rstrip("._-/") for word in text[:80].split() if (found := _INVOICE.fullmatch(word.strip(",;:.()")))]
    if not words or len(text.split()) > 6:
        raise Wrong("invoice.unclear", typed=text.strip()[:60])
    return words[-1]


@lru_cache(maxsize=256)
def amount_shown(value: str, locale: str) -> str:
    """`1234.50 EUR` as the language writes it."""
    from babel.numbers import format_currency, format_decimal

    number, _, unit = value.partition(" ")
    if unit:
        return str(format_currency(Decimal(number), unit, locale=locale))
    return str(format_decimal(Decimal(number), format="#,##0.00", locale=locale))
