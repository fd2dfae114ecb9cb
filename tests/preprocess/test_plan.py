import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gliascope.errors import ConfigError, GeometryError
from gliascope.preprocess.intensity import ClipPercentile, FixedRange, MinMax, Replicate, ZScore
from gliascope.preprocess.plan import Plan, Step
from gliascope.preprocess.spatial import CropCenter, CropFixed, CropHead, Pad, Resample, Resize
from gliascope.scan import MRI_CHANNELS, Grid, Scan
from gliascope.settings import load_settings


def scan(*shape: int, channels: tuple[str, ...] = ("t1c", "t2f"), spacing: tuple[float, ...] | None = None) -> Scan:
    """A bright ball on exact zeros, a little different in every channel and slice."""
    rng = np.random.Generator(np.random.Philox(key=4))
    distance = sum(((axis - (n - 1) / 2) / n) ** 2 for axis, n in zip(np.indices(shape), shape, strict=True))
    array = rng.uniform(20.0, 400.0, (len(channels), *shape)).astype(np.float32)
    array[:, np.asarray(distance) > 0.15] = 0.0
    return Scan(array, channels, Grid(shape, spacing_mm=spacing))


@st.composite
def steps(draw: st.DrawFn, axes: int) -> tuple[Step, ...]:
    """Any sequence of steps that fits images of 8 to 12 voxels per axis; crops are followed by pads."""
    side = st.tuples(*[st.integers(min_value=3, max_value=8)] * axes)
    within = st.sampled_from(["image", "head"])
    one = st.one_of(
        st.builds(MinMax, within=within),
        st.builds(ZScore, within=within),
        st.builds(ClipPercentile, within=within),
        st.just(FixedRange()),
        side.map(lambda size: CropCenter(size=size)),
        side.map(lambda stop: CropFixed(start=tuple(n - 3 for n in stop), stop=stop)),
        st.builds(CropHead, margin=st.integers(0, 2), divisible_by=st.sampled_from([1, 2, 8])),
        st.builds(Pad, multiple_of=st.sampled_from([2, 5])),
        side.map(lambda size: Resize(size=size)),
        st.tuples(*[st.floats(min_value=0.7, max_value=2.0)] * axes).map(lambda mm: Resample(spacing_mm=mm)),
    )
    drawn = draw(st.lists(one, max_size=4))
    return tuple(step for each in drawn for step in (each, Pad(size=(8,))))


@given(chosen=steps(axes=3), shape=st.tuples(*[st.integers(min_value=8, max_value=12)] * 3))
@settings(max_examples=50, deadline=None)
def test_volumes_come_back_to_their_grid(chosen: tuple[Step, ...], shape: tuple[int, ...]) -> None:
    plan = Plan(channels=("t2f", "t1c"), steps=chosen)
    given_scan = scan(*shape, spacing=(1.0, 1.2, 1.5))
    original = given_scan.array.copy()
    prepared = plan.apply(given_scan)
    assert prepared.array.dtype == np.float32
    assert np.isfinite(prepared.array).all()
    assert prepared.trace.prepared_shape == prepared.array.shape[1:]
    back = plan.invert(np.ones((3, *prepared.array.shape[1:]), dtype=np.float32), prepared.trace)
    assert back.shape == (3, *shape)
    assert back.min() >= 0.0
    assert back.max() <= 1.0 + 1e-5
    labels = plan.apply_labels(np.full(shape, 4, dtype=np.uint8), prepared.trace)
    assert labels.shape == prepared.array.shape[1:]
    assert set(np.unique(labels)) <= {0, 4}
    np.testing.assert_array_equal(given_scan.array, original)  # the scan itself is never written to


@given(chosen=steps(axes=2), rows=st.integers(8, 12), columns=st.integers(8, 12))
@settings(max_examples=50, deadline=None)
def test_a_slice_alone_and_in_its_stack_is_prepared_alike(chosen: tuple[Step, ...], rows: int, columns: int) -> None:
    plan = Plan(channels=("t1c", "t2f"), steps=(*chosen, Resize(size=(7, 9))), per_slice=True)
    stack = scan(rows, columns, 3, spacing=(1.0, 1.2, 6.0))
    prepared = plan.apply(stack)
    assert prepared.array.shape == (2, 7, 9, 3)
    assert prepared.spacing_mm is not None
    assert prepared.spacing_mm[2] == 6.0
    answer = np.random.Generator(np.random.Philox(key=5)).random((2, 7, 9, 3), dtype=np.float32)
    back = plan.invert(answer, prepared.trace)
    assert back.shape == (2, rows, columns, 3)
    for k in range(3):
        picture = Scan(stack.array[..., k], stack.channels, Grid((rows, columns), spacing_mm=(1.0, 1.2)))
        alone = plan.apply(picture)
        np.testing.assert_array_equal(alone.array, prepared.array[..., k])
        alone_back = plan.invert(np.ascontiguousarray(answer[..., k]), alone.trace)
        np.testing.assert_array_equal(alone_back, back[..., k])


@given(order=st.permutations(MRI_CHANNELS))
@settings(max_examples=24, deadline=None)
def test_the_order_of_the_scans_channels_changes_nothing(order: list[str]) -> None:
    plan = Plan(
        channels=("t2f", "t1n", "t1c"),
        steps=(CropHead(), ClipPercentile(within="head"), ZScore(within="head"), Resize(size=(6, 6, 6))),
    )
    whole = SCAN_OF_FOUR
    expected = plan.apply(whole)
    permuted = plan.apply(whole.select(tuple(order)))
    np.testing.assert_array_equal(permuted.array, expected.array)
    assert permuted.trace == expected.trace


SCAN_OF_FOUR = scan(9, 8, 7, channels=MRI_CHANNELS)


def test_crops_and_pads_are_undone_exactly_inside_the_kept_region() -> None:
    plan = Plan(channels=("t1c",), steps=(CropFixed(start=(2, 1, 0), stop=(9, 8, 5)), Pad(multiple_of=4)))
    whole = scan(10, 9, 8)
    prepared = plan.apply(whole)
    expected = np.zeros((1, 10, 9, 8), dtype=np.float32)
    expected[:, 2:9, 1:8, :5] = whole.select(("t1c",)).array[:, 2:9, 1:8, :5]
    np.testing.assert_array_equal(plan.invert(prepared.array, prepared.trace), expected)


@pytest.mark.parametrize("size", [(12, 30, 17), (60, 48, 50)])
def test_labels_survive_a_resize_there_and_back(size: tuple[int, ...]) -> None:
    labels = np.zeros((30, 32, 28), dtype=np.uint8)
    labels[6:24, 8:26, 5:22] = 1
    labels[10:20, 12:20, 9:18] = 2
    plan = Plan(channels=("t1c",), steps=(Resize(size=size),))
    trace = plan.apply(scan(30, 32, 28)).trace
    moved = plan.apply_labels(labels, trace)
    one_hot = (moved == np.arange(3).reshape(3, 1, 1, 1)).astype(np.float32)
    back = np.argmax(plan.invert(one_hot, trace), axis=0)
    for value in (1, 2):
        overlap = 2 * np.count_nonzero((back == value) & (labels == value))
        dice = overlap / (np.count_nonzero(back == value) + np.count_nonzero(labels == value))
        assert dice > (0.97 if min(size) > 30 else 0.85)


def test_a_plan_survives_json() -> None:
    plan = Plan(
        channels=("t2f", "t1c"),
        steps=(
            CropHead(margin=3, divisible_by=16),
            ClipPercentile(within="head", lower=1.0),
            MinMax(epsilon=1e-4),
            ZScore(within="head"),
            FixedRange(maximum=1.0),
            CropFixed(start=(1,), stop=(9,)),
            CropCenter(size=(8, 8)),
            Pad(multiple_of=16),
            Pad(size=(64,), fill=-1.0),
            Resample(spacing_mm=(1.0, 1.0, 1.5)),
            Resize(size=(128,)),
            Replicate(channels=3),
        ),
        per_slice=True,
    )
    assert load_settings(Plan, plan.model_dump(mode="json")) == plan


def test_faults_in_a_plan_are_named() -> None:
    with pytest.raises(ConfigError, match=r"steps\.0: .*'min_max'"):
        load_settings(Plan, {"channels": ["t1c"], "steps": [{"name": "minmax"}]})
    with pytest.raises(ConfigError, match=r"Did you mean 'margin'\?"):
        load_settings(Plan, {"channels": ["t1c"], "steps": [{"name": "crop_head", "margn": 2}]})
    with pytest.raises(ConfigError, match="a channel is named twice"):
        load_settings(Plan, {"channels": ["t1c", "t1c"]})
    with pytest.raises(ConfigError, match="channels"):
        load_settings(Plan, {"channels": []})


def test_channels_are_selected_by_name() -> None:
    whole = SCAN_OF_FOUR
    prepared = Plan(channels=("t2f", "t1n")).apply(whole)
    np.testing.assert_array_equal(prepared.array[0], whole.array[whole.channels.index("t2f")])
    np.testing.assert_array_equal(prepared.array[1], whole.array[whole.channels.index("t1n")])
    with pytest.raises(GeometryError, match=r"channel red is missing\. At hand: t1n"):
        Plan(channels=("red",)).apply(whole)


@pytest.mark.parametrize(("green", "codes"), [(50.0, ["W_GRAY", "W_COLORED"]), (95.0, ["W_GRAY"])])
def test_a_color_picture_becomes_gray_with_a_notice(green: float, codes: list[str]) -> None:
    colors = np.array([100.0, green, 100.0], dtype=np.float32)
    picture = Scan(np.tile(colors[:, None, None], (1, 2, 2)), ("red", "green", "blue"), Grid((2, 2)))
    prepared = Plan(channels=("gray",)).apply(picture)
    np.testing.assert_allclose(prepared.array, 0.413 * 100 + 0.587 * green, rtol=1e-6)
    assert [notice.code for notice in prepared.notices] == codes


def test_in_channels_counts_what_the_network_gets() -> None:
    assert Plan(channels=("t1c", "t2f")).in_channels == 2
    assert Plan(channels=("gray",), steps=(Replicate(channels=3),)).in_channels == 3


def test_slices_of_different_sizes_are_refused() -> None:
    stack = scan(12, 12, 3)
    stack.array[:, :5, :, 1] = 0.0
    with pytest.raises(GeometryError, match=r"the slices leave the plan in \d sizes, from"):
        Plan(channels=("t1c",), steps=(CropHead(margin=0),), per_slice=True).apply(stack)


def test_arrays_of_another_shape_are_refused() -> None:
    plan = Plan(channels=("t1c",), steps=(Pad(multiple_of=8),))
    trace = plan.apply(scan(6, 7)).trace
    with pytest.raises(GeometryError, match=r"labels of shape \(8, 8\) for a scan of \(6, 7\)"):
        plan.apply_labels(np.zeros((8, 8), dtype=np.uint8), trace)
    with pytest.raises(GeometryError, match=r"probabilities of shape \(6, 7\) for an image of \(8, 8\)"):
        plan.invert(np.zeros((1, 6, 7), dtype=np.float32), trace)


def test_spacing_that_covers_only_the_plane_is_unknown_for_a_volume() -> None:
    stack = scan(8, 8, 3, spacing=(2.0, 2.0))
    in_plane = (Resample(spacing_mm=(1.0,)),)
    assert Plan(channels=("t1c",), steps=in_plane, per_slice=True).apply(stack).array.shape == (1, 16, 16, 3)
    with pytest.raises(GeometryError, match="needs the voxel size"):
        Plan(channels=("t1c",), steps=in_plane).apply(stack)


def test_a_gray_picture_stands_for_every_channel_where_the_plan_says_so() -> None:
    gray = scan(4, 5, channels=("gray",))
    plan = Plan(channels=("t1n", "t2f", "t1c"), gray_as_all=True)
    prepared = plan.apply(gray)
    assert prepared.notices == ()
    np.testing.assert_array_equal(prepared.array, np.repeat(gray.array, 3, axis=0))
    colored = Scan(np.full((3, 4, 5), 7.0, dtype=np.float32), ("red", "green", "blue"), Grid((4, 5)))
    from_colors = plan.apply(colored)
    assert [notice.code for notice in from_colors.notices] == ["W_GRAY"]
    np.testing.assert_allclose(from_colors.array, 7.0, rtol=1e-6)


def test_channels_that_are_there_are_never_replaced_by_gray() -> None:
    plan = Plan(channels=("t1n", "t2f"), gray_as_all=True)
    study = scan(4, 5, channels=("t2f", "t1n"))
    np.testing.assert_array_equal(plan.apply(study).array, study.array[::-1])
    with pytest.raises(GeometryError, match="t1n"):
        plan.apply(scan(4, 5, channels=("t2f", "gray")))
    with pytest.raises(GeometryError, match="t1n"):
        Plan(channels=("t1n", "t2f")).apply(scan(4, 5, channels=("gray",)))


def test_an_optional_channel_may_be_missing_and_is_zero_then() -> None:
    plan = Plan(channels=("t1c", "t2f"), optional=("t1c",), steps=(FixedRange(minimum=-1.0, maximum=1.0),))
    values = np.arange(16, dtype=np.float32).reshape(1, 4, 4)
    alone = plan.apply(Scan(values, ("t2f",), Grid((4, 4)))).array
    both = plan.apply(Scan(np.concatenate([values + 1, values]), ("t1c", "t2f"), Grid((4, 4)))).array
    assert not alone[0].any()
    np.testing.assert_array_equal(alone[1], both[1])
    with pytest.raises(GeometryError, match="t2f is missing"):
        plan.apply(Scan(values, ("t1c",), Grid((4, 4))))


def test_at_least_one_optional_channel_is_needed() -> None:
    plan = Plan(channels=("t1c", "t2f"), optional=("t1c", "t2f"))
    with pytest.raises(GeometryError, match="missing"):
        plan.apply(Scan(np.ones((1, 4, 4), dtype=np.float32), ("t2w",), Grid((4, 4))))


def test_optional_channels_are_the_plans_own() -> None:
    with pytest.raises(ConfigError, match="none of the plan's: t2f"):
        load_settings(Plan, {"channels": ["t2f"], "optional": ["t1c"]})
