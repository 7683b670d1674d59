"""What a scripted model runs past PyTorch's dispatcher, where no counter sees it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import torch
from torch import nn

# Kernels of oneDNN that `torch.jit.optimize_for_inference` puts in, groups that are fused, and what
# runs in another thread.
_UNSEEN = re.compile(
    r"^prim::(?!Constant).*(mkldnn|onednn|llga|tensorexpr|fusion|fork)", re.IGNORECASE
)


def unseen(script: nn.Module | torch.jit.ScriptFunction[Any, Any]) -> list[str]:
    """Return the operations of a scripted module or function that are not seen.

    Empty for any other module, and for one whose program is not known.
    """
    if not isinstance(script, (torch.jit.ScriptModule, torch.jit.ScriptFunction)):
        return []
    graph = getattr(script, "inlined_graph", None)
    return [kind for kind in _kinds(graph) if _UNSEEN.match(kind)] if graph is not None else []


def _kinds(block: Any) -> Iterator[str]:
    for node in block.nodes():
        yield node.kind()
        for inner in node.blocks():
            yield from _kinds(inner)
