"""Counting changes nothing: not the model, not PyTorch, not the next count, whatever is raised."""

import importlib
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.pool import ThreadPool

import einops
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from reportgen.counting import CountingError, count, count_anywhere
from reportgen.counting.driver import deepspeed_profiler
from reportgen.zoo.decoder import decoder


def picture():
    """Everything that the profiler touches, as it is now."""
    importlib.import_module("torch._dynamo")  # the first count does, and what it brings stays
    profiler = deepspeed_profiler()
    return {
        **{f"F.{name}": value for name, value in vars(F).items()},
        **{f"torch.{name}": value for name, value in vars(torch).items()},
        **{f"Tensor.{name}": value for name, value in vars(torch.Tensor).items()},
        **{f"einops.{name}": value for name, value in vars(einops).items()},
        **{f"_VF.{name}": value for name, value in vars(torch._VF).items()},
        "nn.Module.__call__": nn.Module.__call__,
        "Thread.start": threading.Thread.start,
        "pools": [dict(vars(pool)) for pool in (ThreadPoolExecutor, ThreadPool)],
        "stance": repr(torch._dynamo.eval_frame._stance),
        "fast path": torch.backends.mha.get_fastpath_enabled(),
        "gradients": torch.is_grad_enabled(),
        "oneDNN": torch._C._get_mkldnn_enabled(),
        "wrapFunc": profiler.wrapFunc,
        "mapping": dict(profiler.MODULE_HOOK_MAPPING),
        "stacks": (list(profiler.module_flop_count), list(profiler.module_mac_count)),
        "originals": dict(profiler.old_functions),
        "dispatch": torch._C._len_torch_dispatch_stack(),
    }


def anatomy(model):
    """Every module's own state, hooks and attributes included, and what is frozen."""
    return [
        (name, {k: v.copy() if isinstance(v, dict) else v for k, v in vars(module).items()})
        for name, module in model.named_modules()
    ] + [(name, p.requires_grad) for name, p in model.named_parameters()]


class Fails(nn.Module):
    def __init__(self, error):
        super().__init__()
        self.error = error

    def forward(self, x):
        if self.error is not None:
            raise self.error
        return x


def some_model(error=None):
    model = nn.Sequential(nn.Linear(4, 4), nn.LSTM(4, 4), Fails(error))
    model[0].weight.requires_grad_(False)
    model[0].eval()
    model[1].forward = lambda x: nn.LSTM.forward(model[1], x)[0]
    return model


@pytest.mark.parametrize(
    "error", [None, ValueError("bad weather"), KeyboardInterrupt(), SystemExit(3)]
)
def test_everything_is_put_back(error):
    model = some_model(error)
    before, anatomy_before = picture(), anatomy(model)
    if error is None:
        count(model, [torch.zeros(2, 3, 4)])
    else:
        with pytest.raises(type(error)) as raised:
            count(model, [torch.zeros(2, 3, 4)])
        assert raised.value is error
    assert picture() == before
    assert anatomy(model) == anatomy_before


def test_wrong_inputs_raise_what_the_model_raises():
    before = picture()
    with pytest.raises(TypeError, match="positional argument"):
        count(nn.Linear(2, 2), [])
    assert picture() == before


def test_a_recurrent_layer_that_raises_leaves_onednn_on():
    before = picture()
    assert before["oneDNN"]
    with pytest.raises((RuntimeError, ValueError), match="4"):
        count(nn.LSTM(4, 4), [torch.zeros(2, 3, 5)])
    assert picture() == before


def test_counts_do_not_depend_on_what_was_counted_before():
    class NeedsValues(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(4, 2)

        def forward(self, x):
            return self.layer(x[x > 0].view(-1, 4))

    subjects = {
        "falls back": lambda: count_anywhere(NeedsValues, [torch.ones(3, 4)]),
        "recurrent": lambda: count(nn.LSTM(4, 4), [torch.zeros(2, 3, 4)]),
        "attention": lambda: count_anywhere(
            lambda: nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), [torch.zeros(1, 3, 8)]
        ),
        "raises": lambda: count_anywhere(lambda: some_model(ValueError("bad")), [torch.zeros(1)]),
        "tied": lambda: count_anywhere(
            lambda: decoder(
                vocabulary=9, layers=1, width=8, heads=2, key_value_heads=1, hidden=8, tied=True
            ),
            [torch.zeros(1, 3, dtype=torch.long)],
        ),
    }

    def counted(name):
        try:
            result = subjects[name]()
        except Exception as error:
            return type(error)
        return result.ledger, result.cross_check, result.notes

    before = picture()
    first = {name: counted(name) for name in subjects}
    assert {name: counted(name) for name in reversed(subjects)} == first
    assert picture() == before


def test_an_error_does_not_change_the_next_count():
    with pytest.raises(ValueError, match="bad weather"):
        count(some_model(ValueError("bad weather")), [torch.zeros(2, 3, 4)])
    assert count(nn.Linear(4, 2), [torch.zeros(3, 4)]).macs == 24
    assert count(nn.Linear(4, 2), [torch.zeros(3, 4)]).macs == 24


def test_a_module_may_catch_what_its_child_raises():
    class Careful(nn.Module):
        def __init__(self):
            super().__init__()
            self.child = Fails(ValueError("caught"))
            self.layer = nn.Linear(4, 2)

        def forward(self, x):
            try:
                return self.child(x)
            except ValueError:
                return self.layer(x)

    result = count(Careful(), [torch.zeros(3, 4)])
    assert result.macs == 24
    assert [result.ledger.modules[row.module].path for row in result.ledger.operations] == ["layer"]


def test_work_of_hooks_belongs_to_the_module_that_has_them():
    model = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4))
    for module in (model, model[0]):
        module.register_forward_pre_hook(lambda module, args: (args[0] @ torch.zeros(4, 4),))
        module.register_forward_hook(lambda module, args, output: output @ torch.zeros(4, 7)[:, :4])
    result = count(model, [torch.zeros(3, 4)])
    macs = [0, 0, 0]
    for row in result.ledger.operations:
        macs[row.module] += row.macs
    # 3 * 4 * 4 products each: two hooks, two hooks and a layer, a layer
    assert macs == [2 * 48, 3 * 48, 48]
    assert result.cross_check.verified


def test_counting_inside_a_forward_is_refused():
    class Nested(nn.Module):
        def forward(self, x):
            count(nn.Linear(4, 2), [x])

    before = picture()
    with pytest.raises(CountingError) as error:
        count(Nested(), [torch.zeros(3, 4)])
    assert str(error.value) == (
        "a model is being counted in this thread already; count the inner model first"
    )
    assert picture() == before
    assert count(nn.Linear(4, 2), [torch.zeros(3, 4)]).macs == 24


def test_functions_patched_by_another_profiler_are_refused():
    profiler = deepspeed_profiler().FlopsProfiler(nn.Linear(4, 2))
    profiler.start_profile()
    try:
        with pytest.raises(CountingError) as error:
            count(nn.Linear(4, 2), [torch.zeros(3, 4)])
    finally:
        profiler.end_profile()
    assert str(error.value) == (
        "torch.nn.functional.linear is patched by deepspeed.profiling.flops_profiler.profiler: "
        "another profiler is running, or has not cleaned up; end it, or count in a fresh process"
    )
    assert count(nn.Linear(4, 2), [torch.zeros(3, 4)]).macs == 24


def test_threads_count_one_after_another_and_each_right():
    sizes = range(1, 9)
    found = {}

    def work(size):
        found[size] = count(nn.Sequential(nn.Linear(size, 4)), [torch.zeros(3, size)]).macs

    threads = [threading.Thread(target=work, args=(size,)) for size in sizes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {size: 3 * size * 4 for size in sizes}


def test_another_thread_that_uses_pytorch_is_not_counted():
    running, stop = threading.Event(), threading.Event()

    def innocent():
        other = nn.Linear(64, 64)
        while not stop.is_set():
            other(torch.zeros(1, 64))
            running.set()

    class Waits(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(4, 2)

        def forward(self, x):
            running.clear()
            assert running.wait(timeout=30)  # the other thread has run since
            return self.layer(x)

    thread = threading.Thread(target=innocent)
    thread.start()
    try:
        result = count(Waits(), [torch.zeros(3, 4)])
    finally:
        stop.set()
        thread.join()
    assert (result.macs, result.cross_check.verified) == (24, True)


def test_nothing_is_imported_or_printed_before_it_is_needed():
    script = (
        "import sys; import reportgen.record.ledger, reportgen.counting.conventions;"
        "assert 'torch' not in sys.modules and 'numpy' not in sys.modules;"
        "import os, torch, reportgen.counting as c; assert 'deepspeed' not in sys.modules;"
        "x = torch.empty(1, 4, device='meta');"
        "c.count(c.build_on_meta(lambda: torch.nn.Linear(4, 2)), [x]);"
        "assert 'DS_ACCELERATOR' not in os.environ"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
