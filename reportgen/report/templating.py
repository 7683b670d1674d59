"""Jinja, set up so that a template can lay a report out and do nothing else."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reportgen.common.errors import ReportgenError, did_you_mean
from reportgen.report import markdown, plain
from reportgen.report.tables import Report

if TYPE_CHECKING:
    from jinja2 import Environment

BUILT_IN = "default"
CONTEXT = 1
"""The version of what templates are given. docs/templates.md lists it all."""

_COMMENT = re.compile(r"{#-?\s*([^.]*\.)")
_BLOCK = re.compile(r"{% block (\w+) %}")
_UNDEFINED = re.compile("'(.+)' is undefined")


class TemplateError(ReportgenError):
    """A template cannot be rendered; says in which line of which file, and why."""

    exit_code = 2


def templated(name: str, *folders: Path) -> Callable[[Report], str]:
    """Return a writer that fills the template `name`.

    It is looked for in the user's folders, then in `folders`, then among ours.
    """

    def write(report: Report) -> str:
        return fill(environment((*report.template_dirs, *folders)), name, context(report))

    return write


def context(report: Report) -> dict[str, Any]:
    """Return what the templates of a report are given, by name."""
    lists = {"tables": [*report.tables.values()], "modules": [*report.modules.values()]}
    properties = {name: getattr(report, name) for name in ("title", "spec", "marks", "footnotes")}
    return {**vars(report), **properties, **lists, "version": CONTEXT}


def builtin_templates() -> Path:
    """Return the folder of our templates: inside the package, or beside it in a checkout."""
    package = Path(__file__).resolve().parents[1]
    installed = package / "templates"
    return installed if installed.is_dir() else package.parent / "templates"


def described_templates() -> list[tuple[str, str]]:
    """Return the names of our templates, each with its first sentence and its blocks."""
    return [(path.name, _described(path)) for path in sorted(builtin_templates().glob("*.j2"))]


def _described(path: Path) -> str:
    text = path.read_text(encoding="utf-8")
    said = _COMMENT.match(text)
    blocks = ", ".join(_BLOCK.findall(text))
    return (said[1] if said else "") + (f" Blocks: {blocks}." if blocks else "")


@functools.lru_cache(maxsize=8)  # a template is compiled once
def environment(template_dirs: tuple[Path, ...] = ()) -> Environment:
    """Return the environment in which templates of `template_dirs` take the place of ours.

    Ours stay within reach as `default/NAME`, so that a user's template can extend the one that it
    replaces. Templates are sandboxed, and a name that is not there is an error.
    """
    from jinja2 import ChoiceLoader, FileSystemLoader, PrefixLoader, StrictUndefined
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    for folder in template_dirs:
        if not folder.is_dir():
            raise TemplateError(f"{folder}: there is no such folder of templates.")
    ours = FileSystemLoader(builtin_templates())
    jinja = ImmutableSandboxedEnvironment(
        loader=ChoiceLoader(
            [*map(FileSystemLoader, template_dirs), ours, PrefixLoader({BUILT_IN: ours})]
        ),
        undefined=StrictUndefined,
        # The documents are text and Markdown, which `md` and `table` escape; HTML would be wrong.
        autoescape=False,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    jinja.filters |= {
        "md": markdown.escape,
        "comment": markdown.comment,
        "code": markdown.code,
        "html": markdown.html,
        "table": markdown.table,
        "line": plain.line,
    }
    return jinja


def fill(jinja: Environment, name: str, values: Mapping[str, Any]) -> str:
    """Render the template `name`; raise TemplateError with the place of what is wrong."""
    try:
        text = jinja.get_template(name).render(values)
    except Exception as error:  # a template is somebody's program: it may raise anything
        raise TemplateError(f"{_place(error)}{_message(error, jinja, values)}") from None
    # Half of a pair, which no file can hold, may come through a template that does not escape.
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _place(error: Exception) -> str:
    """Return `file:line: ` of the innermost template that the error came from, if of any."""
    from jinja2 import TemplateSyntaxError

    if isinstance(error, TemplateSyntaxError):
        return f"{error.filename or error.name}:{error.lineno}: "
    place = ""
    traceback = error.__traceback__
    while traceback is not None:
        file = traceback.tb_frame.f_code.co_filename
        if file.endswith(".j2"):
            place = f"{file}:{traceback.tb_lineno}: "
        traceback = traceback.tb_next
    return place


def _message(error: Exception, jinja: Environment, values: Mapping[str, Any]) -> str:
    from jinja2 import TemplateNotFound, TemplateSyntaxError
    from jinja2.exceptions import SecurityError, UndefinedError

    text = str(error).strip() or type(error).__name__
    if isinstance(error, TemplateNotFound):
        known = (found for found in jinja.list_templates() if not found.startswith(f"{BUILT_IN}/"))
        hint = did_you_mean(str(error.name), known)
        return f"there is no template '{error.name}'. {hint}".rstrip()
    if isinstance(error, UndefinedError):
        name = _UNDEFINED.match(text)
        return f"{text}. {did_you_mean(name[1], values, show=30) if name else ''}".rstrip()
    if isinstance(error, SecurityError):
        return f"not allowed in a template: {text}"
    if isinstance(error, TemplateSyntaxError):
        return error.message or text
    return f"{type(error).__name__}: {text}"
