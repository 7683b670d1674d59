"""Checkpoints as people have them: which part of a file is loaded, and what torch makes of it."""

from __future__ import annotations

import copy
import itertools
from collections import OrderedDict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn.utils import parametrizations
from torch.optim.swa_utils import AveragedModel

from reportgen.builds.checkpoint_file import read_checkpoint
from reportgen.builds.state_dicts import load, load_into
from reportgen.common.errors import MeasureError


class Net(nn.Module):
    """A convolution and a norm."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 1)
        self.bn = nn.BatchNorm2d(4)

    def forward(self, x: Tensor) -> Tensor:
        return self.bn(self.conv(x)).mean((2, 3))


class Part(nn.Module):
    """A network inside another."""

    def __init__(self) -> None:
        super().__init__()
        self.body = Net()
        self.fc = nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.body(x))


class Versioned(nn.Module):
    """Its first version had the sign turned round."""

    _version = 2

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(2))

    def _load_from_state_dict(self, state: Any, prefix: str, metadata: Any, *rest: Any) -> None:
        if (metadata.get("version") or 1) < 2:
            state[f"{prefix}weight"] = -state[f"{prefix}weight"]
        super()._load_from_state_dict(state, prefix, metadata, *rest)


def filled(module: nn.Module, seed: int = 1) -> nn.Module:
    """Give every parameter and buffer of floats random values."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for tensor in (*module.parameters(), *module.buffers()):
            if tensor.is_floating_point():
                tensor.copy_(torch.rand(tensor.shape, generator=generator))
    return module


def same(left: Mapping[str, Any], right: Mapping[str, Any]) -> bool:
    return left.keys() == right.keys() and all(torch.equal(left[k], right[k]) for k in left)


def through_a_file(content: Any, folder: Path) -> Any:
    torch.save(content, folder / "net.pt")
    return read_checkpoint(folder / "net.pt")


def loaded(
    content: Any, make: Callable[[], nn.Module] = Net, key: str | None = None
) -> tuple[dict[str, Any], str]:
    module, taken = load(make, content, "net.pt", key=key)
    return module.state_dict(), taken


def refused(
    content: Any, make: Callable[[], nn.Module] = Net, key: str | None = None
) -> tuple[str, str]:
    with pytest.raises(MeasureError) as error:
        load(make, content, "net.pt", key=key)
    return str(error.value), error.value.hint


STATE = filled(Net()).state_dict()
OTHER = filled(Net(), 2).state_dict()


def named(prefix: str, state: Mapping[str, Any] = STATE) -> dict[str, Any]:
    return {f"{prefix}{name}": value for name, value in state.items()}


# Wrappers and prefixes.

KEYS = """state_dict model_state_dict model net module params params_ema weights ema model_ema
state_dict_ema generator network best_model encoder my_thing"""


@pytest.mark.parametrize("key", KEYS.split())
def test_a_state_dict_is_found_under_any_key(key: str, tmp_path: Path) -> None:
    content = {
        "epoch": 3,
        "best": np.float64(0.9),
        "history": np.arange(3.0),
        "none": None,
        "rate": torch.tensor(0.1),
        "optimizer": {"state": {0: {"exp_avg": torch.ones(3)}}, "param_groups": [{"lr": 0.1}]},
        key: STATE,
    }
    state, taken = loaded(through_a_file(content, tmp_path))
    assert same(state, STATE)
    assert taken == ""


@pytest.mark.parametrize("keys", [*itertools.permutations(["state_dict", "net", "module"])])
def test_wrappers_nest_in_any_order(keys: tuple[str, ...]) -> None:
    content: dict[str, Any] = dict(STATE)
    for key in keys:
        content = {"epoch": 3, key: content}
    assert same(loaded(content)[0], STATE)


@pytest.mark.parametrize(
    "prefix",
    [
        *("module.", "_orig_mod.", "module._orig_mod.", "_orig_mod.module.", "module.module."),
        *("backbone.", "encoder.", "model.", "model._orig_mod.", "_orig_mod.model.module."),
        "some.where.deep.",
    ],
)
def test_one_prefix_of_all_names_is_taken_off(prefix: str) -> None:
    state, taken = loaded({"state_dict": named(prefix)})
    assert same(state, STATE)
    assert taken == ""


@pytest.mark.parametrize(
    "inside", ["_orig_mod.", "module.", "module._orig_mod.", "_fsdp_wrapped_module."]
)
@pytest.mark.parametrize("around", ["", "module.", "net."])
def test_wrappers_of_parts_are_taken_off(inside: str, around: str) -> None:
    own = filled(Part()).state_dict()
    content = {f"{around}{k.replace('body.', f'body.{inside}')}": v for k, v in own.items()}
    assert same(loaded(content, Part)[0], own)


@pytest.mark.parametrize("wrap", [torch.compile, nn.DataParallel, AveragedModel])
def test_modules_that_were_saved_inside_others(
    wrap: Callable[[nn.Module], nn.Module], tmp_path: Path
) -> None:
    content = wrap(filled(Net())).state_dict()
    state, taken = loaded(through_a_file(content, tmp_path))
    assert same(state, STATE)
    assert taken == ""
    part = filled(Part())
    own = {name: value.clone() for name, value in part.state_dict().items()}
    part.body = wrap(part.body)  # type: ignore[assignment]
    content = {name: v for name, v in part.state_dict().items() if "n_averaged" not in name}
    assert same(loaded(through_a_file(content, tmp_path), Part)[0], own)


@pytest.mark.parametrize("wrap", [torch.compile, nn.DataParallel])
def test_a_wrapped_module_takes_plain_names(wrap: Callable[[nn.Module], nn.Module]) -> None:
    state, _ = loaded(STATE, lambda: wrap(Net()))
    assert same(state, wrap(filled(Net())).state_dict())


@pytest.mark.parametrize("name", ["module", "model", "_orig_mod", "net"])
@pytest.mark.parametrize("prefix", ["", "module.", "model.", "module._orig_mod."])
def test_what_the_model_has_itself_is_not_taken_off(name: str, prefix: str) -> None:
    def make() -> nn.Module:
        outer = Net()
        outer.add_module(name, Net())
        return outer

    own = filled(make()).state_dict()
    assert same(loaded(named(prefix, own), make)[0], own)


def test_lightning_keeps_other_things_beside_the_model() -> None:
    content = {
        "pytorch-lightning_version": "2.4",
        "hyper_parameters": {"lr": 0.1},
        "state_dict": {
            "criterion.weight": torch.ones(4),
            **named("model."),
            "val_acc.tp": torch.zeros(3),
        },
    }
    state, taken = loaded(content)
    assert same(state, STATE)
    assert taken == "from 'state_dict.model'; left out: criterion.weight, val_acc.tp"


def test_an_encoder_out_of_a_larger_network() -> None:
    content = {**named("encoder."), **{f"decoder.{n}.weight": torch.ones(2) for n in range(5)}}
    state, taken = loaded(content)
    assert same(state, STATE)
    assert taken == (
        "from 'encoder'; left out: decoder.0.weight, decoder.1.weight, decoder.2.weight and 2 more"
    )


def test_what_is_no_tensor_stands_beside_a_state_dict(tmp_path: Path) -> None:
    content = {**STATE, "epoch": 3, "conv.groups": None, "rate": 0.1, "args": {"lr": 1}}
    assert same(loaded(through_a_file(content, tmp_path))[0], STATE)


def test_arrays_of_numpy_are_tensors(tmp_path: Path) -> None:
    content: dict[str, Any] = {name: value.numpy() for name, value in STATE.items()}
    content["conv.weight"] = content["conv.weight"].astype(">f4")
    content |= {"classes": np.array(["a", "b"]), "long": np.zeros(2, np.longdouble)}
    assert same(loaded(through_a_file(content, tmp_path))[0], STATE)


# Raw and averaged, and other choices.


@pytest.mark.parametrize(
    ("raw", "averaged"),
    [
        *(("state_dict", "state_dict_ema"), ("params", "params_ema"), ("model", "ema")),
        *(("model", "model_ema"), ("net", "swa_state_dict"), ("a", "modelEMA"), ("b", "avg_model")),
    ],
)
@pytest.mark.parametrize("first", ["raw", "averaged"])
def test_averaged_weights_are_taken_and_said_to_be(raw: str, averaged: str, first: str) -> None:
    content = {raw: OTHER, averaged: STATE}
    if first == "averaged":
        content = dict(reversed(content.items()))
    state, taken = loaded(content)
    assert same(state, STATE)
    assert taken == f"from '{averaged}' (averaged); the file holds '{raw}' too"
    state, taken = loaded(content, key=raw)
    assert same(state, OTHER)
    assert taken == f"from '{raw}'"


def test_raw_and_averaged_weights_under_prefixes() -> None:
    content = {"state_dict": {**named("model.", OTHER), **named("ema_model.module.")}}
    state, taken = loaded(content)
    assert same(state, STATE)
    assert taken == (
        "from 'state_dict.ema_model' (averaged); the file holds 'state_dict.model' too"
    )
    for key in ("model", "state_dict.model"):
        state, taken = loaded(content if "." in key else content["state_dict"], key=key)
        assert same(state, OTHER)
        assert taken == f"from '{key}'"


def test_an_average_that_lacks_the_norms_is_told_of() -> None:
    averaged = {name: value for name, value in STATE.items() if "running" not in name}
    state, taken = loaded({"model": OTHER, "ema": averaged})
    assert same(state, OTHER)
    assert taken == "from 'model'; the file holds 'ema' too"
    assert refused({"model": OTHER, "ema": averaged}, key="ema")[0] == (
        "the weights do not fit the model: 2 missing: bn.running_mean, bn.running_var"
    )


def test_nothing_is_guessed_between_two_that_fit() -> None:
    content = {"student": STATE, "teacher": OTHER}
    assert refused(content) == (
        "the weights net.pt hold 2 state dicts that fit the model: 'student', 'teacher'",
        "Say which: `key: student`.",
    )
    assert same(loaded(content, key="teacher")[0], OTHER)
    both = {**named("student."), **named("teacher.", OTHER)}
    assert refused(both)[0] == (
        "the weights net.pt hold 2 state dicts that fit the model: 'student', 'teacher'"
    )
    assert same(loaded(both, key="teacher")[0], OTHER)


def test_two_copies_of_the_same_are_one() -> None:
    copied = {name: value.clone() for name, value in STATE.items()}
    state, taken = loaded({"model": STATE, "state_dict": copied})
    assert same(state, STATE)
    assert taken == ""


def test_the_averages_of_an_optimiser_are_no_weights(tmp_path: Path) -> None:
    moments = {"exp_avg": OTHER, "exp_avg_sq": OTHER}
    for aside in ({"optimizer": moments}, moments, {"optimizer_state": {"m": OTHER}}):
        state, taken = loaded(through_a_file({"model": STATE, **aside}, tmp_path))
        assert same(state, STATE)
        assert taken == ""
    flat = {**named("model."), **named("optimizer.exp_avg.", OTHER)}
    state, taken = loaded(flat)
    assert same(state, STATE)
    assert taken == (
        "from 'model'; left out: optimizer.exp_avg.conv.weight, optimizer.exp_avg.conv.bias, "
        "optimizer.exp_avg.bn.weight and 4 more"
    )


def test_an_average_beside_weights_of_no_key() -> None:
    state, taken = loaded({**OTHER, "ema": STATE})
    assert same(state, STATE)
    assert taken == "from 'ema' (averaged); the file holds weights of no key too"


def test_only_one_of_several_fits() -> None:
    other = nn.Linear(2, 2).state_dict()
    state, taken = loaded({"generator": STATE, "discriminator": other})
    assert same(state, STATE)
    assert taken == ""


@pytest.mark.parametrize("key", ["nets.student", "nets.student.state", "nets"])
def test_keys_nest(key: str) -> None:
    content = {"nets": {"student": {"state": STATE}}, "x": OTHER}
    state, taken = loaded(content, key=key)
    assert same(state, STATE)
    assert taken == {
        "nets": "from 'nets.student.state'",
        "nets.student": "from 'nets.student.state'",
    }.get(key, f"from '{key}'")


@pytest.mark.parametrize(
    ("key", "hint"),
    [
        ("parms", "Did you mean 'params'?"),
        ("zzz", "Known: nets.a, params, params.bn, params.conv."),
        ("epoch", "Known: nets.a, params, params.bn, params.conv."),
    ],
)
def test_a_key_that_is_not_there(key: str, hint: str) -> None:
    content = {"params": STATE, "nets": {"a": {"x": torch.ones(1)}}, "epoch": 3}
    assert refused(content, key=key) == (
        f"the weights net.pt hold no state dict under the key '{key}'",
        hint,
    )


KNOWN = "state_dict, state_dict.module.encoder_k, state_dict.module.encoder_q"


@pytest.mark.parametrize(
    ("key", "hint"),
    [
        ("module.encoder_k", "Did you mean 'state_dict.module.encoder_k'?"),
        ("encoder_k", f"Known: {KNOWN}."),
    ],
)
def test_a_key_that_is_not_whole(key: str, hint: str) -> None:
    content = {
        "state_dict": {**named("module.encoder_q."), **named("module.encoder_k.", OTHER)},
        "rate": 0.1,
    }
    assert refused(content, key=key)[1] == hint
    state, taken = loaded(content, key="state_dict.module.encoder_k")
    assert same(state, OTHER)
    assert taken == "from 'state_dict.module.encoder_k'"


# What torch makes of it.


def test_versions_of_modules_are_kept(tmp_path: Path) -> None:
    state = Versioned().state_dict()
    averaged = AveragedModel(Versioned()).state_dict()
    compiled = torch.compile(nn.Sequential(Versioned())).state_dict()
    part = nn.Sequential(Versioned())
    part[0] = torch.compile(part[0])  # type: ignore[assignment]
    cases: list[tuple[Any, Callable[[], nn.Module]]] = [
        (state, Versioned),
        ({"state_dict": state}, Versioned),
        (averaged, Versioned),
        ({"x": {"y": averaged}}, Versioned),
        (compiled, lambda: nn.Sequential(Versioned())),
        (part.state_dict(), lambda: nn.Sequential(Versioned())),
        (state, lambda: nn.DataParallel(Versioned())),
        (state, lambda: torch.compile(Versioned())),  # type: ignore[arg-type, return-value]
    ]
    for content, make in cases:
        (value,) = (
            v for k, v in loaded(through_a_file(content, tmp_path), make)[0].items() if "w" in k
        )
        assert value.tolist() == [1, 1]


def test_a_file_without_versions_is_read_as_the_first_and_said_to_be(tmp_path: Path) -> None:
    path = tmp_path / "net.safetensors"
    save_file(Versioned().state_dict(), path)
    module, taken = load(Versioned, read_checkpoint(path), path.name)
    assert module.weight.tolist() == [-1, -1]  # as torch's own load_state_dict has it
    assert taken == "it holds no version of Versioned, which reads it as its first"


class Extra(nn.Module):
    """Keeps more than tensors."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(2))
        self.seen: Any = None

    def get_extra_state(self) -> Any:
        return self.seen

    def set_extra_state(self, state: Any) -> None:
        self.seen = state


@pytest.mark.parametrize("seen", [{"scale": 3, "of": [1, 2]}, 7, "text", torch.ones(2), None])
@pytest.mark.parametrize("prefix", ["", "module."])
def test_extra_state_reaches_its_module(seen: Any, prefix: str, tmp_path: Path) -> None:
    module = nn.Sequential(Extra())
    module[0].seen = seen
    content = through_a_file(named(prefix, module.state_dict()), tmp_path)
    made, _ = load(lambda: nn.Sequential(Extra()), content, "net.pt")
    assert made[0].seen is seen or (
        torch.equal(made[0].seen, seen) if isinstance(seen, Tensor) else made[0].seen == seen
    )


class Tied(nn.Module):
    """Two names of one matrix."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(3, 2)
        self.out = nn.Linear(2, 3, bias=False)
        self.out.weight = self.embed.weight


@pytest.mark.parametrize("saved", [("embed",), ("out",), ("embed", "out")])
def test_a_tied_parameter_may_be_saved_once(saved: tuple[str, ...]) -> None:
    value = torch.rand(3, 2)
    module, _ = load(Tied, {f"{name}.weight": value for name in saved}, "net.pt")
    assert torch.equal(module.embed.weight, value)
    assert module.out.weight is module.embed.weight


def test_values_that_the_model_ties_are_told_of_where_they_differ() -> None:
    values = {"embed.weight": torch.ones(3, 2), "out.weight": torch.zeros(3, 2)}
    module, taken = load(Tied, values, "net.pt")
    assert module.embed.weight.sum() == 0  # as torch's own load_state_dict has it
    assert taken == "the model ties what differs in the file: embed.weight, out.weight"


@pytest.mark.parametrize("prefix", ["", "module.", "model."])
@pytest.mark.parametrize("norm", [torch.nn.utils.weight_norm, parametrizations.weight_norm])
@pytest.mark.filterwarnings("ignore:.*weight_norm.*is deprecated")
def test_names_that_hooks_of_torch_convert(norm: Callable[..., nn.Module], prefix: str) -> None:
    def make() -> nn.Module:
        net = Net()
        net.conv = parametrizations.weight_norm(net.conv)
        return net

    old = Net()
    old.conv = norm(old.conv)  # type: ignore[assignment]
    module, _ = load(make, named(prefix, filled(old).state_dict()), "net.pt")
    images = torch.rand(2, 3, 4, 4)
    assert torch.allclose(module.eval()(images), old.eval()(images))


def test_a_hook_of_the_module_may_convert_all_names() -> None:
    class Hooked(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.zeros(2))
            self.register_load_state_dict_pre_hook(self._rename)

        @staticmethod
        def _rename(module: nn.Module, state: dict[str, Any], prefix: str, *_: Any) -> None:
            if f"{prefix}w" in state:
                state[f"{prefix}weight"] = state.pop(f"{prefix}w")

    for content in ({"w": torch.ones(2)}, {"state_dict": {"w": torch.ones(2)}, "epoch": 1}):
        assert loaded(content, Hooked)[0]["weight"].tolist() == [1, 1]


@pytest.mark.parametrize("prefix", ["", "model.", "module."])
def test_names_that_say_nothing_are_still_tried(prefix: str) -> None:
    def make() -> nn.Module:
        return parametrizations.weight_norm(nn.Linear(2, 2, bias=False))

    old = {"weight_g": torch.full((2, 1), 2.0), "weight_v": torch.eye(2)}
    module, taken = load(make, {"state_dict": named(prefix, old)}, "net.pt")
    assert module.weight.tolist() == [[2, 0], [0, 2]]
    assert taken == ""


def test_weights_fitted_by_the_same_code_are_of_its_version() -> None:
    module = Versioned()
    load_into(module, {"weight": torch.ones(2)})  # as safetensors gives them
    assert module.weight.tolist() == [1, 1]


def test_many_names_take_no_time_to_speak_of() -> None:
    """3,000 names behind a prefix, averaged too, and states of an optimiser by name."""

    def make() -> nn.Module:
        return nn.ModuleList(Net() for _ in range(430))

    own = make().state_dict()
    content = {
        "state_dict": named("module.", own),
        "ema": named("module.", own),
        "optimizer": {"state": {name: {"m": value, "v": value} for name, value in own.items()}},
    }
    assert same(loaded(content, make)[0], own)


def test_lazy_modules_take_their_shapes_from_the_weights() -> None:
    def make() -> nn.Module:
        return nn.Sequential(nn.LazyConv2d(4, 1), nn.LazyBatchNorm2d())

    own = filled(nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4)))
    module, _ = load(make, named("module.", own.state_dict()), "net.pt")
    images = torch.rand(2, 3, 4, 4)
    assert torch.equal(module.eval()(images), own.eval()(images))


def test_old_checkpoints_do_not_count_batches() -> None:
    old = {name: value for name, value in STATE.items() if "num_batches" not in name}
    assert torch.equal(loaded(old)[0]["bn.running_mean"], STATE["bn.running_mean"])


# Refusals.


def test_a_refusal_shows_the_first_names_of_both_sides() -> None:
    content = {
        "state_dict": {
            "module.conv.weight": torch.ones(8, 3, 1, 1),
            **{f"module.layer{n}.weight": torch.ones(1) for n in range(5)},
        }
    }
    assert refused(content) == (
        "the weights do not fit the model: "
        "5 missing: bn.bias, bn.running_mean, bn.running_var and 2 more; "
        "5 unexpected: module.layer0.weight, module.layer1.weight, module.layer2.weight "
        "and 2 more; 1 of another shape: conv.weight (8×3×1×1, the model's is 4×3×1×1)",
        "They are of another architecture, or of another number of classes.",
    )


def test_nothing_alike_is_shown_as_it_stands() -> None:
    content = {"model": {"a.x": torch.ones(1), "b.x": torch.ones(2)}, "opt": {"m": torch.ones(1)}}
    assert refused(content)[0] == (
        "the weights do not fit the model: 6 missing: bn.bias, bn.running_mean, bn.running_var "
        "and 3 more; 2 unexpected: a.x, b.x"
    )


def test_what_a_hook_raises_is_a_refusal() -> None:
    class Fussy(nn.Linear):
        def _load_from_state_dict(self, *_: Any) -> None:
            raise ValueError("version should be set to 1 or 2\n instead of None")

    assert refused(nn.Linear(1, 1).state_dict(), lambda: Fussy(1, 1)) == (
        "the model refuses the weights: ValueError: version should be set to 1 or 2 instead of "
        "None",
        "They are of another architecture, or of another number of classes.",
    )


def test_a_module_that_refused_is_not_the_one_that_is_returned() -> None:
    made: list[nn.Module] = []

    def make() -> nn.Module:
        made.append(filled(Net(), 3))
        return made[-1]

    with pytest.raises(MeasureError):
        load(make, {**STATE, "conv.weight": torch.ones(1)}, "net.pt")
    before = copy.deepcopy(STATE)
    module, _ = load(make, STATE, "net.pt")
    assert module is made[-1]
    assert same(STATE, before)


def test_metadata_of_the_file_is_not_changed() -> None:
    content = OrderedDict(named("module."))
    content._metadata = {"": {}, "module": {"version": 1}}  # type: ignore[attr-defined]
    loaded(content)
    assert content._metadata == {"": {}, "module": {"version": 1}}  # type: ignore[attr-defined]


def entries() -> dict[str, Tensor]:
    return dict(Net().state_dict())


def test_a_file_with_nan_is_still_one_state_dict() -> None:
    content = {**entries(), "conv.bias": torch.full((4,), torch.nan)}
    module, taken = load(Net, {"model": content, "copy": copy.deepcopy(content)}, "net.pt")
    assert module.state_dict()["conv.bias"].isnan().all()
    assert taken == ""


def test_a_copy_inside_is_not_preferred_to_weights_of_no_key() -> None:
    own = entries()
    content = {**own, **{f"teacher.{name}": -value for name, value in own.items()}}
    with pytest.raises(MeasureError) as error:
        load(Net, content, "net.pt")
    assert str(error.value) == (
        "the weights net.pt hold 2 state dicts that fit the model: 'teacher', and one of no key"
    )
    assert error.value.hint == "Say `key: teacher`, or save the other alone."
    module, taken = load(Net, content, "net.pt", key="teacher")
    assert torch.equal(module.state_dict()["conv.weight"], -own["conv.weight"])
    assert taken == "from 'teacher'"


def test_averages_without_names_are_told_of() -> None:
    own = entries()
    content = {"model": own, "ema": {"decay": 0.9, "shadow_params": list(own.values())}}
    assert (
        load(Net, content, "net.pt")[1] == "averages without names are not read: ema.shadow_params"
    )
    assert load(Net, content, "net.pt", key="model")[1] == "from 'model'"


def test_the_counter_of_averages_may_lie_deeper() -> None:
    averaged = torch.nn.DataParallel(AveragedModel(Net())).state_dict()
    raw = {f"net.{name}": -value for name, value in entries().items()}
    _, taken = load(Net, {**averaged, **raw}, "net.pt")
    assert taken == "from 'module.module' (averaged); the file holds 'net' too"


@pytest.mark.parametrize(
    ("weight", "why"),
    [
        (torch.empty(4, 3, 1, 1, device="meta"), "Cannot copy out of meta tensor; no data!"),
        (
            torch.ones(4, 3, 1, 1).to_sparse(),
            "copy_() between dense and sparse Tensors is not implemented! Found self type = "
            "torch.FloatTensor and src type = torch.sparse.FloatTensor",
        ),
    ],
)
def test_a_tensor_that_torch_cannot_copy(weight: Tensor, why: str) -> None:
    content = {**entries(), "conv.weight": weight, "bn.bias": torch.ones(4).to_sparse()}
    with pytest.raises(MeasureError) as error:
        load(Net, {"model": content, "other": content}, "net.pt")
    assert str(error.value) == f"the model refuses the weights: conv.weight: {why}"
    assert error.value.hint == (
        "Save dense tensors of ordinary types, as `state_dict()` of a model in float32 has."
    )


def test_long_names_are_cut() -> None:
    with pytest.raises(MeasureError) as error:
        load(lambda: nn.Linear(1, 1, bias=False), {"x" * 100_000: torch.ones(1)}, "net.pt")
    assert str(error.value) == (
        f"the weights do not fit the model: 1 missing: weight; 1 unexpected: {'x' * 200}…"
    )
