"""Count one build's parameters and operations."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps

from torch import nn

from reportgen import counting
from reportgen.builds.construct import factory, in_int8, own_classes
from reportgen.builds.dtype import unusual_dtypes
from reportgen.builds.example_inputs import example
from reportgen.builds.quantize import Quantized, describe, packed_parameters
from reportgen.common.errors import UnfitError
from reportgen.common.registry import imported
from reportgen.counting import readings
from reportgen.data.search import Search
from reportgen.engine.journal import unavailable
from reportgen.engine.results import Counted
from reportgen.plan.plan import Build
from reportgen.record.ledger import Ledger
from reportgen.record.metrics import parse_key
from reportgen.record.record import Figure
from reportgen.spec.model import Complexity


def count(build: Build, settings: Complexity, search: Search) -> Counted:
    """Count a build: its float model, and of an int8 build the packed parameters besides.

    Where no forward pass runs, the parameters are there nevertheless, and the other figures say why
    they are not.

    Raises MeasureError, or whatever the model's own code raises while it is built.
    """
    made = factory(build, search.spec_dir)
    dtypes: list[str] = []
    note_dtype = dtypes.append

    @wraps(made)
    def make() -> nn.Module:
        module = made()
        note_dtype(unusual_dtypes(module))
        return module

    args, kwargs = example(build, build.batch_size or settings.batch_size)
    try:
        result = counting.count_anywhere(make, args, kwargs)
    except UnfitError:
        raise
    except SystemExit as error:
        ended = counting.CountingError(
            f"its forward pass ends the program (exit code {error.code})"
        )
        return _sizes_alone(build, make, ended)
    except Exception as error:  # of the model's own code
        return _sizes_alone(build, make, error)
    check = result.cross_check
    note = " ".join(result.notes)
    unverified = ", ".join(check.doubts)
    factor = 1 + settings.backward_factor

    def figure(value: float, convention: str, *, derived: bool = False) -> Figure:
        return Figure(
            "derived" if derived else "measured",
            int(value) if value == int(value) else value,
            by=result.counter,
            convention=convention,
            unverified=unverified,
        )

    def read(key: str) -> Figure:
        """Read the ledger of the one pass by the convention of a column."""
        convention = readings.reading(key)
        return figure(convention.total(result.ledger), convention.name)

    sizes, metadata = _sizes(build, make, result.ledger, result.counter)
    metadata |= own_classes(build, search.spec_dir) | {
        "dtype": "" if build.options.quantize else dtypes[-1],
    }
    figures = {
        **sizes,
        "macs": Figure(
            "measured",
            result.macs,
            by=result.counter,
            convention="macs",
            check=check.other(result.macs) if check.disputed else None,
            checked_by=f"FlopCounterMode of torch {check.version}",
            unverified=unverified,
            note=note,
        ),
        "flops": read("flops"),
        "activations": read("activations"),
        "macs_fwd_bwd": figure(result.macs * factor, "macs", derived=True),
        "flops_fwd_bwd": figure(result.flops * factor, "flops", derived=True),
    }
    for key in map(parse_key, build.wanted["complexity"]):
        if key.convention and key not in figures:
            figures[key] = read(key)
        elif measure := key.metric.measure:
            try:
                figures[key] = figure(imported(measure)(result.ledger), key.name)
            except Exception as error:  # of a package's metric
                figures[key] = unavailable(error)
    return Counted(figures, result.ledger.to_json(), metadata)


def _sizes(
    build: Build, make: Callable[[], nn.Module], ledger: Ledger, by: str, lazy: Sequence[str] = ()
) -> tuple[dict[str, Figure], dict[str, str]]:
    """Return the figures of parameters, which need no forward pass, and metadata for the record."""
    named = [key for key in map(parse_key, build.wanted["complexity"]) if key.name == "params"]
    figures = {
        key: Figure(
            "measured",
            readings.reading(key).total(ledger),
            by=by,
            convention=readings.reading(key).name,
            unverified=", ".join(f"{name} (not initialised)" for name in lazy),
        )
        for key in ("params", "trainable_params", *named)
    }
    if build.options.quantize is None:
        return figures, {"int8": ""}
    # The products are the same in int8; the parameters are the packed ones.
    try:
        module = in_int8(build, make().eval())
    except Exception as error:  # of the model's own code
        return figures | {"params": unavailable(error)}, {}
    packed = Figure("measured", packed_parameters(module), by=by, convention="packed")
    return figures | {"params": packed}, {"int8": _kernels(describe(module))}


def _sizes_alone(build: Build, make: Callable[[], nn.Module], error: Exception) -> Counted:
    """Return a build's parameters, and why it has no other figures."""
    try:
        sized = counting.size(make)
    except Exception:  # it cannot be built either: the first error says why
        raise error from None
    figures, metadata = _sizes(build, make, sized.ledger, sized.counter, sized.lazy)
    missing = unavailable(error)
    return Counted(dict.fromkeys(build.wanted["complexity"], missing) | figures, None, metadata)


def _kernels(quantized: Quantized) -> str:
    """Say what runs in int8 and what does not."""
    text = f"{quantized.int8_layers} layers on {quantized.engine} kernels"
    if quantized.float_layers:
        text += f"; in float: {', '.join(quantized.float_layers)}"
    return text
