"""What a run found."""

from __future__ import annotations

from typing import NamedTuple


class Found(NamedTuple):
    """`lost`: acknowledged and never answered. `doubled`: applied twice. `reordered`: answered or shown in another order than said.

    `duplicate_sends`: shown a second time to the customer. `note`: a line that belongs under the table.
    """

    name: str
    kills: int
    events: int
    redelivered: int
    lost: int
    doubled: int
    reordered: int
    duplicate_sends: int
    seconds: float
    note: str = ""
