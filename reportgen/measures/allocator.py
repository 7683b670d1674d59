"""Make the C library keep the memory that a model gives back, so that a time does not pay for it.

By default glibc returns large blocks to the system as soon as they are freed, and every layer of
the next forward pass faults the same pages in again: tens of thousands of page faults a pass, half
of the time. How many it is depends on what the process freed before, so two processes of one
program differ by a factor.
"""

from __future__ import annotations

import ctypes
from typing import Literal

Allocator = Literal["steady", "system"]

# Parameters of mallopt(3), as <malloc.h> numbers them. All blocks come from one heap, which grows
# and never shrinks. (A high M_MMAP_THRESHOLD would do for the second, but glibc before 2.35 takes
# 32 MiB at most.)
_STEADY = {
    -8: 1,  # M_ARENA_MAX: one heap for all threads
    -4: 0,  # M_MMAP_MAX: no block in a mapping of its own
    -1: 2**31 - 1,  # M_TRIM_THRESHOLD: give nothing back
    -2: 2**26,  # M_TOP_PAD: grow by 64 MiB or more, which cost nothing until they are touched
}


def use(wanted: Allocator) -> Allocator:
    """Set the allocator of this process for good; return which it has.

    Call it before the first tensor is made. Where the memory does not come from glibc (macOS, musl,
    Windows, an allocator that is preloaded) it stays the system's.
    """
    if wanted == "steady" and is_glibc() and _steady():
        return "steady"
    return "system"


def is_glibc() -> bool:
    """Whether the memory of this process comes from glibc, which can be told how to hand it out."""
    try:
        glibc, process = ctypes.CDLL("libc.so.6"), ctypes.CDLL(None)
    except (OSError, TypeError):
        return False
    return hasattr(glibc, "mallopt") and _address(glibc) == _address(process)


def _steady() -> bool:
    mallopt = ctypes.CDLL(None).mallopt
    return all(mallopt(option, value) == 1 for option, value in _STEADY.items())


def _address(library: ctypes.CDLL) -> int | None:
    """Return where a library's malloc lies, or that of the library in whose place it is."""
    return ctypes.cast(library.malloc, ctypes.c_void_p).value
