"""Device, layout and memory are chosen from what is there; what is foreseen bounds what is taken."""

import logging
import resource
import signal
import warnings
from functools import partial
from pathlib import Path

import psutil
import pytest
import torch

from gliascope.errors import MachineError
from gliascope.models import UNetSettings
from gliascope.training.guards import locked, machine_faults, quiet_and_restored
from gliascope.training.machine import choose_setup, computes_bf16, free_memory
from gliascope.training.outputs import Outputs
from gliascope.training.preflight import foreseen_memory, measured_step, scoring_memory
from gliascope.training.settings import TrainingSettings

pytestmark = pytest.mark.train

CPU = torch.device("cpu")


def test_auto_follows_processor_and_normalization() -> None:
    setup = choose_setup(UNetSettings(width=2, depth=1).build(1, 1), TrainingSettings(), device="cpu", shape=(64, 64))
    assert setup.autocast == computes_bf16(CPU) == ("avx512_bf16" in Path("/proc/cpuinfo").read_text())
    assert setup.memory_format == torch.channels_last
    normalized = UNetSettings(width=8, depth=1, norm="group").build(1, 1)
    assert (
        choose_setup(normalized, TrainingSettings(), device="cpu", shape=(64, 64, 64)).memory_format
        == torch.contiguous_format
    )
    forced = TrainingSettings(channels_last="on", precision="32")
    setup = choose_setup(normalized, forced, device="cpu", shape=(64, 64, 64))
    assert (setup.memory_format, setup.precision) == (torch.channels_last_3d, "32-true")


def test_small_volumes_are_not_trained_in_bf16_on_a_cpu() -> None:
    """At 2 voxels and a kernel of 3 the gradient was seen to hold numbers of the order of 1e36."""
    network = UNetSettings(dimensions=3, width=2, depth=3).build(1, 1)
    small = partial(choose_setup, network, device="cpu", shape=(64, 32, 64))
    assert not small(TrainingSettings()).autocast
    with pytest.raises(MachineError, match="halved down to 4 voxels"):
        small(TrainingSettings(precision="bf16"))
    assert choose_setup(network, TrainingSettings(precision="bf16"), device="cpu", shape=(64, 40, 64)).autocast
    flat = UNetSettings(width=2, depth=3).build(1, 1)
    assert choose_setup(flat, TrainingSettings(precision="bf16"), device="cpu", shape=(16, 16)).autocast


def test_a_device_that_is_not_there_is_refused() -> None:
    with pytest.raises(MachineError, match=r"cuda:99 is not there\. At hand: cpu"):
        choose_setup(torch.nn.Identity(), TrainingSettings(), device="cuda:99", shape=(64, 64))


def test_free_memory_respects_the_limit_of_the_process() -> None:
    before = resource.getrlimit(resource.RLIMIT_AS)
    room = 3 * 2**30
    try:
        resource.setrlimit(resource.RLIMIT_AS, (psutil.Process().memory_info().vms + room, before[1]))
        assert free_memory(CPU) <= room
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)
    assert 0 < free_memory(CPU) <= psutil.virtual_memory().total


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("DefaultCPUAllocator: can't allocate memory", "E_MEMORY"),
        ("DataLoader worker (pid 3) is killed", "E_WORKER"),
    ],
)
def test_refusals_of_the_machine_become_advice(text: str, code: str) -> None:
    with pytest.raises(MachineError) as caught, machine_faults(TrainingSettings(patch_size=(8, 8, 8))):
        raise RuntimeError(text)
    assert caught.value.code == code
    assert "patch_size" in caught.value.hint or "workers" in caught.value.hint


def test_gpu_memory_and_python_memory_are_the_same_refusal() -> None:
    for fault in (torch.OutOfMemoryError("CUDA out of memory"), MemoryError()):
        with pytest.raises(MachineError, match="batch_size"), machine_faults(TrainingSettings()):
            raise fault


def test_other_faults_pass_unchanged() -> None:
    with pytest.raises(RuntimeError, match="a bug"), machine_faults(TrainingSettings()):
        raise RuntimeError("a bug")
    with pytest.raises(EOFError), machine_faults(TrainingSettings()):
        raise EOFError


def test_the_process_is_left_as_it_was() -> None:
    def state() -> tuple[object, ...]:
        level = logging.getLogger("lightning.pytorch").level
        handler = signal.getsignal(signal.SIGINT)
        deterministic = torch.are_deterministic_algorithms_enabled()
        return torch.get_num_threads(), deterministic, torch.get_rng_state().sum().item(), level, handler

    before = state()
    with quiet_and_restored(1, CPU):
        warnings.warn("for programmers", stacklevel=1)
        torch.rand(3)
        assert torch.get_num_threads() == 1
        assert torch.are_deterministic_algorithms_enabled()
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    assert state() == before


def test_the_lock_ends_with_its_block(tmp_path: Path) -> None:
    for _ in range(2):
        with locked(tmp_path), pytest.raises(MachineError, match="in use by process"), locked(tmp_path):
            pass


def test_foreseen_memory_bounds_what_a_step_takes_and_grows_with_the_batch() -> None:
    network = UNetSettings(width=16, depth=2).build(2, 1)
    settings = TrainingSettings(batch_size=4)
    setup = choose_setup(network, TrainingSettings(precision="32"), device="cpu", shape=(64, 64))
    shape = (4, 2, 128, 128)
    foreseen = foreseen_memory(network, shape, bf16=False)
    before = [p.clone() for p in network.parameters()]
    step_s, forward_s, taken = measured_step(network, settings, Outputs("regions", ("tumor",)), setup, shape)
    assert forward_s > 0
    assert step_s > 0
    assert taken < 1.5 * foreseen
    assert foreseen < 400 * 2**20
    double = foreseen_memory(network, (8, *shape[1:]), bf16=False)
    assert 1.7 < double / foreseen < 2.01
    assert foreseen_memory(network, shape, bf16=True) < 0.7 * foreseen
    assert all(torch.equal(a, b) for a, b in zip(before, network.parameters(), strict=True)), "the network is a copy"


def test_a_volume_no_machine_holds_is_weighed_without_being_made() -> None:
    network = UNetSettings(width=32, depth=4, dimensions=3).build(4, 3)
    assert foreseen_memory(network, (64, 4, 512, 512, 512), bf16=False) > 2**40
    assert scoring_memory(network, (1, 4, 510, 510, 510), bf16=False) > 2**34


def test_coarse_epochs_that_are_too_small_for_bf16_are_computed_in_32_bit() -> None:
    network = UNetSettings(dimensions=3, width=2, depth=3).build(1, 1)
    asked = partial(choose_setup, network, device="cpu", shape=(64, 64, 64))
    assert asked(TrainingSettings(precision="bf16", coarse_epochs=1)).coarse_in_32
    assert not asked(TrainingSettings(precision="bf16")).coarse_in_32
    assert not asked(TrainingSettings(precision="32", coarse_epochs=1)).coarse_in_32
    large = choose_setup(network, TrainingSettings(precision="bf16", coarse_epochs=1), device="cpu", shape=(80,) * 3)
    assert (large.autocast, large.coarse_in_32) == (True, False)
