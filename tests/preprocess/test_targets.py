import numpy as np
import pytest
from numpy.typing import NDArray

from gliascope.errors import ConfigError, GeometryError, LabelError
from gliascope.labels import SCHEMES, scheme_named
from gliascope.preprocess.targets import UNKNOWN, TargetSettings, marked
from gliascope.scan import Grid, LabelMap
from gliascope.settings import load_settings

NAMES = sorted(SCHEMES)


def every_label(scheme: str) -> LabelMap:
    values = np.array(scheme_named(scheme).values, dtype=np.uint8)
    array = np.tile(values, (2, 3))
    return LabelMap(array, scheme_named(scheme), Grid(array.shape))


def certain(encoded: NDArray[np.uint8], outputs: int) -> NDArray[np.float32]:
    """Probabilities 0 and 1 that agree with an encoded reference."""
    if len(encoded) == outputs and outputs > 1:
        return encoded.astype(np.float32)
    one_hot = np.equal(encoded, np.arange(outputs).reshape(-1, *[1] * (encoded.ndim - 1)))
    return np.asarray(one_hot, dtype=np.float32)


@pytest.mark.parametrize("scheme", NAMES)
def test_classes_there_and_back(scheme: str) -> None:
    target, label_map = TargetSettings(mode="classes", scheme=scheme), every_label(scheme)
    encoded = target.encode(label_map)
    assert encoded.shape == (1, *label_map.array.shape)
    assert encoded.max() == len(target.channels) - 1
    decoded = target.decode(certain(encoded, len(target.channels)))
    np.testing.assert_array_equal(decoded, label_map.array)
    assert decoded.dtype == np.uint8


@pytest.mark.parametrize("scheme", NAMES)
def test_regions_there_and_back(scheme: str) -> None:
    target, label_map = TargetSettings(mode="regions", scheme=scheme), every_label(scheme)
    encoded = target.encode(label_map)
    assert encoded.shape == (len(target.channels), *label_map.array.shape)
    for name, mask in zip(target.channels, encoded, strict=True):
        np.testing.assert_array_equal(mask == 1, label_map.region(name))
    np.testing.assert_array_equal(target.decode(encoded.astype(np.float32)), label_map.array)


def test_outputs_are_named() -> None:
    assert TargetSettings(mode="classes", scheme="msd").channels == ("background", "ED", "NCR", "ET")
    assert TargetSettings(mode="classes", scheme="lgg").channels == ("background", "TUMOR")
    assert TargetSettings(mode="regions", scheme="brats2024").channels == ("WT", "TC", "ET", "RC")
    assert TargetSettings(mode="regions", scheme="brats2023", regions=("ET", "WT")).channels == ("ET", "WT")


def test_the_reference_is_converted_by_tissue() -> None:
    target = TargetSettings(mode="classes", scheme="brats2023")
    encoded = target.encode(every_label("msd"))
    names = np.array(target.channels)[encoded[0, 0, :4]]
    assert names.tolist() == ["background", "ED", "NCR", "ET"]
    with pytest.raises(LabelError, match="has no tissue RC"):
        target.encode(every_label("brats2024"))


@pytest.mark.parametrize(
    ("wt", "tc", "et", "label"),
    [
        (0.9, 0.1, 0.1, 2),
        (0.9, 0.9, 0.1, 1),
        (0.9, 0.9, 0.9, 3),
        (0.1, 0.9, 0.1, 1),  # core outside the whole tumor counts as core
        (0.1, 0.1, 0.9, 3),
        (0.5, 0.5, 0.5, 0),  # at the threshold is not above it
    ],
)
def test_the_innermost_region_wins(wt: float, tc: float, et: float, label: int) -> None:
    target = TargetSettings(mode="regions", scheme="brats2023")
    assert target.decode(np.array([[wt], [tc], [et]], dtype=np.float32)).tolist() == [label]
    shuffled = TargetSettings(mode="regions", scheme="brats2023", regions=("ET", "WT", "TC"))
    assert shuffled.decode(np.array([[et], [wt], [tc]], dtype=np.float32)).tolist() == [label]


def test_the_threshold_is_the_callers() -> None:
    target = TargetSettings(mode="regions", scheme="lgg")
    probabilities = np.array([[0.2, 0.4, 0.6]], dtype=np.float32)
    assert target.decode(probabilities, threshold=0.3).tolist() == [0, 1, 1]


def test_a_whole_tumor_alone_is_decoded_to_its_own_tissue() -> None:
    target = TargetSettings(mode="regions", scheme="brats2017", regions=("WT",))
    assert target.decode(np.array([[0.9, 0.1]], dtype=np.float32)).tolist() == [2, 0]


def test_nothing_is_background() -> None:
    nothing = np.zeros((4, 2, 2), dtype=np.float32)
    assert not TargetSettings(mode="classes", scheme="msd").decode(nothing).any()


def test_another_number_of_outputs_is_refused() -> None:
    with pytest.raises(GeometryError, match="2 probability maps for the outputs WT, TC, ET"):
        TargetSettings(mode="regions", scheme="msd").decode(np.zeros((2, 3, 3), dtype=np.float32))


@pytest.mark.parametrize(
    ("tree", "message"),
    [
        ({"mode": "classes", "scheme": "brats"}, "unknown label scheme; known: msd"),
        ({"mode": "classes", "scheme": "msd", "regions": ["WT"]}, "although the mode is 'classes'"),
        ({"mode": "regions", "scheme": "msd", "regions": ["RC"]}, "of scheme 'msd': WT, TC, ET"),
        ({"mode": "regions", "scheme": "msd", "regions": ["WT", "WT"]}, "must be different ones"),
    ],
)
def test_settings_that_contradict_the_scheme_are_refused(tree: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load_settings(TargetSettings, tree)


def test_settings_survive_json() -> None:
    target = TargetSettings(mode="regions", scheme="brats2023", regions=("ET", "TC"))
    assert load_settings(TargetSettings, target.model_dump(mode="json")) == target


def test_tissues_may_be_outputs_of_their_own() -> None:
    target, label_map = (
        TargetSettings(mode="regions", scheme="brats2017", regions=("NCR", "ED", "ET")),
        every_label("msd"),
    )
    encoded = target.encode(label_map)
    assert encoded[:, 0, :4].tolist() == [[0, 0, 1, 0], [0, 1, 0, 0], [0, 0, 0, 1]]
    assert target.decode(encoded.astype(np.float32))[0, :4].tolist() == [0, 2, 1, 4]


def test_of_single_tissues_the_most_probable_counts() -> None:
    target = TargetSettings(mode="regions", scheme="brats2017", regions=("NCR", "ED", "ET"))
    probabilities = np.array([[0.9, 0.6, 0.4, 0.6], [0.8, 0.7, 0.3, 0.1], [0.2, 0.9, 0.45, 0.6]], dtype=np.float32)
    assert target.decode(probabilities[:, None])[0].tolist() == [1, 4, 0, 1]


def test_a_tissue_inside_a_region_takes_its_place() -> None:
    target = TargetSettings(mode="regions", scheme="brats2017", regions=("NCR", "WT"))
    probabilities = np.array([[0.6, 0.2], [0.9, 0.9]], dtype=np.float32)
    assert target.decode(probabilities[:, None])[0].tolist() == [1, 2]


def test_a_reference_that_tells_of_some_regions_leaves_the_others_unknown() -> None:
    array = np.array([[0, 1], [1, 0]], dtype=np.uint8)
    labels = LabelMap(array, scheme_named("lgg"), Grid(array.shape))
    target = TargetSettings(mode="regions", scheme="brats2023")
    encoded = target.encode(labels, known={"WT": "tumor"})
    np.testing.assert_array_equal(encoded[0], array)
    assert (encoded[1:] == UNKNOWN).all()
    np.testing.assert_array_equal(marked(encoded).any(axis=0), array == 1)
    with pytest.raises(LabelError):
        target.encode(labels)  # without, a tumor that is not divided is none of its tissues
    with pytest.raises(LabelError, match="no region 'WT'"):
        target.encode(labels, known={"WT": "WT"})
    with pytest.raises(ConfigError, match="mode is 'regions'"):
        TargetSettings(mode="classes", scheme="brats2023").encode(labels, known={"WT": "tumor"})
    with pytest.raises(ConfigError, match="'RC' is no region of the target"):
        target.encode(labels, known={"RC": "tumor"})
