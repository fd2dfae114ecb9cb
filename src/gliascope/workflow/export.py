"""Export a trained model for use without PyTorch, and measure that it still says the same.

The form is made beside the model, compared with the trained network, and only then put into the folder.
"""

import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gliascope.checkpoint import IR_FILE, IR_WEIGHTS_FILE, MODEL_FILE, ModelFolder, extend_model, load_model
from gliascope.errors import ModelError, UsageError
from gliascope.files import atomic
from gliascope.inference.openvino_backend import cpu_has_bf16, load_openvino, openvino_core
from gliascope.inference.parity import Parity, compare, fixed_inputs
from gliascope.inference.parts import ModelParts, read_parts
from gliascope.inference.postprocess import to_probabilities
from gliascope.workflow.extras import require_training

if TYPE_CHECKING:
    from torch import nn

Array = NDArray[np.float32]
Network = Callable[[Array], Array]

ONNX_FILE = "onnx/model.onnx"
CONVERSION_TOLERANCE = 1e-4
"""Largest difference of a probability that the conversion may cause, both forms in float32 with unrounded weights."""
OWN_STATISTICS_TOLERANCE = 1e-3
"""The same for networks that normalize by the image's own mean and variance: OpenVINO sums a whole map in float32. A
3-D U-Net with instance norm was 4e-5 from float64 at 48³ (PyTorch: 1e-6), and 8e-4 from PyTorch at 96×112×96."""
ROUNDING_TOLERANCE, LEAST_DICE = 5e-3, 0.999
"""Where rounding the weights to float16 moves a probability further, or the masks agree less, they stay float32."""
BF16_TOLERANCE = 1e-2
"""Where 99.9 % of the probabilities are not this close in bf16, or the masks agree less, ``auto`` computes in fp32."""


def export_model(
    model: str | Path | ModelFolder,
    *,
    to: str = "openvino",
    output: str | Path | None = None,
    inputs: Sequence[Array] = (),
    overwrite: bool = False,
) -> dict[str, Any]:
    """Add an exported form to a model folder, with its measured parity.

    Args:
        model: The model folder.
        to: ``openvino`` (``openvino/model.xml`` and ``model.bin``, float16 weights) or ``onnx``
            (``onnx/model.onnx``, float32, for other programs).
        output: Where an extended copy goes; None: the folder itself gets the files.
        inputs: Prepared images ``(C, *S)`` with the network's axes; they decide on float16 weights and bf16.
        overwrite: Replace an existing ``output``.

    Returns:
        ``{"model", "to", "files", "parity"}``, as it stands in ``model.json``.

    Raises:
        ModelError: The model is damaged, cannot be converted, or says something else afterwards; nothing is changed.
        UsageError: ``to`` is unknown, or ``output`` exists and ``overwrite`` is False.
        MachineError: PyTorch is missing, or the folder cannot be written.
    """
    if to not in EXPORTERS:
        raise UsageError(f"unknown form '{to}'", hint=f"Known: {', '.join(EXPORTERS)}.", code="E_EXPORT")
    destination = None if output is None else Path(output)
    if destination is not None:
        atomic.check_place(destination, overwrite=overwrite, mark=MODEL_FILE)
    require_training()
    from gliascope.inference.torch_backend import load_network

    folder = model if isinstance(model, ModelFolder) else load_model(Path(model))
    network = load_network(folder)
    probes = _Probes(folder, network, inputs)
    with tempfile.TemporaryDirectory() as scratch:
        files, parity = EXPORTERS[to](Path(scratch), network, probes)
        changes = {"parity": {**(folder.facts.parity or {}), to: parity}}
        extended = extend_model(folder, files, changes, output=destination, overwrite=overwrite)
    return {"model": str(extended.path), "to": to, "files": sorted(files), "parity": parity}


class _Probes:
    """The inputs to compare on, and the trained network's view of them, before any temperature."""

    def __init__(self, folder: ModelFolder, network: "nn.Module", extra: Sequence[Array]) -> None:
        self.path = folder.path
        self.parts: ModelParts = read_parts(folder)
        shapes = _shapes(folder, self.parts)
        self.shape = (1, self.parts.plan.in_channels, *shapes[0])
        fixed = fixed_inputs((2, *self.shape[1:]))
        real = [_fitted(image, self.shape[2:])[np.newaxis] for image in extra]
        self.judged: list[Array] = real or fixed
        """What speaks for real use: prepared images where some were given."""
        self.inputs: list[Array] = fixed + real
        self.inputs += [fixed_inputs((1, self.shape[1], *shape))[0] for shape in shapes[1:]]
        self._network = network

    def trained(self, batch: Array) -> Array:
        """Return the trained network's probabilities."""
        import torch

        with torch.inference_mode():
            logits = np.asarray(self._network(torch.from_numpy(batch)).numpy())
        return self._probabilities(logits)

    def compiled(self, model: Any, precision: str) -> Network:  # noqa: ANN401 - an OpenVINO model
        """Return an OpenVINO model as a function to probabilities."""
        core = openvino_core()

        def run(batch: Array) -> Array:
            fixed = model.clone()
            try:
                fixed.reshape(list(batch.shape))
            except RuntimeError:
                cause = f"its exported form cannot take a batch {batch.shape}, only the size it was made with"
                hint = "Set inference.window to that size, or predict with --backend torch."
                raise ModelError(cause, file=self.path, hint=hint, code="E_EXPORT") from None
            request = core.compile_model(fixed, "CPU", {"INFERENCE_PRECISION_HINT": precision})
            return self._probabilities(np.array(request(batch)[0], dtype=np.float32))

        return run

    def compare(self, exported: Network, inputs: Sequence[Array]) -> Parity:
        """Measure one exported form."""
        threshold = self.parts.settings.threshold
        return compare(self.trained, exported, inputs, exclusive=self.parts.exclusive, threshold=threshold)

    def check_conversion(self, exported: Network, form: str) -> Parity:
        """Refuse a conversion that changes the answer; a NaN counts as a change."""
        parity = self.compare(exported, self.inputs)
        allowed = OWN_STATISTICS_TOLERANCE if _takes_own_statistics(self._network) else CONVERSION_TOLERANCE
        if not parity.max_difference <= allowed:
            cause = (
                f"changes a probability by {parity.max_difference:.3g} when it is converted to {form}; "
                f"{allowed:g} is allowed"
            )
            raise ModelError(cause, file=self.path, hint="Predict with --backend torch.", code="E_PARITY")
        return parity

    def _probabilities(self, logits: Array) -> Array:
        return to_probabilities(logits, exclusive=self.parts.exclusive)


def _export_openvino(scratch: Path, network: "nn.Module", probes: _Probes) -> tuple[dict[str, Path], dict[str, Any]]:
    from gliascope.inference.conversion import store_in_16_bit, to_openvino

    openvino = load_openvino()
    converted = to_openvino(network, probes.shape)
    parity = conversion = probes.check_conversion(probes.compiled(converted, "f32"), "OpenVINO")
    weights, file = "fp16", scratch / "half.xml"
    openvino.save_model(converted, str(file), compress_to_fp16=not store_in_16_bit(converted))
    rounded = probes.compare(probes.compiled(openvino_core().read_model(str(file)), "f32"), probes.judged)
    if rounded.max_difference <= ROUNDING_TOLERANCE and _masks_agree(rounded):
        parity = rounded
    else:
        weights, file = "fp32", scratch / "full.xml"
        openvino.save_model(converted, str(file), compress_to_fp16=False)
    facts: dict[str, Any] = {
        "weights": weights,
        "inputs": len(probes.inputs),
        "version": openvino.__version__.split("-")[0],
        "conversion": conversion.as_json(passed=True),
        "fp32": parity.as_json(passed=True),
        "bf16": None,
    }
    if cpu_has_bf16():
        coarse = probes.compare(probes.compiled(openvino_core().read_model(str(file)), "bf16"), probes.judged)
        facts["bf16"] = coarse.as_json(passed=coarse.high_difference <= BF16_TOLERANCE and _masks_agree(coarse))
    return {IR_FILE: file, IR_WEIGHTS_FILE: file.with_suffix(".bin")}, facts


def _export_onnx(scratch: Path, network: "nn.Module", probes: _Probes) -> tuple[dict[str, Path], dict[str, Any]]:
    from gliascope.inference.conversion import to_onnx

    file = scratch / "model.onnx"
    to_onnx(network, probes.shape, file)
    read_back = openvino_core().read_model(str(file))
    parity = probes.check_conversion(probes.compiled(read_back, "f32"), "ONNX")
    return {ONNX_FILE: file}, {
        "weights": "fp32",
        "inputs": len(probes.inputs),
        "fp32": parity.as_json(passed=True),
    }


def _takes_own_statistics(network: "nn.Module") -> bool:
    """True where a layer normalizes by the mean and variance of the image it sees."""
    from torch import nn

    kinds = (nn.InstanceNorm1d, nn.InstanceNorm2d, nn.InstanceNorm3d, nn.GroupNorm)
    return any(isinstance(layer, kinds) for layer in network.modules())


def _masks_agree(parity: Parity) -> bool:
    return parity.mask_dice is None or parity.mask_dice >= LEAST_DICE


EXPORTERS: Mapping[str, Callable[..., tuple[dict[str, Path], dict[str, Any]]]] = {
    "openvino": _export_openvino,
    "onnx": _export_onnx,
}
"""Every form by name."""


def _shapes(folder: ModelFolder, parts: ModelParts) -> list[tuple[int, ...]]:
    """Return spatial sizes the network takes; the first is the one it is converted with."""
    from gliascope.models import load_network_settings

    if parts.settings.window is not None:
        return [parts.settings.window]
    settings = load_network_settings(folder.facts.network)
    if settings.input_size is not None:
        return [settings.input_size]
    least = 64 if folder.facts.dimensions == 2 else 32
    size = max(-(-least // settings.divisor), 2) * settings.divisor  # one voxel at the bottom cannot be normalized
    square = (size,) * folder.facts.dimensions
    return [square, (*square[:-1], size + settings.divisor)]


def _fitted(image: Array, size: tuple[int, ...]) -> Array:
    """Crop or pad the middle of an image ``(C, *S)`` to the network's size."""
    for axis, wanted in enumerate(size, start=1):
        missing = max(0, wanted - image.shape[axis])
        pads = [(0, 0)] * image.ndim
        pads[axis] = (missing // 2, missing - missing // 2)
        image = np.pad(image, pads)
        first = (image.shape[axis] - wanted) // 2
        image = np.take(image, range(first, first + wanted), axis=axis)
    return np.ascontiguousarray(image, dtype=np.float32)
