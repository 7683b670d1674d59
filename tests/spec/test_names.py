"""Names, titles and keys are one visible line, and no two of them look the same."""

from __future__ import annotations

import pytest

from reportgen.common.errors import SpecError
from reportgen.spec import loads

SPEC = """\
reportgen: 1
title: {title}
datasets: {{digits: {{}}}}
models:
  {model}: {{source: zoo/digits_mlp}}
"""


def complaint(**given: str) -> str:
    with pytest.raises(SpecError) as caught:
        loads(SPEC.format(**{"title": "T", "model": "M", **given}), "s.yaml")
    (problem,) = caught.value.problems
    return str(problem)


@pytest.mark.parametrize(
    ("written", "called"),
    [
        (r"a\0b", "U+0000 (control character)"),
        (r"a\ab", "U+0007 (control character)"),
        (r"a\e[31mb", "U+001B (control character)"),
        (r"a\u202Eb", "U+202E (right-to-left override)"),
        (r"a\u2066b", "U+2066 (left-to-right isolate)"),
        (r"a\u200Bb", "U+200B (zero width space)"),
        (r"a\u200Db", "U+200D (zero width joiner)"),
        (r"a\uFEFFb", "U+FEFF (zero width no-break space)"),
        (r"a\xADb", "U+00AD (soft hyphen)"),
        (r"a\Lb", "U+2028 (line separator)"),
        (r"a\U000E0041b", "U+E0041 (tag latin capital letter a)"),
        (r"a\ud800b", "U+D800 (lone surrogate)"),
        (r"a\rb", "U+000D (control character)"),
    ],
)
def test_what_cannot_be_seen(written: str, called: str) -> None:
    assert complaint(title=f'"{written}"') == (
        f"s.yaml:2:8: the text holds {called}, which cannot be seen\n"
        f'  2 | title: "{written}"\n'
        "    |        ^\n"
        "  Remove it."
    )
    assert complaint(model=f'"{written}"') == (
        f"s.yaml:5:3: the key holds {called}, which cannot be seen\n"
        f'  5 |   "{written}": {{source: zoo/digits_mlp}}\n'
        "    |   ^\n"
        "  Remove it."
    )


@pytest.mark.parametrize("written", [r"a\nb", r"a\tb", r"M\n~~~\n\n# Forged heading\n~~~\n"])
def test_a_name_is_one_line(written: str) -> None:
    character = "U+0009" if "t" in written[:3] else "U+000A"
    assert complaint(title=f'"{written}"').startswith(
        f"s.yaml:2:8: a name is one line, and this one holds {character} (control character)\n"
    )
    assert complaint(model=f'"{written}"').startswith(
        f"s.yaml:5:3: the key holds {character} (control character), which cannot be seen\n"
    )


@pytest.mark.parametrize("blank", ["' '", r'"\t"', r'"\_"', r'"\u3164"', r'"\u2800 "'])
def test_a_blank_name(blank: str) -> None:
    assert complaint(title=blank).splitlines()[0] == "s.yaml:2:8: this text is blank"
    if "t" not in blank:  # a tab in a key cannot be seen either
        assert complaint(model=blank).splitlines()[0] == "s.yaml:5:3: this text is blank"


def test_text_of_several_lines_that_is_no_name_may_be() -> None:
    text = SPEC.format(title="T", model="M")
    text += (
        "reported:\n  - of: M\n    metric: flops\n    value: 1 G\n    from: >\n      a\n      b\n"
    )
    assert loads(text).reported[0].source == "a b\n"


def test_scripts_that_need_joiners_keep_them() -> None:
    persian, emoji = "می\u200cخواهم", "👩\u200d🔬"
    spec = loads(SPEC.format(title=persian, model=emoji))
    assert (spec.title, *spec.models) == (persian, emoji)


@pytest.mark.parametrize(
    "twin", ["My  Model", " My Model", "MyModel", "My\u00a0Model", "My Model "]
)
def test_models_that_differ_by_white_space(twin: str) -> None:
    said = complaint(model=f'My Model: {{source: zoo/digits_mlp}}\n  "{twin}"').splitlines()
    assert said[0].startswith("s.yaml:6:3: '")
    assert said[0].endswith("and 'My Model' differ by white space only, or not to the eye")
    assert said[2:] == ["    |   ^", "  Rename one of them."]


def test_models_that_differ_by_composition() -> None:
    said = complaint(
        model='"Caf\N{LATIN SMALL LETTER E WITH ACUTE}": {source: zoo/digits_mlp}\n  "Cafe\u0301"'
    )
    assert said.splitlines()[0] == (
        "s.yaml:6:3: 'Cafe\u0301' and 'Caf\N{LATIN SMALL LETTER E WITH ACUTE}' differ by white "
        "space only, or not to the eye"
    )


def test_names_that_differ_by_case_are_two() -> None:
    spec = loads(SPEC.format(title="T", model="resnet: {source: zoo/digits_mlp}\n  ResNet"))
    assert list(spec.models) == ["resnet", "ResNet"]
