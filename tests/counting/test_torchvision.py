"""Every classification model of torchvision, against the figures published with its weights."""

import pytest
import torch
import torchvision
from torch.utils.flop_counter import FlopCounterMode
from torchvision.models import get_model_builder, get_model_weights, list_models

from reportgen.counting import build_on_meta, count

# The published weights of these two were made from the original implementations: GoogLeNet's
# without the auxiliary heads, which a new model has. Initialising the weights is of no use here.
ARGUMENTS = {
    "googlenet": {"aux_logits": False, "init_weights": False},
    "inception_v3": {"init_weights": False},
}


def build(name, **arguments):
    return build_on_meta(lambda: get_model_builder(name)(**ARGUMENTS.get(name, {}), **arguments))


def image(size):
    return torch.empty(1, 3, size, size, device="meta")


@pytest.mark.slow
@pytest.mark.parametrize("name", list_models(module=torchvision.models))
def test_products_and_parameters_are_the_published_ones(name):
    counts = {}
    for weights in get_model_weights(name):
        size = weights.transforms().crop_size[0]
        if size not in counts:
            # A vision transformer's position embedding is made for one size.
            arguments = {"image_size": size} if name.startswith("vit_") else {}
            counts[size] = count(build(name, **arguments), [image(size)])
        counted = counts[size]
        assert f"{counted.macs / 1e9:.3f}" == f"{weights.meta['_ops']:.3f}", weights
        assert counted.params == weights.meta["num_params"], weights
        assert counted.cross_check.verified, counted.cross_check
        assert counted.notes == ()


@pytest.mark.parametrize("name", ["mobilenet_v3_small", "swin_v2_t", "vit_b_32", "googlenet"])
def test_the_second_counter_is_flop_counter_mode(name):
    """Shortcuts and all, it sees what PyTorch's own mode sees in a pass of its own."""
    model = build(name).eval().requires_grad_(False)
    with torch.no_grad(), FlopCounterMode(display=False) as alone:
        model(image(224 if "swin" not in name else 256))
    counted = count(model, [image(224 if "swin" not in name else 256)])
    assert 2 * counted.cross_check.macs == alone.get_total_flops()
    assert counted.cross_check.verified
