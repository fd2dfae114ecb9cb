"""Prepared cases on disk: decoded once, read in slices ever after.

One safetensors file per case holds ``image`` (float16) and ``target`` (uint8). Its name is the SHA-256 of all that it
depends on: the bytes of the case's files, how they are read, the plan, the target, the layout and the version below.
So an entry is never out of date: whatever changes leads to another name. Files appear whole (``files.atomic``), and
one that is damaged or not ours is made again.
"""

import hashlib
import json
import os
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from gliascope.case import Case
from gliascope.errors import InputError, Notice
from gliascope.files import atomic
from gliascope.preprocess.plan import Plan, Trace
from gliascope.preprocess.targets import UNKNOWN, TargetSettings

PREPROCESS_VERSION = 4
"""Part of every entry's name; raise it when the arithmetic of a step or of a reader changes."""

Layout = Literal["slices", "volume"]
"""``slices``: ``(K, C, I, J)``, one item per axial slice (a picture is one). ``volume``: one item, ``(C, *S)``."""

HALF_MAX = float(np.finfo(np.float16).max)
MAX_WORKERS = 8
"""More readers than this wait for the disk, and each holds a volume."""


@dataclass(frozen=True)
class CacheEntry:
    """One prepared case.

    Args:
        case_id: The case.
        patient: Who it is, or None.
        label: Tumor class, or None.
        path: The file.
        layout: How the items lie in it.
        count: Items: slices, or 1.
        shape: Shape of one item's image, channels first.
        has_target: True where a reference is stored beside the image.
        notices: What reading and preparing noticed.
        dataset: The data set of a union that it comes from, or None.
    """

    case_id: str
    patient: str | None
    label: str | None
    path: Path
    layout: Layout
    count: int
    shape: tuple[int, ...]
    has_target: bool
    notices: tuple[Notice, ...] = ()
    dataset: str | None = None

    def image(self, index: int | None = None) -> NDArray[np.float32]:
        """Read one item, ``(C, I, J)`` or ``(C, *S)``, or with None all of them as they are stored.

        Only the pages of that item are read from disk.

        Raises:
            IndexError: There is no such item.
            InputError: The file has vanished or is damaged.
        """
        return self._read("image", index).astype(np.float32)

    def target(self, index: int | None = None) -> NDArray[np.uint8]:
        """Read one item's reference, ``(T, I, J)`` or ``(T, *S)``, or all of them; see ``image``.

        Raises:
            IndexError: There is no such item.
            InputError: No reference is stored, or the file has vanished or is damaged.
        """
        if not self.has_target:
            raise InputError("has no reference in the cache", file=self.case_id, code="E_REFERENCE")
        return self._read("target", index)

    def _read(self, name: str, index: int | None) -> NDArray[Any]:
        if index is not None and not 0 <= index < self.count:
            raise IndexError(f"item {index} of {self.count}")
        try:
            with safe_open(self.path, framework="numpy") as file:
                stored = file.get_slice(name)
                array: NDArray[Any] = stored[:] if index is None or self.layout == "volume" else stored[index]
        except (OSError, SafetensorError) as fault:
            hint = "Run again: the cache repairs itself at the start."
            raise InputError(f"cannot be read from the cache ({fault})", file=self.path, hint=hint) from fault
        return array


def default_cache_folder() -> Path:
    """Return the user's cache folder for prepared cases (``XDG_CACHE_HOME``, else ``~/.cache``)."""
    root = os.environ.get("XDG_CACHE_HOME")
    return (Path(root) if root else Path.home() / ".cache") / "gliascope" / "prepared"


def build_cache(
    cases: Sequence[Case],
    plan: Plan,
    target: TargetSettings | None,
    folder: Path,
    *,
    layout: Layout,
    workers: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[CacheEntry, ...]:
    """Prepare every case that is not in the folder yet.

    Args:
        cases: What to prepare.
        plan: How.
        target: How references are encoded; None leaves them out (classification).
        folder: Where the entries lie; made if need be, shared by any number of plans and data sets.
        layout: ``slices`` for 2-D networks, ``volume`` for 3-D ones.
        workers: Cases at a time (threads: decompression and arithmetic leave the interpreter's lock); None: one per
            core.
        progress: Called with (done, total) after each case, from the calling thread.

    Returns:
        One entry per case, in order.

    Raises:
        InputError: Cases cannot be read or prepared. All are tried first; the message lists each file and cause.
        MachineError: The folder cannot be written.
    """
    faults: dict[int, InputError] = {}
    entries: dict[int, CacheEntry] = {}
    pool = ThreadPoolExecutor(max_workers=workers or min(MAX_WORKERS, os.cpu_count() or 1))
    try:
        tasks: dict[Future[CacheEntry], int] = {
            pool.submit(_prepare, case, plan, target, folder, layout): number for number, case in enumerate(cases)
        }
        for done, task in enumerate(as_completed(tasks), start=1):
            try:
                entries[tasks[task]] = task.result()
            except InputError as fault:
                faults[tasks[task]] = fault
            if progress is not None:
                progress(done, len(cases))
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
    if faults:
        raise _all_in_one(cases, faults)
    return tuple(entries[number] for number in range(len(cases)))


def entry_name(case: Case, plan: Plan, target: TargetSettings | None, layout: Layout) -> str:
    """Return the 64 hex digits that name a case's entry.

    Raises:
        InputError: A file of the case cannot be read.
    """
    try:
        content = case.content_hash()
    except OSError as fault:
        cause = f"cannot be read ({fault.strerror})"
        raise InputError(cause, file=fault.filename or case.id, code="E_READ") from fault
    source = case.source
    depends_on = {
        "version": PREPROCESS_VERSION,
        "content": content,
        # The same bytes mean something else under other channel names or another scheme.
        "reader": type(source).__name__,
        "channels": getattr(source, "channels", None),
        "spacing_mm": getattr(source, "spacing_mm", None),
        "scheme": None if case.scheme is None else case.scheme.name,
        # Entries that were made before the setting existed stay good.
        "plan": plan.model_dump(mode="json", exclude=None if plan.gray_as_all else {"gray_as_all"}),
        "target": None if target is None else target.model_dump(mode="json"),
        "layout": layout,
        # Entries that were made before these existed stay good.
        **({"known": dict(case.known)} if case.known is not None and target is not None else {}),
        **({"turned": True} if getattr(source, "turned", False) else {}),
    }
    return hashlib.sha256(json.dumps(depends_on, sort_keys=True).encode()).hexdigest()


def _prepare(case: Case, plan: Plan, target: TargetSettings | None, folder: Path, layout: Layout) -> CacheEntry:
    """Return a case's entry, from disk if it is there and whole."""
    name = entry_name(case, plan, target, layout)
    path = folder / f"{name}.safetensors"
    stored = _stored(path, name, target)
    if stored is None:
        tensors, notices = _tensors(case, plan, target, layout)
        # One entry only: safetensors writes several in no fixed order, and the same case shall give the same bytes.
        told = json.dumps({"name": name, "notices": [notice.as_json() for notice in notices]})
        atomic.write_bytes(path, save(tensors, metadata={"entry": told}))
        stored = tensors["image"].shape, notices
    shape, notices = stored
    count, item = (shape[0], shape[1:]) if layout == "slices" else (1, shape)
    own = case.id, case.patient, case.label
    return CacheEntry(*own, path, layout, count, item, target is not None, notices, dataset=case.facts.get("dataset"))


def _stored(path: Path, name: str, target: TargetSettings | None) -> tuple[tuple[int, ...], tuple[Notice, ...]] | None:
    """Return the image's shape and the notices if the file is whole and the one its name says, else None."""
    expected = {"image": "F16"} if target is None else {"image": "F16", "target": "U8"}
    try:
        with safe_open(path, framework="numpy") as file:  # checks that header and length agree
            told = json.loads((file.metadata() or {})["entry"])
            if told["name"] != name:
                return None
            if {key: file.get_slice(key).get_dtype() for key in file.keys()} != expected:  # noqa: SIM118 - no iterator
                return None
            notices = tuple(Notice(**notice) for notice in told["notices"])
            return tuple(file.get_slice("image").get_shape()), notices
    except (OSError, SafetensorError, KeyError, TypeError, ValueError):
        return None


def _tensors(
    case: Case, plan: Plan, target: TargetSettings | None, layout: Layout
) -> tuple[dict[str, NDArray[Any]], tuple[Notice, ...]]:
    """Read and prepare a case."""
    try:
        if target is None:
            prepared, encoded = plan.apply(case.read()), None
            notices = prepared.notices
        else:
            scan, reference = case.read_pair()
            prepared = plan.apply(scan)
            notices = (*prepared.notices, *reference.notices)
            encoded = np.stack([_led(p, plan, prepared.trace) for p in target.encode(reference, known=case.known)])
    except OSError as fault:
        cause = f"cannot be read ({fault.strerror})"
        raise InputError(cause, file=fault.filename or case.id, code="E_READ") from fault
    largest = max(float(prepared.array.max()), -float(prepared.array.min()))
    if largest > HALF_MAX:
        hint = "Add an intensity step to the plan, such as min_max or z_score."
        cause = f"prepared values reach {largest:g}, more than half precision holds ({HALF_MAX:g})"
        raise InputError(cause, file=case.id, hint=hint, code="E_RANGE")
    tensors = {"image": _laid_out(prepared.array.astype(np.float16), layout)}
    if encoded is not None:
        tensors["target"] = _laid_out(encoded, layout)
    return tensors, notices


def _led(part: NDArray[np.uint8], plan: Plan, trace: Trace) -> NDArray[np.uint8]:
    """Lead one output's reference along; what is unknown stays so beyond the edge of the image too."""
    if (part == UNKNOWN).all():
        return np.full(trace.prepared_shape, UNKNOWN, dtype=np.uint8)
    return plan.apply_labels(part, trace)


def _laid_out(array: NDArray[Any], layout: Layout) -> NDArray[Any]:
    """Bring ``(C, I, J, K)`` or ``(C, I, J)`` into the layout, contiguous."""
    if layout == "volume":
        return np.ascontiguousarray(array)
    stack = array[..., None] if array.ndim == 3 else array
    return np.ascontiguousarray(np.moveaxis(stack, -1, 0))


def _all_in_one(cases: Sequence[Case], faults: dict[int, InputError]) -> InputError:
    """Join the faults of several cases into one; a single fault stays what it is."""
    found = [(fault.file or cases[number].id, fault) for number, fault in sorted(faults.items())]
    if len(found) == 1:
        file, fault = found[0]
        return type(fault)(fault.cause, file=file, hint=fault.hint, code=fault.code)
    listed = "; ".join(f"{file}: {fault.cause} [{fault.code}]" for file, fault in found)
    cause = f"{len(found)} of {len(cases)} cases cannot be used: {listed}"
    return InputError(cause, hint="Repair these files or leave the cases out.", code="E_CASES")
