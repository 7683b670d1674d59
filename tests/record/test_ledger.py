"""The ledger: a tree whose figures add up, and that survives JSON."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reportgen.record.ledger import Kind, Ledger, Module, Operation, damages

SMALL = Ledger(
    (
        Module("", "Net", params=1),
        Module("stem", "Conv2d", "3, 8, kernel_size=(3, 3)", 224, 224, 0, 1, (1, 8, 30, 30)),
        Module("body", "Sequential", calls=1, output_shape=(1, 10)),
        Module("body.0", "BatchNorm1d", "8", params=16, trainable_params=0, statistics=16),
        Module("body.0.inner", "Unused"),
    ),
    (
        Operation(1, Kind.CONVOLUTION, "conv2d", macs=194_400, flops=396_000),
        Operation(3, Kind.BATCH_NORM, "batch_norm", flops=16),
        Operation(0, Kind.UNCOUNTED, "add_", calls=3, in_elements=30, out_elements=30),
    ),
)


def test_what_few_ledgers_have_stands_beside_the_rows():
    plain = SMALL.to_json()
    assert not plain.keys() & {"foreign", "torch_missed"}
    named = replace(SMALL.modules[3], foreign=True)
    ledger = Ledger(
        (*SMALL.modules[:3], named, SMALL.modules[4]),
        (replace(SMALL.operations[0], torch_missed=388_800), *SMALL.operations[1:]),
    )
    data = json.loads(json.dumps(ledger.to_json()))
    assert (data["foreign"], data["torch_missed"]) == ([3], [[0, 388_800]])
    assert plain.items() <= data.items()
    assert Ledger.from_json(data) == ledger


def test_totals_of_the_model():
    assert (SMALL.params, SMALL.trainable_params) == (1 + 224 + 16, 224)
    assert (SMALL.macs, SMALL.flops) == (194_400, 396_016)


def test_subtree_sums_add_each_module_to_all_that_hold_it():
    #                                     root: all; body: 16 + 5; body.0: 16 + 5
    assert SMALL.subtree_sums([1, 224, 0, 16, 5]) == [246, 224, 21, 21, 5]


def test_subtree_sums_want_one_value_for_each_module():
    with pytest.raises(ValueError, match=r"^2 values for 5 modules$"):
        SMALL.subtree_sums([1, 2])


def test_modules_know_their_place():
    inner = SMALL.modules[SMALL.index("body.0.inner")]
    assert (inner.name, inner.parent) == ("inner", "body.0")
    assert (SMALL.modules[0].name, SMALL.modules[0].parent) == ("", None)
    assert SMALL.parents() == (None, 0, 0, 2, 3)
    with pytest.raises(KeyError, match="head"):
        SMALL.index("head")


@pytest.mark.parametrize(
    ("modules", "operations", "message"),
    [
        (("", "a", "a"), (), "module 'a' occurs twice in the ledger"),
        (("", "a.b", "a"), (), "module 'a.b' comes before its parent 'a'"),
        (("",), (1,), "operation 'relu' belongs to module 1, but there are 1 modules"),
    ],
)
def test_rows_that_make_no_tree_are_refused(modules, operations, message):
    with pytest.raises(ValueError) as error:  # noqa: PT011 - the text is compared below
        Ledger(
            tuple(Module(path, "M") for path in modules),
            tuple(Operation(index, Kind.ACTIVATION, "relu") for index in operations),
        )
    assert str(error.value) == message


def test_json_names_each_text_once():
    data = SMALL.to_json()
    assert data["strings"] == [
        *("", "Net", "stem", "Conv2d", "3, 8, kernel_size=(3, 3)", "body", "Sequential"),
        *("0", "BatchNorm1d", "8", "inner", "Unused"),
        *("convolution", "conv2d", "batch norm", "batch_norm", "uncounted", "add_"),
    ]
    assert data["modules"][3] == [2, 7, 8, 9, 16, 0, 16, 0, None]
    assert len(data["modules"][3]) == len(data["module_fields"])
    assert data["operations"][0] == [1, 12, 13, 1, 194_400, 396_000, 0, 0, 0]
    assert len(data["operations"][0]) == len(data["operation_fields"])


def changed(part, row, position, value):
    data = SMALL.to_json()
    data[part][row][position] = value
    return data


DEEP = Ledger(tuple(Module(".".join(["a"] * depth), "M") for depth in range(202)))
LONG = Ledger(tuple(Module(".".join(["a" * 900] * depth), "M") for depth in range(4)))


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (SMALL.to_json() | {"module_fields": []}, "module_fields: this version reads "),
        (SMALL.to_json() | {"strings": ["", ""]}, "strings: a text stands there twice"),
        (changed("modules", 3, 1, 99), "modules › 3: it names a text that is not there"),
        (changed("modules", 3, 0, 3), "modules › 3: its parent, 3, is not before it"),
        (changed("modules", 3, 0, -1), "modules › 3: its parent, -1, is not before it"),
        (changed("modules", 0, 0, 0), "modules › 0: its parent, 0, is not before it"),
        (changed("modules", 3, 1, 0), 'modules › 3: a module is not called ""'),
        (changed("modules", 0, 1, 2), 'modules › 0: a module is not called "stem"'),
        (changed("modules", 2, 1, 2), 'modules › 2: its parent has two modules "stem"'),
        (DEEP.to_json(), "modules › 201: it lies more than 200 modules deep"),
        (LONG.to_json(), "modules › 3: its path has more than 2,000 characters"),
        (changed("operations", 2, 0, 5), "operations › 2: there is no module 5"),
        (
            changed("operations", 2, 1, 0),
            "operations › 2: it names a kind or a function that is not there",
        ),
        (
            SMALL.to_json() | {"foreign": [99]},
            "foreign: it names a row of modules that is not there, or one twice",
        ),
        (
            SMALL.to_json() | {"torch_missed": [[0, 5], [0, 6]]},
            "torch_missed: it names a row of operations that is not there, or one twice",
        ),
    ],
)
def test_rows_that_are_no_ledger_are_named(data, expected):
    assert list(damages(SMALL.to_json())) == []
    assert str(next(damages(data))).startswith(expected)


COUNTS = st.integers(min_value=0, max_value=2**70)
TEXTS = st.text(max_size=12)


@st.composite
def ledgers(draw):
    paths = [""]
    for name in draw(st.lists(st.text("abc_019", min_size=1, max_size=5), max_size=12)):
        parent = draw(st.sampled_from(paths))
        path = f"{parent}.{name}" if parent else name
        if path not in paths:
            paths.append(path)
    shapes = st.none() | st.lists(st.integers(0, 4096), max_size=4).map(tuple)
    modules = tuple(
        Module(path, draw(TEXTS), draw(TEXTS), *draw(st.tuples(*[COUNTS] * 4)), draw(shapes))
        for path in paths
    )
    operations = draw(
        st.lists(
            st.builds(
                Operation,
                st.integers(0, len(paths) - 1),
                st.sampled_from(Kind),
                TEXTS,
                *[COUNTS] * 6,
            ),
            max_size=12,
        )
    )
    return Ledger(modules, tuple(operations))


@given(ledgers())
def test_json_gives_back_what_went_in(ledger):
    assert Ledger.from_json(json.loads(json.dumps(ledger.to_json()))) == ledger


@given(ledgers(), st.data())
def test_the_tree_adds_up(ledger, data):
    """Every module's total is its own value and its children's totals."""
    own = data.draw(st.lists(COUNTS, min_size=len(ledger.modules), max_size=len(ledger.modules)))
    totals = ledger.subtree_sums(own)
    assert totals[0] == sum(own)
    for position in range(len(own)):
        children = [i for i, parent in enumerate(ledger.parents()) if parent == position]
        assert totals[position] == own[position] + sum(totals[i] for i in children)
