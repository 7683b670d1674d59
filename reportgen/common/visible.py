"""Foreign text as one visible line.

A name, a title or an exception's message may hold line breaks, terminal codes, or characters that
are invisible or change the direction of writing. Unchanged, they could look like lines of ours.
Writers of documents add what their format needs.
"""

from __future__ import annotations

import unicodedata

# Control, format (of direction, of no width), lone surrogates, private use. Code points that are
# not assigned stay: which they are depends on the version of Python.
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co"})
# Letters and symbols that show nothing.
_EMPTY_LETTERS = "\u2800\u3164\u115f\u1160\uffa0"
# They join letters, and emoji to one, in scripts other than ASCII.
_JOINERS = "\u200c\u200d"


def one_line(text: object) -> str:
    """Return a text as one line: white space is one space, what cannot be seen is written out.

    A bell becomes `\\x07`, a right-to-left override `\\u202e`.
    """
    return " ".join(in_place(" ".join(str(text).split())).split())


def in_place(text: str) -> str:
    """Do the same for a single line, and keep its white space."""
    if text.isprintable():
        return text
    return "".join(_written(text, position) for position in range(len(text)))


def unseen(text: str, allowed: str = "") -> str:
    """Return the first character that cannot be seen and is not `allowed`; empty if there is none.

    Line and paragraph separators count too.
    """
    if text.isprintable():
        return ""
    return next(
        (
            character
            for position, character in enumerate(text)
            if character not in allowed and _is_unseen(text, position)
        ),
        "",
    )


def called(character: str) -> str:
    """Say what a character is: `U+202E (right-to-left override)`."""
    names = {"Cc": "control character", "Cs": "lone surrogate", "Co": "private use"}
    name = unicodedata.name(character, names.get(unicodedata.category(character), "unnamed"))
    return f"U+{ord(character):04X} ({name.lower()})"


def is_blank(text: str) -> bool:
    """Whether a text shows nothing."""
    return not text.strip().strip(_EMPTY_LETTERS)


def alike(text: str) -> str:
    """Return the same text for names that look alike: normalised, without white space."""
    return "".join(unicodedata.normalize("NFC", text).split())


def _is_unseen(text: str, position: int) -> bool:
    character = text[position]
    if unicodedata.category(character) not in {*_UNSEEN, "Zl", "Zp"}:
        return False
    around = text[max(position - 1, 0) : position + 2]
    joins = character in _JOINERS and len(around) == 3
    return not (joins and not around[0].isascii() and not around[2].isascii())


def _written(text: str, position: int) -> str:
    character = text[position]
    if character.isspace():
        return " "
    if not _is_unseen(text, position):
        return character
    return character.encode("unicode_escape").decode()
