"""YAML 1.1 means by some words what nobody writing a spec means: each is an error that says so."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reportgen.common.errors import SpecError
from reportgen.spec import yaml_text


def complaint(text: str) -> str:
    with pytest.raises(SpecError) as caught:
        yaml_text.parse(text, "s.yaml")
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "title: no",
            "s.yaml:1:8: `no` means false in YAML\n"
            "  1 | title: no\n"
            "    |        ^\n"
            '  Write false, or "no" if it is a name.',
        ),
        (
            "a:\n  On: 1",
            "s.yaml:2:3: `On` means true in YAML\n"
            "  2 |   On: 1\n"
            "    |   ^\n"
            '  Write true, or "On" if it is a name.',
        ),
        (
            "rate: 1e-3",
            "s.yaml:1:7: `1e-3` is text in YAML, not a number\n"
            "  1 | rate: 1e-3\n"
            "    |       ^\n"
            "  Write 1.0e-3.",
        ),
        (
            "rate: 1.5e3",
            "s.yaml:1:7: `1.5e3` is text in YAML, not a number\n"
            "  1 | rate: 1.5e3\n"
            "    |       ^\n"
            "  Write 1.5e+3.",
        ),
        (
            "count: 010",
            "s.yaml:1:8: `010` is an octal number in YAML\n"
            "  1 | count: 010\n"
            "    |        ^\n"
            '  Write 10, or "010" if it is text.',
        ),
        (
            "time: 12:30",
            "s.yaml:1:7: `12:30` is a number in base 60 in YAML\n"
            "  1 | time: 12:30\n"
            "    |       ^\n"
            '  Write "12:30".',
        ),
        (
            "day: 2024-04-25",
            "s.yaml:1:6: `2024-04-25` is a date in YAML\n"
            "  1 | day: 2024-04-25\n"
            "    |      ^\n"
            '  Write "2024-04-25".',
        ),
        (
            "20: x",
            's.yaml:1:1: the key `20` is not text\n  1 | 20: x\n    | ^\n  Write "20".',
        ),
        (
            "a: 1\nb: 2\na: 3",
            "s.yaml:3:1: the key 'a' is written twice\n"
            "  3 | a: 3\n"
            "    | ^\n"
            "  It stands on line 1 already: rename or remove one.",
        ),
        (
            "a:\n\tb: 1",
            "s.yaml:2:1: a tab indents this line\n"
            "  2 |  b: 1\n"
            "    | ^\n"
            "  YAML indents with spaces: write two.",
        ),
        (
            "a: [1, 2",
            "s.yaml:1:9: not YAML: expected ',' or ']', but got '<stream end>'\n"
            "  1 | a: [1, 2\n"
            "    |         ^\n"
            "  While parsing a flow sequence.",
        ),
        (
            "a: !!python/object:os.system {}",
            "s.yaml:1:4: the tag `tag:yaml.org,2002:python/object:os.system` is not for specs\n"
            "  1 | a: !!python/object:os.system {}\n"
            "    |    ^\n"
            "  Remove it.",
        ),
        (
            "a: &x [*x]",
            "s.yaml:1:4: an alias that contains itself\n"
            "  1 | a: &x [*x]\n"
            "    |    ^\n"
            "  Write the value out.",
        ),
        ("", "s.yaml:1:1: the spec is empty\n  `reportgen init` writes one to start from."),
    ],
)
def test_trap(text: str, expected: str) -> None:
    assert complaint(text) == expected


def test_all_traps_are_reported_together() -> None:
    assert complaint("a: no\nb: 010\nc: 1e5\na: 1").count("s.yaml:") == 4


def test_aliases_and_merges_mean_what_yaml_says() -> None:
    parsed = yaml_text.parse("base: &b {x: 1, y: 2}\nown: {<<: *b, y: 3}\nsame: *b", "s.yaml")
    assert parsed.value == {
        "base": {"x": 1, "y": 2},
        "own": {"y": 3, "x": 1},
        "same": {"x": 1, "y": 2},
    }


def test_an_alias_bomb_is_refused_quickly() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    first = complaint("\n".join(lines)).splitlines()[0]
    assert first == "s.yaml:1:5: aliases make this more than 100,000 values"


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused_with_a_place(text: str) -> None:
    try:
        yaml_text.parse(text, "s.yaml")
    except SpecError as error:
        problems = error.problems
    else:
        return
    assert problems
    assert all(problem.line >= 1 and problem.column >= 1 for problem in problems)


words = st.text("abcxyz_- :é", max_size=6)


@given(
    st.recursive(
        st.one_of(st.booleans(), st.integers(), words),
        lambda inner: st.one_of(
            st.lists(inner, max_size=3), st.dictionaries(words, inner, max_size=3)
        ),
        max_leaves=8,
    )
)
def test_what_pyyaml_writes_is_read_back(value: object) -> None:
    import yaml

    text = yaml.safe_dump({"value": value}, allow_unicode=True)
    assert yaml_text.parse(text, "s.yaml").value == {"value": value}
