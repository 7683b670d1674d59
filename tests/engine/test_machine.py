"""What is said of the machine that figures are measured on."""

from __future__ import annotations

import pytest

from reportgen.engine.machine import cpu_name

MASKED = """\
processor\t: 0
vendor_id\t: AuthenticAMD
cpu family\t: 25
model\t\t: 17
model name\t: AMD EPYC

processor\t: 1
model\t\t: 99
"""


@pytest.mark.parametrize(
    ("cpuinfo", "name"),
    [
        (MASKED, "AMD EPYC (family 25, model 17)"),
        (MASKED.replace("AMD EPYC", "AMD EPYC 9654 96-Core"), "AMD EPYC 9654 96-Core"),
        ("processor\t: 0\nBogoMIPS\t: 243.75\n", ""),
        ("model name : Some\n", "Some"),
        ("", ""),
    ],
)
def test_processors_that_are_called_the_same_are_told_apart(cpuinfo: str, name: str) -> None:
    assert cpu_name(cpuinfo) == name
