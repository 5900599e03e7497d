"""Settings of torch that may change a bit: what they are, and what they must be while a run computes."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from typing import Any, NamedTuple

import torch
from torch.backends import cuda, mkldnn, nnpack, opt_einsum

SMALLEST = 2.0**-1022
"""The half of it is a number only where small numbers are not flushed to zero."""


class Setting(NamedTuple):
    """One switch of the whole process."""

    read: Callable[[], Any]
    write: Callable[[Any], object]
    wanted: Any


def _settings() -> Iterator[Setting]:
    yield Setting(torch.get_default_dtype, torch.set_default_dtype, torch.float32)
    yield Setting(_determinism, _determine, (False, False))
    yield Setting(torch._C._get_mkldnn_enabled, torch._C._set_mkldnn_enabled, True)
    yield Setting(torch._C._get_nnpack_enabled, nnpack.set_flags, True)
    yield Setting(cuda.flash_sdp_enabled, cuda.enable_flash_sdp, True)  # on the CPU too, whatever its name
    yield Setting(cuda.math_sdp_enabled, cuda.enable_math_sdp, True)
    yield Setting(lambda: opt_einsum.enabled, partial(setattr, opt_einsum, "enabled"), False)
    yield from _precisions()
    fast = getattr(torch.backends, "mha", None)
    if fast is not None:
        yield Setting(fast.get_fastpath_enabled, fast.set_fastpath_enabled, True)


def _determinism() -> tuple[bool, bool]:
    return torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()


def _determine(given: tuple[bool, bool]) -> None:
    torch.use_deterministic_algorithms(given[0], warn_only=given[1])


def _precisions() -> Iterator[Setting]:
    """Whether products of float32 may be made of shorter numbers; newer versions say so for each kind of product."""
    named = (getattr(mkldnn, name, None) for name in ("conv", "rnn", "matmul"))
    parts = [part for part in named if hasattr(part, "fp32_precision")]
    if not parts:
        yield Setting(torch.get_float32_matmul_precision, torch.set_float32_matmul_precision, "highest")
    for part in parts:
        yield Setting(partial(_precision, part), partial(setattr, part, "fp32_precision"), "ieee")


def _precision(part: Any) -> str:
    """`none` means what is always so on the CPU unless somebody asks for less."""
    given: str = part.fp32_precision
    return "ieee" if given == "none" else given


SETTINGS = tuple(_settings())


def settle_process(undo: ExitStack) -> None:
    """Set what all threads share; `undo` gives it back."""
    for setting in SETTINGS:
        before = setting.read()
        if before != setting.wanted:
            undo.callback(setting.write, before)
            setting.write(setting.wanted)


def settle_thread(undo: ExitStack, threads: int) -> None:
    """Set what each thread has for itself; `undo` gives it back, with so many arithmetic threads."""
    undo.callback(torch.set_num_threads, threads)
    torch.set_num_threads(1)
    undo.enter_context(torch.inference_mode(mode=False))
    undo.enter_context(torch.enable_grad())
    if torch.is_autocast_enabled("cpu"):
        undo.enter_context(torch.autocast("cpu", enabled=False))
    if torch.get_default_device().type != "cpu":
        undo.enter_context(torch.device("cpu"))
    if SMALLEST / 2 == 0:
        undo.callback(torch.set_flush_denormal, True)
        torch.set_flush_denormal(False)
