"""Our own golden files, through the plugin that reportgen gives to everybody."""

from __future__ import annotations

import pytest

from reportgen.integrations.pytest_plugin import GoldenText as Golden

__all__ = ["Golden", "golden"]


@pytest.fixture
def golden(golden_text: Golden) -> Golden:
    """Compare a text with a golden file of the test's folder."""
    return golden_text
