"""The engine's lists of its phrases and of what it fills them with are true: they are read off its source."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from conversations import engine

ROOM = Path(engine.__file__).parent
SAYS = ("phrase", "offer", "label", "words", "line", "doc")
KINDS = ("person", "ticket")
"""The only part of an id that is computed is the kind of a request."""


def said() -> Iterator[tuple[str, frozenset[str]]]:
    """Each phrase that is said somewhere, with the names of the values it is given there."""
    for path in (ROOM / "engine.py", *(ROOM / "flows").glob("*.py")):
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr in SAYS and call.args:
                for id in ids(call.args[0]):
                    yield id, frozenset(keyword.arg or "*" for keyword in call.keywords if keyword.arg != "aside")


def ids(node: ast.expr) -> Iterator[str]:
    match node:
        case ast.Constant(value=str(id)) if "." in id:
            yield id
        case ast.JoinedStr(values=parts):
            for kind in KINDS:
                yield "".join(str(part.value) if isinstance(part, ast.Constant) else kind for part in parts)
        case ast.IfExp(body=one, orelse=other):
            yield from ids(one)
            yield from ids(other)


def test_the_lists_name_every_phrase_and_its_values() -> None:
    found: dict[str, set[frozenset[str]]] = defaultdict(set)
    for id, values in said():
        found[id].add(values)
    # What forms and their values are worded by is declared beside them, and shown to be true there.
    assert set(found) - engine.DECLARED.keys() == engine.PHRASES - engine.DECLARED.keys()
    assert {id: values for id, values in found.items() if values != {engine.VALUES.get(id, frozenset())}} == {}
    assert engine.VALUES.keys() <= engine.PHRASES
