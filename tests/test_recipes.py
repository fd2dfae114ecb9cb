"""Every shipped recipe trains two steps, is saved, loaded and predicts, on phantoms in the layout of its data set."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import pytest

pytest.importorskip("torch")

from gliascope.config import RunConfig, SystemConfig, read_experiment, read_recipe, recipe_names
from gliascope.datasets.phantom_layouts import write_layout
from gliascope.errors import ModelError
from gliascope.inference.cascade import CascadeAnswer
from gliascope.inference.predictor import Classification, Segmentation
from gliascope.models import parameters_of
from gliascope.workflow.divide import divide
from gliascope.workflow.listing import list_recipes
from gliascope.workflow.open_model import AnyPredictor, open_predictor
from gliascope.workflow.progress import silent
from gliascope.workflow.reproduce_variants import overrides_of
from gliascope.workflow.train import TrainedRun, train
from gliascope.workflow.training_data import TrainingData

pytestmark = pytest.mark.train

BATCH = 2
TWO_STEPS = ("training.epochs=1", f"training.batch_size={BATCH}", f"training.sampling.per_epoch={2 * BATCH}")

MIDDLE = """plan.steps=[
    { name = "crop_fixed", start = [2, 2, 1], stop = [18, 18, 17] }, { name = "min_max" }]"""
"""Of volumes of 20 x 20 x 18 voxels, as the sources crop theirs."""
UNET = ("network.width=2", MIDDLE)
PATCHES = (*UNET, "training.patch_size=[16, 16, 16]")
LGG = ("network.width=2", 'plan.steps=[{ name = "resize", size = [32, 32] }, { name = "fixed_range" }]')
ENCODER = ("network.backbone=test_efficientnet", "network.widths=[4, 4, 4, 4]", "network.shrink=1")
BACKBONE = (
    *("network.backbone=test_resnet", "network.image=32", "network.hidden=4"),  # timm's smallest
    'plan.steps=[{ name = "resize", size = [32, 32] }, { name = "fixed_range" }]',
)

SMALL: dict[str, tuple[str, ...]] = {
    "brats-unet3d": ("network.width=2", 'plan.steps=[{ name = "crop_center", size = [16, 16, 16] }]'),
    "customcnn-4class": (),
    "demo-classify": ("dataset.patients=12", "dataset.size=64"),
    "demo-segment": ("dataset.patients=5", "dataset.size=24", "network.width=2", "training.patch_size=[16, 16, 16]"),
    "glioma-3d": (
        *("network.backbone=test_efficientnet", "network.widths=[4, 4, 4]", "network.shrink=1"),
        """plan.steps=[{ name = "crop_head" }, { name = "z_score", within = "head" },
            { name = "resize", size = [32, 32, 18] }]""",
    ),
    "glioma-unet3d": (
        *("network.width=2", "network.widest=4", "network.depth=1"),
        'plan.steps=[{ name = "crop_head" }, { name = "z_score", within = "head" }, { name = "resize", size = [24] }]',
    ),
    "lgg-flair": (*ENCODER, 'plan.steps=[{ name = "resize", size = [32, 32, 18] }, { name = "z_score" }]'),
    "lgg-unet2d": ("network.width=2",),
    "mri-4class": BACKBONE,
    "s0-unet2d-model1": UNET,
    "s0-unet2d-model2": UNET,
    "s0-unet3d": UNET,
    "s0-wholeslice": (
        *(*UNET, "inference.window=[16, 16]"),
        'prediction_plan.steps=[{ name = "min_max" }, { name = "pad", size = [32, 32, 1] }]',
    ),
    "s1-unet2d": UNET,
    "s1-unet3d": (*UNET, "network.depth=3", "network.dropout=[0.1, 0.1, 0.2, 0.2]"),
    "s2-customcnn": (),
    "s2-alexnet": (),
    "s2-vgg16": ("network.width=4", "network.hidden=8"),
    "s2-vit": ("network.dim=32", "network.layers=2", "network.feedforward=32"),
    "s2-unet-classic": ("network.width=2", "dataset.slices=[8, 10]"),
    "s2-unet-improved": ("network.width=2", "dataset.slices=[8, 10]"),
    "s2-unet-attention": ("network.width=2", "dataset.slices=[8, 10]"),
    "s3-resnet50": BACKBONE,
    "s3-inceptionv3": BACKBONE,
    "s3-inceptionresnetv2": BACKBONE,
    "s3-unet": LGG,
    "s3-deeplabv3plus": (*LGG, "network.encoder=resnet18", "network.width=8"),
    "t1c-tumor": (*ENCODER, 'plan.steps=[{ name = "resize", size = [32, 32] }, { name = "z_score" }]'),
    "s4-vnet-flair": PATCHES,
    "s4-unet3d-t1c-t2-flair": PATCHES,
    "s4-unet3d-flair-dice-tversky": PATCHES,
    "s4-unet3d-flair-ce": PATCHES,
}
"""What makes each recipe small; all that it says besides stays as it is."""

BY_PATIENT = ("mri-4class",)
"""Recipes that are to be trained so: their data sets share pictures."""

SYSTEMS = ("s3-vote", "s3-cascade")


@dataclass(frozen=True)
class Phantoms:
    """Which phantoms stand for a data set: layout and patients by folder, and their size."""

    layouts: tuple[tuple[str, str, int], ...] = ()
    shape: tuple[int, int, int] = (20, 20, 18)


PHANTOMS: dict[str, Phantoms] = {
    "msd-task01": Phantoms((("msd-task01", ".", 6),)),
    "brats": Phantoms((("brats", ".", 6),)),
    "brats2021": Phantoms((("brats2021", ".", 4),)),
    "brats2020-slices": Phantoms((("brats2020-slices", ".", 4),), (32, 32, 18)),
    "kaggle-4class": Phantoms((("kaggle-4class", ".", 2),)),
    "figshare": Phantoms((("figshare-pictures", ".", 8),)),
    "union": Phantoms(
        (
            ("lgg", "lgg-mri-segmentation", 6),
            ("kaggle-4class", "brain-tumor-mri-dataset", 2),
            ("figshare-pictures", "figshare", 8),
            ("brats", "brats", 6),
        )
    ),
    "phantom": Phantoms(),
}
"""By data set."""


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Return the folder of phantoms for a data set by name, written once."""
    root = tmp_path_factory.mktemp("data")

    def place(name: str) -> Path:
        if name == "lgg":  # the same slices as in the union, so that its models can answer together
            return place("union") / "lgg-mri-segmentation"
        if not (root / name).exists():
            phantoms = PHANTOMS[name]
            for layout, folder, patients in phantoms.layouts:
                write_layout(layout, root / name / folder, patients=patients, shape=phantoms.shape, size=48, seed=5)
        return root / name

    return place


@dataclass
class Runs:
    """The runs of this module, each trained once.

    Args:
        root: Where they lie.
        data: Where the phantoms of a data set are.
    """

    root: Path
    data: Callable[[str], Path]

    def __post_init__(self) -> None:
        self.done: dict[str, TrainedRun] = {}
        self.said: dict[str, list[str]] = {}

    def single(self, name: str) -> TrainedRun:
        """Return the run of a recipe."""
        config = small(name)
        options = {"overrides": (*TWO_STEPS, *SMALL[name]), "by_patient": name in BY_PATIENT}
        return self._train(name, self.data(config.dataset.name), **options)

    def system(self, name: str) -> TrainedRun:
        """Return the run of a system whose members are trained already."""
        members = [self.single(each).folder for each in leaves(name)]
        return self._train(name, self.data("union"), trained=members)

    def _train(self, name: str, data: Path, **options: Any) -> TrainedRun:  # noqa: ANN401 - options of train
        if name not in self.done:
            said = self.said[name] = []
            options |= {"device": "cpu", "threads": 1, "cache": self.root / "cache", "announce": said.append}
            with pytest.MonkeyPatch.context() as patch:  # networks are exported, and pages drawn, by tests of their own
                patch.setattr("gliascope.workflow.ship_model.export_model", refuse_export)
                patch.setattr("gliascope.workflow.train.run_page", lambda facts: str(facts["name"]))
                patch.setattr("gliascope.workflow.ship_model.fitted_gate", lambda *_, **__: None)  # too few pictures
                self.done[name] = train(name, data, self.root / name, **options)
        return self.done[name]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory, data: Callable[[str], Path]) -> Runs:
    return Runs(tmp_path_factory.mktemp("runs"), data)


def refuse_export(*_: object, **__: object) -> NoReturn:
    raise ModelError("left out")


def small(name: str) -> RunConfig:
    return read_recipe(name, (*TWO_STEPS, *SMALL[name]))


def leaves(name: str) -> list[str]:
    config = read_experiment(name)
    return [leaf for m in config.members for leaf in leaves(m)] if isinstance(config, SystemConfig) else [name]


def open_run(run: TrainedRun) -> AnyPredictor:
    return open_predictor(run.folder, backend="torch", device="cpu", threads=1)


def test_every_recipe_is_tested_here() -> None:
    assert sorted((*SMALL, *SYSTEMS)) == recipe_names()


@pytest.mark.parametrize("name", SMALL)
def test_trains_two_steps_and_predicts(name: str, runs: Runs) -> None:
    run = runs.single(name)
    assert any("; 2 steps per epoch" in line for line in runs.said[name])
    config = small(name)
    case = config.dataset.cases(runs.data(config.dataset.name))[-1]
    scan = case.read()
    result = open_run(run).predict(scan)
    if config.target is None:
        assert isinstance(result, Classification)
        assert set(result.probabilities) == set(config.classes)
    else:
        assert isinstance(result, Segmentation)
        assert result.label_map.grid.shape == scan.grid.shape
        assert result.label_map.scheme.name == config.target.scheme


@pytest.mark.parametrize("name", SYSTEMS)
def test_a_system_answers_with_its_trained_members(name: str, runs: Runs) -> None:
    run = runs.system(name)
    assert {own["name"] for own in run.facts["members"]} <= {*SMALL, *SYSTEMS}
    dataset = small("s3-unet").dataset
    scan = dataset.cases(runs.data(dataset.name))[0].read()
    result = open_run(run).predict(scan)
    classified = result.classification if isinstance(result, CascadeAnswer) else result
    assert isinstance(classified, Classification)
    assert [vote.model for vote in classified.votes] == leaves("s3-vote")
    assert isinstance(result, CascadeAnswer) == (name == "s3-cascade")


PARAMETERS = {
    "s0-unet2d-model1": 1_928_804,
    "s0-unet2d-model2": 31_032_516,
    "s0-unet3d": 5_605_220,
    "s0-wholeslice": 31_032_516,
    "s1-unet2d": 1_962_532,
    "s1-unet3d": 5_649_652,
    "s2-customcnn": 3_001_156,
    "s2-alexnet": 4_589_316,
    "s2-vgg16": 65_070_916,
    "s2-vit": 21_459_460,
    "s2-unet-classic": 5_496_451,
    "s2-unet-improved": 3_082_739,
    "s2-unet-attention": 3_258_263,
    "s3-resnet50": 23_508_032 + 525_058,
    "s3-inceptionv3": 21_785_568 + 525_058,
    "s3-inceptionresnetv2": 54_306_464 + 393_986,
    "s3-vote": 23_508_032 + 21_785_568 + 54_306_464 + 2 * 525_058 + 393_986,
    "s3-unet": 31_031_745,
    "s3-deeplabv3plus": 45_669_713,
    "s3-cascade": 23_508_032 + 21_785_568 + 54_306_464 + 2 * 525_058 + 393_986 + 31_031_745,
    "s4-vnet-flair": 65_175_281,
    "s4-unet3d-t1c-t2-flair": 5_645_828,
    "s4-unet3d-flair-dice-tversky": 5_644_964,
    "s4-unet3d-flair-ce": 5_644_964,
}
"""The 24 systems; where a source states a number, this is it."""

OF_VARIANTS = {
    ("s2-unet-classic", "width-16"): 1_375_043,
    ("s2-unet-improved", "width-16"): 799_075,
    ("s2-unet-attention", "width-16"): 843_319,
    ("s4-vnet-flair", "lighter"): 44_181_617,
    ("s4-vnet-flair", "four-classes"): 65_175_380,
    ("s4-unet3d-flair-dice-tversky", "cicek"): 19_073_860,
}


def test_the_systems_of_the_sources_have_their_parameters() -> None:
    rows = {row["name"]: row for row in list_recipes()}
    assert {name: rows[name]["parameters"] for name in PARAMETERS} == PARAMETERS
    assert {name for name, row in rows.items() if row["source"] != "gliascope"} == set(PARAMETERS)
    assert all(row["task"] and row["dataset"] and row["network"] and row["description"] for row in rows.values())


@pytest.mark.parametrize(("name", "variant"), OF_VARIANTS)
def test_a_variant_has_its_parameters(name: str, variant: str) -> None:
    config = read_recipe(name, overrides_of(read_recipe(name).variants[variant]))
    found = parameters_of(config.network, config.in_channels, config.out_channels)
    assert found == OF_VARIANTS[name, variant]


@pytest.mark.parametrize("name", [name for name in PARAMETERS if name not in SYSTEMS])
def test_every_variant_fits(name: str) -> None:
    config = read_recipe(name)
    for variant, settings in config.variants.items():
        assert read_recipe(name, overrides_of(settings)).resolved() != config.resolved(), variant


def test_all_subsets_of_the_sequences_are_studied() -> None:
    config = read_recipe("s4-unet3d-flair-dice-tversky")
    others = {tuple(own["plan.channels"]) for own in config.variants.values() if "plan.channels" in own}
    assert len(others | {config.plan.channels}) == 15


@pytest.mark.parametrize("name", ["s0-unet3d", "s1-unet2d", "s2-alexnet", "s2-unet-classic", "s3-resnet50", "s3-unet"])
def test_every_split_has_a_counterpart_by_patient(name: str, runs: Runs) -> None:
    config = small(name)
    config = config.model_copy(update={"allow_leakage": False})
    material = TrainingData(config, runs.data(config.dataset.name), runs.root / "cache", 1, silent)
    _, parts = divide(material, material.cases(), config.split, fold=None, by_patient=True, earlier=None)
    assert parts.name.startswith("by content" if name == "s2-alexnet" else "by patient")
    owners = [{case.patient or case.group for case in side if case.pinned is None} for side in parts.parts().values()]
    assert not owners[0] & owners[2]
    assert not owners[0] & owners[1]
