"""YAML text → plain values with their places, and YAML's traps turned into errors.

PyYAML reads YAML 1.1, in which `no` is false, `1e-3` is text, `010` is eight and `12:30` is 750:
each is a problem here, with its place and what to write instead.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

from reportgen.common.errors import Problem, SpecError
from reportgen.common.visible import called, unseen

Path = tuple[str | int, ...]

# The C parser is ten times faster; its messages differ, so errors are taken from the Python one.
_FastLoader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_TRUTHS = {"true": True, "false": False}
_NUMBER_AS_TEXT = re.compile(r"[-+]?\d[\d_]*(\.\d*)?[eE][-+]?\d+")
_OCTAL = re.compile(r"[-+]?0[0-7_]+")
_QUOTED = tuple("'\"|>")
_TAGS = {
    f"tag:yaml.org,2002:{kind}"
    for kind in ("map", "seq", "str", "null", "bool", "int", "float", "timestamp")
}
_MERGE = "tag:yaml.org,2002:merge"

# The size of a spec with its aliases, and its depth.
_MOST_VALUES = 100_000
DEEPEST = 50
TOO_DEEP, FLATTER = "this is nested too deep", f"A spec is at most {DEEPEST} levels deep."


@dataclass(frozen=True)
class Text:
    """A file with its lines, or an option of the command line, without any."""

    name: str
    lines: tuple[str, ...] = ()


@dataclass(frozen=True)
class Place:
    """A line and column of a text, counted from 1; line 0 is the text as a whole."""

    text: Text
    line: int = 0
    column: int = 0

    def problem(self, message: str, hint: str = "") -> Problem:
        """Make a problem here."""
        line = self.text.lines[self.line - 1] if 0 < self.line <= len(self.text.lines) else ""
        return Problem(self.text.name, self.line, self.column, message, hint, line)


@dataclass(frozen=True)
class Source:
    """A parsed YAML document, or several that are merged: its value, and all places.

    `keys` holds the place of the last key of a path, `values` the place of its value.
    """

    text: Text
    value: Any
    keys: dict[Path, Place] = field(default_factory=dict)
    values: dict[Path, Place] = field(default_factory=dict)

    def problem(self, path: Path, message: str, hint: str = "", *, at_key: bool = False) -> Problem:
        """Make a problem at `path`, or at the nearest enclosing value that has a place."""
        places = self.keys if at_key else self.values
        place = places.get(path)
        while place is None and path:
            path = path[:-1]
            place = self.keys.get(path) or self.values.get(path)
        return (place or Place(self.text, 1, 1)).problem(message, hint)


def parse(text: str, file: str) -> Source:
    """Parse YAML text; raise SpecError with every trap and duplicate key found."""
    origin = Text(file, tuple(text.splitlines()))
    try:
        node = yaml.compose(text, Loader=_FastLoader)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        if "nesting depth" in str(error):
            raise SpecError([_at(origin, error).problem(TOO_DEEP, FLATTER)]) from None
        node = _slowly(text, origin)
    if node is None:
        start = Place(origin, 1, 1)
        raise SpecError(
            [start.problem("the spec is empty", "`reportgen init` writes one to start from.")]
        )
    reader = _Reader(origin)
    value = reader.read(node, ())
    if reader.problems:
        raise SpecError(reader.problems)
    return Source(origin, value, reader.keys, reader.values)


def _slowly(text: str, origin: Text) -> yaml.Node | None:
    """Parse what the fast parser cannot, or raise SpecError with the slow one's message."""
    try:
        return yaml.compose(text, Loader=yaml.SafeLoader)
    except RecursionError:
        problem = Place(origin, 1, 1).problem(TOO_DEEP, FLATTER)
    except yaml.reader.ReaderError as error:
        before = text[: error.position]
        line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
        character = text[error.position : error.position + 1]
        problem = Place(origin, line, column).problem(*cannot_be_seen("the text", character))
    except yaml.MarkedYAMLError as error:
        problem = _syntax_problem(error, origin)
    except yaml.YAMLError as error:
        problem = Place(origin, 1, 1).problem(f"not YAML: {str(error).splitlines()[0]}")
    raise SpecError([problem])


def _at(origin: Text, error: Exception) -> Place:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    return Place(origin, mark.line + 1, mark.column + 1) if mark else Place(origin, 1, 1)


def _syntax_problem(error: yaml.MarkedYAMLError, origin: Text) -> Problem:
    place = _at(origin, error)
    line = origin.lines[place.line - 1] if place.line <= len(origin.lines) else ""
    if "\t" in line[: place.column]:
        return place.problem("a tab indents this line", "YAML indents with spaces: write two.")
    hint = f"{error.context[0].upper()}{error.context[1:]}." if error.context else ""
    if error.context == "while scanning a block scalar":
        hint = 'Text that begins with > or | is quoted: ">= 90 %".'
    return place.problem(f"not YAML: {error.problem}", hint)


def cannot_be_seen(what: str, character: str) -> tuple[str, str]:
    """Return the message and the hint for a character of a text."""
    return f"{what} holds {called(character)}, which cannot be seen", "Remove it."


class _Reader:
    """Turns nodes into values, noting places and collecting problems."""

    def __init__(self, origin: Text) -> None:
        self.origin = origin
        self.keys: dict[Path, Place] = {}
        self.values: dict[Path, Place] = {}
        self.problems: list[Problem] = []
        self._open: set[int] = set()
        self._merging: set[int] = set()
        self._nodes = 0

    def read(self, node: yaml.Node, path: Path) -> Any:
        self.values[path] = self._place(node)
        if node.tag not in _TAGS:
            self._add(node, f"the tag `{node.tag}` is not for specs", "Remove it.")
            return None
        if isinstance(node, yaml.ScalarNode):
            return self._seen(node, self._scalar(node), "the text", "\n\t")
        self._count(node)
        if id(node) in self._open:
            self._add(node, "an alias that contains itself", "Write the value out.")
            return None
        if len(path) > DEEPEST:
            self._add(node, TOO_DEEP, FLATTER)
            return None
        self._open.add(id(node))
        try:
            if isinstance(node, yaml.MappingNode):
                return self._mapping(node, path)
            return [self.read(item, (*path, index)) for index, item in enumerate(node.value)]
        finally:
            self._open.discard(id(node))

    def _count(self, node: yaml.Node) -> None:
        """Count a value; raise SpecError if there are too many."""
        self._nodes += 1
        if self._nodes > _MOST_VALUES:
            message = f"aliases make this more than {_MOST_VALUES:,} values"
            raise SpecError([self._place(node).problem(message, "Write fewer.")])

    def _seen(self, node: yaml.Node, value: Any, what: str, allowed: str = "") -> Any:
        """Return a value; if it is text with an invisible character, add a problem."""
        if isinstance(value, str) and (character := unseen(value, allowed)):
            self._add(node, *cannot_be_seen(what, character))
        return value

    def _mapping(self, node: yaml.MappingNode, path: Path) -> dict[str, Any]:
        result: dict[str, Any] = {}
        lines: dict[str, int] = {}
        for key_node, value_node, merged in self._pairs(node):
            key = self._key(key_node)
            if key is None:
                continue
            if key not in lines:
                here = (*path, key)
                lines[key] = key_node.start_mark.line + 1
                self.keys[here] = self._place(key_node)
                result[key] = self.read(value_node, here)
            elif not merged:
                hint = f"It stands on line {lines[key]} already: rename or remove one."
                self._add(key_node, f"the key '{key}' is written twice", hint)
        return result

    def _pairs(self, node: yaml.MappingNode) -> Iterator[tuple[yaml.Node, yaml.Node, bool]]:
        """Yield keys and values, a mapping's own first, and whether they are merged with `<<`."""
        for key, value in node.value:
            if key.tag != _MERGE:
                yield key, value, False
        for key, value in node.value:
            if key.tag == _MERGE:
                yield from self._merged(value)

    def _merged(self, value: yaml.Node) -> Iterator[tuple[yaml.Node, yaml.Node, bool]]:
        """Yield the pairs of a merged mapping, or of several."""
        for merged in value.value if isinstance(value, yaml.SequenceNode) else [value]:
            if not isinstance(merged, yaml.MappingNode):
                self._add(merged, "`<<` merges mappings only", "Write `<<: *name`.")
            elif id(merged) in self._merging or id(merged) in self._open:
                self._add(merged, "a mapping that merges itself", "Write its keys out.")
            else:
                self._merging.add(id(merged))
                for key, inner, _ in self._pairs(merged):
                    self._count(key)
                    yield key, inner, True
                self._merging.discard(id(merged))

    def _key(self, node: yaml.Node) -> str | None:
        if not isinstance(node, yaml.ScalarNode):
            self._add(node, "a key must be text", 'Write `"key": value`.')
            return None
        key = self._scalar(node)
        if isinstance(key, str):
            shown: str = self._seen(node, key, "the key")
            return shown
        if not self.problems or self.problems[-1].line != node.start_mark.line + 1:
            self._add(node, f"the key `{node.value}` is not text", f'Write "{node.value}".')
        return None

    def _scalar(self, node: yaml.ScalarNode) -> Any:
        """Return the value of a scalar; add a problem if it is one of YAML 1.1's traps."""
        text, kind = node.value, node.tag.rpartition(":")[2]
        if kind == "str":
            if node.style not in _QUOTED and _NUMBER_AS_TEXT.fullmatch(text):
                mantissa, exponent = re.split("[eE]", text)
                right = f"{mantissa if '.' in mantissa else mantissa + '.0'}e"
                right += exponent if exponent[0] in "+-" else f"+{exponent}"
                self._add(node, f"`{text}` is text in YAML, not a number", f"Write {right}.")
            return text
        if kind == "null":
            return None
        if kind == "bool":
            if text.lower() not in _TRUTHS:
                meant = "true" if text.lower() in ("yes", "on") else "false"
                hint = f'Write {meant}, or "{text}" if it is a name.'
                self._add(node, f"`{text}` means {meant} in YAML", hint)
            return _TRUTHS.get(text.lower(), False)
        if kind in ("int", "float"):
            return self._number(node, text, kind)
        if kind == "timestamp":
            self._add(node, f"`{text}` is a date in YAML", f'Write "{text}".')
        else:
            self._add(node, f"the tag `!!{kind}` is not for text", "Remove it.")
        return None

    def _number(self, node: yaml.ScalarNode, text: str, kind: str) -> int | float | None:
        if ":" in text:
            self._add(node, f"`{text}` is a number in base 60 in YAML", f'Write "{text}".')
            return None
        if _OCTAL.fullmatch(text):
            hint = f'Write {text.lstrip("+-0_") or "0"}, or "{text}" if it is text.'
            self._add(node, f"`{text}` is an octal number in YAML", hint)
            return None
        plain = text.replace("_", "").lower()
        try:
            if kind == "int":
                return int(plain, 0)
            return float(plain.replace(".inf", "inf").replace(".nan", "nan"))
        except ValueError:  # a tag says that it is one, or it is longer than Python reads
            self._add(node, f"`{text[:40]}` is no number", f'Write "{text[:40]}" if it is text.')
            return None

    def _place(self, node: yaml.Node) -> Place:
        return Place(self.origin, node.start_mark.line + 1, node.start_mark.column + 1)

    def _add(self, node: yaml.Node, message: str, hint: str) -> None:
        self.problems.append(self._place(node).problem(message, hint))


def sequence(value: Any) -> list[Any]:
    """Return a part of a spec if it is a list; else an empty one."""
    return value if isinstance(value, list) else []


def mapping(value: Any) -> dict[str, Any]:
    """Return a part of a spec if it is a mapping; else an empty one."""
    return value if isinstance(value, dict) else {}
