"""Imports point down, files stay readable, nothing unsafe is called."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[1] / "src" / "gliascope"
FILES = sorted(SOURCE.rglob("*.py"))
NAMES = [str(path.relative_to(SOURCE)) for path in FILES]

ROWS = [
    {"errors", "intended_use"},
    {"settings", "labels"},
    {"scan"},
    {"files"},
    {"case"},
    {"datasets", "preprocess", "models", "metrics", "measure"},
    {"checkpoint", "report", "leakage"},
    {"inference"},
    {"explanation", "training"},
    {"config"},
    {"workflow"},
    {"cli"},
    {"__main__"},
]
ROW = {part: number for number, parts in enumerate(ROWS) for part in parts}

TORCH_ALLOWED = {"models", "explanation", "training", "config"}
TORCH_FILES = {"inference/torch_backend.py"}

FORBIDDEN = re.compile(
    r"\b(pickle|marshal|shelve|joblib)\b\.|\btorch\.load\(|\byaml\.load\(|\bextractall\(|shell=True|allow_pickle=True"
)


def part_of(path: Path) -> str:
    return path.relative_to(SOURCE).parts[0].removesuffix(".py")


@cache
def parsed(path: Path) -> tuple[str, ast.Module, tuple[ast.AST, ...]]:
    """Return the text of a file, its tree and all nodes of it; each file is parsed once."""
    text = path.read_text()
    tree = ast.parse(text)
    return text, tree, tuple(ast.walk(tree))


def imports_of(path: Path, *, module_level: bool = False) -> list[str]:
    _, tree, every = parsed(path)
    nodes = tree.body if module_level else every
    found = []
    for node in nodes:
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name}: relative import"
            found += [f"{node.module}.{alias.name}" for alias in node.names]
    return found


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_imports_point_down(path: Path) -> None:
    own = part_of(path)
    if own in ("__init__", "recipes"):
        pytest.skip("stands outside the rows")
    assert own in ROW, f"'{own}' has no row: add it to ROWS and to docs/explanation/architecture.md"
    for name in imports_of(path):
        if name.startswith("gliascope."):
            other = name.split(".")[1]
            if other == "recipes":
                continue
            assert other == own or ROW[other] < ROW[own], f"{own} (row {ROW[own]}) imports {name} (row {ROW[other]})"


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_file_is_readable(path: Path) -> None:
    text, tree, _ = parsed(path)
    assert len(text.splitlines()) <= 300, "over 300 lines: split it by idea"
    assert ast.get_docstring(tree), "says nothing about itself"
    assert not re.search(r"^from .* import \*", text, re.MULTILINE), "star import"


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_nothing_unsafe(path: Path) -> None:
    text, _, nodes = parsed(path)
    found = FORBIDDEN.search(text)
    assert not found, f"uses {found.group()}" if found else ""
    calls = [n.func.id for n in nodes if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)]
    assert not {"eval", "exec", "print", "compile", "__import__"} & set(calls)


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_torch_stays_in_its_rows(path: Path) -> None:
    relative = str(path.relative_to(SOURCE))
    if part_of(path) in TORCH_ALLOWED or relative in TORCH_FILES:
        pytest.skip("may import torch")
    heavy = (
        "torch",
        "lightning",
        "gliascope.config",
        "gliascope.models",
        "gliascope.explanation",
        "gliascope.training",
    )
    for name in imports_of(path, module_level=True):
        assert not name.startswith(heavy), f"{relative} imports {name} when it is loaded"


def test_label_numbers_live_in_one_file() -> None:
    schemes = re.compile(r"\{\s*1:\s*Tissue|labels?\s*==\s*4\b")
    for path in FILES:
        if path.name != "labels.py":
            assert not schemes.search(path.read_text()), f"{path.name} spells label numbers out"


def test_every_marker_is_used() -> None:
    tests = "\n".join(p.read_text() for p in Path(__file__).parent.rglob("test_*.py"))
    for marker in ("data", "train"):
        assert f"pytest.mark.{marker}" in tests
