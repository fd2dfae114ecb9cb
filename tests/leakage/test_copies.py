"""Planted copies are found, look-alikes are not."""

from collections.abc import Callable
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from gliascope.case import Case, Picture
from gliascope.datasets.phantom_picture import PLANES, phantom_picture
from gliascope.datasets.phantom_study import phantom_study
from gliascope.labels import TUMOR_CLASSES
from gliascope.leakage import Copy, Fingerprint, find_copies, fingerprint
from gliascope.leakage.fingerprint import value_hashes
from gliascope.leakage.views import views_of
from gliascope.scan import Grid, Scan

Gray = NDArray[np.uint8]


def print_of(*channels: Gray, name: str = "") -> Fingerprint:
    """Fingerprint pixels (rows, columns) or voxels (I, J, K) as if they had been read from a file."""
    array = np.stack([c.T if c.ndim == 2 else c for c in channels]).astype(np.float32)
    names = ("gray",) if len(channels) == 1 else ("t1n", "t1c", "t2w", "t2f")[: len(channels)]
    scan = Scan(np.ascontiguousarray(array), names, Grid(array.shape[1:]))
    file = name or str(hash(array.tobytes()))
    return Fingerprint(file, (file,), value_hashes(scan), views_of(scan), names, scan.grid.shape, ())


@cache
def heads(count: int, size: int = 160) -> list[Gray]:
    return [
        phantom_picture(seed, TUMOR_CLASSES[seed % 4], size, plane=PLANES[seed % 3])[0] for seed in range(1, count + 1)
    ]


def jpeg(gray: Gray, quality: int = 60) -> Gray:
    data = cv2.imencode(".jpg", gray, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_GRAYSCALE), dtype=np.uint8)


def half(gray: Gray) -> Gray:
    size = (gray.shape[1] // 2, gray.shape[0] // 2)
    return np.asarray(cv2.resize(gray, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def brighter(gray: Gray, factor: float) -> Gray:
    changed: Gray = np.clip(np.rint(gray * factor), 0, 255).astype(np.uint8)
    return changed


def gamma(gray: Gray, exponent: float) -> Gray:
    changed: Gray = np.rint(255 * (gray / 255) ** exponent).astype(np.uint8)
    return changed


def cropped(gray: Gray, part: float = 0.05) -> Gray:
    rows, columns = round(gray.shape[0] * part), round(gray.shape[1] * part)
    return gray[rows:-rows, columns:-columns]


def padded(gray: Gray, value: int) -> Gray:
    return np.pad(gray, ((9, 20), (14, 3)), constant_values=value)


def turned(gray: Gray, degrees: float) -> Gray:
    rows, columns = gray.shape
    matrix = cv2.getRotationMatrix2D(((columns - 1) / 2, (rows - 1) / 2), degrees, 1)
    return np.asarray(cv2.warpAffine(gray, matrix, (columns, rows)), dtype=np.uint8)


CHANGES: dict[str, Callable[[Gray], Gray]] = {
    "jpeg": jpeg,
    "half": half,
    "half and jpeg": lambda g: jpeg(half(g)),
    "darker": lambda g: brighter(g, 0.8),
    "brighter": lambda g: brighter(g, 1.2),
    "gamma": lambda g: gamma(g, 0.8),
    "less contrast": lambda g: brighter(g, 0.8) + np.uint8(25),
    "cropped": cropped,
    "cut at one corner": lambda g: g[8:, 8:],
    "padded": lambda g: padded(g, 0),
    "on white": lambda g: padded(g, 255),
    "moved": lambda g: np.pad(g, ((0, 3), (3, 0)))[3:, :-3],
    "turned": lambda g: turned(g, 3),
    "other shape": lambda g: np.asarray(cv2.resize(g, (150, 130)), dtype=np.uint8),
    "on its head": lambda g: g[::-1, ::-1],
    "all at once": lambda g: jpeg(brighter(half(cropped(g)), 0.85)),
}


@cache
def planted(mirrored: bool) -> list[Copy]:
    """Compare four heads with all their changed copies at once; copy ``i`` of change ``k`` is number ``4 k + i``."""
    changed = [change(gray[:, ::-1] if mirrored else gray) for change in CHANGES.values() for gray in heads(4)]
    return find_copies([print_of(gray) for gray in heads(4)], [print_of(gray) for gray in changed])


@pytest.mark.parametrize("mirrored", [False, True], ids=["as it is", "mirrored"])
@pytest.mark.parametrize("change", CHANGES)
def test_planted_copies_are_found_and_nothing_else(change: str, mirrored: bool) -> None:
    kind = "mirror" if mirrored else "content"
    place = list(CHANGES).index(change)
    found = [copy for copy in planted(mirrored) if copy.second // 4 == place]
    assert [(c.first, c.second % 4, c.kind) for c in found] == [(i, i, kind) for i in range(4)]
    assert all(0.9 <= copy.score <= 1 for copy in found)


@pytest.mark.parametrize("size", [48, 96, 200])
def test_sizes_of_pictures(size: int) -> None:
    originals = heads(4, size)
    changed = [CHANGES[c](g) for g, c in zip(originals, ("jpeg", "brighter", "half", "cropped"), strict=True)]
    found = find_copies([print_of(g) for g in originals + changed])
    assert [(c.first, c.second) for c in found] == [(i, i + 4) for i in range(4)]


def test_the_surest_kind_is_told() -> None:
    gray, other = heads(2)
    color = np.stack([gray.T] * 3).astype(np.float32)
    scan = Scan(color, ("red", "green", "blue"), Grid(color.shape[1:]))
    prints = [
        print_of(gray, name="a.png"),
        print_of(gray, name="a.png"),
        Fingerprint("c", ("c",), value_hashes(scan), views_of(scan), scan.channels, scan.grid.shape, ()),
        print_of(jpeg(gray)),
        print_of(gray[:, ::-1]),
        print_of(other),
    ]
    kinds = {(copy.first, copy.second): copy.kind for copy in find_copies(prints)}
    assert kinds[0, 1] == "bytes"
    assert kinds[0, 2] == kinds[1, 2] == "pixels"
    assert kinds[0, 3] == kinds[2, 3] == "content"
    assert kinds[0, 4] == kinds[3, 4] == "mirror"
    assert all(second != 5 for _, second in kinds)
    assert find_copies(prints)[0] == Copy(0, 1, "bytes", 1.0)


@pytest.mark.parametrize(("size", "skull", "channel"), [(48, True, "t1c"), (64, False, "t2f"), (80, True, "t2w")])
def test_neighboring_slices_are_not_copies(size: int, skull: bool, channel: str) -> None:
    image = phantom_study(5, (size, size, size), skull=skull).images[channel]
    gray = np.clip(image * (255 / np.percentile(image[image > 0], 99.8)), 0, 255).astype(np.uint8)
    prints = [print_of(np.ascontiguousarray(gray[:, :, k].T)) for k in range(size) if gray[:, :, k].any()]
    assert sum(bool(p.views) for p in prints) > size / 3
    assert find_copies(prints) == []


def test_different_heads_are_not_copies() -> None:
    pictures = [phantom_picture(seed, "no_tumor", 128, plane="axial")[0] for seed in range(100, 116)]
    assert find_copies([print_of(gray) for gray in pictures]) == []


def test_a_symmetric_head_is_no_mirror_copy_of_its_neighbor() -> None:
    study = phantom_study(3, (96, 96, 64), tumor="none", skull=True)
    image = study.images["t2w"][:, :, 30:50]
    even = ((image + image[::-1]) * (255 / image.max() / 2)).astype(np.uint8)
    prints = [print_of(np.ascontiguousarray(even[:, :, k].T)) for k in range(even.shape[2])]
    assert find_copies(prints) == []
    assert find_copies(prints[:1]) == []


def test_slices_that_show_too_little_are_only_equal_by_value() -> None:
    random = np.random.default_rng(0)
    faint = (random.random((64, 64)) < 0.02).astype(np.uint8) * np.uint8(3)
    near = faint.copy()
    near[5, 5] = 9
    found = find_copies([print_of(faint, name="a"), print_of(near, name="b"), print_of(faint, name="c")])
    assert found == [Copy(0, 2, "pixels", 1.0)]


def mixture() -> list[Fingerprint]:
    originals = heads(4, 96)
    changed = [jpeg(originals[0]), half(originals[1]), originals[2][:, ::-1], cropped(originals[3]), originals[0][::-1]]
    return [print_of(gray) for gray in originals + changed]


MIXED = mixture()
PAIRS = {(frozenset((MIXED[c.first].id, MIXED[c.second].id)), c.kind, round(c.score, 4)) for c in find_copies(MIXED)}


@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.permutations(range(len(MIXED))))
def test_order_does_not_matter(order: list[int]) -> None:
    prints = [MIXED[i] for i in order]
    found = {
        (frozenset((prints[c.first].id, prints[c.second].id)), c.kind, round(c.score, 4)) for c in find_copies(prints)
    }
    assert found == PAIRS
    assert len(PAIRS) == 6


def test_two_lists_give_the_pairs_between_them() -> None:
    alone = {(c.first, c.second - 4, c.kind) for c in find_copies(MIXED) if c.first < 4 <= c.second}
    between = {(c.first, c.second, c.kind) for c in find_copies(MIXED[:4], MIXED[4:])}
    assert between == alone
    assert find_copies([], MIXED) == find_copies(MIXED, []) == find_copies([]) == []


def test_progress_runs_to_its_end() -> None:
    told: list[tuple[int, int]] = []
    find_copies(MIXED, threads=1, progress=lambda done, total: told.append((done, total)))
    assert told == sorted(told)
    assert told[-1][0] == told[-1][1]


def volume(seed: int) -> list[NDArray[np.float32]]:
    study = phantom_study(seed, (72, 72, 56))
    return [study.images[channel] for channel in ("t1n", "t1c", "t2w", "t2f")]


def study_print(images: list[NDArray[np.float32]], name: str) -> Fingerprint:
    return print_of(*(image.astype(np.float32) for image in images), name=name)  # type: ignore[arg-type]


def test_studies() -> None:
    original, other = volume(1), volume(2)
    rescaled = [np.rint(np.sqrt(image / image.max()) * 200) for image in original]
    mirrored = [image[::-1] * np.float32(0.5) for image in original]
    prints = [
        study_print(original, "a"),
        study_print(other, "b"),
        study_print(original, "c"),
        study_print(rescaled, "d"),
        study_print(mirrored, "e"),
        study_print(original[:2], "f"),
    ]
    kinds = {(c.first, c.second): c.kind for c in find_copies(prints)}
    assert kinds == {
        (0, 2): "pixels",
        (0, 3): "content",
        (0, 4): "mirror",
        (0, 5): "pixels",
        (2, 3): "content",
        (2, 4): "mirror",
        (2, 5): "pixels",
        (3, 4): "mirror",
        (3, 5): "content",
        (4, 5): "mirror",
    }


@pytest.mark.data
def test_real_slices_of_one_patient_are_not_copies(data_root: Path) -> None:
    folder = data_root / "lgg-mri-segmentation" / "kaggle_3m" / "TCGA_DU_5872_19950223"
    paths = [path for path in sorted(folder.glob("*.tif")) if not path.stem.endswith("_mask")]
    prints = [fingerprint(Case(path.stem, Picture(path))) for path in paths]
    assert len(prints) > 40
    assert find_copies(prints) == []


@pytest.mark.data
def test_planted_copies_of_real_slices_are_found(data_root: Path) -> None:
    paths = [data_root / "figshare" / "images" / f"{number}.jpg" for number in range(50, 3050, 300)]
    prints = [fingerprint(Case(path.stem, Picture(path))) for path in paths]
    grays = [np.asarray(cv2.imread(str(path), cv2.IMREAD_GRAYSCALE), dtype=np.uint8) for path in paths]
    changed = [list(CHANGES.values())[number % len(CHANGES)](gray) for number, gray in enumerate(grays)]
    found = find_copies(prints, [print_of(gray) for gray in changed])
    assert [(c.first, c.second) for c in found] == [(i, i) for i in range(len(paths))]
