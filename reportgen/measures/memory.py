"""How much memory a process takes, now and at most, as the system tells it."""

from __future__ import annotations

import sys
from pathlib import Path

_STATUS = Path("/proc/self/status")
_CLEAR = Path("/proc/self/clear_refs")
_RESET_PEAK = "5"  # proc(5)


def resident_bytes() -> int:
    """Return what lies in memory now; where the system does not tell, the most that ever did."""
    return _status("VmRSS") or _most()


def peak_bytes() -> int:
    """Return the most that lay in memory, since `reset_peak` where there is such a thing."""
    return _status("VmHWM") or _most()


def reset_peak() -> None:
    """Forget what lay in memory before, where the system can."""
    if _CLEAR.exists():
        _CLEAR.write_text(_RESET_PEAK, encoding="ascii")


def _status(key: str) -> int:
    if not _STATUS.exists():
        return 0
    for line in _STATUS.read_text(encoding="ascii", errors="replace").splitlines():
        name, _, value = line.partition(":")
        if name == key:
            return int(value.split()[0]) * 1024
    return 0


def _most() -> int:
    import resource  # not on Windows

    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024
