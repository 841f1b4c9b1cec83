"""Slips of the finger: which are mended, and which words are left as they are."""

from __future__ import annotations

import pytest

from conversations.spelling import Speller

SPELLER = Speller(["server", "factura", "facturas", "main", "tickets", "caido", "caida"])


@pytest.mark.parametrize(
    ("typed", "known"),
    [
        ("servr", "server"),
        ("serever", "server"),
        ("sarver", "server"),
        ("sevrer", "server"),
        ("fcatura", "factura"),
        ("ticketss", "tickets"),
        ("factutas", "facturas"),
    ],
)
def test_one_letter_wrong_lost_added_or_swapped_is_mended(typed: str, known: str) -> None:
    assert SPELLER.near(typed) == known


@pytest.mark.parametrize(
    ("typed", "why"),
    [
        ("srvr", "two letters are lost"),
        ("aerver", "people do not miss the first letter"),
        ("mail", "it is a word of its own"),
        ("sev", "it is too short"),
        ("serv3r", "it is no word"),
        ("server" * 10, "it is too long"),
        ("", "there is nothing"),
    ],
)
def test_other_words_are_left_alone(typed: str, why: str) -> None:
    assert SPELLER.near(typed) == "", why


def test_of_two_words_equally_near_the_more_frequent_is_meant() -> None:
    assert SPELLER.near("caidi") == "caido"
    assert Speller(["caida", "caido"]).near("caidi") == "caida"
