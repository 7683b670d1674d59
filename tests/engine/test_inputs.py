"""Models with inputs of their own, from a spec to the report."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from reportgen.cli import main

NETS = """\
from torch import nn

class Captioner(nn.Module):
    def __init__(self):
        super().__init__()
        self.words = nn.Embedding(100, 12)
        self.patches = nn.Conv2d(3, 12, 4, stride=4)
        self.look = nn.MultiheadAttention(12, 3, batch_first=True)
        self.score = nn.Linear(12, 100)

    def forward(self, image, *, tokens, mask):
        seen = self.patches(image).flatten(2).transpose(1, 2)
        found, _ = self.look(self.words(tokens), seen, seen, key_padding_mask=mask)
        return self.score(found)

class Picky(nn.Module):
    '''Looks at its values before it knows how much there is to do.'''

    def __init__(self):
        super().__init__()
        self.words = nn.Embedding(9, 4)
        self.layer = nn.Linear(4, 2, bias=False)

    def forward(self, tokens):
        words = self.words(tokens)
        return self.layer(words[words.sum(-1) > -1e9])
"""
SPEC = """\
reportgen: 1
title: Inputs
models:
  Captioner:
    source: nets.py:Captioner
    inputs:
      image: [3, 16, 8]
      tokens: {shape: [5], dtype: int64, below: 100}
      mask: {shape: [8], dtype: bool, fill: false}
  Picky:
    source: nets.py:Picky
    inputs: {tokens: {shape: [3], dtype: int64, below: 9}}
measure:
  complexity: {batch_size: 2}
report: {formats: [md, txt], columns: [macs, params]}
"""
ON_CPU = (
    "Counted in a real forward pass on the CPU, where the count depends on the input: on meta, "
    "Picky cannot run on the meta device, because it needs the values of tensors and not only "
    "their shapes."
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "nets.py").write_text(NETS, encoding="utf-8")
    (tmp_path / "s.yaml").write_text(SPEC, encoding="utf-8")
    return tmp_path


def run(*words: str) -> int:
    return main(["s.yaml", "--quiet", "--offline", "--allow-code", *words])


def change(old: str, new: str) -> None:
    text = Path("s.yaml").read_text(encoding="utf-8")
    assert old in text
    Path("s.yaml").write_text(text.replace(old, new), encoding="utf-8")


def builds() -> dict[str, Any]:
    return json.loads(Path("out/s.json").read_text(encoding="utf-8"))["builds"]


def report(kind: str = "md") -> str:
    return Path(f"out/s.{kind}").read_text(encoding="utf-8")


def test_they_are_counted_and_shown_with_what_they_were_run_on(folder: Path) -> None:
    assert run() == 0
    figures = {name: build["figures"]["macs"]["value"] for name, build in builds().items()}
    # As in tests/counting/test_architectures.py: 8 patches of 2 images, 5 words to each.
    patches = 2 * 8 * 12 * (3 * 4 * 4)
    look = 2 * (5 * 12 * 12 + 8 * 12 * 24) + 2 * 3 * 5 * 8 * (4 + 4) + 2 * 5 * 12 * 12
    assert figures == {"Captioner": patches + look + 2 * 5 * 12 * 100, "Picky": 2 * 3 * 4 * 2}
    assert builds()["Captioner"]["inputs"] == [
        {"dtype": "float32", "name": "image", "shape": [3, 16, 8]},
        {"below": 100, "dtype": "int64", "name": "tokens", "shape": [5]},
        {"dtype": "bool", "fill": False, "name": "mask", "shape": [8]},
    ]
    inputs = "image: 3×16×8, tokens: 5 (int64 below 100), mask: 8 (bool all false)"
    assert "## Given inputs\n\n| Model | Input | MACs ↓ | Params ↓ |\n" in report()
    assert f"| Captioner | {inputs} | 30.62 K | 3,712 |\n" in report()
    assert f"- **Captioner**: nets.py:Captioner; inputs {inputs}\n" in report()
    assert "- **Picky**: nets.py:Picky; input tokens: 3 (int64 below 9)\n" in report()
    shown = "image: 2×3×16×8, tokens: 2×5 (int64 below 100), mask: 2×8 (bool all false)"
    assert f"\nInputs of Captioner: {shown}\n" in report("txt")
    assert main(["check", "s.yaml"]) == 0


def test_a_count_that_was_made_on_the_cpu_says_so_everywhere(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["s.yaml", "--offline", "--allow-code"]) == 0
    assert f"[1] {ON_CPU}\n" in capsys.readouterr().out
    assert builds()["Picky"]["figures"]["macs"]["note"] == ON_CPU
    assert f": {ON_CPU}\n" in report()
    assert f"\nNote on Picky: {ON_CPU}\n" in report("txt")
    assert "Note on Captioner" not in report("txt")


def test_it_says_so_without_a_column_that_could_have_a_footnote(folder: Path) -> None:
    change("columns: [macs, params]", "columns: [params]")
    assert run() == 0
    assert f"- **Picky**: nets.py:Picky; input tokens: 3 (int64 below 9); {ON_CPU}\n" in report()


def test_a_table_of_like_inputs_does_not_repeat_them(folder: Path) -> None:
    change(
        "  Picky:\n    source: nets.py:Picky\n    inputs: {tokens: {shape: [3], dtype: int64, "
        "below: 9}}\n",
        "",
    )
    assert run() == 0
    assert "| Model | MACs ↓ | Params ↓ |\n" in report()


def test_other_inputs_are_counted_anew_and_nothing_else(folder: Path) -> None:
    assert run() == 0
    before = builds()
    change("shape: [5]", "shape: [7]")
    assert run() == 0
    after = builds()
    assert after["Picky"] == before["Picky"]
    # Two images, two words more: scored, projected twice, and compared with 8 patches.
    more = 2 * 2 * (12 * 100 + 2 * 12 * 12) + 2 * 3 * 2 * 8 * (4 + 4)
    was, now = (each["Captioner"]["figures"]["macs"]["value"] for each in (before, after))
    assert now - was == more


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            "tokens: {shape: [3]",
            "token: {shape: [3]",
            "The forward of Picky has no argument 'token'. Did you mean 'tokens'?",
        ),
        (
            "      mask: {shape: [8], dtype: bool, fill: false}\n",
            "",
            "The forward of Captioner needs 'mask' too. Add it to \\`inputs\\`.",
        ),
    ],
)
def test_names_that_do_not_fit_leave_cells_that_say_so(
    folder: Path, old: str, new: str, said: str
) -> None:
    change(old, new)
    assert run() == 1
    assert f"]: {said}\n" in report()


def test_they_are_timed_and_never_evaluated(folder: Path) -> None:
    change(
        "measure:\n  complexity: {batch_size: 2}\n",
        "measure:\n  timing: {batch_sizes: [1, 3], rounds: 3, warmup: 0, threads: 1}\n"
        "  accuracy: {}\n",
    )
    change("columns: [macs, params]", "columns: [top1, latency, throughput@3]")
    assert run() == 0
    figures = builds()["Captioner"]["figures"]
    assert {"latency@1", "latency@3", "throughput@1", "throughput@3", "top1"} == set(figures)
    assert figures["latency@3"]["value"] > 0
    assert "]: The spec gives its inputs, and no right answers to them.\n" in report()


def test_they_stand_beside_models_of_images(folder: Path) -> None:
    change("title: Inputs\n", "title: Inputs\ndatasets: {digits: {}}\n")
    change("models:\n", "models:\n  Net: {source: zoo/digits_mlp}\n")
    assert run() == 0
    text = report()
    assert text.index("## digits\n") < text.index("## Given inputs\n")
    assert "| Net | digits | – | 10 | 51,712 | 26,122 |\n" in text
    assert "| Picky | – | tokens: 3 (int64 below 9) | – | 48 | 44 |\n" in text


def test_an_int8_model_is_counted_and_timed(folder: Path) -> None:
    timing = "measure:\n  timing: {batch_sizes: [2], rounds: 3, warmup: 0, total: false}"
    change("measure:", timing)
    change(
        "source: nets.py:Picky\n", "source: nets.py:Picky\n    quantize: {scheme: int8-dynamic}\n"
    )
    assert run() == 0
    figures = builds()["Picky"]["figures"]
    # 9·4 floats of the embedding, which stays in float, and 4·2 packed weights.
    assert figures["params"]["value"] == 9 * 4 + 4 * 2
    assert figures["macs"]["value"] == 2 * 3 * 4 * 2
    assert figures["throughput@2"]["unit"] == "samples/s"
