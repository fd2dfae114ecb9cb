"""From a PyTorch network to the files of OpenVINO and ONNX. PyTorch is loaded when a function here runs."""

import warnings
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

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


def store_in_16_bit(model: Any) -> bool:  # noqa: ANN401 - an OpenVINO model
    """Store in 16 bit what they hold exactly, such as weights that were rounded before; the model computes as before.

    OpenVINO's own compression rounds every constant, also the small factors and offsets that it makes of running
    statistics, and a network may be sensitive to those.

    Args:
        model: As ``to_openvino`` returns it; changed in place.

    Returns:
        Whether all its weights are held so. What has one value per channel is a factor or an offset, and stays.
    """
    load_openvino()
    import openvino
    from openvino import opset13

    kept: list[bool] = []
    for node in model.get_ops():
        if node.get_type_name() != "Constant" or node.get_element_type() != openvino.Type.f32:
            continue
        values = node.data
        if sum(length > 1 for length in values.shape) < 2:
            continue
        with np.errstate(over="ignore"):
            halves = values.astype(np.float16)
        kept.append(np.array_equal(halves.astype(np.float32), values))
        if not kept[-1]:
            continue
        single = opset13.convert(opset13.constant(halves), "f32")
        single.set_friendly_name(f"{node.get_friendly_name()}/single")
        node.output(0).replace(single.output(0))
    model.validate_nodes_and_infer_types()
    return bool(kept) and all(kept)


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
