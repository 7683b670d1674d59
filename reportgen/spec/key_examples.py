"""What may stand under a key, for editors to show: examples, by the part and key they are for.

Keys with a default or with a choice of words explain themselves.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

_OF = ["ResNet-20"]
_METRICS = ["top1", "latency@256", "flops", "flops.thop"]
_VALUES = ["87.79 %", "2.6073 G", "172.3 s", 23520842]
_FROM = ["He et al., 2016, table 6"]
_COLUMNS = [["top1", "latency", "flops", "params"], ["flops.fvcore", "flops.thop"]]

EXAMPLES: Mapping[str, Sequence[Any]] = {
    "Spec.title": ["ResNets on CIFAR-10"],
    "Spec.extends": ["_base.yaml"],
    "Spec.datasets": [{"cifar10": {"split": "test"}}],
    "Spec.models": [{"ResNet-20": {"source": "zoo/cifar_resnet20", "baseline": True}}],
    "Spec.classes": [[10, 100]],
    "Spec.reported": [
        [{"of": "ResNet-20", "metric": "error", "value": "8.27 %", "from": "its README"}]
    ],
    "Spec.claims": [
        [{"of": "ResNet-20", "metric": "params", "value": "0.27 M", "from": "its README"}]
    ],
    "Spec.budgets": [{"params": "≤ 2 M", "top1": "≥ 90 %"}],
    "Dataset.source": ["cifar10", "folder"],
    "Dataset.path": ["photographs.zip"],
    "Dataset.shape": [[3, 32, 32]],
    "Dataset.classes": [10],
    "Dataset.count": [256],
    "Dataset.resize": [224],
    "Normalization.mean": [[0.485, 0.456, 0.406]],
    "Normalization.std": [[0.229, 0.224, 0.225]],
    "Model.source": ["zoo/cifar_resnet20", "torchvision/resnet50", "nets/mine.py:make"],
    "Model.args": [{"width": 64}, {"stages": [{"depth": 2, "kernels": [3, 5]}]}],
    "Model.inputs": [{"tokens": {"shape": [128], "dtype": "int64", "below": 32_000}}],
    "Model.datasets": [["cifar10"]],
    "Model.classes": [[10, 100]],
    "Model.batch_size": [4],
    "Input.shape": [[128], [3, 224, 224]],
    "Input.below": [32_000],
    "Input.fill": [1],
    "Weights.file": ["weights/resnet20.safetensors"],
    "Weights.url": ["https://example.org/resnet20-12fca82f.th"],
    "Weights.key": ["state_dict_ema"],
    "Weights.sha256": ["12fca82f"],
    "Fit.epochs": [12],
    "Quantize.unfused": [["*.shortcut.*"]],
    "TapRange.from": [9],
    "TapRange.to": [16],
    "Timing.batch_sizes": [[1, 256]],
    "Timing.threads": [2],
    "Timing.precision": [0.02],
    "Timing.seconds": [60],
    "Accuracy.metrics": [["top1", "f1_macro", "loss"]],
    "Accuracy.batch_size": [256],
    "Quoted.of": _OF,
    "Quoted.metric": _METRICS,
    "Quoted.value": _VALUES,
    "Quoted.from": _FROM,
    "Quoted.dataset": ["cifar10"],
    "Quoted.classes": [100],
    "Claim.module": ["layer1.0.conv1"],
    "Claim.tolerance": ["0.1 %"],
    "Claim.reason": ["it counts the first stage only"],
    "ModuleTables.columns": [["params", "macs", "time.share"]],
    "Documents.formats": [["md"]],
    "Documents.columns": _COLUMNS,
    "Documents.templates": ["templates"],
    "Defaults.model": [{"datasets": ["cifar10"]}],
    "Defaults.dataset": [{"split": "test"}],
}
