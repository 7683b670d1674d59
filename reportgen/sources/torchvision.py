"""torchvision's classification models, and what belongs to them and to their published weights.

Tables, so that a spec can be checked and planned without importing torch; tests hold them to
torchvision.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reportgen.common.errors import MeasureError, nearest

INPUT_SIZES: Mapping[str, int] = {
    "alexnet": 224,
    "convnext_base": 224,
    "convnext_large": 224,
    "convnext_small": 224,
    "convnext_tiny": 224,
    "densenet121": 224,
    "densenet161": 224,
    "densenet169": 224,
    "densenet201": 224,
    "efficientnet_b0": 224,
    "efficientnet_b1": 240,
    "efficientnet_b2": 288,
    "efficientnet_b3": 300,
    "efficientnet_b4": 380,
    "efficientnet_b5": 456,
    "efficientnet_b6": 528,
    "efficientnet_b7": 600,
    "efficientnet_v2_l": 480,
    "efficientnet_v2_m": 480,
    "efficientnet_v2_s": 384,
    "googlenet": 224,
    "inception_v3": 299,
    "maxvit_t": 224,
    "mnasnet0_5": 224,
    "mnasnet0_75": 224,
    "mnasnet1_0": 224,
    "mnasnet1_3": 224,
    "mobilenet_v2": 224,
    "mobilenet_v3_large": 224,
    "mobilenet_v3_small": 224,
    "regnet_x_16gf": 224,
    "regnet_x_1_6gf": 224,
    "regnet_x_32gf": 224,
    "regnet_x_3_2gf": 224,
    "regnet_x_400mf": 224,
    "regnet_x_800mf": 224,
    "regnet_x_8gf": 224,
    "regnet_y_128gf": 384,
    "regnet_y_16gf": 224,
    "regnet_y_1_6gf": 224,
    "regnet_y_32gf": 224,
    "regnet_y_3_2gf": 224,
    "regnet_y_400mf": 224,
    "regnet_y_800mf": 224,
    "regnet_y_8gf": 224,
    "resnet101": 224,
    "resnet152": 224,
    "resnet18": 224,
    "resnet34": 224,
    "resnet50": 224,
    "resnext101_32x8d": 224,
    "resnext101_64x4d": 224,
    "resnext50_32x4d": 224,
    "shufflenet_v2_x0_5": 224,
    "shufflenet_v2_x1_0": 224,
    "shufflenet_v2_x1_5": 224,
    "shufflenet_v2_x2_0": 224,
    "squeezenet1_0": 224,
    "squeezenet1_1": 224,
    "swin_b": 224,
    "swin_s": 224,
    "swin_t": 224,
    "swin_v2_b": 256,
    "swin_v2_s": 256,
    "swin_v2_t": 256,
    "vgg11": 224,
    "vgg11_bn": 224,
    "vgg13": 224,
    "vgg13_bn": 224,
    "vgg16": 224,
    "vgg16_bn": 224,
    "vgg19": 224,
    "vgg19_bn": 224,
    "vit_b_16": 224,
    "vit_b_32": 224,
    "vit_h_14": 518,
    "vit_l_16": 224,
    "vit_l_32": 224,
    "wide_resnet101_2": 224,
    "wide_resnet50_2": 224,
}

PRETRAINED_ARGS: Mapping[str, Mapping[str, object]] = {
    "googlenet": {"transform_input": True},
    "inception_v3": {"transform_input": True},
    "vit_b_16.IMAGENET1K_SWAG_E2E_V1": {"image_size": 384},
    "vit_h_14.IMAGENET1K_SWAG_E2E_V1": {"image_size": 518},
    "vit_h_14.DEFAULT": {"image_size": 518},
    "vit_l_16.IMAGENET1K_SWAG_E2E_V1": {"image_size": 512},
}
"""What torchvision's factories set besides where weights are given: those models expect images
that are normalised as ImageNet's, and normalise them anew."""

Figures = tuple[tuple[float, ...], tuple[float, ...]]

_IMAGENET: Figures = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
_OTHERS: Mapping[tuple[str, str], Figures] = {
    ("efficientnet_v2_l", "IMAGENET1K_V1"): ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
    ("efficientnet_v2_l", "DEFAULT"): ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
    ("vgg16", "IMAGENET1K_FEATURES"): ((0.48235, 0.45882, 0.40784), (1 / 255, 1 / 255, 1 / 255)),
}


def pretrained_args(source: str, member: str) -> Mapping[str, object]:
    """Return the arguments that torchvision adds to those of a model (`torchvision/NAME`)."""
    model = source.removeprefix("torchvision/")
    return PRETRAINED_ARGS.get(model) or PRETRAINED_ARGS.get(f"{model}.{member}", {})


def normalization(source: str, member: str) -> Figures:
    """Return the mean and standard deviation of images that a model's weights were made for."""
    return _OTHERS.get((source.removeprefix("torchvision/"), member), _IMAGENET)


def torchvision_member(source: str, member: str) -> Any:
    """Return a member of the weights enum of `torchvision/NAME`; raise MeasureError if none."""
    from torchvision.models import get_model_weights

    model = source.removeprefix("torchvision/")
    members = get_model_weights(model).__members__
    if member not in members:
        close = nearest(member.rpartition(".")[2], members)
        guess = f"Did you mean '{close}'? " if close else ""
        raise MeasureError(
            f"torchvision's {model} has no weights '{member}'",
            f"{guess}Known: {', '.join(members) or 'none'}.",
        )
    return members[member]
