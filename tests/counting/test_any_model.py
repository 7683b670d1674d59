"""Models of every kind are counted: scripted, traced, compiled, exported, lazy, sparse …"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations

from reportgen.counting import Count, count, count_anywhere, size

IMAGE = torch.randn(2, 3, 8, 8)
# 2 images of 6×6 positions and 8 channels, 27 products each; 8·4 of the classifier for each.
MACS = 2 * 36 * 8 * 27 + 2 * 8 * 4
PARAMS = 8 * 27 + 8 + 8 * 4 + 4

pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit:FutureWarning", "ignore:`torch.jit")


class Plain(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3)
        self.fc = nn.Linear(8, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(torch.relu(self.conv(x)).mean((2, 3)))


class OwnCall(Plain):
    def __call__(self, x: Tensor) -> Any:
        return self.forward(x)


class NoGradients(Plain):
    def forward(self, x: Tensor) -> Tensor:
        with torch.no_grad():
            y = self.conv(x)
        return self.fc(torch.relu(y).mean((2, 3)))


class Reparametrized(Plain):
    def __init__(self) -> None:
        super().__init__()
        parametrizations.weight_norm(self.fc)


def compiled_in_place() -> nn.Module:
    model = Plain()
    model.compile()
    return model


def compiled_part() -> nn.Module:
    model = Plain()
    model.conv = torch.compile(model.conv)  # type: ignore[assignment]
    return model


def exported(model: nn.Module) -> nn.Module:
    return torch.export.export(model.eval(), (IMAGE,)).module()


KINDS: dict[str, Callable[[], Any]] = {
    "scripted": lambda: torch.jit.script(Plain()),
    "traced": lambda: torch.jit.trace(Plain().eval(), IMAGE),
    "frozen": lambda: torch.jit.freeze(torch.jit.script(Plain().eval())),
    "compiled": lambda: torch.compile(Plain()),
    "compiled in place": compiled_in_place,
    "compiled part": compiled_part,
    "exported": lambda: exported(Plain()),
    "exported, without gradients": lambda: exported(NoGradients()),
    "graph": lambda: torch.fx.symbolic_trace(Plain()),
    "own __call__": OwnCall,
    "parametrized": Reparametrized,
    "double": lambda: Plain().double(),
    "parallel": lambda: nn.DataParallel(Plain()),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("made", ["by the factory", "before"])
def test_a_model_of_any_kind_is_counted(kind: str, made: str) -> None:
    image = IMAGE.double() if kind == "double" else IMAGE
    if made == "before":
        model = KINDS[kind]()
        result = count_anywhere(lambda: model, [image])
        assert {p.device.type for p in model.parameters()} <= {"cpu"}
    else:
        result = count_anywhere(KINDS[kind], [image])
    assert (result.macs, result.cross_check.verified) == (MACS, True)


def test_compiled_modules_are_known_by_their_own_paths() -> None:
    for kind in ("compiled", "compiled part"):
        result = count_anywhere(KINDS[kind], [IMAGE])
        assert [module.path for module in result.ledger.modules] == ["", "conv", "fc"]
        assert [module.type for module in result.ledger.modules] == ["Plain", "Conv2d", "Linear"]
        assert result.params == PARAMS


def test_work_of_a_scripted_part_belongs_to_it() -> None:
    model = nn.Sequential(torch.jit.script(nn.Conv2d(3, 8, 3)), nn.Flatten(), nn.Linear(288, 4))
    result = count(model, [IMAGE])
    by_module = [0] * len(result.ledger.modules)
    for row in result.ledger.operations:
        by_module[row.module] += row.macs
    assert by_module == [0, 2 * 36 * 8 * 27, 0, 2 * 288 * 4]


def test_what_a_script_runs_past_the_dispatcher_is_not_verified() -> None:
    model = torch.jit.optimize_for_inference(torch.jit.script(Plain().eval()))
    result = count_anywhere(lambda: model, [IMAGE])
    assert result.cross_check.doubts == ("prim::mkldnn_convolution in the model itself",)


def lazy() -> nn.Module:
    return nn.Sequential(nn.LazyConv2d(8, 3), nn.LazyBatchNorm2d(), nn.Flatten(), nn.LazyLinear(4))


def test_lazy_modules_are_counted_on_meta() -> None:
    result = count_anywhere(lazy, [IMAGE])
    assert (result.macs, result.device) == (2 * 36 * 8 * 27 + 2 * 288 * 4, "meta")
    assert result.params == (8 * 27 + 8) + 16 + (288 * 4 + 4)
    assert result.ledger.modules[1].type == "Conv2d"


def test_lazy_modules_that_were_made_before_stay_lazy() -> None:
    model = lazy()
    assert count_anywhere(lambda: model, [IMAGE]).macs == 2 * 36 * 8 * 27 + 2 * 288 * 4
    assert type(model[0]) is nn.LazyConv2d


class Sparse(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(8, 4)
        self.register_buffer("edges", torch.eye(8).to_sparse())

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(torch.mm(self.edges, x.mean((0, 1))))  # type: ignore[arg-type]


def test_a_sparse_buffer_is_counted_and_its_product_counted() -> None:
    result = count_anywhere(Sparse, [IMAGE])
    assert result.params == 36
    # Each of 8 elements that are stored meets 8 columns.
    assert result.macs == 8 * 8 * 4 + 8 * 8
    assert result.cross_check.verified


class Yields(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(8, 4)

    def forward(self, x: Tensor) -> Iterator[Tensor]:
        for row in x:
            yield self.fc(row)


def test_a_forward_that_yields_is_read_to_its_end() -> None:
    assert count_anywhere(Yields, [torch.zeros(3, 8)]).macs == 3 * 8 * 4


class Fails(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(4, 4)
        self.late = nn.LazyLinear(3)

    def forward(self, x: Tensor) -> Tensor:
        raise FileNotFoundError("no such file")


def test_parameters_need_no_forward_pass() -> None:
    sized = size(Fails)
    assert sized.ledger.params == 20
    assert sized.lazy == ("late.weight", "late.bias")


def on_values(make: Callable[[], nn.Module]) -> type[nn.Module]:
    """A model that cannot run on meta."""

    class OnValues(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = make()

        def forward(self, *args: Tensor) -> object:
            return self.inner(*args) if float(args[0].sum()) < 1e30 else args

    return OnValues


ROWS = [torch.randn(2, 5, 8)]


@pytest.mark.parametrize(
    ("make", "args"),
    [
        (lambda: nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), ROWS),
        (lambda: nn.Transformer(8, 2, 1, 1, 16, batch_first=True), ROWS * 2),
        (lambda: nn.MultiheadAttention(8, 2), ROWS * 3),
        (lambda: nn.LSTM(8, 8, 2, bidirectional=True), ROWS),
        (lambda: nn.GRU(8, 8), ROWS),
        (lambda: nn.RNNCell(8, 8), [ROWS[0][0]]),
    ],
)
def test_the_cpu_counts_like_meta_and_raises_no_alarm(
    make: Callable[[], nn.Module], args: list[Tensor]
) -> None:
    here: Count = count_anywhere(on_values(make), args)
    there = count_anywhere(make, args)
    assert (here.device, there.device) == ("cpu", "meta")
    assert here.macs == there.macs > 0
    assert here.cross_check.verified
    assert there.cross_check.verified
    assert not here.cross_check.differences


class Forks(Plain):
    def forward(self, x: Tensor) -> Tensor:
        later = torch.jit.fork(torch.relu, self.conv(x))
        return self.fc(torch.jit.wait(later).mean((2, 3)))


def test_what_a_script_runs_in_another_thread_is_not_verified() -> None:
    result = count_anywhere(lambda: torch.jit.script(Forks()), [IMAGE])
    assert result.cross_check.doubts == ("prim::fork in the model itself",)
