"""What all tests share: the browser tests are not even read where their tools are not installed (`make e2e` brings them)."""

from __future__ import annotations

from importlib.util import find_spec

collect_ignore = [] if find_spec("playwright") else ["e2e"]
