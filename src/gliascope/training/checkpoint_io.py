"""Checkpoints as a pair of files: tensors in safetensors, everything else in JSON. Nothing is ever unpickled.

The JSON is written last and holds the SHA-256 of the tensors and of itself, so a pair is whole or refused. Two of each
kind are kept; if the newest is damaged, the one before is used and a notice says so.
"""

import hashlib
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from lightning.pytorch.plugins.io import CheckpointIO
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from torch import Tensor

from gliascope.errors import GliascopeError, ModelError, Notice
from gliascope.files import atomic

FOLDER = "checkpoints"
KEPT = 2
"""How many of each kind stay on disk."""
_MARK = "$"
"""The key that tells a coded value from a plain object."""


class SafetensorsIO(CheckpointIO):
    """How Lightning writes and reads the state of a training."""

    def save_checkpoint(
        self,
        checkpoint: dict[str, Any],
        path: str | Path,
        storage_options: Any = None,  # noqa: ANN401 - Lightning's
    ) -> None:
        """Write a checkpoint pair; ``path`` has no suffix.

        Raises:
            MachineError: The disk is full or cannot be written.
        """
        del storage_options
        write_pair(Path(path), checkpoint)

    def load_checkpoint(
        self,
        path: str | Path,
        map_location: Any = None,  # noqa: ANN401 - Lightning's
        weights_only: bool | None = None,
    ) -> dict[str, Any]:
        """Read a checkpoint pair.

        Raises:
            ModelError: The pair is damaged.
        """
        del map_location, weights_only  # the strategy moves tensors; there is nothing but data in the files
        tree: dict[str, Any] = read_pair(Path(path))
        return tree

    def remove_checkpoint(self, path: str | Path) -> None:
        """Remove a checkpoint pair, the JSON first."""
        remove_pair(Path(path))


def write_pair(stem: Path, tree: Any) -> None:  # noqa: ANN401 - any tree of plain data and tensors
    """Write ``stem.safetensors``, then ``stem.json``.

    Raises:
        MachineError: The disk is full or cannot be written.
        GliascopeError: The tree holds something that is neither plain data nor a tensor.
    """
    tensors: dict[str, Tensor] = {}
    plain = _encode(tree, tensors, "")
    data = save_tensors(tensors)
    atomic.write_bytes(_beside(stem, ".safetensors"), data)
    body = {"format": 1, "tensors_sha256": hashlib.sha256(data).hexdigest(), "tree": plain}
    atomic.write_json(_beside(stem, ".json"), {**body, "sha256": _own_hash(body)})


def read_pair(stem: Path) -> Any:  # noqa: ANN401 - any tree of plain data and tensors
    """Read a pair back.

    Raises:
        ModelError: A file is missing, or a hash does not fit.
    """
    head = _beside(stem, ".json")
    try:
        body = json.loads(head.read_bytes())
        stated = body.pop("sha256")
        data = _beside(stem, ".safetensors").read_bytes()
        whole = stated == _own_hash(body) and body["tensors_sha256"] == hashlib.sha256(data).hexdigest()
        if whole:
            return _decode(body["tree"], load_tensors(data))
    except (OSError, ValueError, KeyError, AttributeError, TypeError, SafetensorError) as fault:
        raise _damaged(head, type(fault).__name__) from fault
    raise _damaged(head, "its checksum does not fit")


def remove_pair(stem: Path) -> None:
    """Remove both files, the JSON first; a missing one is no fault."""
    _beside(stem, ".json").unlink(missing_ok=True)
    _beside(stem, ".safetensors").unlink(missing_ok=True)


def stem_of(run: Path, kind: str, epoch: int) -> Path:
    """Return where the checkpoint of a kind (``last``, ``best``) and an epoch (from 1) lies, without suffix."""
    return run / FOLDER / f"{kind}-{epoch:05d}"


def stems(run: Path, kind: str) -> list[Path]:
    """Return the checkpoints of a kind, newest first; damaged ones are among them."""
    names = {path.with_suffix("") for path in (run / FOLDER).glob(f"{kind}-*.*") if not path.name.startswith(".")}
    return sorted(names, reverse=True)


def newest_good(run: Path, kind: str) -> tuple[Path, Any, tuple[Notice, ...]] | None:
    """Return the newest whole checkpoint: its stem, its tree, and a notice per damaged one; None if there are none.

    Raises:
        ModelError: There are some, and all are damaged.
    """
    found = stems(run, kind)
    notices: list[Notice] = []
    for stem in found:
        try:
            return stem, read_pair(stem), tuple(notices)
        except ModelError as fault:
            text = f"The checkpoint {fault.cause}; the one before is used."
            notices.append(Notice("W_CHECKPOINT", f"{FOLDER}/{stem.name}", text))
    if found:
        hint = "Start the training again in another folder."
        raise ModelError(f"all {len(found)} '{kind}' checkpoints are damaged", file=run / FOLDER, hint=hint)
    return None


def remove_old(run: Path, kind: str) -> None:
    """Remove all but the newest checkpoints of a kind."""
    for stem in stems(run, kind)[KEPT:]:
        remove_pair(stem)


def best_weights(run: Path) -> dict[str, NDArray[np.generic]]:
    """Return the weights of the best epoch by their names in the network.

    Raises:
        ModelError: The run has no whole best checkpoint.
    """
    found = newest_good(run, "best")
    if found is None:
        raise ModelError("holds no best checkpoint", file=run, hint="Train first.", code="E_CHECKPOINT")
    weights: Mapping[str, Tensor] = found[1]["weights"]
    return {name: tensor.numpy() for name, tensor in weights.items()}


def _encode(tree: Any, tensors: dict[str, Tensor], path: str) -> Any:  # noqa: ANN401 - any tree
    """Return JSON data; tensors go into ``tensors`` under their path."""
    if tree is None or isinstance(tree, bool | int | str):
        return tree
    if isinstance(tree, float):
        return tree if math.isfinite(tree) else {_MARK: "float", "value": repr(tree)}
    if isinstance(tree, Tensor):
        name = path or "value"
        # Own memory: safetensors refuses tensors that share any.
        tensors[name] = tree.detach().to("cpu").contiguous().clone()
        return {_MARK: "tensor", "name": name}
    if isinstance(tree, list):
        return [_encode(value, tensors, f"{path}/{i}") for i, value in enumerate(tree)]
    if isinstance(tree, tuple):
        return {_MARK: "tuple", "items": [_encode(value, tensors, f"{path}/{i}") for i, value in enumerate(tree)]}
    if isinstance(tree, Mapping):
        if all(isinstance(key, str) for key in tree) and _MARK not in tree:
            return {key: _encode(value, tensors, f"{path}/{key}") for key, value in tree.items()}
        return {_MARK: "dict", "items": [[key, _encode(v, tensors, f"{path}/{key}")] for key, v in tree.items()]}
    raise GliascopeError(f"a checkpoint cannot hold {type(tree).__name__} (at {path})")


def _decode(tree: Any, tensors: Mapping[str, Tensor]) -> Any:  # noqa: ANN401 - any tree
    if isinstance(tree, list):
        return [_decode(value, tensors) for value in tree]
    if not isinstance(tree, dict):
        return tree
    kind = tree.get(_MARK)
    if kind is None:
        return {key: _decode(value, tensors) for key, value in tree.items()}
    if kind == "tensor":
        return tensors[tree["name"]]
    if kind == "float":
        return float(tree["value"])
    if kind == "tuple":
        return tuple(_decode(value, tensors) for value in tree["items"])
    return {key: _decode(value, tensors) for key, value in tree["items"]}


def _own_hash(body: Any) -> str:  # noqa: ANN401 - any plain data
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()


def _beside(stem: Path, suffix: str) -> Path:
    return stem.with_name(stem.name + suffix)


def _damaged(path: Path, why: str) -> ModelError:
    return ModelError(f"is damaged ({why})", file=path, code="E_CHECKPOINT")
