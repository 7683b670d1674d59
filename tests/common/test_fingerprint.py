"""A digest changes when what it stands for changes, and only then."""

from __future__ import annotations

from pathlib import Path

import pytest

from reportgen.common.fingerprint import code_digest, digest

CODE = '''"""A module."""

from torch import nn

def net(width=8):
    return nn.Linear(width, 2)
'''


def of(folder: Path, text: str) -> str:
    (folder / "net.py").write_text(text)
    return code_digest(folder / "net.py")


@pytest.mark.parametrize(
    "same",
    [
        CODE.replace('"""A module."""', '"""What it is for."""'),
        CODE.replace("return", "# why\n    return"),
        CODE.replace("    return nn.Linear(width, 2)", "    return nn.Linear(\n        width, 2)"),
        CODE.replace("(width=8):", '(width=8):\n    """Make it."""'),
    ],
    ids=["docstring", "comment", "layout", "new docstring"],
)
def test_comments_docstrings_and_layout_do_not_count(tmp_path: Path, same: str) -> None:
    assert same != CODE
    assert of(tmp_path, same) == of(tmp_path, CODE)


@pytest.mark.parametrize("other", [CODE.replace("8", "16"), CODE.replace("Linear", "Bilinear")])
def test_meaning_counts(tmp_path: Path, other: str) -> None:
    assert of(tmp_path, other) != of(tmp_path, CODE)


def test_a_file_beside_it_that_it_imports_counts(tmp_path: Path) -> None:
    text = CODE + "\nfrom blocks import Block\n"
    (tmp_path / "blocks.py").write_text("class Block: pass")
    before = of(tmp_path, text)
    (tmp_path / "blocks.py").write_text("class Block: size = 3")
    assert of(tmp_path, text) != before


def test_the_digest_is_the_same_on_every_machine_and_python(tmp_path: Path) -> None:
    # Written down once: a change of it would make every figure of every record stale.
    assert of(tmp_path, CODE) == "3e3465dbed49"


def test_code_that_cannot_be_read_has_a_digest_too(tmp_path: Path) -> None:
    assert of(tmp_path, "def net(:") != of(tmp_path, "def nett(:")


def test_code_that_is_not_there_has_no_digest(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        code_digest(tmp_path / "missing.py")


def test_the_ends_of_lines_and_the_encoding_do_not_count(tmp_path: Path) -> None:
    text = '# coding: latin-1\nTEXT = """é\n"""\n'
    digests = set()
    for number, content in enumerate(
        [
            text.encode("latin-1"),
            text.encode("latin-1").replace(b"\n", b"\r\n"),
            text.replace("latin-1", "utf-8").encode(),
            b"\xef\xbb\xbf" + text.replace("latin-1", "utf-8").encode(),
        ]
    ):
        (tmp_path / f"{number}.py").write_bytes(content)
        digests.add(code_digest(tmp_path / f"{number}.py"))
    assert len(digests) == 1
    for name, content in (("lf.py", b"def net(:\nx"), ("crlf.py", b"def net(:\r\nx")):
        (tmp_path / name).write_bytes(content)
    assert code_digest(tmp_path / "lf.py") == code_digest(tmp_path / "crlf.py")


def test_the_order_of_keys_does_not_count() -> None:
    assert digest({"a": 1, "b": [2]}) == digest({"b": [2], "a": 1})
    assert digest({"a": 1}) != digest({"a": 2})
