"""What can go wrong while counting."""

from reportgen.common.errors import MeasureError


class CountingError(MeasureError):
    """A model could not be counted; the message says why and what to do."""
