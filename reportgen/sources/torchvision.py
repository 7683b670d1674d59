"""torchvision's classification models, and what belongs to them and to their published weights.

Tables, so that a spec can be checked and planned without importing torch; tests hold them to
torchvision.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from typing_extensions import override

from reportgen.common.errors import MeasureError, nearest
from reportgen.sources.model_source import (
    Checkpoint,
    ModelEntry,
    ModelSource,
    Normalization,
    Wanted,
)

NAMES = """
alexnet convnext_base convnext_large convnext_small convnext_tiny densenet121 densenet161
densenet169 densenet201 efficientnet_b0 efficientnet_b1 efficientnet_b2 efficientnet_b3
efficientnet_b4 efficientnet_b5 efficientnet_b6 efficientnet_b7 efficientnet_v2_l
efficientnet_v2_m efficientnet_v2_s googlenet inception_v3 maxvit_t mnasnet0_5 mnasnet0_75
mnasnet1_0 mnasnet1_3 mobilenet_v2 mobilenet_v3_large mobilenet_v3_small regnet_x_16gf
regnet_x_1_6gf regnet_x_32gf regnet_x_3_2gf regnet_x_400mf regnet_x_800mf regnet_x_8gf
regnet_y_128gf regnet_y_16gf regnet_y_1_6gf regnet_y_32gf regnet_y_3_2gf regnet_y_400mf
regnet_y_800mf regnet_y_8gf resnet101 resnet152 resnet18 resnet34 resnet50 resnext101_32x8d
resnext101_64x4d resnext50_32x4d shufflenet_v2_x0_5 shufflenet_v2_x1_0 shufflenet_v2_x1_5
shufflenet_v2_x2_0 squeezenet1_0 squeezenet1_1 swin_b swin_s swin_t swin_v2_b swin_v2_s swin_v2_t
vgg11 vgg11_bn vgg13 vgg13_bn vgg16 vgg16_bn vgg19 vgg19_bn vit_b_16 vit_b_32 vit_h_14 vit_l_16
vit_l_32 wide_resnet101_2 wide_resnet50_2
"""

# What the factories do that a report must not: warn about random initialisation (and take seconds
# for it), or add GoogLeNet's training heads, which its published figures leave out.
_PRESET: Mapping[str, Mapping[str, object]] = {
    "googlenet": {"init_weights": False, "aux_logits": False},
    "inception_v3": {"init_weights": False},
}

# What the factories set besides where weights are given: those models expect images that are
# normalised as ImageNet's, and normalise them anew.
_PRETRAINED: Mapping[str, Mapping[str, object]] = {
    "googlenet": {"transform_input": True},
    "inception_v3": {"transform_input": True},
    "vit_b_16.IMAGENET1K_SWAG_E2E_V1": {"image_size": 384},
    "vit_h_14.IMAGENET1K_SWAG_E2E_V1": {"image_size": 518},
    "vit_h_14.DEFAULT": {"image_size": 518},
    "vit_l_16.IMAGENET1K_SWAG_E2E_V1": {"image_size": 512},
}

_IMAGENET: Normalization = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
_HALF: Normalization = ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
_OTHERS: Mapping[str, Normalization] = {
    "efficientnet_v2_l.IMAGENET1K_V1": _HALF,
    "efficientnet_v2_l.DEFAULT": _HALF,
    "vgg16.IMAGENET1K_FEATURES": ((0.48235, 0.45882, 0.40784), (1 / 255, 1 / 255, 1 / 255)),
}
_EXTRA = {"googlenet": ("aux1.", "aux2.")}


@dataclass(frozen=True)
class TorchvisionModel(ModelEntry):
    """A classification model of `torchvision.models`."""

    @property
    @override
    def start(self) -> None:
        return None

    @property
    def name(self) -> str:
        """Its name in torchvision."""
        return self.target.rpartition(":")[2]

    @override
    def wanted(self, member: str) -> Wanted:
        whole = f"{self.name}.{member}"
        args = _PRETRAINED.get(self.name) or _PRETRAINED.get(whole, {})
        return Wanted(args, _OTHERS.get(whole, _IMAGENET))

    @override
    def checkpoint(self, member: str) -> Checkpoint:
        found = self._member(member)
        digits = re.search(r"-([0-9a-f]{8,64})\.\w+$", found.url)
        assert digits is not None, "torchvision names every checkpoint after its digest"
        preset = found.transforms()
        return Checkpoint(
            url=found.url,
            sha256=digits[1],
            classes=len(found.meta.get("categories") or ()),
            transforms=f"resize to {preset.resize_size[0]} ({preset.interpolation.value}) and crop "
            f"to {preset.crop_size[0]}",
            extra=_EXTRA.get(self.name, ()),
        )

    def _member(self, member: str) -> Any:
        """Return a member of the enum of its weights; raise MeasureError if there is none."""
        from torchvision.models import get_model_weights

        members = get_model_weights(self.name).__members__
        if member not in members:
            close = nearest(member.rpartition(".")[2], members)
            guess = f"Did you mean '{close}'? " if close else ""
            raise MeasureError(
                f"torchvision's {self.name} has no weights '{member}'",
                f"{guess}Known: {', '.join(members) or 'none'}.",
            )
        return members[member]


SOURCE = ModelSource(
    "torchvision/NAME",
    "torchvision's classification models",
    {
        f"torchvision/{name}": TorchvisionModel(
            f"torchvision/{name}",
            f"torchvision.models:{name}",
            f"torchvision's {name}",
            preset=_PRESET.get(name, {}),
            package="torchvision",
        )
        for name in NAMES.split()
    },
    weights="IMAGENET1K_V2",
)
