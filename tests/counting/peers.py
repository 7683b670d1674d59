"""Runs the tools whose conventions reportgen reads, and writes down what they say.

    pip install calflops transformers fvcore mmengine thop torchinfo ptflops setuptools
    python tests/counting/peers.py                             # whatever peers.json lacks
    python tests/counting/peers.py --again --models vit_b_32   # once more, for one model
    python tests/counting/peers.py --again --tools thop

Every tool sees each model as a user would show it: on the CPU, with real tensors, one image of
the size that the model is made for. A process of its own runs each model, and whatever is found
is written to ``peers.json`` at once, so this may be stopped and started again at any time. A tool
of another version than the file's starts anew; another PyTorch starts everything anew.

All of it takes about an hour and less than 10 GB. ``test_conventions.py`` reads the file and runs
none of the tools.
"""

from __future__ import annotations

import argparse
import contextlib
import copy
import gc
import importlib
import importlib.metadata
import io
import json
import logging
import multiprocessing
import os
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path

FIGURES = Path(__file__).with_name("peers.json")
FRAMEWORK = ("torch", "torchvision")
SIZES = {"inception_v3": 299}
# As the published weights have them; initialising the weights takes a minute and changes no figure.
ARGUMENTS = {
    "googlenet": {"aux_logits": False, "init_weights": False},
    "inception_v3": {"init_weights": False},
}


def torch_(model, image):
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter:
        model(image)
    return {"torch": counter.get_total_flops()}


def deepspeed(model, image):
    from deepspeed.profiling.flops_profiler import get_model_profile

    flops, macs, params = get_model_profile(
        model, args=[image], print_profile=False, as_string=False, warm_up=0
    )
    return {"deepspeed-macs": macs, "deepspeed-flops": flops, "deepspeed-params": params}


def calflops(model, image):
    import calflops

    flops, macs, params = calflops.calculate_flops(
        model, args=[image], print_results=False, output_as_string=False
    )
    return {"calflops-macs": macs, "calflops-flops": flops, "calflops-params": params}


def fvcore(model, image):
    from fvcore.nn import FlopCountAnalysis

    def total(train):
        analysis = FlopCountAnalysis(model.train(train), (image,))
        return analysis.unsupported_ops_warnings(False).uncalled_modules_warnings(False).total()

    return {"fvcore": total(False), "fvcore-train": _figure_or_error(lambda: total(True))}


def mmengine(model, image):
    from mmengine.analysis import get_model_complexity_info

    def info(train):
        options = {"inputs": image, "show_table": False, "show_arch": False}
        return get_model_complexity_info(model.train(train), **options)

    evaluated = info(False)
    return {
        "mmengine": evaluated["flops"],
        "mmengine-train": _figure_or_error(lambda: info(True)["flops"]),
        "mmengine-activations": evaluated["activations"],
    }


def thop(model, image):
    import thop

    return {"thop": thop.profile(model, (image,), verbose=False)[0]}


def torchinfo(model, image):
    import torchinfo

    return {"torchinfo": torchinfo.summary(model, input_data=image, verbose=0).total_mult_adds}


def ptflops(model, image):
    import ptflops

    found = {}
    for name, backend in (("ptflops", "aten"), ("ptflops-pytorch", "pytorch")):
        said = io.StringIO()
        with contextlib.redirect_stdout(said):
            found[name] = ptflops.get_model_complexity_info(
                copy.deepcopy(model),
                tuple(image.shape[1:]),
                as_strings=False,
                print_per_layer_stat=False,
                backend=backend,
            )[0]
        if found[name] is None:  # it prints what was raised, and goes on
            raise RuntimeError(said.getvalue().strip())
    return found


TOOLS = {
    "torch": torch_,
    "fvcore": fvcore,
    "mmengine": mmengine,
    "thop": thop,
    "torchinfo": torchinfo,
    "ptflops": ptflops,
    "deepspeed": deepspeed,
    "calflops": calflops,
}
"""Distribution → what runs it: it gets a model in evaluation mode, which it may spoil."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--models", nargs="+", help="only these; all of torchvision's otherwise")
    parser.add_argument("--tools", nargs="+", choices=TOOLS, default=list(TOOLS))
    parser.add_argument("--again", action="store_true", help="also what is known already")
    parser.add_argument("--limit", type=float, default=900, help="seconds for a tool and a model")
    given = parser.parse_args()
    torchvision, *_ = map(importlib.import_module, ("torchvision", *given.tools))

    known = _known()
    known["versions"] |= {tool: _version(tool) for tool in (*FRAMEWORK, *given.tools)}
    models = given.models or torchvision.models.list_models(module=torchvision.models)
    for number, name in enumerate(models, 1):
        row = known["figures"].setdefault(name, {})
        wanted = [tool for tool in given.tools if given.again or tool not in row]
        started = time.monotonic()
        while wanted:
            found = _run(name, wanted, given.limit)
            row |= found
            wanted = wanted[len(found) :]
            _write(known)
        seconds = time.monotonic() - started
        print(f"{number}/{len(models)} {name} {seconds:.0f} s", file=sys.stderr, flush=True)
    return 0


def _run(model: str, tools: list[str], limit: float) -> dict[str, dict[str, float | str]]:
    """Run tools in a process of their own, until one of them fails; each has an answer then."""
    with tempfile.TemporaryDirectory() as folder:
        answers = Path(folder) / "answers"
        answers.touch()
        # Forked, so that everything is imported already.
        child = multiprocessing.get_context("fork").Process(
            target=_child, args=(model, tools, answers)
        )
        child.start()
        child.join(limit * len(tools))
        failure = f"ended with exit code {child.exitcode}"
        if child.is_alive():
            child.kill()
            child.join()
            failure = f"gave no answer in {limit:.0f} seconds"
        lines = answers.read_text("utf-8").splitlines()
    found = {tool: json.loads(line) for tool, line in zip(tools, lines, strict=False)}
    if not found or (len(found) < len(tools) and not any(map(_failed, found.values()))):
        found[tools[len(found)]] = {"error": failure}
    return found


def _failed(answer: dict[str, float | str]) -> bool:
    return any(isinstance(value, str) for value in answer.values())


def _figure_or_error(figure: Callable[[], float]) -> float | str:
    """Return a figure, or what was raised instead: another figure of the tool may still stand."""
    try:
        return figure()
    except Exception as error:
        return _text(error)


def _text(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())}"


def _child(name: str, tools: list[str], answers: Path) -> None:
    """Write one line for each tool; stop after one that raises, which may have left a mess."""
    import torch
    import torchvision

    with open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), 1)
        os.dup2(nowhere.fileno(), 2)
    warnings.simplefilter("ignore")
    logging.disable()
    # With gradients: without them PyTorch fuses attention, and then no tool sees it.
    size = SIZES.get(name, 224)
    image = torch.zeros(1, 3, size, size)
    for tool in tools:
        gc.collect()  # a trace holds on to its model, and the next one takes gigabytes, too
        model = torchvision.models.get_model(name, **ARGUMENTS.get(name, {})).eval()
        try:
            answer = {figure: _plain(said) for figure, said in TOOLS[tool](model, image).items()}
        except Exception as error:
            answer = {"error": _text(error)}
        with answers.open("a", encoding="utf-8") as file:
            print(json.dumps(answer), file=file)
        if _failed(answer):
            return


def _plain(value: float | str) -> float | str:
    """Return a whole number as an integer, whatever type the tool gives it."""
    if isinstance(value, str):
        return value
    return int(value) if int(value) == value else float(value)


def _version(distribution: str) -> str:
    return importlib.metadata.version(distribution).partition("+")[0]


def _known() -> dict[str, dict]:
    """Read the file, and leave out what other versions than today's said."""
    if not FIGURES.exists():
        return {"versions": {}, "figures": {}}
    known = json.loads(FIGURES.read_text("utf-8"))
    stale = {tool for tool in known["versions"] if _version_changed(tool, known["versions"][tool])}
    if stale & set(FRAMEWORK):
        return {"versions": {}, "figures": {}}
    for row in known["figures"].values():
        for tool in stale & set(row):
            del row[tool]
    return known


def _version_changed(distribution: str, version: str) -> bool:
    try:
        return _version(distribution) != version
    except importlib.metadata.PackageNotFoundError:
        return False  # not here, so not to be run again


def _write(known: dict[str, dict]) -> None:
    """Replace the file, one line for each model and tool."""
    models = (
        f"  {json.dumps(name)}: {{\n"
        + ",\n".join(
            f"   {json.dumps(tool)}: {json.dumps(row[tool])}" for tool in TOOLS if tool in row
        )
        + "\n  }"
        for name, row in sorted(known["figures"].items())
        if row
    )
    versions = json.dumps(dict(sorted(known["versions"].items())))
    text = f'{{\n "versions": {versions},\n "figures": {{\n' + ",\n".join(models) + "\n }\n}\n"
    temporary = FIGURES.with_suffix(".tmp")
    temporary.write_text(text, "utf-8")
    os.replace(temporary, FIGURES)


if __name__ == "__main__":
    sys.exit(main())
