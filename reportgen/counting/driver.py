"""Drives DeepSpeed's flops profiler through one forward pass, and leaves no trace of it.

Unaided, the profiler counts nested calls twice, misses products (einsum, recurrent layers), keeps
PyTorch patched when a forward raises, and is confused by other threads. Here it keeps its hooks
(on the model as a whole) and its list of functions to patch, but each function is wrapped by
``_Wrapper`` below, and everything it changed is put back by ``profiled``, whatever happens.
"""

from __future__ import annotations

import importlib
import inspect
import os
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache, update_wrapper, wraps
from types import GeneratorType, MethodType, ModuleType
from typing import Any

import torch
from torch import nn
from torch.nn import functional
from torch.overrides import get_testing_overrides

from reportgen.counting.crosscheck import EveryOperation, SecondCounter
from reportgen.counting.failures import CountingError
from reportgen.counting.formulas import FORMULAS, KINDS, Work
from reportgen.counting.kernels import Kernels
from reportgen.counting.other_threads import watch
from reportgen.counting.recorder import Recorder, elements, first_tensor
from reportgen.counting.scripts import unseen
from reportgen.counting.shortcuts import shortcut
from reportgen.record.ledger import Kind

_RECURRENT = tuple(
    f"{name}{suffix}"
    for name in ("rnn_tanh", "rnn_relu", "lstm", "gru")
    for suffix in ("", "_cell")
)
_MISSING = object()
_LOCK = threading.Lock()
_counting_thread: int | None = None


@cache
def deepspeed_profiler() -> Any:
    """DeepSpeed's profiler module, imported on first use, with nothing said on stdout.

    DeepSpeed looks for an accelerator when it is imported, and prints a warning if it finds none;
    counting needs none.
    """
    ours = os.environ.get("DS_ACCELERATOR") is None
    if ours:
        os.environ["DS_ACCELERATOR"] = "cpu"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return importlib.import_module("deepspeed.profiling.flops_profiler.profiler")
    finally:
        if ours:
            del os.environ["DS_ACCELERATOR"]


def counter_name() -> str:
    """``"deepspeed 0.19.8"``."""
    deepspeed_profiler()
    return f"deepspeed {importlib.import_module('deepspeed').__version__}"


class _Wrapper:
    """Stands in for one function while a model is profiled.

    DeepSpeed gets its entry (name, FLOPs or MACs) on its stacks, the recorder its row. A call made
    inside another counted function, inside PyTorch's implementation of an operation, or by another
    thread goes straight through.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        deepspeed_formula: Callable[..., tuple[int, int]],
        profiler: Any,
        recorder: Recorder,
        second: SecondCounter,
    ) -> None:
        self._function = function
        self._deepspeed_formula = deepspeed_formula
        self._profiler = profiler
        self._recorder = recorder
        self._second = second
        self._name = function.__name__
        update_wrapper(self, function)

    def __get__(self, tensor: Any, owner: Any = None) -> Any:
        """Be a method where a method was replaced, as ``torch.Tensor.matmul``."""
        return self if tensor is None else MethodType(self, tensor)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        recorder, second = self._recorder, self._second
        if not recorder.listening:
            return self._function(*args, **kwargs)
        if torch._C._functorch.peek_interpreter_stack() is not None:
            return self._function(*args, **kwargs)  # in vmap, whose shapes hide a dimension
        given = first_tensor((args, kwargs))
        before = second.mark
        with recorder.inside:
            out = shortcut(self._name, self._function, args, kwargs)
            if out is None:
                out = self._function(*args, **kwargs)
        seen = self._seen(out, args, kwargs)
        work, missed = second.settle(self._name, seen, before)
        recorder.add(self._name, work, elements(given), elements(first_tensor(out)), missed)
        if seen is not None and self._profiler.module_flop_count:
            recorder.drive(seen)
            self._profiler.module_flop_count[-1].append((self._name, seen.flops))
            self._profiler.module_mac_count[-1].append((self._name, seen.macs))
        return out

    def _seen(self, out: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Work | None:
        """The work of a call by its formula; None where that fails, which costs the call no more.

        Formulas see shapes, and somebody's tensors may have other ideas of them.
        """
        try:
            return self._work(out, args, kwargs)
        except Exception as error:
            self._recorder.note(
                f"The formula for {self._name} cannot read a call of it "
                f"({type(error).__name__}): what it did besides products is not among the FLOPs."
            )
            return None

    def _work(self, out: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Work:
        if formula := FORMULAS.get(self._name):
            return formula(out, *args, **kwargs)
        try:
            flops, macs = self._deepspeed_formula(*args, **kwargs)
        except Exception:  # its formulas call some arguments by other names
            flops, macs = self._deepspeed_formula(*positional(self._function, args, kwargs))
        return Work(KINDS.get(self._name, Kind.OTHER), int(macs), int(flops))


def positional(
    function: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> tuple[Any, ...]:
    """The arguments of a call in the order of the function's own signature, as far as given.

    Functions of C++ have no signature of their own; PyTorch keeps one of each for its tests.

    Raises:
        TypeError, ValueError: there is no signature, or it does not fit.
    """
    signature = inspect.signature(get_testing_overrides().get(function, function))
    bound = signature.bind(*args, **kwargs)
    last = max(list(signature.parameters).index(name) for name in bound.arguments)
    bound.apply_defaults()
    return bound.args[: last + 1]


def _in_parts(function: Callable[..., Any]) -> Callable[..., Any]:
    """A recurrent layer as the products it is made of.

    On the CPU oneDNN makes an LSTM one operation, in which the second counter sees nothing.
    """

    @wraps(function)
    def run(*args: Any, **kwargs: Any) -> Any:
        enabled = torch._C._get_mkldnn_enabled()
        torch._C._set_mkldnn_enabled(False)
        try:
            return function(*args, **kwargs)
        finally:
            torch._C._set_mkldnn_enabled(enabled)

    return run


class _Whole(nn.Module):
    """Stands around a model while it is counted: DeepSpeed's hooks and totals go here.

    The model itself is not touched, so that it may be of any kind: scripted, traced, exported.
    """

    def __init__(self, model: Callable[..., Any]) -> None:
        super().__init__()
        self._models = (model,)  # no submodule: what DeepSpeed follows ends here

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        output = self._models[0](*args, **kwargs)
        # A forward with `yield` runs when its output is read.
        return list(output) if isinstance(output, GeneratorType) else output


@dataclass(frozen=True)
class Pass:
    """What follows one pass: call ``run`` instead of the model."""

    run: Callable[..., Any]
    recorder: Recorder
    second: SecondCounter
    deepspeed: Any
    """DeepSpeed's own profiler, with its totals."""


@contextmanager
def profiled(model: nn.Module, kernels: Kernels) -> Iterator[Pass]:
    """Count what ``model`` does in the body of the ``with``.

    Args:
        model: the model.
        kernels: runs its operations.

    Raises:
        CountingError: this thread is counting already, or PyTorch is patched by somebody else.
    """
    global _counting_thread
    if _counting_thread == threading.get_ident():
        raise CountingError(
            "a model is being counted in this thread already; count the inner model first"
        )
    with _LOCK:
        _counting_thread = threading.get_ident()
        try:
            with ExitStack() as undo:
                yield _start(model, kernels, undo)
        finally:
            _counting_thread = None


def _start(model: nn.Module, kernels: Kernels, undo: ExitStack) -> Pass:
    profiler = deepspeed_profiler()
    einops = importlib.import_module("einops")
    # Kernels on meta import it on first use, and it keeps the functions that it then finds.
    importlib.import_module("torch._dynamo")
    get_testing_overrides()  # kept by function, so it must be made before any is replaced
    owners = (functional, torch, torch.Tensor, einops, torch._VF)
    _refuse_if_patched(profiler, einops)

    recorder = Recorder(model)
    undo.callback(recorder.finish)
    second = SecondCounter(recorder)
    for index, module in recorder.scripted:
        for operation in unseen(module):
            second.miss(operation, index)

    # Fused attention would hide a transformer's products from both counters.
    undo.callback(
        torch.backends.mha.set_fastpath_enabled, torch.backends.mha.get_fastpath_enabled()
    )
    torch.backends.mha.set_fastpath_enabled(False)
    # What is compiled runs as it was written.
    undo.enter_context(torch.compiler.set_stance("force_eager"))

    before = {owner: dict(vars(owner)) for owner in owners}
    undo.callback(_restore_functions, before)

    def wrap(function: Any, formula: Any = None) -> Any:
        if function in (torch.einsum, einops.einsum):
            return function  # both end in torch._VF.einsum, which sees one notation only
        return _Wrapper(function, formula, profiler, recorder, second)

    undo.callback(setattr, profiler, "wrapFunc", profiler.wrapFunc)
    profiler.wrapFunc = wrap
    # Recurrent layers are counted where they call torch._VF, so DeepSpeed treats them like others.
    undo.callback(profiler.MODULE_HOOK_MAPPING.update, dict(profiler.MODULE_HOOK_MAPPING))
    profiler.MODULE_HOOK_MAPPING.clear()
    for name in ("einsum", *_RECURRENT):
        function = getattr(torch._VF, name)
        setattr(torch._VF, name, wrap(_in_parts(function) if name in _RECURRENT else function))

    recorder.follow(watch(recorder, second, undo), undo)
    _watch_scripts(second, undo)
    whole = _Whole(model)
    flops_profiler = profiler.FlopsProfiler(whole)
    undo.callback(_end, profiler)
    flops_profiler.start_profile()
    undo.enter_context(EveryOperation(second, recorder, kernels))
    return Pass(whole, recorder, second, flops_profiler)


def _watch_scripts(second: SecondCounter, undo: ExitStack) -> None:
    """Look into scripted functions as they are called: no module holds them."""
    script = torch.jit.ScriptFunction
    call = script.__call__

    def noted(function: Any, *args: Any, **kwargs: Any) -> Any:
        for operation in unseen(function):
            second.miss(operation)
        return call(function, *args, **kwargs)

    undo.callback(setattr, script, "__call__", call)
    setattr(script, "__call__", noted)  # noqa: B010 - a method may not be assigned


def _end(profiler: Any) -> None:
    """Empty DeepSpeed's tables; the functions are put back elsewhere."""
    profiler.module_flop_count.clear()
    profiler.module_mac_count.clear()
    profiler.old_functions.clear()


def _restore_functions(before: dict[Any, dict[str, Any]]) -> None:
    for owner, attributes in before.items():
        for name, value in list(vars(owner).items()):
            original = attributes.get(name, _MISSING)
            if type(value) is not _Wrapper:
                continue
            if original is _MISSING:
                delattr(owner, name)  # it was inherited
            else:
                setattr(owner, name, original)


def _refuse_if_patched(profiler: Any, einops: ModuleType) -> None:
    """Another profiler's wrappers would count ours, and restoring ours would keep theirs."""
    for owner, names in (
        (functional, [name for name in (*FORMULAS, *KINDS) if hasattr(functional, name)]),
        (torch, ["matmul", "mm", "bmm", "addmm", "baddbmm", "mul", "add", "einsum"]),
        (torch.Tensor, ["matmul", "__matmul__", "mm", "bmm", "addmm", "mul", "add"]),
        (torch._VF, ["einsum", *_RECURRENT]),
        (einops, ["einsum"]),
    ):
        for name in names:
            home = getattr(getattr(owner, name), "__globals__", {}).get("__name__", "torch")
            if home.partition(".")[0] not in ("torch", "einops"):
                raise CountingError(
                    f"{owner.__name__}.{name} is patched by {home}: "
                    "another profiler is running, or has not cleaned up; "
                    "end it, or count in a fresh process"
                )
    if profiler.module_flop_count:
        raise CountingError(
            "DeepSpeed's flops profiler is running; end it, or count in a fresh process"
        )
