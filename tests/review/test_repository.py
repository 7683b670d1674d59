"""A team's work in a scratch repository: commit, check, change, diff, merge."""

from __future__ import annotations

import re

import pytest

from reportgen.cli import main
from tests.review.repository import Repository

WIDER = ("{source: zoo/digits_cnn}", "{source: zoo/digits_cnn, args: {width: 24}}")


def test_from_a_commit_to_a_pull_request(
    committed: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    # Nothing changed: the report is in order.
    assert main(["check", "specs/small.yaml"]) == 0
    assert capsys.readouterr().out == "specs/small.yaml: in order, 2 builds\n"

    # One model's width changes: it is named, with the reason.
    committed.change(*WIDER)
    assert main(["check", "specs/small.yaml"]) == 3
    assert capsys.readouterr().out == (
        "specs/small.yaml: 1 finding\n"
        "  CNN: complexity, timing, speedup: the model's part of the spec changed\n"
    )

    # A run changes its rows and no others.
    before = committed.builds
    assert committed.run() == 0
    assert committed.builds["Perceptron"] == before["Perceptron"]
    assert main(["check", "specs/small.yaml"]) == 0
    changed = committed.git("diff", "--unified=0", "--", "out/small.json").splitlines()
    figures = {line.split('"')[1] for line in changed if re.match(r"\+ .*provenance", line)}
    assert figures <= {
        *("params", "trainable_params", "macs", "flops", "macs_fwd_bwd", "flops_fwd_bwd"),
        *("activations", "latency@1", "throughput@1", "speedup@1"),
    }
    rows = committed.git("diff", "--unified=0", "--", "out/small.md").splitlines()
    assert all("Perceptron" not in line for line in rows if re.match(r"[+-]\|", line))

    # What a reviewer reads.
    committed.commit("wider")
    capsys.readouterr()
    assert main(["diff", "HEAD~1"]) == 0
    text = capsys.readouterr().out
    assert text.startswith("## Reports, `HEAD~1` → `out`\n\n- **small**: 1 model changed\n")
    assert "| CNN | Params | 9,978 | 18,418 | +8,440 | +84.6 % | worse |\n" in text
    assert "<details><summary>Unchanged: 1</summary>\n\nPerceptron\n" in text

    # And what stops a merge.
    assert main(["diff", "HEAD~1", "--fail-on", "params>+90%", "macs>+5%"]) == 3
    assert (
        "- ✓ `params>+90%` holds for 2 figures\n- ✗ `macs>+5%` is broken:\n  - CNN, MACs: "
    ) in capsys.readouterr().out
    assert main(["diff", "HEAD~1", "--fail-on", "params>+90%"]) == 0
    assert main(["diff", "HEAD~1", "main", "--json", "--fail-on", "macs>+5%"]) == 3


def test_no_change_at_all(committed: Repository, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["diff", "main"]) == 0
    assert capsys.readouterr().out == "## Reports, `main` → `out`\n\nNo figure changed.\n"


@pytest.mark.parametrize("style", ["merge", "diff3"])
def test_two_branches_that_each_add_a_model(
    committed: Repository, capsys: pytest.CaptureFixture[str], style: str
) -> None:
    committed.git("config", "merge.conflictStyle", style)
    committed.git("checkout", "-q", "-b", "one")
    committed.change("  CNN:", "  Before: {source: zoo/digits_resnet}\n  CNN:")
    assert committed.run() == 0
    committed.commit("one")
    ours = committed.builds
    committed.git("checkout", "-q", "-b", "two", "main")
    committed.change(
        "measure:", "  Zuletzt: {source: zoo/digits_mlp, args: {hidden: 16}}\nmeasure:"
    )
    assert committed.run() == 0
    committed.commit("two")
    theirs = committed.builds
    committed.git("checkout", "-q", "one")
    committed.git("merge", "two", check=False)
    assert "<<<<<<< " in committed.read("out/small.json")
    assert "<<<<<<< " not in committed.read("specs/small.yaml")
    capsys.readouterr()

    assert main(["check", "specs/small.yaml"]) == 3
    assert "(a merge conflict). Run the spec: it merges them" in capsys.readouterr().out

    # One command; nothing is missing, so nothing is measured.
    assert main(["specs/small.yaml", "--offline"]) == 0
    assert capsys.readouterr().err == "out/small.json: two branches' records merged\n"
    assert committed.builds == {**theirs, **ours}
    assert main(["check", "specs/small.yaml"]) == 0
    table = [line.split("|")[1].strip() for line in committed.read("out/small.md").splitlines()
             if line.startswith("| ")]  # fmt: skip
    assert table[2:6] == ["Before", "CNN", "Perceptron (baseline)", "Zuletzt"]
    assert "<<<<<<<" not in committed.read("out/small.txt")


def test_after_a_merge_only_what_is_missing_is_measured(
    committed: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    # Both sides change the same model; the merged spec wants a third thing.
    text = committed.read("out/small.json")
    other = text.replace('"value": 9978', '"value": 1')
    committed.write(f"<<<<<<< HEAD\n{other}=======\n{text}>>>>>>> two\n", "out/small.json")
    before = committed.builds if "<<<" not in committed.read("out/small.json") else None
    assert before is None
    committed.change(*WIDER)
    assert main(["specs/small.yaml", "--offline"]) == 0
    steps = [line for line in capsys.readouterr().err.splitlines() if "counting" in line]
    assert len(steps) == 1
    assert "CNN: counting" in steps[0]
    assert committed.builds["CNN"]["figures"]["params"]["value"] == 18_418
