"""Every row of METRICS, and every protocol, keeps what its table says."""

import math
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from gliascope.errors import GeometryError, LabelError, UsageError
from gliascope.metrics import METRICS, PROTOCOLS, MaskPair, protocol_named
from gliascope.metrics.surface import BoolArray

EMPTY = np.zeros((4, 5, 3), dtype=np.bool_)
PART = EMPTY.copy()
PART[1:3, 2:4, :2] = True
SPACING = (1.0, 2.0, 0.5)

TABLE = [(protocol, metric) for protocol in PROTOCOLS for metric in PROTOCOLS[protocol].metrics]


def pair(prediction: BoolArray, reference: BoolArray) -> MaskPair:
    spacing = SPACING[: prediction.ndim]
    return MaskPair.of(prediction, reference, spacing_mm=spacing, tolerance_mm=0.2)


def score(protocol: str, metric: str, prediction: BoolArray, reference: BoolArray) -> float:
    return PROTOCOLS[protocol].score(pair(prediction, reference))[metric]


def same(value: float, expected: float) -> bool:
    return value == expected or (math.isnan(value) and math.isnan(expected))


@pytest.mark.parametrize(("protocol", "name"), TABLE)
def test_perfect_is_best(protocol: str, name: str) -> None:
    best = PROTOCOLS[protocol].metrics[name].best
    assert best is None or score(protocol, name, PART, PART.copy()) == best


@pytest.mark.parametrize("name", METRICS)
def test_worse_is_on_the_other_side_of_best(name: str) -> None:
    metric = METRICS[name]
    shifted = np.roll(PART, 1, axis=0)
    shifted[0, 0] = True
    assert metric.best is not None
    assert metric.function(pair(shifted, PART)) != metric.best
    assert (metric.function(pair(shifted, PART)) < metric.best) == (metric.direction == "up")


@pytest.mark.parametrize("shape", [(4, 5, 3), (4, 5)])
@pytest.mark.parametrize(("protocol", "name"), TABLE)
def test_empty_masks_give_the_value_of_the_table(protocol: str, name: str, shape: tuple[int, ...]) -> None:
    metric = PROTOCOLS[protocol].metrics[name]
    empty, full = np.zeros(shape, dtype=np.bool_), np.ones(shape, dtype=np.bool_)
    part = empty.copy()
    part[1:3, 2:4] = True
    assert same(score(protocol, name, empty, empty), metric.empty_both)
    for some in (part, full):
        for masks in ((some, empty), (empty, some)):
            value = score(protocol, name, *masks)
            assert metric.empty_one is None or value == metric.empty_one
            no_background = name == "specificity" and masks[1] is full
            assert not math.isnan(value) or no_background or (name == "volume_error_ml" and len(shape) == 2)


@pytest.mark.parametrize("shape", [(6, 8, 7), (9, 8)])
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_full_masks_are_scored_like_any_other(protocol: str, shape: tuple[int, ...]) -> None:
    full, part = np.ones(shape, dtype=np.bool_), np.zeros(shape, dtype=np.bool_)
    part[1:-1, 1:-1] = True
    for masks in ((full, full), (full, part), (part, full)):
        values = PROTOCOLS[protocol].score(pair(*masks))
        undefined = {name for name, value in values.items() if math.isnan(value)}
        assert undefined <= ({"specificity"} if masks[1] is full else set()) | {"volume_error_ml"}
        assert all(math.isfinite(value) for name, value in values.items() if name not in undefined)
        leading = next(iter(values))
        assert 0.2 < values[leading] <= 1.0
        assert (values[leading] == 1.0) == (masks[0] is masks[1]) or protocol.startswith("brats2023")


PAIRS = array_shapes(min_dims=2, max_dims=3, max_side=5).flatmap(
    lambda shape: st.tuples(arrays(np.bool_, shape), arrays(np.bool_, shape))
)


@pytest.mark.parametrize("protocol", PROTOCOLS)
@given(masks=PAIRS)
@settings(max_examples=40, deadline=None)
def test_values_lie_in_range_and_symmetry_is_as_claimed(protocol: str, masks: tuple[BoolArray, BoolArray]) -> None:
    values, swapped = PROTOCOLS[protocol].score(pair(*masks)), PROTOCOLS[protocol].score(pair(*masks[::-1]))
    assert list(values) == list(PROTOCOLS[protocol].metrics)
    for name, metric in PROTOCOLS[protocol].metrics.items():
        assert math.isnan(values[name]) or metric.low <= values[name] <= metric.high
        if metric.symmetric:
            assert same(values[name], swapped[name]) or values[name] == pytest.approx(swapped[name])


@pytest.mark.parametrize("protocol", PROTOCOLS)
@given(masks=PAIRS)
@settings(max_examples=20, deadline=None)
def test_where_the_masks_lie_in_the_image_does_not_matter(protocol: str, masks: tuple[BoolArray, BoolArray]) -> None:
    """Specificity and the diagonal of the image aside, the air around a head has no part in the score."""
    wider = tuple(np.pad(mask, 5) for mask in masks)
    near, far = PROTOCOLS[protocol].score(pair(*masks)), PROTOCOLS[protocol].score(pair(wider[0], wider[1]))
    for name in near.keys() - {"specificity"}:
        if protocol == "legacy" and name == "hd95" and pair(*masks).one_empty:
            continue
        assert same(near[name], far[name]) or near[name] == pytest.approx(far[name])


@pytest.mark.parametrize(("protocol", "name"), TABLE)
def test_every_metric_is_documented(protocol: str, name: str) -> None:
    assert PROTOCOLS[protocol].metrics[name].source
    text = PROTOCOLS[protocol].metrics[name].function.__doc__ or ""
    assert len(text.splitlines()[0]) <= 120
    assert "Returns:" in text
    assert "mpty" in text or "without" in text


@pytest.mark.parametrize("name", [name for name, metric in METRICS.items() if not metric.symmetric])
def test_a_metric_without_the_claim_is_not_symmetric(name: str) -> None:
    more = PART.copy()
    more[0] = True
    assert METRICS[name].function(pair(PART, more)) != METRICS[name].function(pair(more, PART))


def test_other_shapes_types_and_spacings_are_refused() -> None:
    with pytest.raises(GeometryError, match=r"\(4, 5, 2\) against a reference of \(4, 5, 3\)"):
        MaskPair.of(EMPTY[..., :2], EMPTY)
    with pytest.raises(LabelError, match="boolean masks, got uint8"):
        MaskPair.of(PART.astype(np.uint8), PART)
    with pytest.raises(GeometryError, match="the spacing 1,1 is not one size"):
        MaskPair.of(PART, PART, spacing_mm=(1.0, 1.0))
    with pytest.raises(GeometryError, match="--spacing"):
        _ = MaskPair.of(PART, PART).borders


def test_unknown_protocol_lists_the_known() -> None:
    with pytest.raises(UsageError, match=r"unknown protocol 'brats'\. Known: plain, legacy"):
        protocol_named("brats")


@pytest.mark.parametrize(("protocol", "spacing"), list(product(PROTOCOLS, [None, (1.0, 1.0, 1.0)])))
def test_unknown_voxel_size_is_refused_left_undefined_or_not_needed(
    protocol: str, spacing: tuple[float, ...] | None
) -> None:
    rules = PROTOCOLS[protocol]
    masks = MaskPair.of(np.roll(PART, 1, axis=0), PART, spacing_mm=spacing)
    if spacing is None and rules.needs_spacing:
        with pytest.raises(GeometryError, match=f"protocol '{protocol}' measures in mm"):
            rules.score(masks)
        return
    undefined = {name for name, value in rules.score(masks).items() if math.isnan(value)}
    assert undefined == ({name for name, m in rules.metrics.items() if m.physical} if spacing is None else set())
