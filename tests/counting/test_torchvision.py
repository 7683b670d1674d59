"""Every classification model of torchvision, against the figures published with its weights."""

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode
from torchvision.models import get_model_weights

from reportgen.counting import count
from tests.counting.torchvision_models import NAMES, build, counted, image


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_products_and_parameters_are_the_published_ones(name):
    for weights in get_model_weights(name):
        result = counted(name, weights.transforms().crop_size[0])
        assert f"{result.macs / 1e9:.3f}" == f"{weights.meta['_ops']:.3f}", weights
        assert result.params == weights.meta["num_params"], weights
        assert result.cross_check.verified, result.cross_check
        assert result.notes == ()


@pytest.mark.parametrize("name", ["mobilenet_v3_small", "swin_v2_t", "vit_b_32", "googlenet"])
def test_the_second_counter_is_flop_counter_mode(name):
    """Shortcuts and all, it sees what PyTorch's own mode sees in a pass of its own."""
    model = build(name).eval().requires_grad_(False)
    with torch.no_grad(), FlopCounterMode(display=False) as alone:
        model(image(224 if "swin" not in name else 256))
    result = count(model, [image(224 if "swin" not in name else 256)])
    assert 2 * result.cross_check.macs == alone.get_total_flops()
    assert result.cross_check.verified
