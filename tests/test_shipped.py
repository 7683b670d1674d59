"""The reports that ship are what their specs give, and say what they must."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from reportgen.cli import main
from reportgen.record import record as records

ROOT = Path(__file__).resolve().parent.parent


def test_every_shipped_report_is_in_order(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(ROOT / "specs"), "--out", str(ROOT / "out")]) == 0
    assert capsys.readouterr().out.count(": in order, ") == len(list((ROOT / "specs").iterdir()))


@pytest.mark.slow
def test_a_run_of_every_shipped_spec_measures_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(ROOT / "out", tmp_path / "out")
    # Some weights and data are not here: their figures are kept, and it exits with 1.
    assert main([str(ROOT / "specs"), "--out", str(tmp_path / "out"), "--offline"]) == 1
    assert ", 0 measurements, 0 files written, " in capsys.readouterr().out
    for path in (ROOT / "out").iterdir():
        assert (tmp_path / "out" / path.name).read_bytes() == path.read_bytes()


@pytest.mark.parametrize(
    ("model", "key", "value"),
    [
        # Published with the models; derived in tests/zoo.
        ("Original Model", "macs", 1_297_829_888),
        ("Original Model", "params", 23_520_842),
        ("Original Model", "flops", 2_607_300_608),
        ("Lite Model", "macs", 101_550_592),
        ("Lite Model", "params", 1_598_378),
        ("Quant Model", "macs", 325_799_936),
        ("Quant Model", "params", 23_498_122),
        ("Quant Lite Model", "macs", 101_550_592),
        ("Quant Lite Model", "params", 1_597_002),
        # 100 − 8.27 % and 100 − 7.37 %, the errors published with the weights.
        ("ResNet-20", "top1", 91.73),
        ("ResNet-32", "top1", 92.63),
    ],
)
def test_cifar10_says(model: str, key: str, value: float) -> None:
    record = records.read(ROOT / "out" / "cifar10.json")
    assert record is not None
    figure = record.builds[model].figures[key]
    assert (figure.provenance, figure.value) == ("measured", value)


def test_cifar10_counts_images() -> None:
    record = records.read(ROOT / "out" / "cifar10.json")
    assert record is not None
    top1 = {name: record.builds[name].figures["top1"] for name in ("ResNet-20", "ResNet-32")}
    assert {name: (f.correct, f.total) for name, f in top1.items()} == {
        "ResNet-20": (9_173, 10_000),
        "ResNet-32": (9_263, 10_000),
    }


@pytest.mark.parametrize(
    ("model", "params", "macs"),
    [
        # Published parameters; products derived in tests/counting/test_architectures.py.
        ("Llama 2 7B", 6_738_415_616, 850_000_871_424),
        ("Llama 2 70B", 68_976_648_192, 8_816_762_552_320),
        ("Llama 3.1 8B", 8_030_261_248, None),
        ("Llama 3.2 1B", 1_235_814_400, None),
        ("Llama 2 7B, longer", 6_738_415_616, 14_630_806_093_824),
        ("Llama 2 70B, longer", 68_976_648_192, 146_222_161_592_320),
    ],
)
def test_decoder_says(model: str, params: int, macs: int | None) -> None:
    record = records.read(ROOT / "out" / "decoder.json")
    assert record is not None
    figures = record.builds[model].figures
    assert figures["params"].value == params
    assert figures["macs"].check is None  # the second counter agrees
    assert macs in (None, figures["macs"].value)


@pytest.mark.parametrize("model", ["ResNet-44", "ResNet-56"])
def test_cifar10_is_honest_about_weights_it_could_not_have(model: str) -> None:
    record = records.read(ROOT / "out" / "cifar10.json")
    assert record is not None
    build = record.builds[model]
    assert build.figures["error"].cause == "missing"
    assert "could not be downloaded" in build.figures["error"].reason
    assert build.reported["error"].text in ("6.90 %", "6.61 %")
    assert build.figures["macs"].provenance == "measured"
