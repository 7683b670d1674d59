"""No path of a machine stands in a record; what only looks like one stays."""

from __future__ import annotations

from pathlib import Path

import pytest

from reportgen.record.portable import portable_figure, portable_text
from reportgen.record.record import Figure


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # Below the folder of the spec.
        ("no file SPECS/nets/a.py", "no file nets/a.py"),
        ("no file 'SPECS/a b.py', see SPECS/c.py.", "no file 'a b.py', see c.py."),
        ("nothing in SPECS", "nothing in ."),
        ("SPECS-old/a.py", "a.py"),
        # Of this machine.
        (
            "[Errno 2] No such file or directory: '/srv/me/x.bin'",
            "[Errno 2] No such file or directory: 'x.bin'",
        ),
        ("/opt/a/lib.so: cannot open", "lib.so: cannot open"),
        ('File "/usr/lib/python3/site-packages/torch/nn.py", line 3', 'File "nn.py", line 3'),
        ("at (/tmp/x/y.c:10)", "at (y.c:10)"),
        ("PATH=/usr/bin:/srv/me/bin", "PATH=bin:bin"),
        ("file:///srv/me/a.pt", "a.pt"),
        ("~/secret/a.pt and ~", "a.pt and ~"),
        (r"C:\Users\me\a.pt, \\server\share\b.pt", "a.pt, b.pt"),
        ("'/home/John Doe/a.pt'", "'a.pt'"),
        ("/tmp is full", "tmp is full"),
        ("opened </srv/me/a.pt>", "opened <a.pt>"),
        # Not paths.
        ("and/or, 12 images/s, 3/4, a / b, N×C×H×W", "and/or, 12 images/s, 3/4, a / b, N×C×H×W"),
        ("see https://x.org/a/b.th?c=/d", "see https://x.org/a/b.th?c=/d"),
        ("python/acme.nets:net", "python/acme.nets:net"),
        ("split/CLASS/*.png", "split/CLASS/*.png"),
        ("<b>404</b>", "<b>404</b>"),
    ],
)
def test_paths(text: str, expected: str, tmp_path: Path) -> None:
    specs = tmp_path / "specs"
    assert portable_text(text.replace("SPECS", str(specs)), specs) == expected


def test_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    assert portable_text("HOME=/home/me", tmp_path) == "HOME=~"


def test_all_words_of_a_figure(tmp_path: Path) -> None:
    figure = Figure("unavailable", reason="/a/b", hint="/c/d", note="/e/f", stale="/g/h")
    found = portable_figure(figure, tmp_path)
    assert (found.reason, found.hint, found.note, found.stale) == ("b", "d", "f", "h")
    assert portable_figure(found, tmp_path) is found
