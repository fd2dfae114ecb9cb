"""The models that ship: whole, small enough, honest about their figures, and good for an answer without PyTorch."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import gliascope
from gliascope.checkpoint import load_model
from gliascope.errors import GeometryError
from gliascope.labels import TUMOR_CLASSES
from gliascope.scan import Grid, Scan
from gliascope.workflow.automatic import PURPOSES
from gliascope.workflow.model_choice import shipped_models

MOST_BYTES, MOST_BYTES_TOGETHER = 15_000_000, 60_000_000

MODELS = shipped_models()


def test_all_models_of_the_table_ship() -> None:
    assert set(MODELS) == set(PURPOSES)


def test_they_are_small() -> None:
    sizes = [path.stat().st_size for folder in MODELS.values() for path in folder.rglob("*") if path.is_file()]
    assert max(sizes) <= MOST_BYTES
    assert sum(sizes) <= MOST_BYTES_TOGETHER


@pytest.mark.parametrize("name", MODELS)
def test_a_model_is_whole_and_tells_where_it_comes_from(name: str) -> None:
    facts = load_model(MODELS[name]).facts
    assert facts.name == name
    assert {"licence", "data_sha256", "split", "recipe", "gliascope_version"} <= set(facts.training)
    assert facts.limits
    assert facts.statistics["inputs"]


def leading_figure(name: str) -> tuple[float, float, float]:
    """Return balanced accuracy, or Dice of the first region, with its interval."""
    figures = load_model(MODELS[name]).facts.metrics["cross_validation"]["rows"]
    own = figures["all"]["balanced_accuracy"] if "all" in figures else next(iter(figures.values()))["dice"]
    return own["value"], *own["ci95"]


@pytest.mark.parametrize("name", MODELS)
def test_figures_have_intervals_and_stand_on_the_card_with_the_limits(name: str) -> None:
    value, low, high = leading_figure(name)
    assert low <= value <= high
    card = (MODELS[name] / "README.md").read_text()
    assert f"| {value:.3f} | {low:.3f} to {high:.3f} |" in card
    for limit in load_model(MODELS[name]).facts.limits:
        assert limit in card


@pytest.mark.parametrize("name", MODELS)
def test_the_fast_form_says_the_same(name: str) -> None:
    parity = (load_model(MODELS[name]).facts.parity or {})["openvino"]
    assert parity["fp32"]["passed"]
    assert parity["fp32"]["mask_dice"] is None or parity["fp32"]["mask_dice"] >= 0.999


def invented(channels: tuple[str, ...], *size: int) -> Scan:
    """Return a smooth ball in the dark."""
    axes = np.meshgrid(*(np.linspace(-1, 1, n, dtype=np.float32) for n in size), indexing="ij")
    ball = np.maximum(0, 0.8 - sum(np.square(axis) for axis in axes))
    array = np.stack([ball * (number + 1) for number in range(len(channels))]).astype(np.float32)
    return Scan(array, channels, Grid(size))


@pytest.mark.parametrize(
    ("name", "scan"),
    [
        pytest.param("lgg-flair", invented(("t2f",), 96, 80, 3), id="stack of FLAIR alone"),
        pytest.param("lgg-flair", invented(("t1n", "t1c", "t2f"), 64, 64), id="picture of three contrasts"),
        pytest.param("t1c-tumor", invented(("t1c",), 100, 90), id="picture of T1c"),
        pytest.param("glioma-3d", invented(("t2w",), 48, 56, 40), id="volume of T2 alone"),
    ],
)
def test_masks_come_back_on_the_grid_of_the_scan(name: str, scan: Scan) -> None:
    mask = gliascope.predict(scan, model=name).label_map
    assert mask is not None
    assert mask.array.shape == scan.grid.shape


def test_one_picture_is_told_that_glioma_3d_reads_volumes() -> None:
    with pytest.raises(GeometryError, match="names 3 axes, as of a volume, and one picture has 2") as told:
        gliascope.predict(invented(("t1c",), 100, 90), model="glioma-3d")
    assert "Give a volume or a stack of slices" in str(told.value.hint)


def test_a_picture_gets_a_class_or_a_reason() -> None:
    answer = gliascope.predict(invented(("gray",), 128, 128), model="mri-4class").classification
    assert answer is not None
    assert set(answer.probabilities) == set(TUMOR_CLASSES)
    assert (answer.label in TUMOR_CLASSES) != bool(answer.reason)


def test_a_picture_does_without_what_takes_long_to_load(tmp_path: Path) -> None:
    picture = tmp_path / "slice.png"
    Image.fromarray(invented(("gray",), 96, 96).array[0] * 255).convert("L").save(picture)
    slow = ("nibabel", "openvino.tools.ovc", "scipy.ndimage", "torch")
    code = (
        "import sys; from gliascope.cli import main\n"
        f"try: main(['predict', {str(picture)!r}, '-o', {str(tmp_path / 'out')!r}])\n"
        "except SystemExit as leave: assert not leave.code, leave.code\n"
        f"loaded = set({slow!r}) & set(sys.modules); assert not loaded, loaded\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_of_what_is_no_brain_the_contrast_is_not_doubted() -> None:
    noise = np.random.default_rng(4).uniform(0, 255, (1, 64, 64)).astype(np.float32)
    answer = gliascope.predict(Scan(noise, ("gray",), Grid((64, 64))))
    assert answer.classification is not None
    assert answer.classification.foreign
    assert answer.choice is not None
    assert answer.choice.notices, "a gray picture does not say its contrast"
    assert not set(answer.choice.notices) & set(answer.notices)


def test_the_package_lists_them() -> None:
    root = Path(str(gliascope.__file__)).parent
    assert all(folder.parent == root / "zoo" for folder in MODELS.values())


@pytest.mark.parametrize("name", MODELS)
def test_the_readme_tells_their_figures(name: str) -> None:
    readme = Path(__file__).parents[1] / "README.md"
    value, low, high = leading_figure(name)
    assert f"| `{name}` |" in readme.read_text()
    assert f"{value:.2f} ({low:.2f} to {high:.2f})" in readme.read_text()
