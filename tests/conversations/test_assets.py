"""Addresses and order numbers, as people paste them."""

from __future__ import annotations

from contextlib import suppress
from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conversations.assets import PHRASES, find_assets, read_assets, remarks
from conversations.values import Wrong


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("8.8.8.8", ["8.8.8.8"]),
        ("8.8.8.8, 2a00:1450::1 y #123456", ["8.8.8.8", "2a00:1450::1", "#123456"]),
        ("mi servidor es 8.8.8.8.", ["8.8.8.8"]),
        ("(8.8.8.8)", ["8.8.8.8"]),
        ("8.8.8.8:22", ["8.8.8.8"]),
        ("[2a00:1450::1]:443", ["2a00:1450::1"]),
        ("2A00:1450:0:0:0:0:0:1", ["2a00:1450::1"]),
        ("fe80::1%eth0", ["fe80::1"]),
        ("8.8.8.0/24 2a00:1450::/32", ["8.8.8.0/24", "2a00:1450::/32"]),
        ("123456", ["#123456"]),
        ("pedido 123456 y pedido #123456", ["#123456"]),
        ("el pedido es el #4321", ["#4321"]),
        ("8.8.8.8 8.8.8.8", ["8.8.8.8"]),
        ("8.8.8.8\n9.9.9.9; 1.1.1.1", ["8.8.8.8", "9.9.9.9", "1.1.1.1"]),
    ],
)
def test_addresses_and_orders_are_read(text: str, found: list[str]) -> None:
    assert read_assets(text) == found
    assert read_assets(" ".join(found)) == found


@pytest.mark.parametrize(
    ("text", "phrase"),
    [
        ("300.1.2.3", "asset.bad_address"),
        ("8.8.8", "asset.bad_address"),
        ("8.8.8.8/99", "asset.bad_address"),
        ("2a00:::1", "asset.bad_address"),
        ("8.8.8.1-20", "asset.bad_address"),
        ("08.8.8.8", "asset.bad_address"),
        ("#12", "asset.bad_order"),
        ("123456789", "asset.bad_order"),
        ("#12a", "asset.bad_order"),
        ("mi servidor", "asset.none"),
        ("srv1.example.com", "asset.none"),
        ("", "asset.none"),
        (" ".join(f"8.8.{n}.1" for n in range(60)), "asset.many"),
    ],
)
def test_what_is_no_address_and_no_order_says_what_is_expected(text: str, phrase: str) -> None:
    with pytest.raises(Wrong) as caught:
        read_assets(text)
    assert caught.value.phrase == phrase
    assert caught.value.values.keys() == PHRASES[phrase]
    assert caught.value.near is (phrase != "asset.none")


@pytest.mark.parametrize(
    ("asset", "phrase"),
    [
        ("10.0.0.5", "asset.private"),
        ("192.168.1.0/24", "asset.private"),
        ("172.20.1.1", "asset.private"),
        ("100.64.3.4", "asset.private"),
        ("fd00::1", "asset.private"),
        ("fe80::1", "asset.private"),
        ("169.254.1.1", "asset.private"),
        ("::ffff:10.0.0.1", "asset.private"),
        ("127.0.0.1", "asset.loopback"),
        ("::1", "asset.loopback"),
        ("0.0.0.0", "asset.loopback"),
        ("203.0.113.7", "asset.documentation"),
        ("2001:db8::/48", "asset.documentation"),
        ("224.0.0.1", "asset.reserved"),
        ("255.255.255.255", "asset.reserved"),
        ("8.8.8.8", None),
        ("2a00:1450::1", None),
        ("#123456", None),
    ],
)
def test_an_address_that_tells_no_server_is_noticed(asset: str, phrase: str | None) -> None:
    told = remarks([asset])
    assert [remark.phrase for remark in told] == ([phrase] if phrase else [])
    assert all(remark.values.keys() == PHRASES[remark.phrase] for remark in told)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Mi servidor 8.8.8.8 no responde desde las 14:05", ["8.8.8.8"]),
        ("no tengo acceso al pedido #123456, en 2026", ["#123456"]),
        ("order number 123456 is down", ["#123456"]),
        ("hace 10 minutos que 2a00:1450::1 no va", ["2a00:1450::1"]),
        ("abierto a las 12:30:15 con 1500 euros", []),
        ("tengo 123456 visitas", []),
        ("300.1.2.3", []),
    ],
)
def test_only_what_is_sure_is_taken_from_other_text(text: str, found: list[str]) -> None:
    assert find_assets(text) == found


@settings(max_examples=300)
@given(
    st.lists(
        st.one_of(
            st.ip_addresses(v=4).map(str), st.ip_addresses(v=6).map(str), st.from_regex(r"#[0-9]{4,8}", fullmatch=True).filter(str.isascii)
        ),
        min_size=1,
        max_size=20,
        unique=True,
    ),
    st.sampled_from([" ", ", ", "\n", "; ", " y ", " and "]),
)
def test_any_addresses_and_orders_come_back_whatever_parts_them(assets: list[str], between: str) -> None:
    found = read_assets(between.join(assets))
    assert {str(IPv4Address(a)) if "." in a and ":" not in a else a if a[0] == "#" else str(IPv6Address(a)) for a in assets} == set(found)
    assert read_assets(" ".join(found)) == found


@settings(max_examples=300)
@given(st.text(max_size=80))
def test_nothing_typed_breaks_the_reading(text: str) -> None:
    find_assets(text)
    with suppress(Wrong):
        remarks(read_assets(text))
