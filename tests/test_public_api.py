"""What `import gliascope` promises."""

import pkgutil
import subprocess
import sys

import pytest

import gliascope


def test_public_names_are_sorted_and_load() -> None:
    assert list(gliascope.__all__) == sorted(gliascope.__all__)
    assert dir(gliascope) == list(gliascope.__all__)
    for name in gliascope.__all__:
        assert getattr(gliascope, name).__doc__


def test_no_public_name_is_a_package() -> None:
    packages = {module.name for module in pkgutil.iter_modules(gliascope.__path__)}
    assert not packages & set(gliascope.__all__)


def test_unknown_name_lists_the_known() -> None:
    with pytest.raises(AttributeError, match="predict"):
        gliascope.predikt  # noqa: B018 - the access is the test


def test_import_is_light() -> None:
    code = "import sys, gliascope; sys.exit(any(m in sys.modules for m in ('numpy', 'torch', 'openvino', 'cv2')))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
