"""Writing, checking and extending model folders."""

import hashlib
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gliascope.case import sha256_of
from gliascope.checkpoint.facts import ModelFacts, parse_facts
from gliascope.checkpoint.weights import (
    PICKLE_SUFFIXES,
    check_weights,
    pack_weights,
    pickle_error,
    read_weights,
    refuse_pickles,
)
from gliascope.errors import MachineError, ModelError
from gliascope.files import atomic

MODEL_FILE, WEIGHTS_FILE, CARD_FILE = "model.json", "model.safetensors", "README.md"
IR_FILE, IR_WEIGHTS_FILE = "openvino/model.xml", "openvino/model.bin"
MAX_FACTS_BYTES = 16 * 2**20
_WHOLE = "Copy or download the model folder again, whole."


@dataclass(frozen=True)
class ModelFolder:
    """A model folder that has passed every check.

    Args:
        path: The folder.
        facts: What ``model.json`` says.
        fingerprint: SHA-256 of ``model.json``; it covers the whole folder, since that file holds all other hashes.
    """

    path: Path
    facts: ModelFacts
    fingerprint: str

    def weights(self) -> dict[str, NDArray[np.generic]]:
        """Return the weights by name; floating numbers as float32.

        Raises:
            ModelError: The file cannot be read, or a weight is NaN or infinite.
        """
        return read_weights(self.path / WEIGHTS_FILE)

    def file(self, name: str) -> Path | None:
        """Return the path of a file that ``model.json`` lists, or None; files it does not list do not count."""
        return self.path / name if name in self.facts.files else None


def save_model(
    folder: Path,
    weights: Mapping[str, NDArray[np.generic]],
    facts: ModelFacts,
    card: str,
    *,
    half: bool = False,
    overwrite: bool = False,
) -> ModelFolder:
    """Write a model folder; it appears whole or not at all.

    Args:
        folder: Where it shall stand.
        weights: Arrays by name.
        facts: What the model is; ``files`` is filled in here. A figure that is NaN or infinite becomes null.
        card: The model card, Markdown.
        half: Store the weights as float16; the default float32 loses nothing and can be trained on.
        overwrite: Replace an existing folder.

    Raises:
        ModelError: A weight is NaN or infinite.
        UsageError: The folder exists and ``overwrite`` is False.
        MachineError: It cannot be written.
    """
    packed = pack_weights(weights, half=half)
    with atomic.new_folder(folder, overwrite=overwrite, mark=MODEL_FILE) as part:
        atomic.write_bytes(part / WEIGHTS_FILE, packed)
        atomic.write_text(part / CARD_FILE, card)
        _write_facts(part, facts)
    return load_model(folder)


def load_model(folder: Path) -> ModelFolder:
    """Check a model folder and return it.

    Raises:
        ModelError: It is no model folder, was written in a newer format, a file is missing, changed or damaged, holds
            NaN, or is a pickle (which is never opened by anything that could run it).
        MachineError: A file may not be read.
    """
    try:
        return _load(Path(folder))
    except PermissionError as fault:
        raise MachineError("may not be read", file=fault.filename or folder, code="E_PERMISSION") from None


def extend_model(
    model: ModelFolder,
    added: Mapping[str, Path],
    changes: Mapping[str, Any],
    *,
    output: Path | None = None,
    overwrite: bool = False,
) -> ModelFolder:
    """Put files and facts into a model folder, or into a copy of it; it changes whole or not at all.

    Args:
        model: The folder to start from.
        added: Files to copy in, by their path in the folder; a file of the same path is replaced.
        changes: Facts to replace, by name.
        output: Where the extended copy goes; None: the folder itself is replaced.
        overwrite: Replace an existing ``output``.

    Raises:
        UsageError: ``output`` exists and ``overwrite`` is False.
        MachineError: It cannot be written.
    """
    target = model.path if output is None else output
    with atomic.new_folder(target, overwrite=overwrite or output is None, mark=MODEL_FILE) as part:
        for name in (*model.facts.files, *added):
            source = added.get(name, model.path / name)
            (part / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, part / name)
        _write_facts(part, model.facts.model_copy(update=dict(changes)))
    return load_model(target)


def _write_facts(folder: Path, facts: ModelFacts) -> None:
    names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    hashes = {name: sha256_of(folder / name) for name in names if name != MODEL_FILE}
    atomic.write_json(folder / MODEL_FILE, facts.model_copy(update={"files": hashes}).model_dump(mode="json"))


def _load(folder: Path) -> ModelFolder:
    path = folder / MODEL_FILE
    if not path.is_file():
        raise _no_folder(folder)
    if path.stat().st_size > MAX_FACTS_BYTES:
        raise ModelError(f"is larger than {MAX_FACTS_BYTES} bytes", file=path, code="E_MODEL_JSON")
    text = path.read_bytes()
    facts = parse_facts(text, file=str(path))
    if WEIGHTS_FILE not in facts.files:
        raise ModelError(f"does not list {WEIGHTS_FILE}", file=path, hint=_WHOLE, code="E_MODEL_JSON")
    for name in facts.files:
        _check_name(name, path)
    refuse_pickles(folder)
    for name, expected in facts.files.items():
        _check_file(folder / name, expected)
    return ModelFolder(folder, facts, hashlib.sha256(text).hexdigest())


def _no_folder(folder: Path) -> ModelError:
    if folder.suffix.lower() in PICKLE_SUFFIXES:
        return pickle_error(folder)
    if folder.is_file():
        hint = f"Give the folder that holds {MODEL_FILE} and {WEIGHTS_FILE}."
        return ModelError("is a file, not a model folder", file=folder, hint=hint, code="E_NO_MODEL")
    cause = f"holds no {MODEL_FILE}" if folder.is_dir() else "does not exist"
    return ModelError(cause, file=folder, hint="Give a model folder.", code="E_NO_MODEL")


def _check_name(name: str, path: Path) -> None:
    parts = PurePosixPath(name).parts
    if not parts or name.startswith("/") or "\\" in name or ".." in parts or "\0" in name:
        raise ModelError(f"lists '{name}', which lies outside the folder", file=path, code="E_MODEL_JSON")


def _check_file(path: Path, expected: str) -> None:
    if not path.is_file():
        raise ModelError("is missing from the model folder", file=path, hint=_WHOLE, code="E_MODEL_FILE")
    if path.name == WEIGHTS_FILE:
        check_weights(path)
    if sha256_of(path) != expected:
        cause = "is not the file the model was saved with (its SHA-256 differs)"
        raise ModelError(cause, file=path, hint=_WHOLE, code="E_MODEL_HASH")
