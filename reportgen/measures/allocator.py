"""Make the C library keep the memory that a model frees, so that page faults do not disturb times.

By default glibc returns large blocks to the system, and the next forward pass faults the same pages
in again: tens of thousands of page faults, half of the time. Their number depends on the process's
history, so two processes of one program differ.
"""

from __future__ import annotations

import ctypes
from typing import Literal

Allocator = Literal["steady", "system"]

# Parameters of mallopt(3), as <malloc.h> numbers them: one heap that grows and never shrinks.
# (glibc before 2.35 limits M_MMAP_THRESHOLD to 32 MiB.)
_STEADY = {
    -8: 1,  # M_ARENA_MAX: one heap for all threads
    -4: 0,  # M_MMAP_MAX: no block in a mapping of its own
    -1: 2**31 - 1,  # M_TRIM_THRESHOLD: give nothing back
    -2: 2**26,  # M_TOP_PAD: grow by 64 MiB or more, which cost nothing until they are touched
}


def use(wanted: Allocator) -> Allocator:
    """Set the allocator of this process, before the first tensor; return which it has.

    Without glibc (macOS, musl, Windows, a preloaded allocator) it stays the system's.
    """
    if wanted == "steady" and is_glibc() and _steady():
        return "steady"
    return "system"


def is_glibc() -> bool:
    """Whether glibc allocates the memory of this process."""
    try:
        glibc, process = ctypes.CDLL("libc.so.6"), ctypes.CDLL(None)
    except (OSError, TypeError):
        return False
    return hasattr(glibc, "mallopt") and _address(glibc) == _address(process)


def _steady() -> bool:
    mallopt = ctypes.CDLL(None).mallopt
    return all(mallopt(option, value) == 1 for option, value in _STEADY.items())


def _address(library: ctypes.CDLL) -> int | None:
    """Return the address of the malloc that a library uses."""
    return ctypes.cast(library.malloc, ctypes.c_void_p).value
