"""The stored form of a conversation's state: JSON under the number of its schema, read by this release and every later one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from msgspec import Struct

from conversations.model import SCHEMA, State

MIGRATIONS: Mapping[int, Callable[[dict[str, Any]], dict[str, Any]]] = {}
"""From schema n to n + 1, as plain JSON data. Each is kept for ever, for a conversation may sleep for years."""


class NewerState(Exception):
    """The state was written by a newer release: guessing at it could lose what the customer said."""


class Stored(Struct):
    # The state leaves out what has its default value, its own schema too, so the number has to stand outside.
    schema: int
    state: msgspec.Raw


class Current(Struct):
    """What this release writes, and nearly all that it reads: in one go, since every turn of every conversation does both."""

    schema: int
    state: State


_encoder = msgspec.json.Encoder()
_stored: msgspec.json.Decoder[Stored] = msgspec.json.Decoder(Stored)
_current: msgspec.json.Decoder[Current] = msgspec.json.Decoder(Current)
_state: msgspec.json.Decoder[State] = msgspec.json.Decoder(State)
_CURRENT = f'{{"schema":{SCHEMA},'


def dump(state: State) -> str:
    return _encoder.encode(Current(SCHEMA, state)).decode()


def load(
    text: str,
    schema: int = SCHEMA,
    migrations: Mapping[int, Callable[[dict[str, Any]], dict[str, Any]]] = MIGRATIONS,
) -> State:
    """The state in `text`; an empty text is a conversation before its first turn.

    Raises NewerState, or msgspec.DecodeError for what no release has ever written.
    """
    if not text:
        return State()
    if schema == SCHEMA and text.startswith(_CURRENT):
        return _current.decode(text).state
    stored = _stored.decode(text)
    if stored.schema > schema:
        raise NewerState(f"state schema {stored.schema} is newer than this release's {schema}")
    if stored.schema == schema:
        return _state.decode(stored.state)
    data = msgspec.json.decode(stored.state)
    for step in range(stored.schema, schema):
        data = migrations[step](data)
    return msgspec.convert(data | {"schema": schema}, State)
