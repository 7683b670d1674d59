"""What a build was run on, in words: an image's shape, or tensors by name."""

from __future__ import annotations

from collections.abc import Sequence

from reportgen.record.record import BuildRecord, InputTensor


def shape_text(shape: Sequence[int]) -> str:
    """Write a shape: `3×32×32`."""
    return "×".join(map(str, shape))


def inputs_text(build: BuildRecord, batch: int | None = None) -> str:
    """Write what a build was run on, in batches of `batch` or without saying.

    `3×32×32` of images; of others, names and types too: `tokens: 128 (int64 below 32,000)`.
    """
    if build.inputs:
        return ", ".join(_text(entry, batch) for entry in build.inputs)
    return shape_text([*([batch] if batch else []), *build.input_shape])


def same_shapes(builds: Sequence[BuildRecord]) -> bool:
    """Whether builds were run on inputs of the same shapes, whatever their names and number."""
    return len({frozenset((x.shape, x.batch) for x in build.inputs) for build in builds}) <= 1


def _text(entry: InputTensor, batch: int | None) -> str:
    shape = [batch, *entry.shape] if batch and entry.batch else entry.shape
    values = ""
    if entry.fill is not None:
        values = f"all {str(entry.fill).lower()}"
    elif entry.below is not None:
        values = f"below {entry.below:,}"
    kind = " ".join(filter(None, (entry.dtype if entry.dtype != "float32" else "", values)))
    details = [*([kind] if kind else []), *([] if entry.batch else ["without batch"])]
    return f"{entry.name}: {shape_text(shape) or 'a number'}" + f" ({', '.join(details)})" * bool(
        details
    )
