"""The secrets guard: what it must find, what only looks like a secret, and what masking never does."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conversations.secrets import MASK, PHRASES, mask

KEY_BODY = "\n".join(["MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj"] * 5)
PEM = f"-----BEGIN PRIVATE KEY-----\n{KEY_BODY}\nab12cd==\n-----END PRIVATE KEY-----"
OPENSSH = f"-----BEGIN OPENSSH PRIVATE KEY-----\n{KEY_BODY}\n-----END OPENSSH PRIVATE KEY-----"
ENCRYPTED = (
    f"-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,0011\n\n{KEY_BODY}\n-----END RSA PRIVATE KEY-----"
)
AWS = "AKIA" + "IOSFODNN7EXAMPLE"
GITHUB = "ghp_" + "aB3dE6gH9jK2mN5pQ8sT1vW4yZ7bC0eF3hI6"
SLACK = "xoxb-" + "123456789012-1234567890123-AbCdEfGhIjKlMnOpQrStUvWx"
STRIPE = "sk_live_" + "4eC39HqLyjWDarjtT1zdp7dc"
GOOGLE = "AIza" + "SyD-9tSrke72PouQMnMX-a7eZSW0jkFMBWY"
JWT = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"
TELEGRAM = "123456789:" + "AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw1"

FOUND = [
    # (text, kind, what must be gone)
    (PEM, "key", KEY_BODY[:40]),
    (f"hola, mi clave:\n{OPENSSH}\n¿vale?", "key", KEY_BODY[:40]),
    (ENCRYPTED, "key", KEY_BODY[:40]),
    (f"-----BEGIN RSA PRIVATE KEY-----\n{KEY_BODY}", "key", KEY_BODY[:40]),
    (f"-----BEGIN EC PRIVATE KEY----- {KEY_BODY[:64]}", "key", KEY_BODY[:40]),
    (f"{KEY_BODY}\n-----END RSA PRIVATE KEY-----", "key", KEY_BODY[:40]),
    ("PuTTY-User-Key-File-3: ssh-rsa\nEncryption: none\nPrivate-Lines: 2\nAAAAgQC8\nPrivate-MAC: 00ff", "key", "AAAAgQC8"),
    (f"usa {AWS} para S3", "token", AWS),
    (f"export GITHUB_TOKEN={GITHUB}", "token", GITHUB),
    (f"token {SLACK}.", "token", SLACK),
    (f"stripe: {STRIPE}", "token", STRIPE),
    (f"https://maps.example/api?key={GOOGLE}", "token", GOOGLE),
    (f"mi JWT es {JWT}", "token", JWT),
    (f"bot {TELEGRAM}", "token", TELEGRAM),
    ("Authorization: Bearer 9f8e7d6c5b4a39281706f5e4d3c2b1a0", "token", "9f8e7d6c"),
    ("Authorization: Basic cm9vdDpodW50ZXIyMTIz", "token", "cm9vdDpodW5"),
    ("aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY1", "token", "wJalrXUtnFEMI"),
    ('{"api_key": "5f2b8c9d1e3a4b6c7d8e9f0a"}', "token", "5f2b8c9d"),
    ("mi tarjeta 4111 1111 1111 1111 caduca 12/29", "card", "4111 1111"),
    ("5500-0000-0000-0004", "card", "5500"),
    ("amex 378282246310005", "card", "378282"),
    ("3782 822463 10005", "card", "822463"),
    ("6011111111111117", "card", "6011"),
    ("password: hunter2", "password", "hunter2"),
    ("Password=S3cr3t!", "password", "S3cr3t"),
    ("contraseña: Perro123", "password", "Perro123"),
    ("la contraseña es Perro.Verde9", "password", "Perro.Verde9"),
    ("contraseña de root: toor", "password", "toor"),
    ("la clave del servidor es kL9#mm2", "password", "kL9#mm2"),
    ("clave: 8Jk2mm", "password", "8Jk2mm"),
    ("pwd=abc123", "password", "abc123"),
    ("my password is 'correcthorse'", "password", "correcthorse"),
    ("root password: qwerty", "password", "qwerty"),
    ("passwd:letmein", "password", "letmein"),
    ("usuario ana, pass: Lola2020.", "password", "Lola2020"),
    ("DB_PASSWORD=xY7pQ", "password", "xY7pQ"),
    ("root / Zx81kk!q", "password", "Zx81kk"),
    ("root:Zx81kk99", "password", "Zx81kk99"),
    ("postgres://app:s3cretpw@10.0.0.5:5432/db", "password", "s3cretpw"),
    ("sshpass -p 'n0' no; sshpass -p n0tToday ssh root@203.0.113.7", "password", "n0tToday"),
    ("curl --password=abcDEF1 https://x.example", "password", "abcDEF1"),
    ("PIN: 4471", "password", "4471"),
]

UNTOUCHED = [
    "pedido #12345678, factura INV-2026-004411",
    "Mi servidor 203.0.113.7 y 2001:db8::1/64 no responden",
    "550e8400-e29b-41d4-a716-446655440000",
    "UUID 550e8400e29b41d4a716446655440000",
    " 1  192.168.1.1 (192.168.1.1)  0.512 ms  0.498 ms  0.471 ms\n 2  10.20.30.1  4.123 ms  4.456 ms  4.789 ms",
    "  1.|-- 192.168.1.1   0.0%   100    0.3   0.4   0.2   1.1   0.1\n  2.|-- 80.58.61.250  3.0%   100    4.1   4.4   4.0   9.9   0.5",
    "teléfono +34 612 345 678 o 00 34 912 34 56 78",
    "IBAN ES91 2100 0418 4502 0005 1332",
    "00:1A:2B:3C:4D:5E y 001a.2b3c.4d5e",
    "sha256 e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "commit 9fceb02d0ae598e95dc970b74767f19372d61af8",
    "Nov 21 14:05:01 host sshd[1234]: Failed password for root from 198.51.100.7 port 51234 ssh2",
    "pam_unix(sshd:auth): authentication failure; user=root",
    "olvidé mi contraseña",
    "¿cómo cambio la contraseña de root?",
    "la contraseña es correcta pero no entra",
    "my password is wrong",
    "password: required",
    "¿La clave es reiniciar?",
    "la clave es importante",
    "Clave: reiniciar primero y avisar después",
    "the password is not working since yesterday",
    "password expired",
    "contra: ninguna",
    "número 1234567890123 y 1111 2222 3333 4444",
    "4111 1111 1111 1112",
    "epoch 1764000000000 y 1764000000123456789",
    "-----BEGIN CERTIFICATE-----\n" + KEY_BODY + "\n-----END CERTIFICATE-----",
    "-----BEGIN PUBLIC KEY-----\n" + KEY_BODY + "\n-----END PUBLIC KEY-----",
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl ana@pc",
    "token bucket algorithm, basic authentication, bearer of bad news",
    "https://example.com/reset?user=ana&next=/panel",
    "https://example.com:8443/path@2x.png",
    "root@203.0.113.7:/var/log",
    "user: anagarcia",
    "admin / soporte",
    "smartctl: Serial Number: WD-WCC4E1234567, LU WWN 5 0014ee 20a1b2c3d",
    "pin 3 del conector",
    "la key pública ya está puesta",
    "IMEI no: 35-209900-176148-1",
    "",
]


@pytest.mark.parametrize(("text", "kind", "secret"), FOUND, ids=[text[:40] for text, _, _ in FOUND])
def test_a_secret_is_masked_and_named(text: str, kind: str, secret: str) -> None:
    masked = mask(text)
    assert kind in masked.kinds
    assert secret not in masked.text
    assert MASK in masked.text
    assert set(masked.kinds) <= {id.removeprefix("secret.") for id in PHRASES}


@pytest.mark.parametrize("text", UNTOUCHED, ids=[text[:40] for text in UNTOUCHED])
def test_what_only_looks_like_a_secret_passes(text: str) -> None:
    assert mask(text) == (text, ())


def test_only_the_secret_goes_and_the_words_around_it_stay() -> None:
    text = "Hola, entra en 203.0.113.7 con contraseña: Perro123, pedido #123456. Gracias"
    assert mask(text).text == f"Hola, entra en 203.0.113.7 con contraseña: {MASK}, pedido #123456. Gracias"
    assert mask(f"antes\n{PEM}\ndespués de la clave").text == f"antes\n{MASK}\ndespués de la clave"
    assert mask("-----BEGIN RSA PRIVATE KEY-----\n" + KEY_BODY + "\nperdón, no debía pegarla").text == f"{MASK}\nperdón, no debía pegarla"


pieces = st.one_of(
    st.sampled_from([text for text, _, _ in FOUND] + UNTOUCHED),
    st.text(max_size=30),
    st.from_regex(r"[0-9 -]{10,24}", fullmatch=True),
    st.sampled_from(["password: ", "clave es ", "Bearer ", " \n", MASK, "-----BEGIN PRIVATE KEY-----", "root:", "://a:"]),
)


@settings(max_examples=400)
@given(st.lists(pieces, max_size=5).map("".join))
def test_masking_again_changes_nothing_and_never_lengthens_much(text: str) -> None:
    once = mask(text)
    assert mask(once.text).text == once.text
    assert len(once.text) <= len(text) + len(MASK) * once.text.count(MASK)
    if not once.kinds:
        assert once.text == text


@settings(max_examples=200)
@given(st.sampled_from(FOUND), st.sampled_from(["hola", "¿me ayudas?", "pedido #123456", "203.0.113.7"]))
def test_a_secret_is_found_wherever_it_stands(secret: tuple[str, str, str], around: str) -> None:
    text, kind, gone = secret
    masked = mask(f"{around}\n{text}\n{around}")
    assert kind in masked.kinds
    assert gone not in masked.text
    assert masked.text.startswith(f"{around}\n")
    assert masked.text.endswith(f"\n{around}")


@pytest.mark.parametrize(
    "text", ["A" * 20_000, "a1" * 10_000, "1 " * 10_000, ("A" * 60 + "\n") * 300, "x_" * 10_000, "http://" + "a:" * 9_000]
)
def test_hostile_text_is_read_through_once(text: str) -> None:
    # Without a limit on backtracking these would take minutes, and the run would be stopped.
    assert mask(text).text == text
