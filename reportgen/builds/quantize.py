"""int8 inference on the CPU: the only file that knows PyTorch's quantisation API.

`torch.ao.quantization` is deprecated, and torch 2.15 still has all of it. Its successor, torchao's
pt2e flow, leaves the int8 kernels to `torch.compile`, and so to a C++ compiler on the user's
machine. With torch 2.15 and torchao 0.18, eight 128-channel 3×3 convolutions on two AVX2 cores take
490 ms in float, 750 ms converted by pt2e, 340 to 430 ms compiled, and 230 ms in FX graph mode; pt2e
also fails on torchvision's ResNet-18. When PyTorch removes FX graph mode, only this file changes.

`int8-static` has int8 weights (per channel if the engine can), uint8 activations with ranges from
calibration batches, and one kernel for convolution, norm and activation. Operations without an int8
kernel run in float. `int8-dynamic` has int8 linear and recurrent layers only.
"""

from __future__ import annotations

import copy
import fnmatch
import importlib
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, fx, nn

from reportgen.builds import heads
from reportgen.common.errors import MeasureError, did_you_mean

STATIC, DYNAMIC = SCHEMES = ("int8-static", "int8-dynamic")

# Best first. `x86` is oneDNN on CPUs with VNNI, else fbgemm; its default observers use 7 bits for
# activations, so that fbgemm's 16-bit sums cannot overflow without VNNI. ARM builds have qnnpack.
_ENGINES = ("x86", "fbgemm", "qnnpack", "onednn")

_DYNAMIC_LAYERS = {nn.Linear, nn.LSTM, nn.GRU, nn.LSTMCell, nn.GRUCell, nn.RNNCell}
_BATCH_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
_MIXED_RANGES = "All inputs of this cat operator must share the same quantization parameters"
_APART = "reportgen_apart"  # the name of an identity while a module is being converted


class QuantizeError(MeasureError):
    """A module cannot be had in int8."""


@dataclass(frozen=True)
class Quantized:
    """What of a module runs in int8, and on what.

    `engine` is PyTorch's name for the kernels, `int8_layers` the number of packed weights (two for
    each direction of each recurrent layer), `float_layers` the paths of modules that stay in float.
    """

    engine: str
    dtype: str
    int8_layers: int
    float_layers: tuple[str, ...]


def quantize(
    module: nn.Module,
    *,
    scheme: str,
    example: Tensor | Mapping[str, Any],
    calibration: Iterable[Tensor] | None = None,
    unfused: Sequence[str] = (),
) -> nn.Module:
    """Return `module` in int8: a new module in eval mode with float tensors in and out.

    `module` must be on the CPU and is not changed. `example` is an input, or, for `int8-dynamic`,
    several by name; the result has been run on it. `calibration` gives batches of such inputs,
    which only `int8-static` reads. Batch norms whose paths match a glob pattern in `unfused` are
    not folded into their convolutions: they run as int8 batch norms.

    Raises QuantizeError if the scheme is unknown or lacks its calibration, a pattern matches
    nothing, `torch.fx` cannot trace the module, no layer has an int8 kernel, or the result does not
    run.
    """
    name = type(module).__name__
    if scheme not in SCHEMES:
        raise QuantizeError(
            f"Unknown quantisation scheme '{scheme}'.", did_you_mean(scheme, SCHEMES)
        )
    _require_torch_ao()
    with torch.no_grad(), _quiet(), _engine(choose_engine()):
        if scheme == STATIC:
            converted = _static(module, name, example, calibration, unfused)
        else:
            converted = _dynamic(module, name, unfused)
        if next(_packed(converted), None) is None:
            raise QuantizeError(
                f"No layer of {name} could be quantised: it has none with an {scheme} kernel.",
                f"{STATIC} has them for convolutions and linear layers, {DYNAMIC} for linear and "
                "recurrent layers.",
            )
        converted.eval()  # what conversion adds is in training mode
        _check_run(converted, name, scheme, example)
    return converted


def packed_parameters(module: nn.Module) -> int:
    """Count the parameters of a quantised module, each once, packed or not.

    Scales and zero points do not count. (qnnpack packs a bias of zeros for a convolution that has
    none: these zeros count.)
    """
    return sum(tensor.numel() for tensor in _parameters(module))


def describe(module: nn.Module) -> Quantized:
    """Say what of a quantised module runs in int8 and on which kernels."""
    return Quantized(
        engine=choose_engine(),
        dtype="int8",
        int8_layers=sum(1 for _ in _packed(module)),
        float_layers=tuple(
            path or "(root)"
            for path, part in module.named_modules()
            # torch.ao.nn holds the int8 batch norms, whose affine parameters are ordinary ones.
            if part._parameters and not type(part).__module__.startswith("torch.ao.nn.")
            if any(parameter is not None for parameter in part._parameters.values())
        ),
    )


def choose_engine(supported: Sequence[str] | None = None) -> str:
    """Return the best engine that PyTorch supports on this machine; raise QuantizeError if none."""
    if supported is None:
        supported = torch.backends.quantized.supported_engines
    if engine := next((engine for engine in _ENGINES if engine in supported), ""):
        return engine
    raise QuantizeError(
        "This build of PyTorch has no int8 kernels.",
        f"Install one that supports one of the engines {', '.join(_ENGINES)}.",
    )


def _static(
    module: nn.Module,
    name: str,
    example: Tensor | Mapping[str, Any],
    calibration: Iterable[Tensor] | None,
    unfused: Sequence[str],
) -> nn.Module:
    from torch.ao.quantization import get_default_qconfig_mapping
    from torch.ao.quantization.quantize_fx import convert_fx, prepare_fx

    if calibration is None:
        raise QuantizeError(
            f"{STATIC} needs calibration images: it takes the ranges of the activations from them.",
            f"Write 'calibrate: {{split: train, samples: 512}}', or use {DYNAMIC}.",
        )
    module = copy.deepcopy(module).eval()
    apart = _matching_norms(module, name, unfused)
    try:
        traced, headed = heads.trace(module)
    except Exception as error:  # tracing runs the model's own code, which may raise anything
        raise QuantizeError(
            f"{name} cannot be quantised with {STATIC}: torch.fx cannot trace its forward.",
            "Write it without branches and loops that depend on tensors, or use "
            f"{DYNAMIC}, which traces nothing.",
        ) from error
    _set_apart(traced, apart)
    mapping = get_default_qconfig_mapping(choose_engine())
    with _conversion(name, STATIC):
        observed = prepare_fx(traced, mapping, (example,))
    if not sum(1 for _ in map(observed, calibration)):
        raise QuantizeError(f"The calibration of {name} gave no batch.", "Check its samples.")
    with _conversion(name, STATIC):
        converted: fx.GraphModule = convert_fx(observed)
    if headed:
        heads.keep_own_output(converted)
    _rejoin(converted)
    return converted


def _dynamic(module: nn.Module, name: str, unfused: Sequence[str]) -> nn.Module:
    from torch.ao.quantization import quantize_dynamic

    if unfused:
        raise QuantizeError(
            f"{DYNAMIC} fuses nothing, so that 'unfused' of {name} has no effect.",
            f"Leave it out, or use {STATIC}.",
        )
    module = copy.deepcopy(module).eval()
    with _conversion(name, DYNAMIC):
        converted: nn.Module = quantize_dynamic(  # type: ignore[no-untyped-call]
            module, _DYNAMIC_LAYERS, dtype=torch.qint8, inplace=True
        )
    return converted


def _check_run(
    module: nn.Module, name: str, scheme: str, example: Tensor | Mapping[str, Any]
) -> None:
    """Run the converted module twice: the first run uses up PyTorch's once-only warnings."""
    before = torch.is_warn_always_enabled()
    args, named = ((example,), {}) if isinstance(example, Tensor) else ((), example)
    with _conversion(name, scheme), warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        module(*args, **named)
        said.clear()
        torch.set_warn_always(True)
        try:
            module(*args, **named)
        finally:
            torch.set_warn_always(before)
    # PyTorch then cuts all of them to the range of the first, and warns of it once in a process.
    if any(str(warning.message).startswith(_MIXED_RANGES) for warning in said):
        raise QuantizeError(
            f"{name} would compute wrong figures by {scheme}: it concatenates tensors of different "
            "ranges.",
            f"Use {DYNAMIC}, or leave out 'quantize' for this model.",
        )


def _matching_norms(module: nn.Module, name: str, patterns: Sequence[str]) -> set[str]:
    norms = [path for path, part in module.named_modules() if isinstance(part, _BATCH_NORMS)]
    matched: set[str] = set()
    for pattern in patterns:
        paths = fnmatch.filter(norms, pattern)
        if not paths:
            raise QuantizeError(
                f"No batch norm of {name} has a path like '{pattern}'.",
                did_you_mean(pattern, norms) or f"One that it has is '{norms[-1]}'.",
            )
        matched.update(paths)
    return matched


def _set_apart(module: fx.GraphModule, paths: set[str]) -> None:
    """Put an identity before these batch norms: FX fuses only modules that are neighbours."""
    module.add_submodule(_APART, nn.Identity())
    for node in list(module.graph.nodes):
        if node.op == "call_module" and node.target in paths:
            (source,) = node.all_input_nodes
            with module.graph.inserting_before(node):
                node.replace_input_with(source, module.graph.call_module(_APART, (source,)))
    module.recompile()


def _rejoin(module: fx.GraphModule) -> None:
    """Remove the identities of `_set_apart`."""
    for node in list(module.graph.nodes):
        if node.op == "call_module" and node.target == _APART:
            node.replace_all_uses_with(node.args[0])
            module.graph.erase_node(node)
    module.delete_submodule(_APART)
    module.recompile()


def _packed(module: nn.Module) -> Iterator[tuple[Tensor, Tensor | None]]:
    """Yield weight and bias of everything that was packed for an int8 kernel."""
    for part in module.modules():
        for value in vars(part).values():
            if isinstance(value, torch.ScriptObject):
                yield from _unpack(value)


def _unpack(value: Any) -> Iterator[tuple[Tensor, Tensor | None]]:
    """Yield the weights and biases in a packed object; a recurrent layer's is nested."""
    if isinstance(value, torch.ScriptObject):
        if hasattr(value, "unpack"):
            yield value.unpack()
        else:
            yield from _unpack(value.__getstate__())  # type: ignore[attr-defined]
    elif isinstance(value, tuple | list):
        for item in value:
            yield from _unpack(item)


def _parameters(module: nn.Module) -> Iterator[Tensor]:
    yield from module.parameters()
    for weight, bias in _packed(module):
        yield weight
        if bias is not None:
            yield bias


def _require_torch_ao() -> None:
    try:
        importlib.import_module("torch.ao.quantization.quantize_fx")
    except ImportError as error:
        raise QuantizeError(
            f"torch {torch.__version__} no longer has torch.ao.quantization, which int8 needs.",
            "Install torch 2.15, or leave out 'quantize'.",
        ) from error


@contextmanager
def _conversion(name: str, scheme: str) -> Iterator[None]:
    """Turn what PyTorch raises when it cannot convert or run a module into our error."""
    try:
        yield
    except Exception as error:  # a missing kernel raises something else for each operation
        raise QuantizeError(
            f"PyTorch cannot convert {name} by {scheme}, or not run what comes of it.",
            "Something in it has no int8 form, or reads a layer's weights from outside the layer. "
            "Leave out 'quantize' for this model.",
        ) from error


@contextmanager
def _engine(name: str) -> Iterator[None]:
    before = torch.backends.quantized.engine
    torch.backends.quantized.engine = name
    try:
        yield
    finally:
        torch.backends.quantized.engine = before


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence PyTorch's warnings about its own API, and no others."""
    with warnings.catch_warnings():
        for message in (
            r"torch\.ao\.quantization is deprecated",
            r"Please use quant_min and quant_max to specify the range for observers",
            r"Currently, qnnpack incorrectly ignores reduce_range",
            r"torch\.quantize_per_tensor, torch\.quantize_per_channel and other quantized tensor",
        ):
            warnings.filterwarnings("ignore", message=message)
        yield
