"""Keeps the process small: told to the allocator and the garbage collector, once, because their defaults are made for larger ones."""

from __future__ import annotations

import contextlib
import ctypes
import gc

# From glibc's malloc.h.
_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8
_LARGE = 128 * 1024


def use_little() -> None:
    """To be called before any thread is started. Another C library than glibc is left as it is.

    Each database connection has a thread, and glibc would give each a heap of its own that never shrinks. Setting a threshold also stops
    glibc from raising it by itself, after which freed blocks stay with the process.
    """
    with contextlib.suppress(OSError, AttributeError):
        mallopt = ctypes.CDLL(None).mallopt
        for parameter, value in ((_ARENA_MAX, 1), (_TRIM_THRESHOLD, _LARGE), (_MMAP_THRESHOLD, _LARGE)):
            mallopt(parameter, value)


def settle() -> None:
    """To be called once everything is loaded: what stays for ever is not looked through again at each collection."""
    gc.collect()
    gc.freeze()
