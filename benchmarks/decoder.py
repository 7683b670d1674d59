"""Counting decoders of 7 and 70 billion parameters on `meta`: fresh processes, import aside."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from harness import Options, Row, duration

TOKENS = 2_048
SIZES = {
    "7 B": {"layers": 32, "width": 4_096, "heads": 32, "key_value_heads": 32, "hidden": 11_008},
    "70 B": {"layers": 80, "width": 8_192, "heads": 64, "key_value_heads": 8, "hidden": 28_672},
}


def bench(options: Options) -> Iterator[Row]:
    """Count each in a process of its own."""
    for name in SIZES:
        done = subprocess.run(
            [sys.executable, __file__, name], stdout=subprocess.PIPE, text=True, check=True
        )
        found = json.loads(done.stdout)
        yield Row(
            f"{name}: {found['params']:,} parameters, {found['macs']:,} MACs for {TOKENS:,} tokens",
            f"{duration(found['seconds'])}, {found['mib']:,} MiB",
            bar="≤ 5 s, 2 GB",
        )


def main(name: str) -> None:
    """Count one decoder; print what it took."""
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    import torch
    from torch import nn

    from reportgen.counting import build_on_meta, count
    from reportgen.zoo.decoder import decoder

    count(build_on_meta(lambda: nn.Linear(1, 1)), [torch.zeros(1, 1, device="meta")])  # imports
    tokens = torch.zeros(1, TOKENS, dtype=torch.long, device="meta")
    start = time.perf_counter()
    result = count(build_on_meta(lambda: decoder(**SIZES[name])), [tokens])
    taken = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    figures = {"seconds": taken, "mib": peak, "params": result.params, "macs": result.macs}
    print(json.dumps(figures))


if __name__ == "__main__":
    main(sys.argv[1])
