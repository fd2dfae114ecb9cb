import time
from pathlib import Path

import numpy as np
import pytest

from gliascope.datasets.phantom import PhantomSettings
from gliascope.datasets.phantom_layouts import write_layout
from gliascope.datasets.phantom_picture import PLANES, phantom_picture
from gliascope.datasets.phantom_study import Study, phantom_study
from gliascope.errors import ConfigError, InputError
from gliascope.labels import SCHEMES, TUMOR_CLASSES, Tissue

NCR, ED, ET = (SCHEMES["brats2023"].value_of(tissue) for tissue in (Tissue.NCR, Tissue.ED, Tissue.ET))


@pytest.fixture(scope="module")
def study() -> Study:
    return phantom_study(3, (60, 60, 40), tumor="ring")


def test_contrasts_are_those_of_a_tumor(study: Study) -> None:
    tissues, images = study.tissues, study.images
    head = images["t1n"] > 0
    healthy = {channel: np.median(image[head & (tissues == 0)]) for channel, image in images.items()}
    mean = {
        (channel, value): image[tissues == value].mean() for channel, image in images.items() for value in (NCR, ED, ET)
    }
    assert mean["t2f", ED] > 1.4 * healthy["t2f"]
    assert mean["t2w", ED] > 1.2 * healthy["t2w"]
    assert mean["t1c", ET] > 1.3 * healthy["t1c"]
    assert mean["t1c", NCR] < 0.7 * mean["t1c", ET]
    assert mean["t1n", ED] < healthy["t1n"]


def test_background_is_zero_and_the_head_has_no_holes(study: Study) -> None:
    inside = [image > 0 for image in study.images.values()]
    assert all((mask == inside[0]).all() for mask in inside)
    assert not study.tissues[~inside[0]].any()
    assert all(image[mask].min() >= 1 for image, mask in zip(study.images.values(), inside, strict=True))
    assert (inside[0][0] == 0).all()


def test_regions_have_human_sizes(study: Study) -> None:
    voxel_ml = float(np.prod(study.spacing_mm)) / 1000
    assert 1100 < (study.images["t1n"] > 0).sum() * voxel_ml < 1800
    assert 10 < (study.tissues > 0).sum() * voxel_ml < 200
    assert set(np.unique(study.tissues)) == {0, NCR, ED, ET}


def test_same_seed_same_patient_at_any_size() -> None:
    small, large = phantom_study(5, (24, 24, 24)), phantom_study(5, (72, 72, 72))
    assert large.spacing_mm[0] * 3 == pytest.approx(small.spacing_mm[0])
    coarse = large.tissues[1::3, 1::3, 1::3]
    assert ((coarse > 0) == (small.tissues > 0)).mean() > 0.995
    again = phantom_study(5, (24, 24, 24))
    assert all((again.images[channel] == image).all() for channel, image in small.images.items())
    other = phantom_study(6, (24, 24, 24))
    assert (other.tissues != small.tissues).any()


def test_kinds_of_tumor() -> None:
    assert ET not in phantom_study(1, (40, 40, 40), tumor="plain").tissues
    assert not phantom_study(1, (24, 24, 24), tumor="none").tissues.any()
    kinds = [ET in phantom_study(seed, (32, 32, 32)).tissues for seed in range(24)]
    assert 0 < kinds.count(False) < 12


def test_small_phantoms_take_milliseconds() -> None:
    phantom_study(0)
    start = time.perf_counter()
    for seed in range(5):
        phantom_study(seed)
    assert time.perf_counter() - start < 5  # about 0.04 s alone on a core; the limit leaves room for a busy machine


@pytest.mark.parametrize("label", TUMOR_CLASSES)
@pytest.mark.parametrize("plane", PLANES)
def test_pictures_show_their_class(label: str, plane: str) -> None:
    gray, mask = phantom_picture(7, label, 96, plane=plane)
    assert gray.shape == mask.shape == (96, 96)
    assert gray.dtype == mask.dtype == np.uint8
    assert set(np.unique(mask)) == ({0} if label == "no_tumor" else {0, 1})
    assert gray[:, 0].mean() < 20
    assert gray.max() == 255
    rows, columns = np.nonzero(mask)
    if label == "pituitary" and plane == "coronal":
        assert abs(columns.mean() - 47.5) < 5
        assert rows.mean() > 44


def test_meningioma_touches_the_edge_and_glioma_does_not() -> None:
    def distance(label: str) -> float:
        values = []
        for seed in range(8):
            gray, mask = phantom_picture(seed, label, 96, plane="axial")
            rows, columns = np.nonzero(mask)
            inside = np.nonzero(gray[int(rows.mean())] > 60)[0]
            values.append(min(columns.mean() - inside.min(), inside.max() - columns.mean()))
        return float(np.mean(values))

    assert distance("meningioma") < distance("glioma")


def test_planes_of_one_seed_differ_and_repeat() -> None:
    planes = [phantom_picture(4, "glioma", 64, plane=plane)[0] for plane in PLANES]
    assert (planes[0] != planes[1]).any()
    assert (phantom_picture(4, "glioma", 64, plane="axial")[0] == planes[0]).all()


def test_impossible_phantoms_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="8 voxels"):
        phantom_study(0, (24, 24, 4))
    with pytest.raises(ConfigError, match="seed -1"):
        phantom_study(-1)
    with pytest.raises(ConfigError, match="ring, plain, none"):
        phantom_study(0, tumor="large")
    with pytest.raises(ConfigError, match="no_tumor"):
        phantom_picture(0, "lymphoma")
    with pytest.raises(ConfigError, match="sagittal"):
        phantom_picture(0, "glioma", plane="oblique")
    with pytest.raises(ConfigError, match="16 pixels"):
        phantom_picture(0, "glioma", 8)
    with pytest.raises(ConfigError, match="msd-task01"):
        write_layout("msd", tmp_path)


def test_data_set_writes_its_files_once(tmp_path: Path) -> None:
    settings = PhantomSettings(patients=2, size=16)
    first = settings.cases(tmp_path / "new")
    times = {path: path.stat().st_mtime_ns for case in first for path in case.paths}
    assert settings.cases(tmp_path / "new") == first
    assert {path: path.stat().st_mtime_ns for path in times} == times
    other = PhantomSettings(patients=2, size=16, seed=1).cases(tmp_path / "new")
    assert other[0].paths[0] != first[0].paths[0]
    first[0].paths[0].unlink()
    with pytest.raises(InputError, match="not a complete phantom"):
        settings.cases(tmp_path / "new")


def test_pictures_know_their_patient(tmp_path: Path) -> None:
    cases = PhantomSettings(patients=4, size=32, kind="pictures").cases(tmp_path)
    assert len(cases) == 12
    assert len({case.patient for case in cases}) == 4
    assert {case.label for case in cases} == set(TUMOR_CLASSES)
    assert all(case.has_reference for case in cases)


def test_layouts_are_the_same_bytes_again(tmp_path: Path) -> None:
    for folder in ("one", "two"):
        write_layout("brats2021", tmp_path / folder, patients=1, shape=(16, 16, 8))
    files = sorted(path for path in (tmp_path / "one").rglob("*") if path.is_file())
    assert len(files) == 5
    for path in files:
        assert path.read_bytes() == (tmp_path / "two" / path.relative_to(tmp_path / "one")).read_bytes()
