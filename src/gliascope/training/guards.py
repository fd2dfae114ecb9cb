"""What machine and libraries do to a training, kept in bounds: locks, refusals in words, quiet and repeatable runs."""

import contextlib
import fcntl
import logging
import os
import signal
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path

import torch
from torch.utils import deterministic

from gliascope.errors import GliascopeError, MachineError
from gliascope.training.settings import TrainingSettings


@contextlib.contextmanager
def quiet_and_restored(threads: int | None, device: torch.device) -> Iterator[None]:
    """Silence the libraries' banners and tips, make CPU arithmetic repeatable, and put everything back after.

    Warnings of the libraries are addressed to programmers; what a user must know comes as errors and notices.
    """
    loggers = [logging.getLogger(name) for name in ("lightning", "lightning.pytorch", "lightning.fabric")]
    levels = [logger.level for logger in loggers]
    before = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled(), torch.get_rng_state()
    filling = deterministic.fill_uninitialized_memory  # type: ignore[attr-defined]
    main = threading.current_thread() is threading.main_thread()
    interrupt = signal.getsignal(signal.SIGINT)
    try:
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        if threads is not None:
            torch.set_num_threads(threads)
        torch.use_deterministic_algorithms(device.type == "cpu")
        deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
        torch.set_num_threads(before[0])
        torch.use_deterministic_algorithms(before[1])
        torch.set_rng_state(before[2])
        deterministic.fill_uninitialized_memory = filling  # type: ignore[attr-defined]
        if main:
            signal.signal(signal.SIGINT, interrupt)


@contextlib.contextmanager
def machine_faults(settings: TrainingSettings) -> Iterator[None]:
    """Turn what memory, disk and worker processes refuse into errors with advice.

    Raises:
        MachineError: Memory ran out, or a worker process ended.
    """
    try:
        yield
    except (ConnectionError, EOFError) as fault:
        if settings.workers == 0:
            raise
        raise _lost_worker("it no longer answers") from fault
    except (MemoryError, RuntimeError) as fault:
        if isinstance(fault, GliascopeError):
            raise
        text = str(fault)
        if (
            isinstance(fault, MemoryError | torch.OutOfMemoryError)
            or "allocate memory" in text
            or "not enough memory" in text
        ):
            raise out_of_memory("memory ran out during training", settings) from fault
        if "DataLoader worker" in text:
            raise _lost_worker(text.splitlines()[0].rstrip(".")) from fault
        raise


def _lost_worker(why: str) -> MachineError:
    hint = "Set training.workers = 0, or give the container more shared memory (/dev/shm)."
    return MachineError(f"a process that reads data has ended ({why})", hint=hint, code="E_WORKER")


def out_of_memory(cause: str, settings: TrainingSettings) -> MachineError:
    """Return the error with advice that fits the settings; the batch is never made smaller on its own."""
    advice = ["a smaller training.batch_size"] if settings.batch_size > 1 else []
    advice.append("a smaller training.patch_size" if settings.patch_size else "a smaller crop in the plan")
    if settings.precision == "32":
        advice.append("training.precision = 'bf16'")
    hint = f"The last finished epoch is kept. Try {' or '.join(advice)}, or a narrower network."
    return MachineError(cause, hint=hint, code="E_MEMORY")


@contextlib.contextmanager
def locked(run: Path) -> Iterator[None]:
    """Hold the run folder for this process; the lock ends with the process, however it ends.

    Raises:
        MachineError: Another process trains there.
    """
    path = run / ".lock"
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as fault:
        raise MachineError(f"cannot be written ({fault.strerror})", file=run, code="E_PERMISSION") from fault
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            owner = os.read(handle, 20).decode(errors="replace").strip() or "unknown"
            hint = "Wait for it, or choose another run folder."
            raise MachineError(f"is in use by process {owner}", file=run, hint=hint, code="E_LOCKED") from None
        os.ftruncate(handle, 0)
        os.write(handle, str(os.getpid()).encode())
        yield
    finally:
        os.close(handle)
