"""What the GitHub action runs: a review of the reports, and one comment that shows it.

    python -m reportgen.github review      check and diff, as Markdown in a file
    python -m reportgen.github comment     that file as a comment on its pull request

Everything is read from the environment: what a pull request may have written never becomes part of
a command. `comment` runs where secrets are, on a file that a stranger may have written: it takes
the pull request from GitHub's event, not from the file, and disarms mentions.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
import urllib.parse
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from reportgen.errors import UsageError

MARKER = "<!-- reportgen: this comment is written anew on every push -->"
# GitHub takes no longer comment.
LIMIT = 65_536
_CUT = "\n\n*Cut here: the rest is in the summary of the run.*\n"


def review() -> int:
    """Check the reports and compare them with the base; write Markdown, return the exit code.

    Reads REPORTGEN_SPECS, REPORTGEN_FAIL_ON (one a line), REPORTGEN_OUT, REPORTGEN_BASE (a
    revision; nothing is compared where it is empty) and REPORTGEN_FILE.
    """
    specs, limits = _lines("REPORTGEN_SPECS"), _lines("REPORTGEN_FAIL_ON")
    out = os.environ.get("REPORTGEN_OUT", "out")
    base = os.environ.get("REPORTGEN_BASE", "")
    code, text = _said("check", *specs, "--out", out)
    blocks = [MARKER, f"{'❌' if code else '✅'} `reportgen check`", f"~~~\n{text.rstrip()}\n~~~"]
    if base:
        _fetch(base)
        words = ["--fail-on", *limits] if limits else []
        compared, changes = _said("diff", base, "--out", out, *words)
        code = max(code, compared)
        blocks.append(changes.rstrip() if compared in (0, 3) else f"~~~\n{changes.rstrip()}\n~~~")
    file = Path(os.environ.get("REPORTGEN_FILE", "reportgen.md"))
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("\n\n".join(blocks) + "\n", encoding="utf-8")
    return code


def _lines(name: str) -> list[str]:
    return [line.strip() for line in os.environ.get(name, "").splitlines() if line.strip()]


def _said(*words: str) -> tuple[int, str]:
    """Run a command; return its exit code and what it said, which is in the log as well."""
    from reportgen.cli import main

    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        code = main(words)
    sys.stdout.write(said.getvalue())
    return code, said.getvalue()


def _fetch(revision: str) -> None:
    """Get a commit that a shallow clone lacks; `diff` says so where it cannot be had."""
    wanted = ["git", "cat-file", "-e", f"{revision}^{{commit}}"]
    if subprocess.run(wanted, check=False, capture_output=True).returncode:
        fetch = ["git", "fetch", "--quiet", "--no-tags", "--depth=1", "origin", revision]
        subprocess.run(fetch, check=False)


def comment() -> int:
    """Put the file onto the pull request of the event: a new comment, or the one that is there.

    Reads REPORTGEN_FILE, GITHUB_TOKEN and what GitHub sets in every job. Does nothing where the
    run belonged to no open pull request, or to a state of it that is no longer the newest.
    """
    event = json.loads(Path(os.environ["GITHUB_EVENT_PATH"]).read_text(encoding="utf-8"))
    number = _pull_request(event["workflow_run"])
    if number is None:
        sys.stdout.write("no open pull request is at this commit: nothing to comment on\n")
        return 0
    body = _body(Path(os.environ.get("REPORTGEN_FILE", "reportgen.md")).read_text("utf-8"))
    for old in _pages(f"issues/{number}/comments"):
        # Anybody may write our marker; only what a bot wrote is ours to change.
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
    """Begin with the marker, notify nobody, and be no longer than GitHub takes."""
    body = f"{MARKER}\n\n{text.removeprefix(MARKER).lstrip()}".replace("@", "@\u200b")
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
        raise UsageError("python -m reportgen.github: write review or comment")
    return commands[words[0]]()


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except UsageError as error:
        sys.exit(str(error))
