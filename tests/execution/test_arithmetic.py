"""No setting of the process and none of its environment reaches the bits of a run, and all are given back."""

import os
import subprocess
import sys
import threading

import numpy as np
import pytest
import torch
from threadpoolctl import threadpool_info

from fedsim.execution.arithmetic import repeatable
from fedsim.execution.pool import Pool
from tests.small_runs import DIGITS, played, scenario

PROGRAM = """
import sys
from tests.small_runs import DIGITS, played, scenario
from fedsim.models.contract import model
from fedsim.execution.pool import Pool

@model("odd")
def odd(shape, classes):
    from torch import nn
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 96), nn.Tanh(), nn.LayerNorm(96), nn.Linear(96, classes))

extra = ["rounds=2", "training.batch_size=9", "aggregator=fedmi"]
if __name__ == "__main__":
    for model, kernel, workers in (("odd", "auto", 1), ("mlp", "loop", 1), ("mlp", "loop", 2), ("mlp", "auto", 1)):
        with Pool(workers, "loky") as pool:
            given = scenario(DIGITS, f"model={model}", f'training.kernel="{kernel}"', *extra)
            print(model, kernel, *(e.digest for e in played(given, pool) if hasattr(e, "digest")))
"""
ENVIRONMENTS = [
    {"OMP_NUM_THREADS": "1"},
    {"OMP_NUM_THREADS": "3", "MKL_NUM_THREADS": "5", "OPENBLAS_NUM_THREADS": "3", "PYTHONHASHSEED": "7", "LC_ALL": "C"},
]
LIMITS = {"OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"}


def told(environment):
    """What the program prints under this environment."""
    rest = {name: value for name, value in os.environ.items() if name not in LIMITS}
    settings = rest | {"PYTHONPATH": os.pathsep.join(sys.path)} | environment
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, env=settings, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_the_threads_of_the_environment_change_no_bit():
    lines = [told(environment) for environment in ENVIRONMENTS]
    assert lines[1:] == lines[:1] * (len(lines) - 1)
    assert lines[0][1] == lines[0][2]  # whatever the number of workers


def doubles():
    torch.set_default_dtype(torch.float64)


def short_products():
    torch.set_float32_matmul_precision("medium")


def other_ways():
    torch.use_deterministic_algorithms(mode=True, warn_only=True)
    torch.backends.mkldnn.set_flags(False)
    torch.backends.cuda.enable_flash_sdp(enabled=False)


def flushed():
    torch.set_flush_denormal(True)


def strict():
    np.seterr(all="raise")
    np.setbufsize(16)


def elsewhere():
    torch.set_default_device("meta")


def without_gradients():
    torch.set_grad_enabled(False)


@pytest.fixture
def as_found():
    """Every setting of this process as it was."""
    errors, buffer = np.geterr(), np.getbufsize()
    yield
    np.seterr(**errors)
    np.setbufsize(buffer)
    torch.set_default_dtype(torch.float32)
    torch.set_float32_matmul_precision("highest")
    torch.use_deterministic_algorithms(mode=False)
    torch.backends.mkldnn.set_flags(True)
    torch.backends.cuda.enable_flash_sdp(enabled=True)
    torch.set_flush_denormal(False)
    torch.set_default_device(None)
    torch.set_grad_enabled(True)


def settings():
    """What a caller may have set."""
    smallest = sys.float_info.min
    return (
        torch.get_default_dtype(), torch.get_float32_matmul_precision(), torch.are_deterministic_algorithms_enabled(),
        torch.backends.mkldnn.enabled, torch.backends.cuda.flash_sdp_enabled(), smallest / 2 == 0, np.geterr(),
        np.getbufsize(), torch.get_default_device(), torch.is_grad_enabled(), torch.get_num_threads(),
        [(info["filepath"], info["num_threads"]) for info in threadpool_info()],
        {name: os.environ.get(name) for name in LIMITS},
    )  # fmt: skip


CALLERS = [doubles, short_products, other_ways, flushed, strict, elsewhere, without_gradients]


@pytest.mark.parametrize("caller", CALLERS)
def test_what_the_caller_has_set_changes_no_bit_and_is_given_back(caller, as_found):
    given = scenario(DIGITS, "model=mlp", 'training.kernel="loop"', "rounds=2")
    expected = played(given)[-1].digest
    caller()
    before = settings()
    with Pool(2, "threading") as pool:
        assert played(given)[-1].digest == played(given, pool)[-1].digest == expected
    assert settings() == before


def test_autocast_and_inference_mode_of_the_caller_change_no_bit():
    given = scenario(DIGITS, "model=mlp", 'training.kernel="loop"', "rounds=2")
    expected = played(given)[-1].digest
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert played(given)[-1].digest == expected
        assert torch.is_autocast_enabled("cpu")
    with torch.inference_mode():
        assert played(given)[-1].digest == expected
        assert torch.is_inference_mode_enabled()


def test_what_own_code_changes_inside_is_not_left_behind(as_found):
    before = settings()
    with repeatable():
        torch.set_grad_enabled(False)
        torch.set_num_threads(2)
        strict()
    assert settings() == before


def test_a_thread_that_leaves_takes_nothing_from_those_still_inside():
    inside, left = threading.Event(), threading.Event()
    found = []

    def stay():
        with repeatable():
            inside.set()
            left.wait(10)
            found.append((torch.get_num_threads(), torch.get_default_dtype()))

    torch.set_num_threads(2)
    torch.set_default_dtype(torch.float64)
    try:
        with repeatable():
            thread = threading.Thread(target=stay)
            thread.start()
            inside.wait(10)
        left.set()
        thread.join()
        assert found == [(1, torch.float32)]
        assert (torch.get_num_threads(), torch.get_default_dtype()) == (2, torch.float64)
    finally:
        torch.set_default_dtype(torch.float32)


def test_what_is_loaded_inside_is_given_the_threads_of_the_environment():
    code = (
        "import os, sys; os.environ['OMP_NUM_THREADS'] = '3'\n"
        "from fedsim.execution.arithmetic import repeatable\n"
        "with repeatable():\n"
        "    import torch\n"
        "    inside = torch.get_num_threads()\n"
        "print(inside, torch.get_num_threads(), os.environ['OMP_NUM_THREADS'])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["1", "3", "3"]
