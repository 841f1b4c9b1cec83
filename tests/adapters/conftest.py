"""A live chat's desk, and a browser that looks at it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.adapters.webchat_desk import Browser, Desk, browsing, settings


@pytest.fixture
def desk() -> Desk:
    return Desk(settings())


@pytest.fixture
async def browser(desk: Desk) -> AsyncIterator[Browser]:
    async with browsing(desk) as browser:
        yield browser
