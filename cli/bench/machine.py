"""What this machine can do at best, and who it is."""

from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np

from cli.bench.pairs import timed
from fedsim.provenance import host, versions

SIDE = 1024
"""Rows and columns of the product that measures the peak."""
BYTES = 256 * 1024**2
"""What is read to measure bandwidth: more than any cache holds."""
PEERS = {"byzfl": "byzfl", "byzpy": "byzpy", "flwr": "flwr", "fedlab": "fedlab", "pfl": "pfl", "fedjax": "fedjax"}


def machine() -> dict[str, Any]:
    """Processor, cores, versions, and the measured limits of one core."""
    peers = {name: found for name in PEERS if (found := installed(name))}
    limits = {"gigaflops": peak() / 1e9, "gigabytes_a_second": bandwidth() / 1e9}
    return {**host(), "versions": versions() | peers, **limits}


def machine_line(found: dict[str, Any]) -> str:
    """The machine in a line."""
    kinds = found["versions"]
    packages = " · ".join(f"{name} {kind}" for name, kind in kinds.items() if kind != "not installed")
    processor = f"{found['processor'] or found['machine']}, {found['cores']} cores"
    limits = f"{found['gigaflops']:.0f} GFLOP/s in a float32 product, {found['gigabytes_a_second']:.1f} GB/s read"
    return f"{processor}; one core: {limits}; {packages}"


def installed(package: str) -> str | None:
    """The version of a package, or None where there is none."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def peak() -> float:
    """Floating-point operations a second of one thread in the faster library's large product, now."""
    import torch

    a = torch.rand(SIDE, SIDE)
    products = [lambda: torch.mm(a, a), lambda: np.matmul(a.numpy(), a.numpy())]
    return 2 * SIDE**3 / min(timed(product) for _ in range(6) for product in products)


def bandwidth() -> float:
    """Bytes a second of one thread reading from memory, now."""
    numbers = np.ones(BYTES // 4, np.float32)
    return BYTES / min(timed(numbers.max) for _ in range(5))
