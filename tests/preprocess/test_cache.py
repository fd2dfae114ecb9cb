import json
import struct
import threading
import tracemalloc
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from gliascope.case import Case
from gliascope.errors import GeometryError, InputError, MachineError
from gliascope.labels import LabelScheme, scheme_named
from gliascope.preprocess import cache
from gliascope.preprocess.cache import CacheEntry, Layout, build_cache, default_cache_folder, entry_name
from gliascope.preprocess.intensity import FixedRange, MinMax
from gliascope.preprocess.plan import Plan
from gliascope.preprocess.spatial import CropFixed, Pad
from gliascope.preprocess.targets import UNKNOWN, TargetSettings
from gliascope.scan import Grid, LabelMap, Scan

SHAPE = (6, 5, 4)
PLAN = Plan(channels=("t1c",), steps=(FixedRange(), Pad(multiple_of=4)))
TARGET = TargetSettings(mode="classes", scheme="brats2023")


@dataclass(frozen=True)
class RawBytes:
    """A made-up format: one byte per voxel; the first byte 255 means damaged."""

    path: Path
    mask: Path | None = None
    shape: tuple[int, ...] = SHAPE
    channels: tuple[str, ...] = ("t1c",)

    @property
    def files(self) -> Mapping[str, Path]:
        return {"all": self.path}

    @property
    def reference_files(self) -> tuple[Path, ...]:
        return () if self.mask is None else (self.mask,)

    def read(self) -> Scan:
        values = np.frombuffer(self.path.read_bytes(), dtype=np.uint8)
        if values[0] == 255:
            raise InputError("is damaged", file=self.path, code="E_TRUNCATED")
        return Scan(values.reshape(1, *self.shape).astype(np.float32), self.channels, Grid(self.shape))

    def read_reference(self, scheme: LabelScheme | None, *, named_by_user: bool) -> LabelMap | None:
        del named_by_user
        if self.mask is None or scheme is None:
            return None
        labels = np.frombuffer(self.mask.read_bytes(), dtype=np.uint8).reshape(self.shape)
        return LabelMap(labels, scheme, Grid(self.shape))


def raw_case(folder: Path, name: str = "a", *, shape: tuple[int, ...] = SHAPE) -> Case:
    rng = np.random.Generator(np.random.Philox(key=sum(name.encode())))
    image, mask = folder / f"{name}.raw", folder / f"{name}.mask"
    image.write_bytes(rng.integers(0, 255, shape, dtype=np.uint8).tobytes())
    mask.write_bytes(rng.integers(0, 4, shape, dtype=np.uint8).tobytes())
    return Case(
        name, RawBytes(image, mask, shape), patient=f"p{name}", label="glioma", scheme=scheme_named("brats2023")
    )


def build(case: Case, folder: Path, *, layout: Layout = "slices") -> CacheEntry:
    (entry,) = build_cache([case], PLAN, TARGET, folder, layout=layout, workers=1)
    return entry


def test_slices_of_a_volume(tmp_path: Path) -> None:
    case = raw_case(tmp_path)
    entry = build(case, tmp_path / "cache")
    prepared = PLAN.apply(case.read())
    assert (entry.case_id, entry.patient, entry.label) == ("a", "pa", "glioma")
    assert (entry.count, entry.shape, entry.has_target) == (4, (1, 8, 8), True)
    assert entry.image().shape == (4, 1, 8, 8)
    assert entry.image().dtype == np.float32
    assert entry.target(1).dtype == np.uint8
    reference = case.read_reference()
    assert reference is not None
    expected = PLAN.apply_labels(TARGET.encode(reference)[0], prepared.trace)
    for k in range(4):
        np.testing.assert_allclose(entry.image(k), prepared.array[..., k], atol=1e-3)
        np.testing.assert_array_equal(entry.target(k)[0], expected[..., k])


def test_a_whole_volume(tmp_path: Path) -> None:
    entry = build(raw_case(tmp_path), tmp_path / "cache", layout="volume")
    assert (entry.count, entry.shape) == (1, (1, 8, 8, 4))
    np.testing.assert_array_equal(entry.image(0), entry.image())
    assert entry.target().shape == (1, 8, 8, 4)


@pytest.mark.parametrize(("layout", "stored"), [("slices", (1, 1, 8, 8)), ("volume", (1, 8, 8))])
def test_a_picture_is_one_item(tmp_path: Path, layout: Layout, stored: tuple[int, ...]) -> None:
    entry = build(raw_case(tmp_path, shape=(6, 5)), tmp_path / "cache", layout=layout)
    assert (entry.count, entry.shape) == (1, (1, 8, 8))
    assert entry.image(0).shape == (1, 8, 8)
    assert entry.image().shape == stored


def test_items_that_do_not_exist_are_refused(tmp_path: Path) -> None:
    entry = build(raw_case(tmp_path), tmp_path / "cache")
    for index in (-1, 4):
        with pytest.raises(IndexError, match=f"item {index} of 4"):
            entry.image(index)


def test_without_a_target_there_is_none_to_read(tmp_path: Path) -> None:
    (entry,) = build_cache([raw_case(tmp_path)], PLAN, None, tmp_path / "cache", layout="slices")
    assert not entry.has_target
    with pytest.raises(InputError, match="has no reference in the cache"):
        entry.target(0)


def test_a_second_run_reads_no_image(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    case = raw_case(tmp_path)
    first = build(case, tmp_path / "cache")
    written = first.path.stat().st_mtime_ns

    def refuse(self: RawBytes) -> Scan:
        raise AssertionError(self)

    monkeypatch.setattr(RawBytes, "read", refuse)
    assert build(case, tmp_path / "cache") == first
    assert first.path.stat().st_mtime_ns == written


def test_moving_or_renaming_the_data_keeps_the_entry(tmp_path: Path) -> None:
    case = raw_case(tmp_path)
    source = case.source
    assert isinstance(source, RawBytes)
    moved = source.path.rename(tmp_path / "elsewhere.raw")
    renamed = replace(case, id="b", source=replace(source, path=moved))
    assert entry_name(renamed, PLAN, TARGET, "slices") == entry_name(raw_case(tmp_path), PLAN, TARGET, "slices")


@pytest.mark.parametrize("which", ["path", "mask"])
def test_one_changed_byte_gives_a_new_entry(tmp_path: Path, which: str) -> None:
    case = raw_case(tmp_path)
    before = build(case, tmp_path / "cache")
    file: Path = getattr(case.source, which)
    data = bytearray(file.read_bytes())
    data[7] ^= 1
    file.write_bytes(bytes(data))
    after = build(case, tmp_path / "cache")
    assert after.path != before.path
    assert before.path.exists()
    changed = after.image() if which == "path" else after.target()
    same = before.image() if which == "path" else before.target()
    assert np.count_nonzero(changed != same) == 1


def test_any_changed_setting_gives_a_new_entry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    case = raw_case(tmp_path)
    source = case.source
    assert isinstance(source, RawBytes)
    names = [
        entry_name(case, PLAN, TARGET, "slices"),
        entry_name(case, PLAN, TARGET, "volume"),
        entry_name(case, PLAN, None, "slices"),
        entry_name(case, PLAN, TargetSettings(mode="regions", scheme="brats2023"), "slices"),
        entry_name(case, PLAN, TargetSettings(mode="classes", scheme="brats2017"), "slices"),
        entry_name(case, Plan(channels=("t1c",), steps=PLAN.steps, per_slice=True), TARGET, "slices"),
        entry_name(case, Plan(channels=("t1c",), steps=PLAN.steps[::-1]), TARGET, "slices"),
        entry_name(case, Plan(channels=("t1c",), steps=(MinMax(),)), TARGET, "slices"),
        entry_name(case, Plan(channels=("t1c",), steps=(MinMax(within="head"),)), TARGET, "slices"),
        entry_name(case, Plan(channels=("t1c",), steps=(MinMax(epsilon=1e-4),)), TARGET, "slices"),
        entry_name(case, Plan(channels=("t2f",), steps=PLAN.steps), TARGET, "slices"),
        entry_name(replace(case, source=replace(source, channels=("t2f",))), PLAN, TARGET, "slices"),
        entry_name(replace(case, source=replace(source, mask=None)), PLAN, TARGET, "slices"),
        entry_name(replace(case, scheme=scheme_named("msd")), PLAN, TARGET, "slices"),
    ]
    monkeypatch.setattr(cache, "PREPROCESS_VERSION", 999)
    names.append(entry_name(case, PLAN, TARGET, "slices"))
    assert len(set(names)) == len(names)


def test_damaged_and_foreign_entries_are_made_again(tmp_path: Path) -> None:
    case, other = raw_case(tmp_path), raw_case(tmp_path, "b")
    entry, foreign = build(case, tmp_path / "cache"), build(other, tmp_path / "cache")
    whole = entry.path.read_bytes()
    renamed = foreign.path.read_bytes()
    without_target = tmp_path / "x"
    (bare,) = build_cache([case], PLAN, None, without_target, layout="slices")
    damages = (whole[:-1], whole[: len(whole) // 2], whole[:4], b"", b"text" * 99, whole + b"\0", renamed)
    for damage in (*damages, bare.path.read_bytes()):
        entry.path.write_bytes(damage)
        again = build(case, tmp_path / "cache")
        assert again == entry
        assert entry.path.read_bytes() == whole


def test_a_crash_while_writing_leaves_no_entry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    case, folder = raw_case(tmp_path), tmp_path / "cache"

    def crash(source: object, target: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("gliascope.files.atomic.os.replace", crash)
        with pytest.raises(KeyboardInterrupt):
            build(case, folder)
    assert list(folder.iterdir()) == []
    assert build(case, folder).image(0).shape == (1, 8, 8)


def test_a_leftover_part_is_never_used(tmp_path: Path) -> None:
    case, folder = raw_case(tmp_path), tmp_path / "cache"
    folder.mkdir()
    part = folder / f".{entry_name(case, PLAN, TARGET, 'slices')}.safetensors.killed"
    part.write_bytes(b"half")
    assert build(case, folder).image(0).shape == (1, 8, 8)
    assert part.read_bytes() == b"half"


def test_an_entry_that_vanishes_or_breaks_later_is_named(tmp_path: Path) -> None:
    entry = build(raw_case(tmp_path), tmp_path / "cache")
    entry.path.write_bytes(entry.path.read_bytes()[:100])
    with pytest.raises(InputError, match=r"cannot be read from the cache .* repairs itself") as caught:
        entry.image(0)
    assert caught.value.file == str(entry.path)
    entry.path.unlink()
    with pytest.raises(InputError, match="cannot be read from the cache"):
        entry.target(0)


def test_faults_of_several_cases_are_reported_together(tmp_path: Path) -> None:
    cases = [raw_case(tmp_path, name) for name in "abcde"]
    paths = {name: tmp_path / f"{name}.raw" for name in "abcde"}
    paths["b"].write_bytes(b"\xff" + paths["b"].read_bytes()[1:])
    paths["c"].unlink()
    cases[3] = replace(cases[3], source=RawBytes(paths["d"], tmp_path / "d.mask", channels=("t2f",)))
    cases[4] = replace(cases[4], source=RawBytes(paths["e"]))
    with pytest.raises(InputError) as caught:
        build_cache(cases, PLAN, TARGET, tmp_path / "cache", layout="slices", workers=2)
    message = str(caught.value)
    assert message.startswith("4 of 5 cases cannot be used:")
    assert "\n" not in message
    faults = message.removeprefix("4 of 5 cases cannot be used: ").split("; ")
    assert faults[0] == f"{paths['b']}: is damaged [E_TRUNCATED]"
    assert faults[1] == f"{paths['c']}: cannot be read (No such file or directory) [E_READ]"
    assert faults[2] == "d: channel t1c is missing [E_CHANNEL]"
    assert faults[3].startswith("e: has no reference mask [E_REFERENCE]")
    assert build(cases[0], tmp_path / "cache").count == 4  # the good one is kept


def test_a_single_fault_keeps_its_kind_and_gains_its_file(tmp_path: Path) -> None:
    case = raw_case(tmp_path)
    too_small = Plan(channels=("t1c",), steps=(CropFixed(start=(0,), stop=(99,)),))
    with pytest.raises(GeometryError, match=r"^a: crop_fixed needs 99 voxels .*E_TOO_SMALL") as caught:
        build_cache([case], too_small, TARGET, tmp_path / "cache", layout="slices")
    assert caught.value.hint


def test_values_beyond_half_precision_are_refused(tmp_path: Path) -> None:
    plan = Plan(channels=("t1c",), steps=(FixedRange(maximum=1e-4),))
    with pytest.raises(InputError, match="more than half precision holds"):
        build_cache([raw_case(tmp_path)], plan, None, tmp_path / "cache", layout="slices")


def test_a_folder_that_cannot_be_made_stops_everything(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(MachineError, match="E_PERMISSION"):
        build(raw_case(tmp_path), tmp_path / "file" / "cache")


def test_progress_is_told_from_the_calling_thread(tmp_path: Path) -> None:
    cases = [raw_case(tmp_path, name) for name in "abc"]
    told: list[tuple[int, int]] = []

    def progress(done: int, total: int) -> None:
        assert threading.current_thread() is threading.main_thread()
        told.append((done, total))

    entries = build_cache(cases, PLAN, TARGET, tmp_path / "cache", layout="slices", workers=3, progress=progress)
    assert told == [(1, 3), (2, 3), (3, 3)]
    assert [entry.case_id for entry in entries] == ["a", "b", "c"]


def test_one_slice_is_read_without_the_volume(tmp_path: Path) -> None:
    """A sparse entry of 2 GiB: whoever loads it whole needs 2 GiB of memory."""
    count, item = 16384, (1, 256, 256)
    size = count * 256 * 256 * 2
    header = {"image": {"dtype": "F16", "shape": [count, *item], "data_offsets": [0, size]}}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path = tmp_path / "sparse.safetensors"
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        file.truncate(8 + len(text) + size)
    entry = CacheEntry("big", None, None, path, "slices", count, item, has_target=False)
    tracemalloc.start()
    try:
        assert not entry.image(12345).any()
        assert tracemalloc.get_traced_memory()[1] < 2**20  # the slice is 128 KiB, and twice that as float32
    finally:
        tracemalloc.stop()


def test_the_users_cache_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert default_cache_folder() == tmp_path / "gliascope" / "prepared"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert default_cache_folder() == tmp_path / "home" / ".cache" / "gliascope" / "prepared"


def test_unknown_regions_are_stored_and_named(tmp_path: Path) -> None:
    whole = raw_case(tmp_path)
    case = replace(whole, known={"TC": "ET"}, facts={"dataset": "b"})
    regions = TargetSettings(mode="regions", scheme="brats2023")
    (entry,) = build_cache([case], PLAN, regions, tmp_path / "cache", layout="volume")
    stored = entry.target()
    assert stored.shape == (3, 8, 8, 4)  # padded
    assert (stored[[0, 2]] == UNKNOWN).all()
    reference = case.read_reference()
    assert reference is not None
    expected = PLAN.apply_labels(reference.region("ET").astype(np.uint8), PLAN.apply(case.read()).trace)
    np.testing.assert_array_equal(stored[1], expected)
    assert entry.dataset == "b"
    names = {entry_name(one, PLAN, regions, "volume") for one in (case, whole, replace(case, known={"WT": "ET"}))}
    assert len(names) == 3
    assert entry_name(case, PLAN, None, "volume") == entry_name(whole, PLAN, None, "volume")
