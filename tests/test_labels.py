import numpy as np
import pytest

from gliascope.errors import LabelError
from gliascope.labels import REGIONS, SCHEMES, TUMOR_CLASSES, Tissue, check_labels, scheme_named, schemes_fitting

MRI_SCHEMES = ("msd", "brats2017", "brats2023", "brats2024")


def array(*values: float) -> "np.ndarray[tuple[int, ...], np.dtype[np.float32]]":
    return np.array(values, dtype=np.float32)


def test_the_numbers_of_every_year() -> None:
    enhancing = {name: SCHEMES[name].value_of(Tissue.ET) for name in MRI_SCHEMES}
    assert enhancing == {"msd": 3, "brats2017": 4, "brats2023": 3, "brats2024": 3}
    edema = {name: SCHEMES[name].value_of(Tissue.ED) for name in MRI_SCHEMES}
    assert edema == {"msd": 1, "brats2017": 2, "brats2023": 2, "brats2024": 2}
    assert SCHEMES["brats2024"].value_of(Tissue.RC) == 4


@pytest.mark.parametrize("name", MRI_SCHEMES)
def test_regions_are_nested(name: str) -> None:
    scheme = SCHEMES[name]
    whole, core, enhancing = (set(scheme.region_values(region)) for region in ("WT", "TC", "ET"))
    assert enhancing < core < whole
    assert 0 not in whole


def test_the_resection_cavity_is_no_tumor() -> None:
    assert Tissue.RC not in REGIONS["WT"]
    assert SCHEMES["brats2024"].regions == ("WT", "TC", "ET", "RC")
    assert SCHEMES["lgg"].regions == ("tumor",)


def test_names_and_classes() -> None:
    assert TUMOR_CLASSES == ("glioma", "meningioma", "pituitary", "no_tumor")
    assert all(scheme_named(name).name == name for name in SCHEMES)
    with pytest.raises(LabelError, match=r"unknown label scheme 'brats'.*Known: msd, brats2017"):
        scheme_named("brats")


def test_what_a_scheme_cannot_express() -> None:
    with pytest.raises(LabelError, match="has no region 'ET'"):
        SCHEMES["lgg"].region_values("ET")
    with pytest.raises(LabelError, match="has no tissue RC"):
        SCHEMES["msd"].value_of(Tissue.RC)


def test_schemes_fitting() -> None:
    assert [s.name for s in schemes_fitting([0, 1, 2, 4])] == ["brats2017", "brats2024"]
    assert [s.name for s in schemes_fitting([1, 2, 3, 4])] == ["brats2024"]
    assert schemes_fitting([7]) == []


def test_values_that_fit_are_accepted() -> None:
    assert check_labels(array(0, 1, 2, 4), SCHEMES["brats2017"]) is SCHEMES["brats2017"]
    assert check_labels(array(0), SCHEMES["msd"]) is SCHEMES["msd"]
    assert check_labels(array(1, 2, 3, 4), None) is SCHEMES["brats2024"]


@pytest.mark.parametrize("value", [0.5, -1, np.nan, np.inf])
def test_values_that_are_no_labels(value: float) -> None:
    with pytest.raises(LabelError, match=r"seg\.nii: label values are not whole numbers from 0: .*\(2\)"):
        check_labels(array(0, value, value), SCHEMES["msd"], file="seg.nii")


def test_many_wrong_values_are_summed_up() -> None:
    with pytest.raises(LabelError, match=r"0…9\.9 \(100 different values\)"):
        check_labels(np.arange(100) / 10, None)


def test_values_of_another_scheme_name_it() -> None:
    with pytest.raises(LabelError, match=r"4 \(2\).*fit scheme 'brats2023'.*These values fit: brats2017, brats2024"):
        check_labels(array(0, 1, 4, 4), SCHEMES["brats2023"])
    with pytest.raises(LabelError, match="No known scheme has them"):
        check_labels(array(0, 9), SCHEMES["brats2023"])


def test_values_of_no_or_several_schemes() -> None:
    with pytest.raises(LabelError, match="fit no known scheme"):
        check_labels(array(0, 9), None)
    with pytest.raises(LabelError, match=r"fit \d schemes.*--scheme") as caught:
        check_labels(array(0, 1, 2, 3), None)
    assert caught.value.code == "E_LABEL_SCHEME"


def test_a_four_without_a_three_is_asked_about() -> None:
    with pytest.raises(LabelError, match="--scheme brats2017"):
        check_labels(array(0, 1, 4), SCHEMES["brats2024"])
    assert check_labels(array(0, 1, 4), SCHEMES["brats2024"], named_by_user=True)
    assert check_labels(array(0, 3, 4), SCHEMES["brats2024"])
