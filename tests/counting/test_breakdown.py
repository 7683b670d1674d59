"""Figures taken apart: the terms say what a convention counts, and add up to it."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reportgen.counting.breakdown import breakdown, by_operation, summed
from reportgen.counting.conventions import ACTIVATIONS, PARAMS, WORK, Convention
from reportgen.record.ledger import Kind, Ledger, Module, Operation
from tests.counting.torchvision_models import counted

EVERY = (*WORK.values(), *PARAMS.values(), ACTIVATIONS)


def ledger(name: str) -> Ledger:
    return counted(name).ledger


def added(text: str) -> int:
    """Add a sum up as a reader would."""
    total = 0
    for sign, times, amount in re.findall(r"([+−]?) ?(?:(\d+) × )?([\d,]+) [A-Za-z]", text):
        value = int(times or 1) * int(amount.replace(",", ""))
        total += -value if sign == "−" else value
    return total


@pytest.mark.parametrize(
    "name", ["resnet50", "mobilenet_v3_small", "vit_b_32", "swin_t", "maxvit_t"]
)
def test_the_terms_add_up(name: str) -> None:
    model = ledger(name)
    for convention in EVERY:
        terms = breakdown(convention, model)
        assert sum(term.value for term in terms) == convention.total(model), convention.name
        assert added(summed(terms)) == convention.total(model), convention.name
        assert sum(by_operation(convention, model).values()) == convention.total(model)
        # nothing is told twice
        assert len({(term.times, term.what) for term in terms}) == len(terms), convention.name


@pytest.mark.parametrize(
    ("convention", "text"),
    [
        (
            "flops",
            "2 × 4,089,184,256 MACs + 2 × 11,113,984 batch-norm elements + 9,608,704 activation "
            "elements + 802,816 pool elements + 100,352 adaptive-pool elements",
        ),
        ("torch", "2 × 4,089,184,256 MACs"),
        (
            "thop",
            "4,089,184,256 MACs + 4 × 11,113,984 batch-norm elements + 100,352 adaptive-pool "
            "elements + 2,048 adaptive-pool outputs",
        ),
        (
            "torchinfo",
            "4,089,184,256 MACs − 2,048,000 linear products + 2,049,000 Linear parameters + 53,120 "
            "BatchNorm2d parameters",
        ),
    ],
)
def test_resnet50(convention: str, text: str) -> None:
    assert summed(breakdown(WORK[convention], ledger("resnet50"))) == text


@pytest.mark.parametrize(
    ("convention", "split"),
    [
        # what FlopCounterMode says of aten.convolution and aten.addmm
        ("torch", {"convolution": 8_174_272_512, "linear": 4_096_000}),
        # what fvcore's by_operator() says of conv, linear, batch_norm and adaptive_avg_pool2d
        (
            "fvcore",
            {
                "convolution": 4_087_136_256,
                "linear": 2_048_000,
                "batch norm": 22_227_968,
                "adaptive pool": 100_352,
            },
        ),
        # 53,120 parameters of norms, 2,049,000 of the last layer
        ("torchinfo", {"convolution": 4_087_136_256, "parameters": 2_102_120}),
    ],
)
def test_resnet50_by_operation(convention: str, split: dict[str, int]) -> None:
    assert by_operation(WORK[convention], ledger("resnet50")) == split


def test_what_a_convention_leaves_out_is_taken_away() -> None:
    # fvcore does not see attention: 12 layers, 2 · 50 · 50 · 768 products in each
    terms = breakdown(WORK["fvcore"], ledger("vit_b_32"))
    assert {term.what: term.value for term in terms if term.value < 0} == {
        "attention products": -12 * 2 * 50 * 50 * 768
    }


def test_nothing_is_nothing() -> None:
    empty = Ledger((Module("", "Net"),))
    assert [summed(breakdown(convention, empty)) for convention in EVERY] == ["0"] * len(EVERY)


_AMOUNT = st.integers(0, 10**6)
_OPERATIONS = st.builds(
    Operation,
    st.integers(0, 2),
    st.sampled_from(list(Kind)),
    st.sampled_from(["conv2d", "relu", "adaptive_avg_pool2d", "bmm", "addmm", "prelu"]),
    st.integers(1, 3),
    *[_AMOUNT] * 5,
)


@given(st.lists(_OPERATIONS, max_size=6), st.sampled_from(EVERY))
def test_any_ledger_adds_up(operations: list[Operation], convention: Convention) -> None:
    modules = (
        Module("", "Net", params=3, trainable_params=1),
        Module("a", "Conv2d", params=7, statistics=5, calls=2, output_shape=(2, 3)),
        Module("b", "BatchNorm2d", params=11, trainable_params=11, calls=1, output_shape=(2,)),
    )
    model = Ledger(modules, tuple(operations))
    terms = breakdown(convention, model)
    assert sum(term.value for term in terms) == convention.total(model)
    assert sum(by_operation(convention, model).values()) == convention.total(model)
