"""Classify, then segment the positives: pictures, volumes, slices, and what is told when the two disagree."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from gliascope.checkpoint import ModelFolder
from gliascope.errors import GeometryError, ModelError
from gliascope.inference.cascade import Cascade
from gliascope.inference.predictor import Classification, Predictor, Segmentation
from gliascope.scan import Grid, Scan

CLASSES = ("glioma", "no_tumor")
Make = Callable[..., ModelFolder]


@pytest.fixture(scope="module")
def classifier(make_model: Make) -> Predictor:
    """Return a classifier that sees a glioma where the mean is above 0.5."""
    return Predictor(make_model(2, outputs=2, task="classify", target=None, classes=CLASSES, name="gate"))


@pytest.fixture(scope="module")
def segmenter(make_model: Make) -> Predictor:
    return Predictor(make_model(2))


@pytest.fixture(scope="module")
def cascade(classifier: Predictor, segmenter: Predictor) -> Cascade:
    return Cascade(classifier, segmenter)


def scan_of(array: NDArray[np.float32], **changes: object) -> Scan:
    grid = Grid(array.shape, spacing_mm=(1.0,) * array.ndim)
    return replace(Scan(array[None], ("t2f",), grid), **changes)  # type: ignore[arg-type]


def mask_of(segmenter: Predictor, scan: Scan) -> NDArray[np.uint8]:
    answer = segmenter.predict(scan)
    assert isinstance(answer, Segmentation)
    return answer.label_map.array


def picture(background: float, spot: float) -> Scan:
    array = np.full((12, 10), background, np.float32)
    array[2:5, 3:7] = spot
    return scan_of(array)


def volume() -> NDArray[np.float32]:
    """Return eight slices: dark with a bright spot, except two bright ones with it and one without content."""
    array = np.full((12, 10, 8), 0.2, np.float32)
    array[2:5, 3:7] = 0.9
    array[:, :, 3:5] += 0.4
    array[:, :, 7] = 0.0
    return array


def test_a_positive_picture_has_class_and_mask(cascade: Cascade, segmenter: Predictor) -> None:
    scan = picture(0.6, 0.9)
    answer = cascade.predict(scan)
    assert (answer.classification.label, answer.segmented, answer.slices) == ("glioma", True, ())
    alone = mask_of(segmenter, scan)
    np.testing.assert_array_equal(answer.segmentation.label_map.array, alone)
    assert answer.segmentation.label_map.array.any()
    assert answer.notices == ()
    assert set(answer.timing_s) == {"preprocess", "infer", "postprocess"}


def test_a_negative_picture_is_not_segmented(cascade: Cascade) -> None:
    answer = cascade.predict(picture(0.1, 0.9))
    assert (answer.classification.label, answer.segmented) == ("no_tumor", False)
    assert not answer.segmentation.label_map.array.any()
    assert not answer.segmentation.probabilities.any()
    assert answer.notices == ()


def test_segmenting_all_tells_of_disagreement(classifier: Predictor, segmenter: Predictor) -> None:
    answer = Cascade(classifier, segmenter, segment_all=True).predict(picture(0.1, 0.9))
    assert (answer.classification.label, answer.segmented) == ("no_tumor", True)
    assert int(answer.segmentation.label_map.array.sum()) == 12
    (notice,) = answer.notices
    assert notice.code == "W_DISAGREE"
    assert notice.text == "Classified as no_tumor, but 12 pixels are segmented as tumor."


def test_a_positive_without_a_mask_is_told(make_model: Make, classifier: Predictor) -> None:
    strict = Predictor(make_model(2, inference={"threshold": 0.999}))
    answer = Cascade(classifier, strict).predict(picture(0.55, 0.6))
    assert answer.segmented
    assert [notice.text for notice in answer.notices] == [
        "The image is classified as glioma, but nothing is segmented."
    ]


def test_abstaining_is_no_reason_not_to_look(make_model: Make, segmenter: Predictor) -> None:
    shy = make_model(2, outputs=2, task="classify", target=None, classes=CLASSES, inference={"abstain_below": 0.999})
    answer = Cascade(Predictor(shy), segmenter).predict(picture(0.2, 0.9))
    assert (answer.classification.label, answer.segmented) == (None, True)
    assert answer.segmentation.label_map.array.any()


def test_a_volume_meets_the_classifier_slice_by_slice(cascade: Cascade, segmenter: Predictor) -> None:
    scan = scan_of(volume())
    answer = cascade.predict(scan)
    assert answer.slices == ("no_tumor",) * 3 + ("glioma",) * 2 + ("no_tumor",) * 3
    assert (answer.classification.label, answer.segmented) == ("glioma", True)
    marked = answer.segmentation.label_map.array.any(axis=(0, 1))
    assert np.flatnonzero(marked).tolist() == [3, 4], "the spots of negative slices do not count"
    assert not answer.segmentation.probabilities[..., :3].any()
    alone = mask_of(segmenter, scan)
    np.testing.assert_array_equal(answer.segmentation.label_map.array[..., 3:5], alone[..., 3:5])
    assert answer.classification.probabilities["glioma"] > 0.5, "the mean over the positive slices"


def test_a_volume_without_positive_slices_is_not_segmented(cascade: Cascade) -> None:
    dark = np.minimum(volume(), 0.4)
    answer = cascade.predict(scan_of(dark))
    assert (answer.classification.label, answer.segmented) == ("no_tumor", False)
    assert answer.classification.probabilities["no_tumor"] > 0.5
    assert answer.segmentation.label_map.array.shape == dark.shape
    assert not answer.segmentation.label_map.array.any()


def test_segmenting_all_of_a_volume_tells_what_lies_in_negative_slices(
    classifier: Predictor, segmenter: Predictor
) -> None:
    answer = Cascade(classifier, segmenter, segment_all=True).predict(scan_of(volume()))
    marked = answer.segmentation.label_map.array.any(axis=(0, 1))
    assert np.flatnonzero(marked).tolist() == [0, 1, 2, 3, 4, 5, 6]
    (notice,) = answer.notices
    assert notice.text == "0.1 ml are segmented in slices that are classified as no_tumor."


def test_a_3d_segmenter_keeps_to_the_positive_slices(make_model: Make, classifier: Predictor) -> None:
    answer = Cascade(classifier, Predictor(make_model(3))).predict(scan_of(volume()))
    assert np.flatnonzero(answer.segmentation.label_map.array.any(axis=(0, 1))).tolist() == [3, 4]


def test_a_3d_classifier_takes_the_volume_whole(make_model: Make, segmenter: Predictor) -> None:
    whole = Predictor(make_model(3, outputs=2, task="classify", target=None, classes=CLASSES))
    answer = Cascade(whole, segmenter).predict(scan_of(volume() + np.float32(0.4)))
    assert (answer.classification.label, answer.slices) == ("glioma", ())
    assert answer.segmentation.label_map.array[..., 0].any()


def test_background_is_certain_where_classes_exclude_each_other(make_model: Make, classifier: Predictor) -> None:
    target = {"mode": "classes", "scheme": "lgg"}
    answer = Cascade(classifier, Predictor(make_model(2, outputs=2, target=target))).predict(picture(0.1, 0.9))
    assert answer.segmentation.probabilities[0].min() == 1.0
    assert answer.segmentation.probabilities[1].max() == 0.0


def test_slices_of_a_head_are_shown_as_pictures_are(segmenter: Predictor, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that says how the head lies has its front at the far end of J; a picture has it on top."""
    seen: list[NDArray[np.float32]] = []

    class Recorder:
        folder, outputs, dimensions, channels = segmenter.folder, CLASSES, 2, ("t2f",)

        def predict_all(self, scans: list[Scan]) -> list[Classification]:
            seen.extend(scan.array for scan in scans)
            even = dict.fromkeys(CLASSES, 0.5)
            return [Classification("no_tumor", even, False, "", even) for _ in scans]

    rng = np.random.default_rng(1)
    array = rng.random((5, 6, 2), dtype=np.float32)
    monkeypatch.setattr(Cascade, "__post_init__", lambda self: None)
    cascade = Cascade(Recorder(), segmenter)  # type: ignore[arg-type]
    cascade.predict(Scan(array[None], ("t2f",), Grid.from_affine((5, 6, 2), np.eye(4))))
    np.testing.assert_array_equal(seen[1][0], array[::-1, ::-1, 1])
    seen.clear()
    cascade.predict(scan_of(array))
    np.testing.assert_array_equal(seen[1][0], array[:, :, 1])


def test_contrasts_of_a_color_picture_reach_a_classifier_of_colors(make_model: Make) -> None:
    lgg = ("t1n", "t2f", "t1c")
    colors = ("red", "green", "blue")
    facts = {"task": "classify", "target": None, "classes": CLASSES, "plan": {"channels": list(colors)}}
    gate = Predictor(make_model(2, outputs=2, channels=colors, **facts))
    cascade = Cascade(gate, Predictor(make_model(2)))
    array = np.full((3, 8, 8), 0.9, np.float32)
    answer = cascade.predict(Scan(array, lgg, Grid((8, 8))))
    assert answer.classification.label == "glioma"
    assert answer.segmentation.label_map.array.all()
    array[:, 0] = 0.8
    with pytest.raises(GeometryError, match="missing"):
        cascade.predict(Scan(array[..., None], lgg, Grid.from_affine((8, 8, 1), np.eye(4))))


def test_what_makes_no_cascade_is_refused(make_model: Make, classifier: Predictor, segmenter: Predictor) -> None:
    with pytest.raises(ModelError, match="no classifier and segmenter"):
        Cascade(segmenter, classifier)
    blind: ModelFolder = make_model(2, outputs=2, task="classify", target=None, classes=("glioma", "meningioma"))
    with pytest.raises(ModelError, match="cannot say that there is no tumor"):
        Cascade(Predictor(blind), segmenter)
