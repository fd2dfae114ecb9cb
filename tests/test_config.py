"""Every shipped recipe loads; common mistakes are named."""

import os
from pathlib import Path

import pytest

pytest.importorskip("torch")

from gliascope.config import read_experiment, read_recipe, recipe_names
from gliascope.datasets.split_units import share_out
from gliascope.errors import ConfigError

pytestmark = pytest.mark.train


@pytest.mark.parametrize("name", recipe_names())
def test_recipe_loads(name: str) -> None:
    config = read_experiment(name)
    assert config.name == name
    assert config.description


@pytest.mark.parametrize(
    ("prefix", "cases", "parts"),
    [
        ("s0-", 484, [338, 73, 73]),
        ("s1-", 420, [336, 42, 42]),
        ("s2-unet-", 28_413, [25_571, 0, 2_842]),
        ("s4-", 1_250, [850, 250, 150]),
    ],
)
def test_parts_are_as_large_as_those_of_the_source(prefix: str, cases: int, parts: list[int]) -> None:
    recipes = [read_recipe(name) for name in recipe_names() if name.startswith(prefix)]
    assert recipes
    assert all(share_out(cases, recipe.split.fractions) == parts for recipe in recipes)


def test_a_recipe_of_others_is_no_experiment_of_its_own() -> None:
    with pytest.raises(ConfigError, match="combines other recipes") as fault:
        read_recipe("s3-vote")
    assert "s3-resnet50" in fault.value.hint


def test_override_takes_toml_values() -> None:
    config = read_recipe("demo-segment", ["training.epochs=5", "network.width=4", "split.by=image"])
    assert (config.training.epochs, config.network.model_dump()["width"], config.split.by) == (5, 4, "image")


@pytest.mark.parametrize("file", ["first weights.safetensors", "weights/lite0.safetensors", "~/w_1/lite-0.safetensors"])
def test_override_takes_paths_without_quotes_unless_they_hold_blanks(file: str) -> None:
    overrides = [f"network.pretrained={file}"]
    if " " in file:
        with pytest.raises(ConfigError, match="Quote texts"):
            read_recipe("lgg-flair", overrides)
        overrides = [f'network.pretrained="{file}"']
    network = read_recipe("lgg-flair", overrides).network
    assert network is not None
    assert network.model_dump()["pretrained"] == file


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("training.epochs=0", "training.epochs"),
        ("network.widht=8", "width"),
        ("network.name=vnett", "vnet"),
        ("training.loss.soft_dyce=1.0", "soft_dice"),
        ("training.epochs=true", "training.epochs"),
        ("dataset.name=brast", "brats"),
        ("training", "--set training.epochs=5"),
        ("seed.x=1", "is a value"),
        ("network.dimensions=4", "dimensions"),
        ("target.scheme=brats2016", "brats2017"),
        ("seed=nan", "seed"),
    ],
)
def test_mistake_is_named(override: str, expected: str) -> None:
    with pytest.raises(ConfigError) as fault:
        read_recipe("demo-segment", [override])
    assert expected in str(fault.value)


def test_unknown_recipe_lists_the_known() -> None:
    with pytest.raises(ConfigError, match="unknown recipe") as fault:
        read_recipe("demo-segmnt")
    assert "demo-segment" in fault.value.hint
    with pytest.raises(ConfigError, match=r"nowhere\.toml: does not exist"):
        read_recipe("nowhere.toml")


def test_parts_must_fit_together() -> None:
    with pytest.raises(ConfigError, match="cannot classify"):
        read_recipe("demo-segment", ["task=classify"])
    with pytest.raises(ConfigError, match="unknown classes"):
        read_recipe("demo-classify", ['classes=["glioma", "cat"]'])


def test_a_pipe_is_no_recipe(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "mine.toml")
    with pytest.raises(ConfigError, match="is not a file"):
        read_recipe(tmp_path / "mine.toml")


@pytest.mark.parametrize(
    ("overrides", "says"),
    [
        (['target.mode="classes"', "target.regions=[]"], "mode is 'regions'"),
        (['target.regions=["TC", "ET"]'], "'WT' is no region of the target"),
    ],
)
def test_a_member_may_tell_of_outputs_only(overrides: list[str], says: str) -> None:
    with pytest.raises(ConfigError, match=says) as fault:
        read_recipe("glioma-3d", overrides)
    assert fault.value.code == "E_KNOWN"
