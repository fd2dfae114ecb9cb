"""One head, stored in every way a scanner may store it, gives one mask in space."""

import itertools
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from gliascope.checkpoint import ModelFacts, ModelFolder, save_model
from gliascope.files import nifti
from gliascope.inference.predictor import Predictor, Segmentation
from gliascope.scan import AxisOrder, Grid, LabelMap, Scan

Array = NDArray[np.float32]
SHAPE = (24, 28, 20)
AFFINE = np.array([[1.5, 0, 0, -20], [0, 1.0, 0, -12], [0, 0, 2.0, -31], [0, 0, 0, 1]], dtype=np.float64)
MARKER = (3, 20, 11)
"""One bright voxel on the patient's left: small i in RAS order."""

CODES = tuple(
    "".join(pair[side] for pair, side in zip(axes, sides, strict=True))
    for axes in itertools.permutations(("RL", "AP", "SI"))
    for sides in itertools.product((0, 1), repeat=3)
)
NAMED = ("RAS", "LPS", "LAS", "PIR", "SLP")


def head() -> Array:
    """Return FLAIR of a small head in RAS order: dark outside, a bright tumor, a bright marker on the left."""
    i, j, k = np.meshgrid(*(np.linspace(-1, 1, n) for n in SHAPE), indexing="ij")
    brain = (i**2 + j**2 + k**2) < 0.9
    noise = np.random.Generator(np.random.Philox(key=3)).standard_normal(SHAPE)
    flair = brain * (0.3 + 0.02 * gaussian_filter(noise, 1.5) / 0.1)
    flair[((i - 0.3) ** 2 + (j + 0.2) ** 2 + (k - 0.1) ** 2) < 0.1] = 0.9
    flair[MARKER] = 1.0
    return np.asarray(flair, dtype=np.float32)


HEAD = head()


def stored_as(code: str, affine: NDArray[np.float64] = AFFINE) -> tuple[Array, NDArray[np.float64]]:
    """Return the head's array and affine as a file in the given axis order has them."""
    ras = np.array([[0, 1], [1, 1], [2, 1]])
    move = nib.orientations.ornt_transform(ras, nib.orientations.axcodes2ornt(tuple(code)))
    array = nib.orientations.apply_orientation(HEAD, move)
    return array, affine @ nib.orientations.inv_ornt_aff(move, SHAPE)


def scan_of(array: Array, affine: NDArray[np.float64]) -> Scan:
    """Build the scan that a reader makes of a stored array."""
    order = AxisOrder.of(affine)
    stored = Grid.from_affine(array.shape, affine)
    reordered = np.ascontiguousarray(order.to_ras(array), dtype=np.float32)
    return Scan(reordered[np.newaxis], ("t2f",), order.ras_grid(stored), stored)


def as_file(label_map: LabelMap) -> nib.Nifti1Image:
    """Return the label map in the file's own order and place."""
    stored = label_map.stored
    assert stored is not None
    assert stored.affine is not None
    labels = AxisOrder.of(stored.affine).to_stored(label_map.array)
    return nib.Nifti1Image(np.ascontiguousarray(labels), stored.affine)


def segment(predictor: Predictor, scan: Scan) -> Segmentation:
    result = predictor.predict(scan)
    assert isinstance(result, Segmentation)
    return result


def check_same_in_space(predictor: Predictor, code: str) -> None:
    """Predict the head as stored in ``code`` and compare with RAS, voxel by voxel in world space."""
    array, affine = stored_as(code)
    result = segment(predictor, scan_of(array, affine))
    expected = segment(predictor, scan_of(*stored_as("RAS")))
    image = as_file(result.label_map)
    assert image.shape == array.shape
    np.testing.assert_array_equal(image.affine, affine)
    assert "".join(nib.aff2axcodes(image.affine)) == code
    canonical = nib.as_closest_canonical(image)
    np.testing.assert_allclose(canonical.affine, AFFINE, atol=1e-9)
    np.testing.assert_array_equal(np.asarray(canonical.dataobj), expected.label_map.array)
    np.testing.assert_array_equal(result.probabilities, expected.probabilities)


@pytest.fixture(scope="module")
def threshold(threshold_3d: ModelFolder) -> Predictor:
    return Predictor(threshold_3d, threads=1)


@pytest.fixture(scope="module")
def unet(tmp_path_factory: pytest.TempPathFactory) -> ModelFolder:
    """Return a 3-D U-Net of width 4 that nobody trained, with windows, head crop and nested regions."""
    pytest.importorskip("torch")
    from gliascope.models import build_network, load_network_settings

    network = {"name": "unet", "dimensions": 3, "width": 4, "depth": 2, "norm": "instance"}
    module = build_network(load_network_settings(network), 1, 3, seed=11)
    weights = {name: tensor.numpy().copy() for name, tensor in module.state_dict().items()}
    weights["head.weight"] *= 6  # decided probabilities,
    weights["head.bias"] -= 4  # on both sides of the threshold
    facts = ModelFacts(
        name="untrained",
        task="segment",
        dimensions=3,
        channels=("t2f",),
        network=network,
        plan={"channels": ["t2f"], "steps": [{"name": "crop_head"}, {"name": "z_score", "within": "head"}]},
        target={"mode": "regions", "scheme": "brats2023"},
        inference={"window": [16, 16, 16], "overlap": 0.5, "min_component_voxels": 3},
    )
    return save_model(tmp_path_factory.mktemp("unet") / "model", weights, facts, "# Untrained\n")


def test_the_48_codes_are_all_different() -> None:
    assert len(set(CODES)) == 48
    assert set(NAMED) <= set(CODES)


@settings(max_examples=48, deadline=None)
@given(code=st.sampled_from(CODES))
def test_p1_every_axis_order_gives_the_same_mask(threshold: Predictor, code: str) -> None:
    check_same_in_space(threshold, code)


@pytest.mark.train
@pytest.mark.parametrize("code", ["LPS", "LAS", "PIR", "SLP"])
def test_p1_a_network_with_windows_gives_the_same_mask(unet: ModelFolder, code: str) -> None:
    predictor = Predictor(unet, backend="torch", device="cpu")
    mask = segment(predictor, scan_of(*stored_as("RAS"))).label_map.array
    assert 0.02 < (mask > 0).mean() < 0.98, "an empty or full mask would prove nothing"
    check_same_in_space(predictor, code)


@pytest.mark.parametrize("code", CODES)
def test_p1_the_marker_stays_left(threshold: Predictor, code: str) -> None:
    array, affine = stored_as(code)
    array = np.where(array == 1.0, array, 0).astype(np.float32)
    image = as_file(segment(threshold, scan_of(array, affine)).label_map)
    (voxel,) = np.argwhere(np.asarray(image.dataobj))
    world = image.affine @ [*voxel, 1]
    np.testing.assert_allclose(world, AFFINE @ [*MARKER, 1], atol=1e-9)
    assert world[0] < AFFINE[0, :] @ [*(np.array(SHAPE) / 2), 1], "left of the middle"


def rotation(degrees: float) -> NDArray[np.float64]:
    angle = np.deg2rad(degrees)
    about_z = np.eye(4)
    about_z[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    about_x = np.eye(4)
    about_x[1:3, 1:3] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    return about_z @ about_x


@pytest.mark.parametrize("code", NAMED)
def test_p1_an_oblique_head_keeps_voxels_and_affine(threshold: Predictor, code: str) -> None:
    array, affine = stored_as(code)
    oblique = rotation(25) @ affine
    straight = as_file(segment(threshold, scan_of(array, affine)).label_map)
    image = as_file(segment(threshold, scan_of(array, oblique)).label_map)
    np.testing.assert_array_equal(image.affine, oblique)
    np.testing.assert_array_equal(np.asarray(image.dataobj), np.asarray(straight.dataobj))
    marker = np.argwhere(array == 1.0)[0]
    assert np.asarray(image.dataobj)[tuple(marker)] == 1
    np.testing.assert_allclose(image.affine @ [*marker, 1], rotation(25) @ AFFINE @ [*MARKER, 1], atol=1e-9)


@pytest.mark.parametrize("code", [*NAMED, "oblique"])
def test_p1_from_file_to_file(threshold: Predictor, tmp_path: Path, code: str) -> None:
    array, affine = stored_as("RAS" if code == "oblique" else code)
    if code == "oblique":
        affine = rotation(25) @ affine
    image = nib.Nifti1Image(array, affine)
    image.set_sform(affine, 1)
    image.set_qform(affine, 1)
    nib.save(image, tmp_path / "t2f.nii.gz")
    result = segment(threshold, nifti.read_scan({"t2f": tmp_path / "t2f.nii.gz"}))
    nifti.write_label_map(tmp_path / "mask.nii.gz", result.label_map)
    mask = nib.Nifti1Image.from_filename(tmp_path / "mask.nii.gz")
    source = nib.Nifti1Image.from_filename(tmp_path / "t2f.nii.gz")
    assert mask.shape == array.shape
    np.testing.assert_allclose(mask.affine, source.affine, atol=1e-6)
    np.testing.assert_array_equal(np.asarray(mask.dataobj), array > 0.5)
