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
VOCABULARY = 32_000
# Layers, width, heads, heads of keys and values, width inside.
SIZES = {"7 B": (32, 4_096, 32, 32, 11_008), "70 B": (80, 8_192, 64, 8, 28_672)}


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
    from torch import Tensor, nn
    from torch.nn import functional as F

    from reportgen.counting import build_on_meta, count

    layers, width, heads, key_heads, inside = SIZES[name]
    size = width // heads

    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.norm1, self.norm2 = nn.RMSNorm(width), nn.RMSNorm(width)
            self.query = nn.Linear(width, width, bias=False)
            self.key = nn.Linear(width, key_heads * size, bias=False)
            self.value = nn.Linear(width, key_heads * size, bias=False)
            self.out = nn.Linear(width, width, bias=False)
            self.gate = nn.Linear(width, inside, bias=False)
            self.up = nn.Linear(width, inside, bias=False)
            self.down = nn.Linear(inside, width, bias=False)

        def forward(self, x: Tensor) -> Tensor:
            y = self.norm1(x)
            query, key, value = (
                layer(y).unflatten(-1, (-1, size)).transpose(1, 2)
                for layer in (self.query, self.key, self.value)
            )
            groups = heads // key_heads
            key, value = key.repeat_interleave(groups, 1), value.repeat_interleave(groups, 1)
            attended = F.scaled_dot_product_attention(query, key, value, is_causal=True)
            x = x + self.out(attended.transpose(1, 2).flatten(2))
            y = self.norm2(x)
            return x + self.down(F.silu(self.gate(y)) * self.up(y))

    def decoder() -> nn.Module:
        blocks = [Block() for _ in range(layers)]
        head = nn.Linear(width, VOCABULARY, bias=False)
        return nn.Sequential(nn.Embedding(VOCABULARY, width), *blocks, nn.RMSNorm(width), head)

    count(build_on_meta(lambda: nn.Linear(1, 1)), [torch.zeros(1, 1, device="meta")])  # imports
    tokens = torch.zeros(1, TOKENS, dtype=torch.long, device="meta")
    start = time.perf_counter()
    result = count(build_on_meta(decoder), [tokens])
    taken = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    figures = {"seconds": taken, "mib": peak, "params": result.params, "macs": result.macs}
    print(json.dumps(figures))


if __name__ == "__main__":
    main(sys.argv[1])
