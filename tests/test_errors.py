from pathlib import Path

import pytest

from gliascope import errors
from gliascope.errors import GliascopeError, InputError, Notice

EXIT_CODES = {
    errors.GliascopeError: 1,
    errors.UsageError: 2,
    errors.InputError: 3,
    errors.GeometryError: 3,
    errors.LabelError: 3,
    errors.ConfigError: 4,
    errors.ModelError: 4,
    errors.MachineError: 5,
    errors.PartialError: 6,
}


def test_every_branch_has_its_exit_code_and_a_code_of_its_own() -> None:
    kinds = {k for k in vars(errors).values() if isinstance(k, type) and issubclass(k, GliascopeError)}
    assert kinds == set(EXIT_CODES)
    assert {kind: kind.exit_code for kind in kinds} == EXIT_CODES
    codes = [kind.default_code for kind in kinds]
    assert len(set(codes)) == len(codes)
    assert all(code.startswith("E_") for code in codes)


def test_geometry_and_labels_are_inputs() -> None:
    assert issubclass(errors.GeometryError, InputError)
    assert issubclass(errors.LabelError, InputError)


def test_the_message_names_file_cause_hint_and_code() -> None:
    error = InputError("is cut off", file=Path("a b/t1.nii.gz"), hint="Copy it again.", code="E_TRUNCATED")
    assert str(error) == "a b/t1.nii.gz: is cut off. Copy it again. [E_TRUNCATED]"
    assert error.as_json() == {
        "error": {"code": "E_TRUNCATED", "file": "a b/t1.nii.gz", "cause": "is cut off", "hint": "Copy it again."}
    }


def test_file_and_hint_may_be_absent() -> None:
    assert str(errors.ConfigError("epochs is 0")) == "epochs is 0. [E_CONFIG]"
    assert InputError("x").as_json()["error"]["file"] == ""


@pytest.mark.parametrize("kind", EXIT_CODES)
def test_all_are_caught_by_the_root(kind: type[GliascopeError]) -> None:
    with pytest.raises(GliascopeError):
        raise kind("x")


def test_a_notice_is_plain_data() -> None:
    notice = Notice("W_THICK_SLICES", "t1.nii.gz", "Slices lie 5.5 mm apart.")
    assert notice.as_json() == {"code": "W_THICK_SLICES", "file": "t1.nii.gz", "text": "Slices lie 5.5 mm apart."}
    assert notice == Notice("W_THICK_SLICES", "t1.nii.gz", "Slices lie 5.5 mm apart.")
