"""Networks with one operation that counters miss or that ended the count: each with its value.

Images are 3×16×16, classes 10. A stem (3→16 channels, 3×3, padding 1) makes 16·16·27·16 = 110,592
MACs and a classifier 160: 110,752 are left where the operation between them is not seen. A
convolution 16→16 makes 16·16·9·16·16 = 589,824, attention of 256 tokens of 16 2·256·256·16 =
2,097,152, a linear layer for each of them 256·16·16 = 65,536.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import pytest
import torch
import torch.nn.functional as F
import torchvision
from torch import Tensor, nn
from torch.nn.functional import conv2d, scaled_dot_product_attention

from reportgen.counting import Count, conventions, count_anywhere

FRAME = 110_592 + 160
CONVOLUTION, ATTENTION, LINEAR = 589_824, 2_097_152, 65_536


def tokens(x: Tensor) -> Tensor:
    """N×16×16×16 → N×256×16."""
    return x.flatten(2).transpose(1, 2)


def pixels(x: Tensor) -> Tensor:
    """N×256×16 → N×16×16×16."""
    return x.transpose(1, 2).unflatten(2, (16, 16))


class Net(nn.Module):
    """A stem, one operation, and a classifier."""

    def __init__(
        self, operation: Callable[[Net, Tensor], Tensor], part: nn.Module | None = None
    ) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 16, 3, padding=1)
        self.kernel = nn.Parameter(torch.randn(16, 16, 3, 3))
        self.matrix = nn.Parameter(torch.randn(16, 16))
        self.fc = nn.Linear(16, 10)
        self.part = part
        self.operation = operation

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.operation(self, self.stem(x)).mean((2, 3)))


class LayerNorm(nn.LayerNorm):
    """Named like PyTorch's, and another type."""


class Conv1D(nn.Module):
    """As in GPT-2: a linear layer with a name that says otherwise."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(16, 16))
        self.bias = nn.Parameter(torch.zeros(16))

    def forward(self, x: Tensor) -> Tensor:
        return torch.addmm(self.bias, x.reshape(-1, 16), self.weight).view_as(x)


def _part(net: Net, x: Tensor) -> Tensor:
    return net.part(x)  # type: ignore[misc]


def _part_on_tokens(net: Net, x: Tensor) -> Tensor:
    return pixels(net.part(tokens(x)))  # type: ignore[misc]


def _attention_on_values(net: Net, x: Tensor) -> Tensor:
    if float(x.sum()) > 1e30:  # what no shape says
        return x
    return pixels(F.scaled_dot_product_attention(*[tokens(x).contiguous()] * 3))


def _matmul_out(net: Net, x: Tensor) -> Tensor:
    out = torch.empty_like(tokens(x))
    return pixels(torch.matmul(tokens(x).detach(), net.matrix.detach(), out=out))


def _deformable(net: Net, x: Tensor) -> Tensor:
    offset = x.new_zeros(len(x), 18, 16, 16)
    return torchvision.ops.deform_conv2d(x, offset, net.kernel, padding=1)


def _addbmm(net: Net, x: Tensor) -> Tensor:
    return x + torch.addbmm(net.matrix, tokens(x)[:, :16], tokens(x)[:, :16]).mean()


def _compiled() -> nn.Module:
    return torch.compile(  # type: ignore[return-value]
        nn.Sequential(nn.Conv2d(3, 8, 3), nn.Flatten(), nn.Linear(8 * 14 * 14, 10))
    )


def _scripted() -> nn.Module:
    return Net(_part, torch.jit.script(nn.Conv2d(16, 16, 3, padding=1)))


NETS: dict[str, Callable[[], nn.Module]] = {
    "bare_conv": lambda: Net(lambda net, x: conv2d(x, net.kernel, padding=1)),
    "bare_attention": lambda: Net(
        lambda net, x: pixels(scaled_dot_product_attention(tokens(x), tokens(x), tokens(x)))
    ),
    "cpu_attention": lambda: Net(_attention_on_values),
    "keyword_pool": lambda: Net(lambda net, x: F.adaptive_avg_pool2d(x, output_size=1)),
    "matmul_out": lambda: Net(_matmul_out),
    "scripted_part": _scripted,
    "compiled": _compiled,
    "own_layer_norm": lambda: Net(_part_on_tokens, LayerNorm(16)),
    "gpt2_linear": lambda: Net(_part_on_tokens, Conv1D()),
    "deformable": lambda: Net(_deformable),
    "addbmm": lambda: Net(_addbmm),
}


@cache
def counted(name: str) -> Count:
    return count_anywhere(NETS[name], [torch.randn(1, 3, 16, 16)])


pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated")


@pytest.mark.parametrize(
    ("name", "macs"),
    [
        ("bare_conv", FRAME + CONVOLUTION),
        ("bare_attention", FRAME + ATTENTION),
        ("cpu_attention", FRAME + ATTENTION),
        ("keyword_pool", FRAME),
        ("matmul_out", FRAME + LINEAR),
        ("scripted_part", FRAME + CONVOLUTION),
        ("compiled", 14 * 14 * 27 * 8 + 8 * 14 * 14 * 10),
        ("own_layer_norm", FRAME),
        ("gpt2_linear", FRAME + LINEAR),
        ("deformable", FRAME + CONVOLUTION),
        ("addbmm", FRAME + 16 * 16 * 16),
    ],
)
def test_every_product_is_counted_and_verified(name: str, macs: int) -> None:
    result = counted(name)
    assert result.macs == macs
    assert result.cross_check.verified
    assert not result.cross_check.unknown
    assert result.ledger.subtree_sums(conventions.work("macs").by_module(result.ledger))[0] == macs


@pytest.mark.parametrize(
    ("name", "unseen"),
    [
        ("bare_conv", "aten.convolution in the model itself"),
        ("bare_attention", "aten.bmm in the model itself"),
        ("scripted_part", "aten.convolution in part"),
    ],
)
def test_what_deepspeed_did_not_see_is_said(name: str, unseen: str) -> None:
    result = counted(name)
    assert result.notes == (
        f"Of these products, {result.counter} saw 110,752; it did not see those of {unseen}.",
    )
    # Two for each product, and the biases of the stem's 16 channels, as of the scripted part.
    biases = 16 * 256 * (2 if name == "scripted_part" else 1)
    assert result.flops == 2 * result.macs + biases


def test_attention_on_the_cpu_is_no_alarm() -> None:
    result = counted("cpu_attention")
    assert result.device == "cpu"
    assert len(result.notes) == 1
    assert result.notes[0].startswith("Counted in a real forward pass on the CPU")
    # FlopCounterMode has no formula for the kernel.
    assert result.cross_check.torch_flops == 2 * FRAME


# What thop 0.1.1, torchinfo 1.8.0 and FlopCounterMode of torch 2.14.1 said of these networks on the
# CPU; None where the tool raises.
SAID = {
    "bare_conv": (110_752, 114_858, 1_401_152),
    "bare_attention": (110_752, 114_858, 4_415_808),
    "cpu_attention": (110_752, 114_858, 221_504),
    "keyword_pool": (110_752, 114_858, 221_504),
    "matmul_out": (110_752, 114_858, 352_576),
    "scripted_part": (None, 114_858, 1_401_152),
    "compiled": (None, 59_594, 116_032),
    "own_layer_norm": (110_752, 114_890, 221_504),
    "gpt2_linear": (110_752, 119_210, 352_576),
    "deformable": (110_752, 114_858, 221_504),
    "addbmm": (110_752, 114_858, 221_504),
}


@pytest.mark.parametrize("name", NETS)
def test_the_conventions_say_what_the_tools_say(name: str) -> None:
    ledger = counted(name).ledger
    ours = {tool: conventions.work(tool).total(ledger) for tool in ("thop", "torchinfo", "torch")}
    theirs = dict(zip(ours, SAID[name], strict=True))
    assert {tool: ours[tool] for tool, said in theirs.items() if said is not None} == {
        tool: said for tool, said in theirs.items() if said is not None
    }


def test_flops_of_torch_are_what_flop_counter_mode_said() -> None:
    for name in NETS:
        result = counted(name)
        assert conventions.work("torch").total(result.ledger) == result.cross_check.torch_flops
