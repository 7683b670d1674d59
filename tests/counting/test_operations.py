"""Every operation of PyTorch is in a class, and what could hide products is never verified."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.pool import ThreadPool
from typing import Any

import pytest
import torch
import torch.nn.functional as F
import torchvision  # noqa: F401 - registers its operations
from torch import Tensor, nn
from torch.utils.flop_counter import flop_registry

from reportgen.counting import Count, count
from reportgen.counting.crosscheck import named
from reportgen.counting.operations import (
    MOVES_DATA,
    NO_PRODUCTS,
    NOBODY,
    UNREADABLE,
    Nature,
    nature,
)
from reportgen.counting.products import FORMULAS

aten = torch.ops.aten
ROWS = torch.randn(2, 16, 8)
WEIGHT = torch.randn(8, 8)


def overloads(*namespaces: str) -> Iterator[Any]:
    for full in torch._C._dispatch_get_all_op_names():
        namespace, _, rest = full.partition("::")
        name, _, overload = rest.partition(".")
        if namespace in namespaces:
            packet = getattr(getattr(torch.ops, namespace), name)
            yield getattr(packet, overload or "default")


def test_every_operation_of_the_installed_versions_is_in_a_class() -> None:
    without = [op for op in overloads("aten", "torchvision", "prims") if nature(op) is not None]
    unknown = [
        str(op)
        for op in without
        if op._overloadpacket not in flop_registry and nature(op) is Nature.UNKNOWN
    ]
    assert len(without) > 2000
    assert unknown == []


def test_no_operation_is_in_two_tables() -> None:
    tables = [MOVES_DATA, NO_PRODUCTS, NOBODY, UNREADABLE]
    tables.append(frozenset(name.removeprefix("aten.") for name in FORMULAS))
    names = [name for table in tables for name in table]
    assert len(names) == len(set(names))


@pytest.mark.parametrize(
    ("operation", "kind"),
    [
        (aten.matmul.default, Nature.COMPOSITE),
        (aten.relu.default, Nature.NO_PRODUCTS),
        (aten.add_.Tensor, Nature.NO_PRODUCTS),
        (aten.view.default, Nature.NO_PRODUCTS),
        (aten._foreach_add.List, Nature.NO_PRODUCTS),
        (aten.native_layer_norm_backward.default, Nature.NO_PRODUCTS),
        (aten._fused_sdp_choice.default, Nature.NO_PRODUCTS),
        (aten.addbmm_.default, Nature.PRODUCTS),
        (aten._grouped_mm.default, Nature.PRODUCTS),
        (torch.ops.torchvision.deform_conv2d.default, Nature.PRODUCTS),
        (torch.ops.torchvision.nms.default, Nature.NO_PRODUCTS),
        (torch.ops.quantized.linear_dynamic.default, Nature.PRODUCTS),
        (aten.sort.default, Nature.NOBODY),
        (torch.ops.profiler._record_function_enter_new.default, Nature.NO_PRODUCTS),
        (torch.ops.higher_order.while_loop, Nature.OPAQUE),
    ],
)
def test_classes(operation: Any, kind: Nature) -> None:
    assert nature(operation) is kind


class Calls(nn.Module):
    def __init__(self, call: Callable[[], object]) -> None:
        super().__init__()
        self.call = call

    def forward(self) -> object:
        return self.call()


def counted(call: Callable[[], object]) -> Count:
    return count(Calls(call))


HIDDEN: dict[str, Callable[[], object]] = {
    "aten.linalg_lstsq": lambda: torch.linalg.lstsq(WEIGHT, WEIGHT),
    "aten.ormqr": lambda: torch.ormqr(WEIGHT, WEIGHT[0], WEIGHT),
}


@pytest.mark.parametrize("operation", HIDDEN)
def test_products_without_a_formula_are_never_verified(operation: str) -> None:
    check = counted(HIDDEN[operation]).cross_check
    assert not check.verified
    assert check.doubts == (f"{operation} in the model itself",)


@pytest.mark.parametrize(
    "call",
    [
        lambda: torch.outer(WEIGHT[0], WEIGHT[1]),
        lambda: torch.kron(WEIGHT, WEIGHT),
        lambda: F.embedding_bag(torch.zeros(2, 2, dtype=torch.long), WEIGHT),
        lambda: F.grid_sample(ROWS[:, None], torch.zeros(2, 4, 4, 2), align_corners=False),
        lambda: ROWS.scatter_add(1, ROWS.argsort(1), ROWS),
        lambda: F.mse_loss(ROWS, ROWS) + F.kl_div(ROWS, ROWS, reduction="batchmean"),
        lambda: F.rms_norm(ROWS, (8,)),
        lambda: torch.where(ROWS > 0, ROWS, ROWS),
        lambda: torch.ops.torchvision.nms(torch.rand(4, 4), torch.rand(4), 0.5),
        lambda: torch.fft.fft2(ROWS),
    ],
)
def test_no_false_alarms(call: Callable[[], object]) -> None:
    result = counted(call)
    assert (result.macs, result.cross_check.verified) == (0, True)


@pytest.fixture
def library() -> Iterator[torch.library.Library]:
    made = torch.library.Library("reportgen_test_operations", "FRAGMENT")
    made.define("hidden(Tensor x, Tensor w) -> Tensor")
    made.define("square(Tensor x) -> Tensor")
    made.define("made(int size) -> Tensor")
    made.impl("hidden", lambda x, w: x @ w, "CPU")
    made.impl("square", lambda x: x @ x.mT, "CPU")
    made.impl("made", lambda size: WEIGHT @ WEIGHT, "CompositeExplicitAutograd")
    yield made
    made._destroy()


def test_an_operation_of_somebodys_own_is_never_verified(library: torch.library.Library) -> None:
    own = torch.ops.reportgen_test_operations
    result = counted(
        lambda: (
            own.hidden(ROWS, WEIGHT),
            own.hidden(ROWS, WEIGHT),
            own.square(ROWS),
            own.made(8),
        )
    )
    assert result.macs == 0
    assert result.cross_check.doubts == (
        "reportgen_test_operations.hidden ×2 in the model itself",
        "reportgen_test_operations.square in the model itself",
        "reportgen_test_operations.made in the model itself",
    )


def test_an_operation_of_ones_own_may_have_a_formula(library: torch.library.Library) -> None:
    hidden = torch.ops.reportgen_test_operations.hidden
    model = Calls(lambda: hidden(ROWS, WEIGHT))
    name = "reportgen_test_operations::hidden"
    # 2 · 16 rows of 8 meet 8 columns
    result = count(model, formulas={name: lambda x, w, out: out.numel() * w.shape[0]})
    assert (result.macs, result.cross_check.verified) == (2 * 16 * 64, True)
    assert result.ledger.operations[-1].function == "reportgen_test_operations.hidden"
    raises = count(model, formulas={name: lambda x, w, out: 1 // 0})
    assert raises.cross_check.doubts == ("reportgen_test_operations.hidden in the model itself",)


def test_functions_of_ones_own_are_seen_through() -> None:
    class Product(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor, w: Tensor) -> Tensor:
            return x @ w

    for call in (
        lambda: Product.apply(ROWS, WEIGHT),
        lambda: torch.cond(torch.tensor(True), lambda x: x @ WEIGHT, lambda x: x + 1, (ROWS,)),
        lambda: torch.utils.checkpoint.checkpoint(
            lambda x: F.linear(x, WEIGHT), ROWS, use_reentrant=False
        ),
    ):
        result = counted(call)
        assert (result.macs, result.cross_check.verified) == (2 * 16 * 64, True)


def in_pool(call: Callable[[], object]) -> None:
    with ThreadPoolExecutor(1) as pool:
        pool.submit(call).result()


def in_thread(call: Callable[[], object]) -> None:
    thread = threading.Thread(target=call)
    thread.start()
    thread.join()


def in_thread_pool(call: Callable[[], object]) -> None:
    with ThreadPool(1) as pool:
        pool.map(lambda _: call(), [0])


@pytest.mark.parametrize("elsewhere", [in_pool, in_thread, in_thread_pool])
def test_products_in_another_thread_are_never_verified(
    elsewhere: Callable[[Callable[[], object]], None],
) -> None:
    def twice() -> None:
        for _ in range(2):
            torch.mm(WEIGHT, WEIGHT)

    check = counted(lambda: elsewhere(twice)).cross_check
    assert check.doubts == ("aten.mm (in another thread) ×2 in the model itself",)
    harmless = counted(lambda: elsewhere(lambda: ROWS.relu()))
    assert harmless.cross_check.verified


def test_a_module_that_runs_in_a_thread_from_before_is_watched() -> None:
    class Handed(nn.Module):
        """Gives its layers to a thread that was there before."""

        def __init__(self, layer: nn.Module) -> None:
            super().__init__()
            self.layer = layer
            self.given: queue.Queue[Tensor | None] = queue.Queue()
            self.answers: queue.Queue[Tensor] = queue.Queue()
            self.thread = threading.Thread(target=self.work)
            self.thread.start()

        def work(self) -> None:
            while (given := self.given.get()) is not None:
                self.answers.put(self.layer(given).detach())

        def forward(self, x: Tensor) -> Tensor:
            self.given.put(x)
            return self.answers.get()

    verdicts = []
    for layer in (nn.Linear(8, 8), nn.ReLU()):
        model = Handed(layer)
        verdicts.append(count(model, [ROWS]).cross_check.doubts)
        model.given.put(None)
        model.thread.join()
    assert verdicts == [("aten.addmm (in another thread) in the model itself",), ()]


def forks(x: Tensor, w: Tensor) -> Tensor:
    return torch.jit.wait(torch.jit.fork(torch.matmul, x, w))


@pytest.mark.filterwarnings("ignore:.*torch.jit")
def test_a_scripted_function_that_forks_is_not_verified() -> None:
    before = torch.jit.ScriptFunction.__call__
    scripted = torch.jit.script(forks)
    assert counted(lambda: scripted(ROWS, WEIGHT)).cross_check.doubts == (
        "prim::fork in the model itself",
    )
    assert torch.jit.ScriptFunction.__call__ is before


class Adapted(Tensor):
    """A weight that is the sum of a matrix and the product of two, whenever it is used."""

    parts: tuple[Tensor, Tensor, Tensor]

    @staticmethod
    def __new__(cls, *parts: Tensor) -> Adapted:
        made = Tensor._make_wrapper_subclass(cls, parts[0].shape, dtype=parts[0].dtype)
        made.parts = parts
        return made

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        def plain(value: Any) -> Any:
            if not isinstance(value, Adapted):
                return value
            base, down, up = value.parts
            return base + down @ up

        return func(*map(plain, args), **(kwargs or {}))


def test_what_a_tensor_of_its_own_kind_makes_of_an_operation_is_counted() -> None:
    weight = Adapted(WEIGHT, WEIGHT[:, :2], WEIGHT[:2])
    result = counted(lambda: weight + 1)
    assert (result.macs, result.cross_check.verified) == (8 * 2 * 8, True)


def test_a_pool_that_was_there_before_is_watched_too_and_left_alone() -> None:
    with ThreadPoolExecutor(1) as pool:
        pool.submit(int).result()
        before = ThreadPoolExecutor.submit, threading.Thread.start, dict(vars(ThreadPool))
        result = counted(lambda: pool.submit(torch.mm, WEIGHT, WEIGHT).result())
        assert not result.cross_check.verified
        assert (ThreadPoolExecutor.submit, threading.Thread.start, dict(vars(ThreadPool))) == before
        assert pool.submit(torch._C._len_torch_dispatch_stack).result() == 0


def test_operations_are_named_once() -> None:
    assert named([("aten.mm", "a.0", 2), ("aten.mm", "a.1", 1), ("x.y", "", 1)]) == (
        "aten.mm ×3 in a.0 and 1 other module",
        "x.y in the model itself",
    )
    assert named([("aten.mm", f"a.{i}", 1) for i in range(4)]) == (
        "aten.mm in a.0 and 3 other modules",
    )
