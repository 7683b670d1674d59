"""Count one build's parameters and operations."""

from __future__ import annotations

from torch import nn

from reportgen import counting
from reportgen.builds.construct import factory, in_int8
from reportgen.builds.dtype import unusual_dtypes
from reportgen.builds.examples import example
from reportgen.builds.quantize import Quantized, describe, packed_parameters
from reportgen.counting import readings
from reportgen.data.source import Search
from reportgen.engine.results import Counted
from reportgen.plan import Build
from reportgen.quantities import split_convention
from reportgen.record import Figure
from reportgen.spec.model import Complexity


def count(build: Build, settings: Complexity, search: Search) -> Counted:
    """Count a build: its float model, and of an int8 build the packed parameters besides.

    Raises MeasureError, or whatever the model's own code raises.
    """
    made = factory(build, search.spec_dir)
    dtypes: list[str] = []

    def make() -> nn.Module:
        module = made()
        dtypes.append(unusual_dtypes(module))
        return module

    args, kwargs = example(build, build.batch_size or settings.batch_size)
    result = counting.count_anywhere(make, args, kwargs)
    params, facts = result.params, {"dtype": dtypes[-1]}
    if build.quantize is not None:
        # The products are the same in int8; the parameters are the packed ones.
        module = in_int8(build, make().eval())
        params, facts = packed_parameters(module), {"int8": _kernels(describe(module)), "dtype": ""}
    by, check = result.counter, result.cross_check
    note = " ".join(result.notes)
    factor = 1 + settings.backward_factor

    def derived(value: float, convention: str) -> Figure:
        exact = int(value) if value == int(value) else value
        return Figure("derived", exact, by=by, convention=convention)

    def read(key: str) -> Figure:
        """Read the ledger of the one pass by the convention of a column."""
        convention = readings.reading(key)
        return Figure(
            "measured", convention.total(result.ledger), by=by, convention=convention.name
        )

    figures = {
        "params": Figure(
            "measured", params, by=by, convention="packed" if build.quantize else "all"
        ),
        "trainable_params": read("trainable_params"),
        "macs": Figure(
            "measured",
            result.macs,
            by=by,
            convention="macs",
            check=None if check.verified else check.macs,
            checked_by=f"FlopCounterMode of torch {check.version}",
            note=note,
        ),
        "flops": read("flops"),
        "activations": read("activations"),
        "macs_fwd_bwd": derived(result.macs * factor, "macs"),
        "flops_fwd_bwd": derived(result.flops * factor, "flops"),
    }
    figures |= {key: read(key) for key in build.wanted["complexity"] if split_convention(key)}
    return Counted(figures, result.ledger.to_json(), facts)


def _kernels(quantized: Quantized) -> str:
    """Say what runs in int8 and what does not."""
    text = f"{quantized.int8_layers} layers on {quantized.engine} kernels"
    if quantized.float_layers:
        text += f"; in float: {', '.join(quantized.float_layers)}"
    return text
