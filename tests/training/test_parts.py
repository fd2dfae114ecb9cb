"""What contradicts is refused before anything runs; volumes, patches and labels train as slices do."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from gliascope.errors import ConfigError, GeometryError, GliascopeError, InputError
from gliascope.models import UNetSettings, build_network
from gliascope.settings import load_settings
from gliascope.training.fit import Outputs, TrainingSettings, fit
from gliascope.training.keeper import monitored
from gliascope.training.learner import padded_logits
from gliascope.training.parts import Parts, gather_parts

pytestmark = pytest.mark.train


class Volume:
    """A sample of one item: a bright half, which is the foreground, or the mark of a class."""

    def __init__(self, case_id: str, shape: tuple[int, ...], label: str | None = None) -> None:
        self.case_id, self.shape, self.label, self.count = case_id, shape, label, 1
        self.dataset: str | None = None

    def target(self, index: int | None = None) -> NDArray[np.uint8]:
        del index
        mask = np.zeros((1, *self.shape[1:]), np.uint8)
        mask[:, : self.shape[1] // 2] = self.label != "no_tumor"
        return mask

    def image(self, index: int | None = None) -> NDArray[np.float32]:
        return np.repeat(self.target(index), self.shape[0], axis=0).astype(np.float32)


def gather(options: dict[str, Any], shape: tuple[int, ...] = (1, 8, 8, 8), mode: Any = "regions") -> Parts:  # noqa: ANN401 - a literal
    network = UNetSettings(width=2, depth=2, dimensions=3 if len(shape) == 4 else 2).build(1, 1)
    settings = load_settings(TrainingSettings, options)
    return gather_parts(
        network, [Volume("a", shape)], [Volume("b", shape)], settings, Outputs(mode, ("tumor",)), seed=1
    )


@pytest.mark.parametrize(
    ("options", "shape", "kind", "message"),
    [
        ({"patch_size": [8, 8]}, (1, 8, 8, 8), ConfigError, "2 values for images of 3 axes"),
        ({"patch_size": [6, 8, 8]}, (1, 8, 8, 8), ConfigError, r"6x8x8 is not a multiple of 4.* Use 8x8x8"),
        ({}, (1, 10, 8), GeometryError, "Pad, crop or resize to 12x8 in the plan"),
        ({"sampling": {"balance": "class"}}, (1, 8, 8), ConfigError, "only classifiers"),
        ({"sampling": {"balance": "dataset", "foreground": 0.5}}, (1, 8, 8), ConfigError, "both say which to draw"),
        ({"sampling": {"repeat_augmented": 2}}, (1, 8, 8), ConfigError, "would all be alike"),
        (
            {"sampling": {"repeat_augmented": 2}, "augment": {"flip": [0.5]}, "patch_size": [8, 8]},
            *((1, 8, 8), ConfigError, "never the same twice"),
        ),
    ],
)
def test_contradictions_are_refused(
    options: dict[str, Any], shape: tuple[int, ...], kind: type[GliascopeError], message: str
) -> None:
    with pytest.raises(kind, match=message):
        gather(options, shape)


def test_foreground_is_for_segmenters_and_both_parts_need_samples() -> None:
    with pytest.raises(ConfigError, match="only segmenters"):
        gather({"sampling": {"foreground": 0.5}}, mode="label")
    with pytest.raises(InputError, match="0 samples to train and 1 to validate"):
        gather_parts(
            nn.Identity(), [], [Volume("b", (1, 8, 8))], TrainingSettings(), Outputs("regions", ("x",)), seed=1
        )


def test_without_validation_nothing_may_depend_on_it() -> None:
    def gather_alone(**options: Any) -> Parts:  # noqa: ANN401 - any setting
        settings = load_settings(TrainingSettings, {"keep": "last", **options})
        outputs = Outputs("regions", ("tumor",))
        return gather_parts(nn.Identity(), [Volume("a", (1, 8, 8))], [], settings, outputs, seed=1)

    assert len(gather_alone().validation) == 0
    for options, named in (
        ({"early_stopping": {}}, "early_stopping"),
        ({"schedule": {"name": "plateau"}}, "'plateau'"),
        ({"monitor": "val_loss"}, "monitor 'val_loss'"),
    ):
        with pytest.raises(ConfigError, match=rf"{named} needs validation cases"):
            gather_alone(**options)


def test_validation_sees_whole_volumes_unless_they_are_too_large() -> None:
    patch = {"patch_size": [4, 4, 4], "batch_size": 2}
    whole, middle = gather(patch), gather({**patch, "whole_volume_voxels": 511})
    assert (whole.validation_image, whole.validation_batch, whole.notices) == ((1, 8, 8, 8), 1, ())
    assert (middle.validation_image, middle.validation_batch) == ((1, 4, 4, 4), 2)
    assert [notice.code for notice in middle.notices] == ["W_VALIDATION_PATCH"]


def test_items_stay_in_memory_where_there_is_room() -> None:
    parts = gather({})
    assert parts.training.bytes_needed == parts.validation.bytes_needed == 3 * 8**3
    parts.hold(6 * 8**3 - 1)
    assert parts.training.read_first(1)["image"] is not None
    assert parts.training.held == 0
    parts.hold(6 * 8**3)
    parts.training.read_first(1)
    assert parts.training.held == 1


def test_an_unknown_monitor_lists_the_scores() -> None:
    with pytest.raises(ConfigError, match="Known: train_loss, val_loss, dice_WT, dice_mean"):
        monitored("dice_TC", Outputs("regions", ("WT",)))
    assert monitored("iou_mean", Outputs("classes", ("background", "ED"))) == "iou_mean"


def test_padding_to_the_divisor_leaves_no_trace_in_the_shape() -> None:
    network = UNetSettings(width=2, depth=2).build(1, 3).eval()
    assert padded_logits(network, torch.zeros(1, 1, 7, 9)).shape == (1, 3, 7, 9)
    fitting = torch.rand(1, 1, 8, 8)
    assert torch.equal(padded_logits(network, fitting), network(fitting))


def test_volumes_train_in_patches_and_validate_whole(tmp_path: Path) -> None:
    network = build_network(UNetSettings(width=2, depth=1, dimensions=3, norm="instance"), 2, 2, seed=1)
    settings = load_settings(
        TrainingSettings,
        {
            "epochs": 8,
            "batch_size": 2,
            "patch_size": [8, 8, 8],
            "sampling": {"foreground": 0.5, "per_epoch": 8},
            "optimizer": {"name": "adamw", "lr": 0.03},
            "augment": {"flip": [0.0, 0.5, 0.5]},
            "gradient_clip": 1.0,
            "precision": "32",
        },
    )
    volumes = [Volume(str(number), (2, 12, 9, 10)) for number in range(3)]
    outputs = Outputs("classes", ("background", "tumor"))
    result = fit(
        network, volumes, volumes[:1], settings, outputs=outputs, run=tmp_path, seed=1, device="cpu", threads=1
    )
    assert (result.metrics["dice_tumor"] or 0) > 0.9
    assert result.preflight is not None
    assert not result.preflight.channels_last, "instance normalization"


def test_a_classifier_learns_from_an_unbalanced_set(tmp_path: Path) -> None:
    torch.default_generator.manual_seed(1)
    network = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2))
    labels = ["glioma", *["no_tumor"] * 5]
    samples = [Volume(str(number), (1, 8, 8), label) for number, label in enumerate(labels)]
    settings = load_settings(
        TrainingSettings,
        {
            "epochs": 12,
            "batch_size": 6,
            "sampling": {"balance": "class"},
            "optimizer": {"name": "adam", "lr": 0.1},
            "precision": "bf16",
        },
    )
    result = fit(
        network,
        samples,
        samples,
        settings,
        outputs=Outputs("label", ("glioma", "no_tumor")),
        run=tmp_path,
        seed=1,
        device="cpu",
        threads=1,
    )
    assert result.precision == "bf16-mixed"
    assert result.metrics["accuracy"] == result.metrics["f1_macro"] == 1.0
    assert result.metrics["val_loss"] == min(row["val_loss"] or 0 for row in result.history)
