"""Whole models: what a Count holds, and which counter said what."""

import importlib.metadata
import json

import pytest
import torch
import torchvision
from torch import nn

from reportgen.common.errors import UnfitError
from reportgen.counting import CountingError, Difference, build_on_meta, count, count_anywhere
from reportgen.counting.formulas import FORMULAS, Work
from reportgen.record.ledger import Kind, Ledger, Module, Operation


def image(size=224, batch=1):
    return torch.empty(batch, 3, size, size, device="meta")


@pytest.fixture(scope="module")
def resnet50():
    return count(build_on_meta(torchvision.models.resnet50), [image()])


def test_resnet50(resnet50):
    assert resnet50.macs == 4_089_184_256
    assert resnet50.flops == 8_211_108_352
    assert resnet50.params == resnet50.trainable_params == 25_557_032
    assert resnet50.device == "meta"
    assert resnet50.counter == f"deepspeed {importlib.metadata.version('deepspeed')}"
    assert resnet50.notes == ()


def test_resnet50_is_confirmed_by_pytorch(resnet50):
    assert resnet50.cross_check.macs == 4_089_184_256
    assert resnet50.cross_check.verified
    assert resnet50.cross_check.differences == ()
    assert resnet50.cross_check.version == torch.__version__


def test_nobody_counts_the_residual_additions_of_resnet50(resnet50):
    assert {(row.function, row.calls) for row in resnet50.uncounted} == {("add_", 1)}
    modules = resnet50.ledger.modules
    assert [modules[row.module].path for row in resnet50.uncounted] == [
        f"layer{stage}.{block}"
        for stage, blocks in enumerate((3, 4, 6, 3), 1)
        for block in range(blocks)
    ]


def test_the_ledger_of_resnet50(resnet50):
    ledger = resnet50.ledger
    assert ledger.modules[ledger.index("conv1")] == Module(
        path="conv1",
        type="Conv2d",
        detail="3, 64, kernel_size=(7, 7), stride=(2, 2), padding=(3, 3), bias=False",
        params=9408,
        trainable_params=9408,
        calls=1,
        output_shape=(1, 64, 112, 112),
    )
    bn1 = ledger.modules[ledger.index("bn1")]
    assert (bn1.params, bn1.statistics) == (128, 128)
    stem = [row for row in ledger.operations if row.module == ledger.index("conv1")]
    # 64 * 112 * 112 outputs of 3 * 7 * 7 products
    assert stem == [
        Operation(
            module=1,
            kind=Kind.CONVOLUTION,
            function="conv2d",
            calls=1,
            macs=118_013_952,
            flops=236_027_904,
            in_elements=3 * 224 * 224,
            out_elements=64 * 112 * 112,
        )
    ]


def test_products_by_stage(resnet50):
    own = [0] * len(resnet50.ledger.modules)
    for row in resnet50.ledger.operations:
        own[row.module] += row.macs
    totals = resnet50.ledger.subtree_sums(own)
    by_child = {
        module.path: total
        for module, total in zip(resnet50.ledger.modules, totals, strict=True)
        if module.parent == "" and total
    }
    assert by_child == {
        "conv1": 118_013_952,
        "layer1": 667_942_912,
        "layer2": 1_027_604_480,
        "layer3": 1_464_336_384,
        "layer4": 809_238_528,
        "fc": 2_048_000,
    }


def test_work_grows_with_the_batch_and_size_does_not(resnet50):
    four = count(build_on_meta(torchvision.models.resnet50), [image(batch=4)])
    assert (four.macs, four.params) == (4 * resnet50.macs, resnet50.params)


def test_a_thousand_modules_fit_into_200_kb_of_a_record():
    def block(index):
        width = 8 + index % 5
        return nn.Sequential(nn.Conv2d(8, width, 3), nn.BatchNorm2d(width), nn.Conv2d(width, 8, 1))

    model = build_on_meta(lambda: nn.Sequential(*map(block, range(250))))
    ledger = count(model, [torch.empty(1, 8, 512, 512, device="meta")]).ledger
    assert len(ledger.modules) == 1001
    assert len(json.dumps(ledger.to_json(), separators=(", ", ": "))) < 200_000
    assert Ledger.from_json(ledger.to_json()) == ledger


def test_a_module_called_twice_works_twice_and_weighs_once():
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.first = nn.Linear(8, 8, bias=False)
            self.second = self.first
            self.unused = nn.Linear(8, 1)

        def forward(self, x):
            return self.second(self.first(x))

    result = count(build_on_meta(Twice), [torch.empty(1, 8, device="meta")])
    assert (result.macs, result.params) == (2 * 64, 64 + 9)
    paths = {module.path: module for module in result.ledger.modules}
    assert list(paths) == ["", "first", "unused"]  # one module: its first name
    assert (paths["first"].calls, paths["first"].output_shape) == (2, (1, 8))
    assert (paths["unused"].calls, paths["unused"].output_shape) == (0, None)
    assert [(row.function, row.calls, row.macs) for row in result.ledger.operations] == [
        ("linear", 2, 128)
    ]


def test_tied_weights_belong_to_the_first_module_that_has_them():
    class Language(nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding = nn.Embedding(100, 8)
            self.head = nn.Linear(8, 100, bias=False)
            self.head.weight = self.embedding.weight

        def forward(self, tokens, *, scale):
            return self.head(self.embedding(tokens) * scale)

    tokens = torch.zeros(2, 5, dtype=torch.long, device="meta")
    scale = torch.empty(8, device="meta")
    result = count(build_on_meta(Language), [tokens], {"scale": scale})
    # 10 tokens, each 8 * 100 products
    assert (result.macs, result.params) == (8000, 800)
    assert [module.params for module in result.ledger.modules] == [0, 800, 0]
    assert result.cross_check.verified


def test_frozen_parameters_are_not_trainable_and_stay_frozen():
    model = build_on_meta(lambda: nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 2)))
    model[0].requires_grad_(False)
    result = count(model, [torch.empty(1, 4, device="meta")])
    assert (result.params, result.trainable_params) == (20 + 10, 10)
    assert [p.requires_grad for p in model.parameters()] == [False, False, True, True]


def test_a_decoder_with_grouped_queries():
    class Attention(nn.Module):
        def __init__(self, width, heads, groups):
            super().__init__()
            self.heads, self.groups, self.size = heads, groups, width // heads
            self.query = nn.Linear(width, width, bias=False)
            self.key_value = nn.Linear(width, 2 * groups * self.size, bias=False)
            self.out = nn.Linear(width, width, bias=False)

        def forward(self, x):
            batch, length, width = x.shape
            query = self.query(x).view(batch, length, self.heads, self.size).transpose(1, 2)
            pair = self.key_value(x).view(batch, length, 2 * self.groups, self.size)
            key, value = pair.transpose(1, 2).chunk(2, dim=1)
            mixed = nn.functional.scaled_dot_product_attention(
                query, key, value, is_causal=True, enable_gqa=True
            )
            return self.out(mixed.transpose(1, 2).reshape(batch, length, width))

    result = count(
        build_on_meta(lambda: Attention(64, 8, 2)), [torch.empty(1, 10, 64, device="meta")]
    )
    # query and out: 2 * 10 * 64 * 64; key and value: 10 * 64 * (2 * 2 * 8);
    # 8 heads * 10 * 10 pairs (masked or not) * (8 + 8)
    assert result.macs == 81_920 + 20_480 + 12_800
    assert result.cross_check.verified


def test_what_only_pytorch_saw_is_named_with_its_module():
    class Hidden(nn.Module):
        def __init__(self):
            super().__init__()
            self.seen = nn.Conv2d(1, 1, 3, bias=False)

        def forward(self, x):
            return torch.conv2d(self.seen(x), self.seen.weight)  # not a function DeepSpeed patches

    result = count(
        build_on_meta(lambda: nn.Sequential(Hidden())), [torch.empty(1, 1, 8, 8, device="meta")]
    )
    # seen: 6 * 6 * 9; hidden: 4 * 4 * 9
    assert result.macs == result.cross_check.macs == 324 + 144
    assert result.flops == 2 * (324 + 144)
    assert result.cross_check.driven_macs == 324
    assert result.cross_check.differences == (Difference("0", "aten.convolution", 0, 144),)
    assert result.cross_check.verified
    assert result.notes == (
        f"Of these products, {result.counter} saw 324; it did not see those of aten.convolution "
        "in 0.",
    )


def test_no_products_in_a_model_with_parameters_is_worth_a_note():
    result = count(
        build_on_meta(lambda: nn.BatchNorm2d(1500)), [torch.empty(1, 1500, 2, 2, device="meta")]
    )
    assert result.notes == ("No products were seen, although there are 3,000 parameters.",)


class NeedsValues(nn.Module):
    """Keeps the positive rows, and their number is data."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 2, bias=False)

    def forward(self, x):
        return self.layer(x[x.sum(1) > 0])


def test_a_model_that_needs_values_cannot_be_counted_on_meta():
    with pytest.raises(CountingError) as error:
        count(build_on_meta(NeedsValues), [torch.empty(3, 4, device="meta")])
    assert str(error.value) == (
        "NeedsValues cannot run on the meta device, because it needs the values of tensors and "
        "not only their shapes"
    )
    assert error.value.hint == "count it on the CPU"


def test_a_model_that_needs_values_is_counted_on_the_cpu():
    rows = torch.tensor([[1.0] * 4, [-1.0] * 4, [2.0] * 4])
    result = count_anywhere(NeedsValues, [rows])
    assert (result.macs, result.device) == (2 * 4 * 2, "cpu")  # two rows are positive
    assert result.cross_check.verified
    assert result.notes == (
        "Counted in a real forward pass on the CPU, where the count depends on the input: on meta, "
        "NeedsValues cannot run on the meta device, because it needs the values of tensors and not "
        "only their shapes.",
    )


class Huge(NeedsValues):
    """Needs values, and more memory than any machine of today has: 4 bytes for each of 10¹⁶."""

    def __init__(self):
        super().__init__()
        built.append(type(self))
        with torch.device("meta"):
            self.table = nn.Parameter(torch.empty(10**8, 10**8))


built = []


def test_a_model_that_no_memory_holds_is_not_built_on_the_cpu():
    built.clear()
    with pytest.raises(CountingError) as error:
        count_anywhere(Huge, [torch.zeros(3, 4)])
    assert str(error.value) == (
        "on meta, Huge cannot run on the meta device, because it needs the values of tensors and "
        "not only their shapes; and its 40,000,000.0 GB of parameters do not fit into this "
        "machine's memory, to count it on the CPU"
    )
    assert built == [Huge]


def test_a_model_that_does_not_fit_its_spec_is_not_built_twice():
    built.clear()

    def factory():
        built.append(None)
        raise UnfitError("the forward of A has no argument 'b'")

    with pytest.raises(UnfitError):
        count_anywhere(factory, [torch.zeros(3, 4)])
    assert len(built) == 1


def test_what_runs_on_meta_is_counted_there():
    result = count_anywhere(lambda: nn.Linear(4, 2), kwargs={"input": torch.zeros(3, 4)})
    assert (result.macs, result.device, result.notes) == (24, "meta", ())


def test_the_cpu_gives_the_same_count_as_meta():
    model = torchvision.models.resnet18(num_classes=10)
    on_cpu = count(model, [torch.zeros(1, 3, 32, 32)])
    on_meta = count(build_on_meta(lambda: torchvision.models.resnet18(num_classes=10)), [image(32)])
    assert on_cpu.device == "cpu"
    assert on_cpu.ledger == on_meta.ledger
    assert on_cpu.cross_check == on_meta.cross_check


@pytest.mark.parametrize(("factor", "shown"), [(2, 48), (0.5, 24)])
def test_counters_that_disagree_on_a_call_are_not_verified(monkeypatch, factor, shown):
    def wrong(out, input, weight, bias=None):
        macs = int(factor * 24)
        return Work(Kind.LINEAR, macs, 2 * macs)

    monkeypatch.setitem(FORMULAS, "linear", wrong)
    result = count(nn.Sequential(nn.Linear(4, 2)), [torch.zeros(3, 4)])
    check = result.cross_check
    assert check.differences == (Difference("0", "linear", int(factor * 24), 24),)
    assert (check.disputed, check.verified) == (True, False)
    assert check.doubts == ("linear in 0 (disputed)",)
    # The larger one is shown, and the other is told of.
    assert (result.macs, result.flops) == (shown, 2 * shown)
    assert check.other(result.macs) == (24 if factor == 2 else 12)
