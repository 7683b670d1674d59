"""Somebody else's text in the text document: one line, that passes for no other of its lines."""

from __future__ import annotations

import re
import unicodedata

from reportgen.common.visible import one_line

# What lines of the document begin with, and a rule.
_OURS = re.compile(
    r"""(model\ name|(inputs\ of|note\ on|inference\ time\ for)\b.*|test\ accuracy|notations
    |total\ training\ params|fwd(\+bwd)?\ (macs|flops))\s*: | [-=_]{3}""",
    re.VERBOSE | re.IGNORECASE,
)


def line(text: object) -> str:
    """Write text as one line; in quotation marks where it looks like a line of ours."""
    written = one_line(text)
    return f'"{written}"' if _OURS.match(unicodedata.normalize("NFKC", written)) else written
