"""Runs the tools whose conventions reportgen reads, and writes down what they say.

    pip install fvcore thop torchinfo ptflops
    python tests/counting/peers.py > tests/counting/peers.json

Every tool sees each model as a user would show it: on the CPU, in evaluation mode, one image of
224 x 224. It takes a few minutes; ``test_conventions.py`` reads the file and not the tools.
"""

import contextlib
import copy
import importlib.metadata
import json
import logging
import sys
import warnings

import torch
import torchvision

MODELS = """
    alexnet convnext_tiny densenet121 efficientnet_b0 googlenet maxvit_t mnasnet1_0
    mobilenet_v3_small regnet_y_400mf resnet50 shufflenet_v2_x1_0 squeezenet1_1 swin_t swin_v2_t
    vgg11_bn vit_b_32
""".split()  # noqa: SIM905
TOOLS = ("fvcore", "thop", "torchinfo", "ptflops", "torch", "torchvision")


def fvcore(model, image, *, train=False):
    from fvcore.nn import FlopCountAnalysis

    analysis = FlopCountAnalysis(model.train(train), (image,))
    return analysis.unsupported_ops_warnings(False).uncalled_modules_warnings(False).total()


def thop(model, image):
    import thop

    return thop.profile(model, (image,), verbose=False)[0]


def torchinfo(model, image):
    import torchinfo

    return torchinfo.summary(model, input_data=image, verbose=0).total_mult_adds


def ptflops(model, image, *, backend="aten"):
    import ptflops

    size = tuple(image.shape[1:])
    options = {"as_strings": False, "print_per_layer_stat": False, "backend": backend}
    return ptflops.get_model_complexity_info(model, size, **options)[0]


CONVENTIONS = {
    "fvcore": fvcore,
    "fvcore-train": lambda model, image: fvcore(model, image, train=True),
    "thop": thop,
    "torchinfo": torchinfo,
    "ptflops": ptflops,
    "ptflops-pytorch": lambda model, image: ptflops(model, image, backend="pytorch"),
}


def main():
    warnings.simplefilter("ignore")
    logging.disable()
    figures = {}
    for name in MODELS:
        arguments = {"init_weights": False, "aux_logits": False} if name == "googlenet" else {}
        model = torchvision.models.get_model(name, **arguments).eval()
        # With gradients: without them PyTorch fuses attention, and then no tool sees it.
        with contextlib.redirect_stdout(sys.stderr):
            figures[name] = {
                convention: int(tool(copy.deepcopy(model), torch.zeros(1, 3, 224, 224)))
                for convention, tool in CONVENTIONS.items()
            }
    versions = {tool: importlib.metadata.version(tool).partition("+")[0] for tool in TOOLS}
    json.dump({"versions": versions, "figures": figures}, sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    main()
