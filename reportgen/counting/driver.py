"""Drives DeepSpeed's flops profiler through one forward pass, and leaves no trace of it.

Unaided, the profiler counts nested calls twice, misses products (einsum, recurrent layers), keeps
PyTorch patched when a forward raises, and is confused by other threads. Here it keeps its hooks
(on the model as a whole) and its list of functions to patch, but each function is wrapped by
``_Wrapper`` below, and everything it changed is put back by ``profiled``, whatever happens.
"""

from __future__ import annotations

import importlib
import os
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cache, partial, update_wrapper, wraps
from types import MethodType, ModuleType
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from reportgen.counting.crosscheck import SecondCounter
from reportgen.counting.errors import CountingError
from reportgen.counting.formulas import FORMULAS, KINDS, Work
from reportgen.counting.recorder import Recorder, first_tensor
from reportgen.counting.shortcuts import shortcut
from reportgen.ledger import Kind

_RECURRENT = tuple(
    f"{name}{suffix}"
    for name in ("rnn_tanh", "rnn_relu", "lstm", "gru")
    for suffix in ("", "_cell")
)
_TOTALS = ("__flops__", "__macs__", "__duration__", "__start_time__")
_HOOKS = tuple(
    f"__{hook}_handle__" for hook in ("pre_hook", "post_hook", "start_time_hook", "end_time_hook")
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
        before = second.seen
        with recorder.inside:
            out = shortcut(self._name, self._function, args, kwargs)
            if out is None:
                out = self._function(*args, **kwargs)
        work = self._work(out, args, kwargs)
        second.compare(self._name, work.macs, second.seen - before)
        given, returned = first_tensor((args, kwargs)), first_tensor(out)
        recorder.add(
            self._name,
            work,
            0 if given is None else given.numel(),
            0 if returned is None else returned.numel(),
        )
        if self._profiler.module_flop_count:
            self._profiler.module_flop_count[-1].append((self._name, work.flops))
            self._profiler.module_mac_count[-1].append((self._name, work.macs))
        return out

    def _work(self, out: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Work:
        if formula := FORMULAS.get(self._name):
            return formula(out, *args, **kwargs)
        flops, macs = self._deepspeed_formula(*args, **kwargs)
        return Work(KINDS.get(self._name, Kind.OTHER), macs, flops)


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


@contextmanager
def profiled(model: nn.Module) -> Iterator[tuple[Recorder, SecondCounter, Any]]:
    """Count what ``model`` does in the body of the ``with``.

    Yields:
        The recorder, the second counter, and DeepSpeed's own profiler with its totals.

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
                yield _start(model, undo)
        finally:
            _counting_thread = None


def _start(model: nn.Module, undo: ExitStack) -> tuple[Recorder, SecondCounter, Any]:
    profiler = deepspeed_profiler()
    einops = importlib.import_module("einops")
    # Kernels on meta import it on first use, and it keeps the functions that it then finds.
    importlib.import_module("torch._dynamo")
    owners = (functional, torch, torch.Tensor, einops, torch._VF)
    _refuse_if_patched(profiler, einops)

    recorder = Recorder(model)
    undo.callback(recorder.finish)
    second = SecondCounter(recorder)

    # Fused attention would hide a transformer's products from both counters.
    undo.callback(
        torch.backends.mha.set_fastpath_enabled, torch.backends.mha.get_fastpath_enabled()
    )
    torch.backends.mha.set_fastpath_enabled(False)

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

    recorder.follow(undo)
    flops_profiler = profiler.FlopsProfiler(model)
    # Its own also adds up the parameters of every module, which takes longer than a forward pass.
    flops_profiler.reset_profile = partial(_mark, recorder.modules)
    undo.callback(_end, recorder.modules, profiler)
    # The recorder knows which module runs, so DeepSpeed need follow the model as a whole only.
    flops_profiler.start_profile({type(module) for module in recorder.modules} - {type(model)})
    # What the model's own hooks do is counted, too.
    hooks: Any = model._forward_pre_hooks
    hooks.move_to_end(vars(model)["__pre_hook_handle__"].id, last=False)
    undo.enter_context(second)
    return recorder, second, flops_profiler


def _mark(modules: Iterable[nn.Module]) -> None:
    """Give modules the totals of DeepSpeed's hooks, past the slow ``Module.__setattr__``."""
    for module in modules:
        vars(module).update(dict.fromkeys(_TOTALS, 0))


def _end(modules: Iterable[nn.Module], profiler: Any) -> None:
    """Take DeepSpeed's hooks and totals off the model; the functions are put back elsewhere."""
    for module in modules:
        for name in _HOOKS:
            if handle := vars(module).pop(name, None):
                handle.remove()
        for name in _TOTALS:
            vars(module).pop(name, None)
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
