"""`reportgen check`: what is not as a run would leave it, and what it costs to ask."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from reportgen.cli import main
from reportgen.record.record import loads
from reportgen.review import job_summary
from tests.lean import HEAVY, run_without
from tests.review.repository import SPEC, Repository

CHECK = ["check", "specs/small.yaml"]


def edit(repository: Repository, *path: str, to: object) -> None:
    """Set a value in the record."""
    data = json.loads(repository.read("out/small.json"))
    inner: Any = data
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = to
    repository.write(loads(json.dumps(data)).dumps(), "out/small.json")


def lines(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return capsys.readouterr().out.splitlines()


@pytest.mark.parametrize("words", [CHECK, [*CHECK, "--json"], ["diff", "HEAD"]])
def test_it_imports_nothing_heavy(committed: Repository, words: list[str]) -> None:
    done = run_without(HEAVY, *words)
    assert (done.returncode, done.stderr) == (0, "")


def test_it_writes_nothing(committed: Repository) -> None:
    committed.change("title: Small", "title: Smaller")
    assert main(CHECK) == 3
    assert committed.git("status", "--porcelain") == " M specs/small.yaml\n"


def test_there_is_no_report(repository: Repository, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(CHECK) == 3
    assert lines(capsys) == [
        "specs/small.yaml: 1 finding",
        "  out/small.json: there is no record",
    ]


def test_there_is_no_document(committed: Repository, capsys: pytest.CaptureFixture[str]) -> None:
    (committed.folder / "out" / "small.txt").unlink()
    assert main(CHECK) == 3
    assert lines(capsys)[1:] == ["  out/small.txt: there is no such document"]


def test_a_document_was_edited_by_hand(
    committed: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    committed.change("# Small", "# The small ones", "out/small.md")
    assert main(CHECK) == 3
    assert lines(capsys)[1:] == [
        "  out/small.md: edited by hand, or written with another template",
        "    --- out/small.md",
        "    +++ what the record gives",
        "    @@ -2,3 +2,3 @@",
        "     ",
        "    -# The small ones",
        "    +# Small",
        "     ",
    ]
    assert main(["render", "specs/small.yaml"]) == 0
    assert main(CHECK) == 0


def test_a_long_difference_is_cut(
    committed: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    committed.write("\n".join(map(str, range(500))), "out/small.md")
    assert main(CHECK) == 3
    found = lines(capsys)
    assert len(found) == 43
    assert found[-1].endswith(" lines more")


def test_the_ends_of_lines_do_not_count(
    committed: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    """As git writes them where `core.autocrlf` is on: the spec, the record and the documents."""
    for path in (*committed.folder.glob("out/*"), committed.folder / "specs" / "small.yaml"):
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    before = {path: path.read_bytes() for path in committed.folder.glob("out/*")}
    assert main(CHECK) == 0
    assert committed.run() == 0
    assert main(["render", "specs/small.yaml"]) == 0
    assert {path: path.read_bytes() for path in committed.folder.glob("out/*")} == before
    assert lines(capsys) == ["specs/small.yaml: in order, 2 builds"]


def test_a_last_line_without_an_end(
    committed: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    path = committed.folder / "out" / "small.md"
    path.write_bytes(path.read_bytes()[:-1])
    assert main(CHECK) == 3
    assert lines(capsys)[2] == "    only the end of the last line differs"


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("title: Small", "title: Other", ["the spec changed: title"]),
        (
            "rounds: 5",
            "rounds: 6",
            [
                "CNN: timing, speedup: the settings of the measurement changed",
                "Perceptron: timing, speedup: the settings of the measurement changed",
                "the spec changed: rounds",
            ],
        ),
        (
            "  CNN: {source: zoo/digits_cnn}\n",
            "",
            [
                "CNN: in the record, and no longer in the spec",
                "the spec changed: models or their order",
            ],
        ),
        (
            "  CNN:",
            "  Net:",
            [
                "CNN: in the record, and no longer in the spec",
                "Net: in the spec, and not in the record under this name",
                "the spec changed: models or their order",
            ],
        ),
        (
            "zoo/digits_mlp, baseline",
            "zoo/digits_mlp, args: {hidden: 64}, baseline",
            [
                "Perceptron: complexity, timing, speedup: the model's part of the spec changed",
                "CNN: speedup: the baseline changed",
            ],
        ),
        (
            "measure:\n",
            "reported: [{of: CNN, metric: top1, value: 90 %, from: a paper}]\nmeasure:\n",
            ["CNN: the spec changed: what others reported"],
        ),
        ("  complexity: {}\n", "", [
            "the spec changed: columns",
            "CNN: the spec changed: which figures it asks for",
            "Perceptron: the spec changed: which figures it asks for",
        ]),
    ],
)  # fmt: skip
def test_what_changed_in_the_spec(
    committed: Repository,
    capsys: pytest.CaptureFixture[str],
    old: str,
    new: str,
    expected: list[str],
) -> None:
    committed.change(old, new)
    assert main(CHECK) == 3
    found = [line.removeprefix("  ") for line in lines(capsys)[1:]]
    assert sorted(found) == sorted(expected)


def test_a_change_of_ones_own_code_is_named(
    repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    code = "from torch import nn\n\n\ndef net(num_classes):\n    return nn.Sequential(\n"
    code += "        nn.Flatten(), nn.Linear(64, num_classes))\n"
    repository.write(code, "specs/mine.py")
    repository.change("zoo/digits_cnn", "mine.py:net")
    assert repository.run("--allow-code") == 0
    assert main(CHECK) == 0
    repository.write(f"# a comment\n{code}", "specs/mine.py")
    assert main(CHECK) == 0
    repository.write(code.replace("(64,", "(8 * 8,"), "specs/mine.py")
    capsys.readouterr()
    assert main(CHECK) == 3
    assert lines(capsys)[1:] == ["  CNN: complexity, timing, speedup: the model's code changed"]
    with_recount = [*CHECK, "--recount"]
    assert main(with_recount) == 2
    assert capsys.readouterr().err == (
        "--recount: the model 'CNN' runs code of mine.py:net: read it, then add --allow-code.\n"
    )


def test_what_could_not_be_had_is_no_drift(
    committed: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    missing = {"provenance": "unavailable", "cause": "failed", "reason": "out of memory"}
    edit(committed, "builds", "CNN", "figures", "latency@1", to=missing)
    assert main(["render", "specs/small.yaml"]) == 0
    capsys.readouterr()
    assert main(CHECK) == 0
    assert lines(capsys) == ["specs/small.yaml: in order, 2 builds, 1 figure unavailable"]


def test_data_that_has_come_since_is_no_drift(
    committed: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    # Random images are always here: a run would try again.
    missing = {"provenance": "unavailable", "cause": "missing", "reason": "no data"}
    edit(committed, "builds", "CNN", "figures", "latency@1", to=missing)
    assert main(["render", "specs/small.yaml"]) == 0
    assert main(["plan", "specs/small.yaml"]) == 0
    assert "1 to measure" in capsys.readouterr().out
    assert main(CHECK) == 0


def test_counting_again(committed: Repository, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*CHECK, "--recount"]) == 0
    shown = capsys.readouterr()
    assert shown.err == "CNN: counting\nPerceptron: counting\n"
    edit(committed, "builds", "CNN", "figures", "params", "value", to=9_979)
    assert main(["render", "specs/small.yaml"]) == 0
    assert main(CHECK) == 0
    capsys.readouterr()
    assert main([*CHECK, "--recount"]) == 3
    assert lines(capsys)[1:] == ["  CNN: params: the record says 9,979, counting gives 9,978"]


def test_several_specs_and_json(committed: Repository, capsys: pytest.CaptureFixture[str]) -> None:
    committed.write(SPEC.replace("title: Small", "title: Other"), "specs/other.yaml")
    assert main([*CHECK, "specs/other.yaml", "--json"]) == 3
    assert json.loads(capsys.readouterr().out) == {
        "specs/small.yaml": {"findings": [], "unavailable": 0},
        "specs/other.yaml": {
            "findings": [{"kind": "missing", "message": "out/other.json: there is no record"}],
            "unavailable": 0,
        },
    }


def test_the_summary_on_github(
    committed: Repository, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "summary.md"
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(file))
    assert main(CHECK) == 0
    assert file.read_text() == ("## reportgen check\n\n✅ specs/small.yaml: in order, 2 builds\n\n")
    committed.change("# Small", "# Smaller", "out/small.md")
    assert main(CHECK) == 3
    assert "❌ specs/small.yaml: 1 finding\n\n~~~diff\nout/small.md: edited" in file.read_text()
    assert main(["diff", "HEAD"]) == 0
    assert file.read_text().endswith("No figure changed.\n\n")


def test_the_summary_on_github_says_what_was_not_checked(
    committed: Repository, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "summary.md"
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(file))
    (committed.folder / "specs" / "mine.py").write_text(MINE)
    committed.change("zoo/digits_cnn", "mine.py:net")
    assert committed.run("--allow-code") == 0
    (committed.folder / "specs" / "mine.py").unlink()
    assert main(CHECK) == 0
    assert file.read_text() == (
        "## reportgen check\n\n✅ specs/small.yaml: in order, 2 builds\n\n"
        "~~~diff\n10 figures not checked: specs/mine.py is not there\n~~~\n\n"
    )
    # What cannot be counted is not counted again, and that is no finding.
    assert main([*CHECK, "--recount", "--allow-code"]) == 0


MINE = """\
from torch import nn


def net(num_classes):
    return nn.Sequential(nn.Flatten(), nn.Linear(64, num_classes))
"""


def test_a_summary_is_cut_before_github_drops_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "summary.md"
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(file))
    file.write_bytes(b"x" * 1_000)
    job_summary.append("ünï\n" * 400_000)
    content = file.read_bytes()
    assert job_summary.LIMIT - 100 < len(content) <= job_summary.LIMIT
    assert content.decode().endswith(
        "ünï\n\n*Cut here: the rest is longer than a summary may be.*\n"
    )
    job_summary.append("more\n" * 100)
    assert len(file.read_bytes()) <= job_summary.LIMIT
