"""Which shipped model answers for which input: the table of rules."""

import numpy as np
import pytest

from gliascope.datasets.phantom_study import phantom_study
from gliascope.errors import ModelError
from gliascope.scan import Grid, Scan
from gliascope.workflow.automatic import PURPOSES, RULES, choose

ALL = tuple(PURPOSES)
LGG = ("t1n", "t2f", "t1c")
FOUR = ("t1n", "t1c", "t2w", "t2f")


def scan_of(kind: str, *channels: str) -> Scan:
    shape = (6, 5) if kind == "picture" else (6, 5, 4)
    grid = Grid.from_affine(shape, np.eye(4)) if kind == "volume" else Grid(shape)
    array = np.zeros((len(channels), *shape), np.float32)
    array[:, 2:5, 2:4] = 1.0  # as without a skull, in air of exactly 0
    return Scan(array, channels, grid)


@pytest.mark.parametrize(
    ("kind", "channels", "auto", "classify", "segment"),
    [
        ("picture", ("gray",), ("mri-4class", "t1c-tumor"), "mri-4class", "t1c-tumor"),
        ("picture", ("red", "green", "blue"), ("mri-4class", "t1c-tumor"), "mri-4class", "t1c-tumor"),
        ("picture", ("t1c",), ("mri-4class", "t1c-tumor"), "mri-4class", "t1c-tumor"),
        ("picture", ("t2f",), (None, "lgg-flair"), "mri-4class", "lgg-flair"),
        ("picture", LGG, (None, "lgg-flair"), None, "lgg-flair"),
        ("picture", ("t1n", "t1c"), (None, "t1c-tumor"), None, "t1c-tumor"),
        ("picture", ("t2w",), ("mri-4class", None), "mri-4class", None),
        ("picture", ("t1n", "t2w"), None, None, None),
        ("picture", ("adc",), None, None, None),
        ("stack", ("gray",), ("mri-4class", "t1c-tumor"), None, "t1c-tumor"),
        ("stack", ("t1c",), ("mri-4class", "t1c-tumor"), None, "t1c-tumor"),
        ("stack", LGG, (None, "lgg-flair"), None, "lgg-flair"),
        ("stack", ("t2f",), (None, "lgg-flair"), None, "lgg-flair"),
        ("stack", ("t2w",), None, None, None),
        ("volume", FOUR, (None, "glioma-3d"), None, "glioma-3d"),
        ("volume", ("t2f",), (None, "glioma-3d"), None, "glioma-3d"),
        ("volume", ("t1c", "adc"), (None, "glioma-3d"), None, "glioma-3d"),
        ("volume", ("gray",), None, None, None),
    ],
)
def test_every_input_has_its_model(
    kind: str,
    channels: tuple[str, ...],
    auto: tuple[str | None, str | None] | None,
    classify: str | None,
    segment: str | None,
) -> None:
    scan = scan_of(kind, *channels)
    wanted = {"auto": auto, "classify": classify and (classify, None), "segment": segment and (None, segment)}
    for task, expected in wanted.items():
        if expected is None:
            with pytest.raises(ModelError, match=f"a .*{kind}|a stack") as told:
                choose(scan, ALL, task)
            assert told.value.code == "E_NO_MODEL"
            assert channels[0] in told.value.cause
            assert all(name in told.value.hint for name in ALL)
        else:
            found = choose(scan, ALL, task)
            assert (found.classifier, found.segmenter) == expected
            assert all(name in found.why for name in expected if name)
            assert found.as_json() == {"task": task, "input": found.input, "why": found.why}


def head(channels: tuple[str, ...] = FOUR, *, skull: bool, turned: bool = False) -> Scan:
    study = phantom_study(1, (60, 60, 31), skull=skull)
    array = np.stack([study.images[name] for name in channels])
    affine = study.affine
    if turned:  # thick sagittal slices
        array, affine = np.ascontiguousarray(array.swapaxes(1, 3)), np.diag([*study.spacing_mm[::-1], 1.0])
    return Scan(array, channels, Grid.from_affine(array.shape[1:], affine))


def test_a_whole_head_with_flair_goes_to_lgg_flair() -> None:
    found = choose(head(skull=True), ALL)
    assert found.why == ("The input is a volume (t1n, t1c, t2w, t2f) of a whole head: lgg-flair marks the tumor.")
    assert choose(head(("t2f",), skull=True), ALL).segmenter == "lgg-flair"
    others = head(skull=False), head(("t1c", "t2w"), skull=True), head(skull=True, turned=True)
    assert [choose(scan, ALL).segmenter for scan in others] == ["glioma-3d"] * 3
    assert choose(head(skull=True), ["glioma-3d"]).segmenter == "glioma-3d"


def test_only_models_at_hand_are_chosen() -> None:
    gray = scan_of("picture", "gray")
    assert choose(gray, ["mri-4class"]).why == "The input is a picture (gray): mri-4class names the class."
    assert choose(gray, ["mri-4class"]).notices == ()
    assert choose(gray, ["t1c-tumor"]).segmenter == "t1c-tumor"
    with pytest.raises(ModelError, match="no shipped model answers") as told:
        choose(gray, ["glioma-3d", "mine"])
    assert "At hand: glioma-3d marks" in told.value.hint
    assert "mine" in told.value.hint
    with pytest.raises(ModelError):
        choose(scan_of("stack", "gray"), ["mri-4class"])


def test_flair_goes_to_its_classifier_only_when_asked() -> None:
    flair = scan_of("picture", "t2f")
    assert choose(flair, ["mri-4class"]).classifier == "mri-4class"
    assert choose(flair, ALL).classifier is None


def test_an_unknown_contrast_is_told_where_a_mask_rests_on_it() -> None:
    for channels in (("gray",), ("red", "green", "blue")):
        (notice,) = choose(scan_of("picture", *channels), ALL).notices
        assert notice.code == "W_CONTRAST_UNKNOWN"
        assert "t1c-tumor knows only T1 with contrast agent" in notice.text
        assert choose(scan_of("picture", *channels), ALL, "classify").notices == ()
    assert choose(scan_of("picture", "t1c"), ALL).notices == ()


def test_classifying_a_stack_names_the_way_out() -> None:
    with pytest.raises(ModelError, match="no shipped model classifies that") as told:
        choose(scan_of("stack", "gray"), ALL, "classify")
    assert "--no-stack" in told.value.hint


def test_the_table_names_only_models_it_describes() -> None:
    named = {name for rule in RULES for name in (rule.classifier, rule.segmenter) if name}
    assert named == set(PURPOSES)
