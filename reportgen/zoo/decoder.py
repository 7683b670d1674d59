"""A decoder-only transformer as Llama, Llama 2, Llama 3 and Mistral have it.

Touvron et al., 2023 (https://arxiv.org/abs/2307.09288): root-mean-square norms before each part,
rotary positions (https://arxiv.org/abs/2104.09864), grouped queries
(https://arxiv.org/abs/2305.13245) and a gated linear unit with SiLU
(https://arxiv.org/abs/2002.05202); no biases. The whole sequence is read at once, as in training
or when a prompt is read: nothing is cached.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

__all__ = ["Block", "Decoder", "decoder"]


def decoder(
    *,
    vocabulary: int = 32_000,
    layers: int = 12,
    width: int = 768,
    heads: int = 12,
    key_value_heads: int = 12,
    hidden: int = 2_048,
    tied: bool = False,
    rope_base: float = 10_000.0,
) -> Decoder:
    """Build a decoder, tokens `(N, L)` → scores `(N, L, vocabulary)`.

    `hidden` is the width inside a gated linear unit; with `tied`, the embedding's weights are those
    of the last layer too. Llama 2 7B is `layers=32, width=4096, heads=32, key_value_heads=32,
    hidden=11008`: 6,738,415,616 parameters.
    """
    if width % heads or (width // heads) % 2 or heads % key_value_heads:
        raise ValueError(
            f"{heads} heads of an even width must share {width}, and {key_value_heads} heads of "
            "keys and values divide them"
        )
    return Decoder(vocabulary, layers, width, heads, key_value_heads, hidden, tied, rope_base)


class Decoder(nn.Module):
    """Tokens `(N, L)` in, a score for each word of the vocabulary out, `(N, L, vocabulary)`."""

    def __init__(
        self,
        vocabulary: int,
        layers: int,
        width: int,
        heads: int,
        key_value_heads: int,
        hidden: int,
        tied: bool,
        rope_base: float,
    ) -> None:
        super().__init__()
        self.rope_base = rope_base
        self.head_width = width // heads
        self.embedding = nn.Embedding(vocabulary, width)
        self.layers = nn.ModuleList(
            Block(width, heads, key_value_heads, hidden) for _ in range(layers)
        )
        self.norm = nn.RMSNorm(width, eps=1e-5)
        self.head = nn.Linear(width, vocabulary, bias=False)
        if tied:
            self.head.weight = self.embedding.weight

    def forward(self, tokens: Tensor) -> Tensor:
        """Score the word after each token."""
        x = self.embedding(tokens)
        turns = self._turns(tokens.shape[1], x)
        for layer in self.layers:
            x = layer(x, turns)
        out: Tensor = self.head(self.norm(x))
        return out

    def _turns(self, length: int, like: Tensor) -> tuple[Tensor, Tensor]:
        """Cosine and sine by which each position turns each pair of features, `(L, head width)`."""
        pairs = torch.arange(0, self.head_width, 2, device=like.device, dtype=torch.float32)
        speeds = self.rope_base ** (-pairs / self.head_width)
        angles = torch.outer(torch.arange(length, device=like.device, dtype=torch.float32), speeds)
        angles = torch.cat((angles, angles), dim=1)
        return angles.cos().to(like.dtype), angles.sin().to(like.dtype)


class Block(nn.Module):
    """Attention and a gated linear unit, each added to what it reads; `(N, L, width)`."""

    def __init__(self, width: int, heads: int, key_value_heads: int, hidden: int) -> None:
        super().__init__()
        size = width // heads
        self.size, self.groups = size, heads // key_value_heads
        self.attention_norm = nn.RMSNorm(width, eps=1e-5)
        self.query = nn.Linear(width, heads * size, bias=False)
        self.key = nn.Linear(width, key_value_heads * size, bias=False)
        self.value = nn.Linear(width, key_value_heads * size, bias=False)
        self.out = nn.Linear(heads * size, width, bias=False)
        self.unit_norm = nn.RMSNorm(width, eps=1e-5)
        self.gate = nn.Linear(width, hidden, bias=False)
        self.up = nn.Linear(width, hidden, bias=False)
        self.down = nn.Linear(hidden, width, bias=False)

    def forward(self, x: Tensor, turns: tuple[Tensor, Tensor]) -> Tensor:
        """Apply the block; `turns` are the cosines and sines of the positions."""
        y = self.attention_norm(x)
        # (N, L, heads · size) → (N, heads, L, size)
        query, key, value = (
            layer(y).unflatten(-1, (-1, self.size)).transpose(1, 2)
            for layer in (self.query, self.key, self.value)
        )
        query, key = _turned(query, turns), _turned(key, turns)
        if self.groups > 1:
            key = key.repeat_interleave(self.groups, dim=1)
            value = value.repeat_interleave(self.groups, dim=1)
        mixed = F.scaled_dot_product_attention(query, key, value, is_causal=True)
        x = x + self.out(mixed.transpose(1, 2).flatten(2))
        y = self.unit_norm(x)
        out: Tensor = x + self.down(F.silu(self.gate(y)) * self.up(y))
        return out


def _turned(x: Tensor, turns: tuple[Tensor, Tensor]) -> Tensor:
    """Turn each pair of features, one from the first half and one from the second."""
    cosine, sine = turns
    first, second = x.chunk(2, dim=-1)
    return x * cosine + torch.cat((-second, first), dim=-1) * sine
