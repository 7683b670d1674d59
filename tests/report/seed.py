"""A record of the published figures of four ResNets, as their README prints them."""

from __future__ import annotations

from reportgen.record.record import BuildRecord, Figure, Record, ReportSettings

# name: parameters, MACs, FLOPs, seconds over the test set, correct of 10,000 test images. The
# quantised models' counts are what calflops sees of them: packed weights are no parameters to it.
_SEED = {
    "Original Model": (23_520_842, 1_297_829_888, 2_607_300_608, 172.2883, 8779),
    "Lite Model": (1_598_378, 101_550_592, 203_777_024, 12.4326, 9024),
    "Quant Model": (7_680, 0, 524_288, 10.7362, 7981),
    "Quant Lite Model": (896, 0, 90_112, 5.0032, 8257),
}


def seed_record() -> Record:
    """Return the four models' figures as if they had been measured here."""
    builds = {
        name: BuildRecord(
            model=name,
            dataset="cifar10",
            classes=10,
            source="zoo/cifar_resnet50",
            input_shape=(3, 32, 32),
            figures={
                "params": Figure("measured", params),
                "macs": Figure("measured", macs),
                "flops": Figure("measured", flops),
                "time.total": Figure("measured", seconds, "s"),
                "top1": Figure("measured", correct / 100, "%", correct=correct, total=10_000),
            },
        )
        for name, (params, macs, flops, seconds, correct) in _SEED.items()
    }
    return Record(
        spec="cifar10",
        title="ResNets on CIFAR-10",
        report=ReportSettings(formats=("txt",), order=tuple(builds)),
        builds=builds,
    )
