"""What is free is the least of what the machine and its groups leave, and files in the cache count as free."""

import sys

import pytest

from fedsim.execution import machine_memory
from fedsim.execution.machine_memory import free_memory

GB = 10**9


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """A machine with four gigabytes that can be had, and this process in a group of it."""

    def write(name, text):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="ascii")

    write("meminfo", "MemTotal: 9000000 kB\nMemFree: 100 kB\nMemAvailable: 4000000 kB\n")
    write("cgroup", "0::/user/box\n")
    write("groups/user/box/cgroup.controllers", "memory\n")
    for name, path in (("SYSTEM", "meminfo"), ("MEMBERSHIP", "cgroup"), ("GROUPS", "groups")):
        monkeypatch.setattr(machine_memory, name, tmp_path / path)
    return write


def test_without_limits_it_is_the_machines(machine):
    assert free_memory() == 4_000_000 * 1024
    machine("groups/user/box/memory.max", "max\n")
    machine("groups/user/box/memory.current", "100\n")
    assert free_memory() == 4_000_000 * 1024


def test_the_limit_of_a_group_above_holds_too(machine):
    machine("groups/user/box/memory.max", f"{3 * GB}\n")
    machine("groups/user/box/memory.current", f"{GB}\n")
    assert free_memory() == 2 * GB
    machine("groups/user/memory.max", f"{3 * GB}\n")
    machine("groups/user/memory.current", f"{2 * GB}\n")
    machine("groups/user/memory.stat", f"anon 17\ninactive_file {GB // 2}\n")
    assert free_memory() == 3 * GB // 2


def test_the_older_groups_are_read_too(machine):
    machine("cgroup", "5:cpu,cpuacct:/box\n4:memory:/box\n")
    machine("groups/memory/box/memory.limit_in_bytes", f"{GB}\n")
    machine("groups/memory/box/memory.usage_in_bytes", f"{2 * GB}\n")
    assert free_memory() == 0
    machine("groups/memory/box/memory.limit_in_bytes", f"{2**63 - 4096}\n")
    assert free_memory() == 4_000_000 * 1024


def test_a_system_that_tells_nothing(machine, tmp_path):
    (tmp_path / "meminfo").unlink()
    (tmp_path / "cgroup").unlink()
    assert free_memory() is None


@pytest.mark.skipif(sys.platform != "linux", reason="Linux tells")
def test_this_machine_has_some():
    assert free_memory() > 10**8
