"""What this installation can do, what is missing, and the command that fixes it."""

import shutil
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from gliascope.checkpoint import load_any
from gliascope.errors import GliascopeError
from gliascope.preprocess.cache import default_cache_folder
from gliascope.workflow.model_choice import shipped_models
from gliascope.workflow.provenance import code_version, machine

LIBRARIES = ("numpy", "scipy", "nibabel", "pillow", "h5py", "opencv-python-headless", "openvino", "safetensors")
TRAINING = ("torch", "lightning")
NETWORKS = {
    "torchvision": "torchvision",
    "timm": "timm",
    "segmentation-models-pytorch": "segmentation_models_pytorch",
    "monai": "monai",
    "einops": "einops",
}
"""What networks beyond our own are built from: the package to install and the module that it brings."""


WHOLE = "whole"
"""Said of a shipped model whose files are all there and unchanged."""


def doctor() -> dict[str, Any]:
    """Return versions, devices, models and what is missing, as plain data."""
    import psutil

    missing = []
    if any(find_spec(name) is None for name in TRAINING):
        what = "PyTorch and Lightning, which training needs"
        missing.append({"what": what, "fix": 'Run: pip install "gliascope[train]".'})
    elif absent := [name for name, module in NETWORKS.items() if find_spec(module) is None]:
        what = f"{', '.join(absent)}, which some networks need"
        missing.append({"what": what, "fix": 'Run: pip install "gliascope[train]".'})
    free_gb = shutil.disk_usage(Path.cwd()).free / 1e9
    if free_gb < 2:
        missing.append({"what": f"disk space ({free_gb:.1f} GB free here)", "fix": "Free at least 2 GB."})
    memory_gb = psutil.virtual_memory().available / 1e9
    if memory_gb < 2:
        missing.append({"what": f"memory ({memory_gb:.1f} GB available)", "fix": "Close other programs."})
    prepared = default_cache_folder()
    models = _models()
    missing += [
        {"what": f"the shipped model {name} as it was ({state})", "fix": "Install Gliascope again."}
        for name, state in models.items()
        if state != WHOLE
    ]
    return {
        "gliascope": code_version(),
        "machine": machine(),
        "libraries": {name: _installed(name) for name in (*LIBRARIES, *TRAINING, *NETWORKS)},
        "devices": {**_openvino_devices(), **_cuda_devices()},
        "memory_available_gb": round(memory_gb, 1),
        "disk_free_gb": round(free_gb, 1),
        "cache": str(prepared),
        "cache_gb": round(_size_gb(prepared), 1),
        "models": models,
        "missing": missing,
    }


def _size_gb(folder: Path) -> float:
    """Return how much the files of a folder hold; 0 where it is not there or cannot be looked at."""
    try:
        return sum(file.stat().st_size for file in folder.iterdir()) / 1e9
    except OSError:
        return 0.0


def _models() -> dict[str, str]:
    """Read every shipped model and compare each file with its hash; say ``whole``, or what is wrong."""
    states = {}
    for name, folder in shipped_models().items():
        try:
            load_any(folder)
            states[name] = WHOLE
        except GliascopeError as fault:
            states[name] = f"{Path(fault.file).name} {fault.cause}"
    return states


def _installed(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _openvino_devices() -> dict[str, str]:
    from gliascope.inference.openvino_backend import openvino_core

    core = openvino_core()
    return {f"openvino {d}": str(core.get_property(d, "FULL_DEVICE_NAME")) for d in core.available_devices}


def _cuda_devices() -> dict[str, str]:
    if find_spec("torch") is None:
        return {}
    import torch

    count = torch.cuda.device_count()
    return {f"cuda:{i}": torch.cuda.get_device_name(i) for i in range(count)} or {"cuda": "none"}
