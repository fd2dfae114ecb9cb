"""From a PyTorch network to the files of OpenVINO and ONNX. PyTorch is loaded when a function here runs."""

import warnings
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gliascope.errors import MachineError, ModelError
from gliascope.inference.openvino_backend import load_openvino

if TYPE_CHECKING:
    from torch import nn


def to_openvino(network: "nn.Module", shape: tuple[int, ...]) -> Any:  # noqa: ANN401 - an OpenVINO model
    """Return the network as an OpenVINO model, float32, with a free batch and free spatial sizes.

    The front end is called directly: the public ``convert_model`` tells OpenVINO's maker about every conversion.

    Args:
        network: In evaluation mode.
        shape: A batch it takes, ``(B, C, *S)``.

    Raises:
        ModelError: OpenVINO has no counterpart for an operation.
    """
    import torch

    load_openvino()
    from openvino.frontend import FrontEndManager
    from openvino.frontend.pytorch.ts_decoder import TorchScriptPythonDecoder

    front_end = FrontEndManager().load_by_framework("pytorch")
    try:
        with warnings.catch_warnings(), torch.inference_mode():
            warnings.simplefilter("ignore")  # the tracer warns that it follows this one shape; parity checks others
            decoder = TorchScriptPythonDecoder(network, example_input=(torch.zeros(shape),))
            model = front_end.convert(front_end.load(decoder))
    except RuntimeError as fault:
        raise ModelError(f"cannot be converted to OpenVINO ({_reason(fault)})", code="E_EXPORT") from None
    model.input(0).set_names({"image"})
    model.output(0).set_names({"logits"})
    return model


def to_onnx(network: "nn.Module", shape: tuple[int, ...], file: Path) -> None:
    """Write the network as an ONNX file, float32, all weights inside, with a free batch and free spatial sizes.

    Args:
        network: In evaluation mode.
        shape: A batch it takes, ``(B, C, *S)``.
        file: Where it is written.

    Raises:
        ModelError: ONNX has no counterpart for an operation.
        MachineError: The package ``onnx`` is missing.
    """
    if find_spec("onnx") is None:
        raise MachineError("onnx is not installed", hint="Install it: pip install onnx.", code="E_EXTRA")
    import torch

    free = {0: "batch", **{axis: f"size{axis - 1}" for axis in range(2, len(shape))}}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # this exporter is the older of two; the newer needs a further package
            torch.onnx.export(
                network,
                (torch.zeros(shape),),
                str(file),
                dynamo=False,
                input_names=["image"],
                output_names=["logits"],
                dynamic_axes={"image": free, "logits": {0: "batch"}},
            )
    except RuntimeError as fault:
        raise ModelError(f"cannot be converted to ONNX ({_reason(fault)})", code="E_EXPORT") from None


def _reason(fault: RuntimeError) -> str:
    lines = [line.strip() for line in str(fault).splitlines() if line.strip()]
    return (lines[0] if lines else "no reason given")[:200]
