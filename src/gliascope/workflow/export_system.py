"""Export what was named: a single model, or every member of a system."""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gliascope.checkpoint import SYSTEM_FILE, AnyModel, ModelFolder, SystemFolder, load_any, save_system
from gliascope.errors import UsageError
from gliascope.files import atomic
from gliascope.workflow.export import export_model


def export(
    model: str | Path | AnyModel,
    *,
    to: str = "openvino",
    output: str | Path | None = None,
    inputs: Sequence[NDArray[np.float32]] = (),
    overwrite: bool = False,
) -> dict[str, Any]:
    """Add an exported form to a model folder, or to every member of a system folder, with its measured parity.

    Args:
        model: The model folder or system folder.
        to: ``openvino`` or ``onnx``; see ``export_model``.
        output: Where an extended copy goes; None: the folder itself gets the files.
        inputs: Prepared images ``(C, *S)`` of a single model; they decide on float16 weights and bf16. A system's
            members have inputs of their own and take none.
        overwrite: Replace an existing ``output``.

    Returns:
        ``{"model", "to", "files", "parity"}``; of a system ``parity`` is by member and ``files`` begin with the
        members' folders.

    Raises:
        ModelError: A model is damaged, cannot be converted, or says something else afterwards; nothing is changed.
        UsageError: ``to`` is unknown, ``output`` exists and ``overwrite`` is False, or a system is given ``inputs``.
        MachineError: PyTorch is missing, or the folder cannot be written.
    """
    found = model if isinstance(model, ModelFolder | SystemFolder) else load_any(Path(model))
    if isinstance(found, ModelFolder):
        return export_model(found, to=to, output=output, inputs=inputs, overwrite=overwrite)
    if len(inputs):
        raise UsageError("inputs belong to a single model, and a system is exported here", hint="Leave them out.")
    target = found.path if output is None else Path(output)
    atomic.check_place(target, overwrite=overwrite or output is None, mark=SYSTEM_FILE)
    files: list[str] = []
    parity: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as scratch:
        members = []
        for facts, member in zip(found.facts.members, found.members, strict=True):
            result = export(member, to=to, output=Path(scratch) / facts.name)
            files += [f"{facts.folder}/{name}" for name in result["files"]]
            parity[facts.name] = result["parity"]
            members.append((facts.role, load_any(Path(result["model"]))))
        own = found.facts
        save_system(target, own.name, own.combine, members, training=own.training, overwrite=True)
    return {"model": str(target), "to": to, "files": files, "parity": parity}
