"""What the GitHub action runs: a review of the reports, and one comment that shows it.

    python -I -m reportgen.integrations.github review   check and diff, as Markdown in a file
    python -m reportgen.integrations.github comment     that file as a comment on its pull request

Settings come from the environment: text of a pull request never becomes part of a command line.
`-I` keeps Python from importing modules of the checkout. `comment` runs with secrets, on a file
that a stranger may have written: it takes the pull request from GitHub's event, and disarms
mentions.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import secrets
import sys
import urllib.parse
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from reportgen.common.errors import UsageError
from reportgen.common.git import git
from reportgen.common.visible import in_place, one_line

MARKER = "<!-- reportgen: this comment is written anew on every push -->"
# The longest comment that GitHub accepts.
LIMIT = 65_536
# A commit or a branch, and neither an option nor a refspec.
_REVISION = re.compile(r"[\w.][\w./-]*")
# Mentions of users and issues.
_CALLS = re.compile(r"@|(?<!&)#(?=\d)|\bGH-(?=\d)", re.IGNORECASE)
_CUT = "\n\n*Cut here: the rest is in the summary of the run.*\n"


def review() -> int:
    """Check the reports and compare them with the base; write Markdown, return the exit code.

    Reads REPORTGEN_SPECS, REPORTGEN_FAIL_ON (one a line), REPORTGEN_OUT, REPORTGEN_BASE (a
    revision; if empty, nothing is compared) and REPORTGEN_FILE.
    """
    from reportgen.report.markdown import fence

    specs, limits = _lines("REPORTGEN_SPECS"), _lines("REPORTGEN_FAIL_ON")
    out = os.environ.get("REPORTGEN_OUT", "out")
    base = os.environ.get("REPORTGEN_BASE", "")
    code, text = _said("check", f"--out={out}", "--", *specs)
    blocks = [MARKER, f"{'❌' if code else '✅'} `reportgen check`", fence(text)]
    if base:
        _fetch(base)
        options = [f"--out={out}", *(f"--fail-on={limit}" for limit in limits)]
        compared, changes = _said("diff", *options, "--", base)
        code = max(code, compared)
        blocks.append(changes.rstrip() if compared in (0, 3) else fence(changes))
    file = Path(os.environ.get("REPORTGEN_FILE", "reportgen.md"))
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("\n\n".join(blocks) + "\n", encoding="utf-8")
    return code


def _lines(name: str) -> list[str]:
    return [line.strip() for line in os.environ.get(name, "").splitlines() if line.strip()]


def _said(*words: str) -> tuple[int, str]:
    """Run a command; return its exit code and output, which is also logged.

    GitHub executes commands in logs, such as `::add-mask::`, unless they are stopped.
    """
    from reportgen.cli import main

    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        code = main(words)
    stop = secrets.token_hex(16)
    obeyed = os.environ.get("GITHUB_ACTIONS") == "true"
    before, after = (f"::stop-commands::{stop}\n", f"::{stop}::\n") if obeyed else ("", "")
    sys.stdout.write(f"{before}{said.getvalue()}{after}")
    return code, said.getvalue()


def _fetch(revision: str) -> None:
    """Fetch a commit that a shallow clone lacks; `diff` reports if it is still missing."""
    known = ("rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
    if _REVISION.fullmatch(revision) and git(Path(), *known).returncode:
        options = ("--quiet", "--no-tags", "--no-recurse-submodules", "--depth=1")
        done = git(Path(), "fetch", *options, "--end-of-options", "origin", revision)
        sys.stderr.write(
            one_line(done.stderr.decode("utf-8", "replace")) + "\n" * bool(done.stderr)
        )


def comment() -> int:
    """Write the file as a comment on the pull request of the event, or update the comment there.

    Reads REPORTGEN_FILE, GITHUB_TOKEN and what GitHub sets in every job. Does nothing if the run
    does not belong to the newest commit of an open pull request.
    """
    event = json.loads(Path(os.environ["GITHUB_EVENT_PATH"]).read_text(encoding="utf-8"))
    number = _pull_request(event["workflow_run"])
    if number is None:
        sys.stdout.write("no open pull request is at this commit: nothing to comment on\n")
        return 0
    body = _body(Path(os.environ.get("REPORTGEN_FILE", "reportgen.md")).read_text("utf-8"))
    for old in _pages(f"issues/{number}/comments"):
        # Anybody may write our marker: change only what a bot wrote.
        if old["body"].startswith(MARKER) and old["user"]["type"] == "Bot":
            if old["body"] != body:
                _call("PATCH", f"issues/comments/{old['id']}", {"body": body})
            return 0
    _call("POST", f"issues/{number}/comments", {"body": body})
    return 0


def _pull_request(run: dict[str, Any]) -> int | None:
    """Find the pull request of a run. A fork's is not in the event, but its branch is."""
    head = f"{run['head_repository']['owner']['login']}:{run['head_branch']}"
    for pull in _pages("pulls", state="open", head=head):
        if pull["head"]["sha"] == run["head_sha"]:
            return int(pull["number"])
    return None


def _body(text: str) -> str:
    """Return the comment: marker first, no mentions, no HTML comments, cut to GitHub's limit."""
    lines = map(in_place, text.removeprefix(MARKER).strip("\ufeff\n\r ").split("\n"))
    shown = _CALLS.sub("\\g<0>\u200b", "\n".join(lines)).replace("<!--", "&lt;!--")
    body = f"{MARKER}\n\n{shown}\n"
    if len(body) <= LIMIT:
        return body
    return body[: LIMIT - len(_CUT)].rpartition("\n")[0] + _CUT


def _pages(path: str, **query: str) -> Iterator[dict[str, Any]]:
    """Yield the entries of a list, a hundred a page."""
    page = 1
    while True:
        words = urllib.parse.urlencode({**query, "per_page": "100", "page": str(page)})
        entries = _call("GET", f"{path}?{words}")
        yield from entries
        if len(entries) < 100:
            return
        page += 1


def _call(method: str, path: str, data: dict[str, str] | None = None) -> Any:
    api = os.environ.get("GITHUB_API_URL", "https://api.github.com")
    request = urllib.request.Request(
        f"{api}/repos/{os.environ['GITHUB_REPOSITORY']}/{path}",
        method=method,
        data=json.dumps(data).encode() if data else None,
        headers={
            "Authorization": f"Bearer {os.environ['GITHUB_TOKEN']}",
            "Accept": "application/vnd.github+json",
            "Content-Type": "application/json",
        },
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


def main(words: Sequence[str]) -> int:
    """Run `review` or `comment`."""
    commands = {"review": review, "comment": comment}
    if len(words) != 1 or words[0] not in commands:
        raise UsageError("python -m reportgen.integrations.github: write review or comment")
    return commands[words[0]]()


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except UsageError as error:
        sys.exit(str(error))
