from pathlib import Path

import pytest

from gliascope.errors import InputError, MachineError
from gliascope.files.door import check_file, content_kind, only_input_errors, read_bytes, wrong_kind


def test_a_regular_file_passes(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"12345")
    assert check_file(path, limit_bytes=5) == 5
    assert read_bytes(path, limit_bytes=5) == b"12345"


def test_limits(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"12345")
    with pytest.raises(InputError, match="5 bytes where at most 4") as caught:
        check_file(path, limit_bytes=4)
    assert caught.value.code == "E_TOO_LARGE"


@pytest.mark.parametrize("name", ["missing", "n" * 300, "nul\0byte"])
def test_nothing_there(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match="does not exist"):
        check_file(tmp_path / name, limit_bytes=1)


@pytest.mark.parametrize("path", ["/dev/zero", "/proc"])
def test_devices_and_folders(path: str) -> None:
    with pytest.raises(InputError, match=r"is a (folder|pipe, socket or device), not a file"):
        check_file(Path(path), limit_bytes=1)


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"\x89PNG\r\n\x1a\n...", "a PNG picture"),
        (b"\n <HTML>", "an HTML page"),
        (b"a,b\n1,2\n", "text"),
        (b"\x00\x01", ""),
        (b"", ""),
    ],
)
def test_content_is_put_in_words(head: bytes, kind: str) -> None:
    assert content_kind(head) == kind


def test_wrong_kind_says_both() -> None:
    assert wrong_kind(Path("a.nii"), b"%PDF-1.7", "NIfTI").cause == "is a PDF document, not NIfTI"
    assert wrong_kind(Path("a.nii"), b"\0\0", "NIfTI").cause == "is not NIfTI"


@pytest.mark.parametrize(
    "fault", [ValueError("bad\n  value."), KeyError(), OSError("i/o"), RecursionError(), NotImplementedError("x")]
)
def test_any_exception_becomes_an_input_error(fault: Exception) -> None:
    with pytest.raises(InputError, match=r"^a\.png: cannot be read as a picture \(.+\)\. It may") as caught:  # noqa: SIM117
        with only_input_errors(Path("a.png"), "a picture"):
            raise fault
    assert caught.value.__cause__ is fault
    assert "\n" not in str(caught.value)


def test_own_errors_pass_unchanged() -> None:
    own = InputError("x")
    with pytest.raises(InputError) as caught, only_input_errors(Path("a"), "a"):
        raise own
    assert caught.value is own


@pytest.mark.parametrize(("fault", "code"), [(MemoryError(), "E_MEMORY"), (PermissionError(), "E_PERMISSION")])
def test_the_machine_is_not_the_file(fault: Exception, code: str) -> None:
    with pytest.raises(MachineError) as caught, only_input_errors(Path("a"), "a"):
        raise fault
    assert caught.value.code == code


def test_interrupts_pass() -> None:
    with pytest.raises(KeyboardInterrupt), only_input_errors(Path("a"), "a"):
        raise KeyboardInterrupt
