"""Counting torchvision's classification models, building included, each tool once for each model.
Images are of 224 × 224 (Inception-V3: 299), models of up to 40 GMACs; `--quick` takes a dozen.

The bare forward builds the model on `meta` and runs it once; it counts nothing.
"""

from __future__ import annotations

import contextlib
import gc
import io
import time
import warnings
from collections.abc import Callable, Iterator

import torch
import torchvision
from harness import Options, Row, duration
from torch import nn

from reportgen.counting import build_on_meta, count
from reportgen.sources.torchvision import NAMES

QUICK = """
    alexnet densenet121 efficientnet_b0 googlenet mnasnet1_0 mobilenet_v3_small regnet_y_400mf
    resnet18 resnet50 shufflenet_v2_x1_0 squeezenet1_1 swin_t vit_b_32
""".split()  # noqa: SIM905
LARGEST = 40_000_000_000  # MACs; the peers take minutes for what is larger


def bench(options: Options) -> Iterator[Row]:
    """Let all tools count one model after the other."""
    names = QUICK if options.quick else [name for name in NAMES.split() if _macs(name) <= LARGEST]
    tools = _tools()
    taken: dict[str, dict[str, float]] = {tool: {} for tool in tools}
    for name in ["squeezenet1_1", *names]:  # the first time imports, and is not kept
        for tool, action in tools.items():
            start = time.perf_counter()
            with (
                contextlib.redirect_stdout(io.StringIO()),
                warnings.catch_warnings(),
                contextlib.suppress(Exception),
            ):
                warnings.simplefilter("ignore")
                action(name)
                taken[tool][name] = time.perf_counter() - start
            gc.collect()  # some leave cycles, which hold a whole model
    for tool, bar in (
        ("bare forward on meta", "≥ 0.5"),
        ("calflops on the CPU", "≥ 5"),
        ("thop on the CPU", "≥ 5"),
        ("calflops on meta", "≥ 1"),
        ("thop on meta", "≥ 1"),
    ):
        if tool in tools:
            able = [name for name in names if name in taken[tool]]
            ours, other = (sum(taken[each][name] for name in able) for each in ("reportgen", tool))
            yield Row(
                f"the {len(able)} of {len(names)} models that it can count; other: {tool}",
                duration(ours),
                duration(other),
                f"{other / ours:.3g}",
                # On the CPU it is the large models that take long, and they are not among the few.
                "" if options.quick and "CPU" in tool else bar,
            )


def _tools() -> dict[str, Callable[[str], object]]:
    """Return what counts a model by its name; of the peers those that are installed."""
    tools: dict[str, Callable[[str], object]] = {
        "reportgen": lambda name: count(build_on_meta(_factory(name)), [_image(name, "meta")]),
        "bare forward on meta": _bare,
    }
    with contextlib.suppress(ImportError):
        from calflops import calculate_flops

        def calflops(name: str, device: str) -> object:
            return calculate_flops(
                _model(name, device), args=[_image(name, device)], print_results=False
            )

        tools["calflops on the CPU"] = lambda name: calflops(name, "cpu")
        tools["calflops on meta"] = lambda name: calflops(name, "meta")
    with contextlib.suppress(ImportError):
        from thop import profile

        def thop(name: str, device: str) -> object:
            return profile(_model(name, device), (_image(name, device),), verbose=False)

        tools["thop on the CPU"] = lambda name: thop(name, "cpu")
        tools["thop on meta"] = lambda name: thop(name, "meta")
    return tools


def _bare(name: str) -> object:
    with torch.no_grad():
        return _model(name, "meta")(_image(name, "meta"))


def _model(name: str, device: str) -> nn.Module:
    with torch.device(device):
        return _factory(name)().eval()


def _factory(name: str) -> Callable[[], nn.Module]:
    factory: Callable[[], nn.Module] = getattr(torchvision.models, name)
    return factory


def _image(name: str, device: str) -> torch.Tensor:
    size = 299 if name == "inception_v3" else 224
    return torch.zeros(1, 3, size, size, device=device)


def _macs(name: str) -> int:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return count(build_on_meta(_factory(name)), [_image(name, "meta")]).macs
