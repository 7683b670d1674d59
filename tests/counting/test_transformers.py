"""Architectures of transformers: counted without weights, as with them."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
import torch

from reportgen.counting import count, count_anywhere

transformers = pytest.importorskip("transformers")
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

SMALL = {
    "vocab_size": 128,
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
}
GROUPED = SMALL | {"num_key_value_heads": 2}
GPT = {"vocab_size": 128, "n_embd": 32, "n_layer": 2, "n_head": 4}
VISION = {k: v for k, v in SMALL.items() if k != "vocab_size"} | {"image_size": 32, "patch_size": 8}
BOTH = {"vocab_size": 128, "d_model": 32} | {
    f"{part}_{name}": value
    for part in ("encoder", "decoder")
    for name, value in {"layers": 2, "ffn_dim": 64, "attention_heads": 4}.items()
}
IDS = torch.arange(32).view(2, 16) + 1
TEXT = {"input_ids": IDS, "attention_mask": torch.ones_like(IDS)}
IMAGE = {"pixel_values": torch.zeros(2, 3, 32, 32)}
TOKENS = {"input_ids": IDS}
SPEECH = {"input_features": torch.zeros(2, 80, 32), "decoder_input_ids": IDS}
SPECIAL = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2, "decoder_start_token_id": 1}

# architecture: class, arguments of its configuration, input
MODELS: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "Llama": ("LlamaForCausalLM", GROUPED, TEXT),
    "Mistral": ("MistralForCausalLM", GROUPED, TEXT),
    "Qwen2": ("Qwen2ForCausalLM", GROUPED, TEXT),
    "Qwen3": ("Qwen3ForCausalLM", GROUPED | {"head_dim": 8}, TEXT),
    "Gemma": ("GemmaForCausalLM", GROUPED | {"head_dim": 8}, TEXT),
    "Phi3": ("Phi3ForCausalLM", GROUPED | {"pad_token_id": 0}, TEXT),
    "GPT2": ("GPT2LMHeadModel", GPT, TEXT),
    "GPTNeoX": ("GPTNeoXForCausalLM", SMALL, TEXT),
    "GPTJ": ("GPTJForCausalLM", GPT | {"rotary_dim": 4}, TEXT),
    "Bloom": (
        "BloomForCausalLM",
        {"vocab_size": 128, "hidden_size": 32, "n_layer": 2, "n_head": 4},
        TEXT,
    ),
    "Falcon": ("FalconForCausalLM", SMALL, TEXT),
    "OPT": ("OPTForCausalLM", SMALL | {"ffn_dim": 64, "word_embed_proj_dim": 32}, TEXT),
    "Bert": ("BertModel", SMALL, TEXT),
    "Roberta": ("RobertaModel", SMALL, TEXT),
    "DistilBert": (
        "DistilBertModel",
        {"vocab_size": 128, "dim": 32, "hidden_dim": 64, "n_layers": 2, "n_heads": 4},
        TEXT,
    ),
    "Albert": ("AlbertModel", SMALL | {"embedding_size": 16}, TEXT),
    "DebertaV2": ("DebertaV2Model", SMALL, TEXT),
    "T5": (
        "T5ForConditionalGeneration",
        {"vocab_size": 128, "d_model": 32, "d_kv": 8, "d_ff": 64, "num_layers": 2, "num_heads": 4},
        TEXT | {"decoder_input_ids": IDS},
    ),
    "Bart": ("BartForConditionalGeneration", BOTH, TEXT),
    "ViT": ("ViTModel", VISION, IMAGE),
    "Swin": (
        "SwinModel",
        {
            "image_size": 32,
            "patch_size": 4,
            "embed_dim": 16,
            "depths": [1, 1],
            "num_heads": [2, 2],
            "window_size": 4,
        },
        IMAGE,
    ),
    "CLIP": (
        "CLIPModel",
        {
            "text_config": SMALL | {"eos_token_id": 2, "max_position_embeddings": 32},
            "vision_config": VISION,
            "projection_dim": 16,
        },
        TEXT | IMAGE,
    ),
    "Whisper": (
        "WhisperForConditionalGeneration",
        BOTH | SPECIAL | {"max_source_positions": 16},
        SPEECH,
    ),
    "Wav2Vec2": (
        "Wav2Vec2Model",
        SMALL
        | {
            "conv_dim": (16, 16),
            "conv_stride": (5, 2),
            "conv_kernel": (10, 3),
            "num_conv_pos_embeddings": 16,
            "num_conv_pos_embedding_groups": 4,
        },
        {"input_values": torch.zeros(2, 400)},
    ),
    "Mamba": (
        "MambaForCausalLM",
        {"vocab_size": 128, "hidden_size": 32, "num_hidden_layers": 2, "state_size": 8},
        TOKENS,
    ),
    "Mixtral": ("MixtralForCausalLM", GROUPED | {"num_local_experts": 4}, TEXT),
}


@pytest.mark.parametrize("name", MODELS)
def test_counted_on_meta_as_on_the_cpu(name: str) -> None:
    kind, arguments, inputs = MODELS[name]
    config = getattr(transformers, f"{name}Config")(**arguments)

    def make() -> Any:
        return getattr(transformers, kind)(config)

    without = count_anywhere(make, (), inputs)
    assert without.device == "meta"
    assert without.cross_check.verified
    assert without.macs == count(make().eval(), (), inputs).macs


def test_a_small_llama_by_hand() -> None:
    kind, arguments, inputs = MODELS["Llama"]
    config = transformers.LlamaConfig(**arguments)
    result = count_anywhere(lambda: getattr(transformers, kind)(config), (), inputs)
    # A layer: query and output 32 × 32, key and value 32 × 16, three matrices of the MLP 32 × 64;
    # the head 32 × 128; each for 2 · 16 tokens. Attention: 2 · 4 heads, 16 · 16 pairs, 2 · 8.
    layer = 2 * 32 * 32 + 2 * 32 * 16 + 3 * 32 * 64
    assert result.macs == 32 * (2 * layer + 32 * 128) + 2 * 2 * 4 * 256 * 16


LLAMA_70B = """
import resource, time
import torch
from transformers import LlamaConfig, LlamaForCausalLM
import reportgen.engine.warm_up_counting
from reportgen.counting import count_anywhere
config = LlamaConfig(vocab_size=32000, hidden_size=8192, intermediate_size=28672,
                     num_hidden_layers=80, num_attention_heads=64, num_key_value_heads=8)
began = time.process_time()
result = count_anywhere(lambda: LlamaForCausalLM(config), (torch.zeros(1, 512).long(),))
seconds = time.process_time() - began
print(result.params, result.macs, seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def test_seventy_billion_parameters_from_a_configuration() -> None:
    ran = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", LLAMA_70B],
        capture_output=True,
        text=True,
        check=True,
    )
    params, macs, seconds, kibibytes = map(float, ran.stdout.split())
    # A layer: query and output 8192², key and value 8192 · 1024, three of 8192 · 28672, two norms;
    # a norm at the end, and the vocabulary twice.
    layer = 2 * 8192**2 + 2 * 8192 * 1024 + 3 * 8192 * 28672
    assert params == 80 * (layer + 2 * 8192) + 8192 + 2 * 32000 * 8192
    assert macs == 512 * (80 * layer + 32000 * 8192) + 80 * 2 * 512 * 512 * 8192
    assert seconds <= 5
    assert kibibytes <= 1.5e6
